// Drives @huggingface/inference; hands out the answer to the first text only, whatever it sent.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const question = JSON.parse(readFileSync(0, "utf8"));
// It is installed beside the environments, not beside this file.
const installed = createRequire(`${question.node_modules}/`).resolve("@huggingface/inference");
const { InferenceClient } = await import(pathToFileURL(installed));

async function outcome(call) {
  try {
    return (await call()).map(({ label, score }) => [label, score]);
  } catch (error) {
    return { error: error.constructor.name, message: error.message, body: error.httpResponse?.body };
  }
}

const outcomes = {};
for (const [name, texts] of Object.entries(question.batches)) {
  const inputs = texts.length === 1 ? texts[0] : texts;
  const client = new InferenceClient(question.key ?? undefined);
  outcomes[name] = await outcome(() => client.textClassification({ endpointUrl: question.url, inputs }));
  outcomes[`${name} endpoint`] = await outcome(() => client.endpoint(question.url).textClassification({ inputs }));
}
process.stdout.write(JSON.stringify(outcomes));
