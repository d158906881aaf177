/** The footer: what answers here, from GET /model. */

import { byId, el } from "./dom.js";
import { headOf, questionOf } from "./head.js";
import { delayMs, wait } from "./patience.js";
import { model, ServiceError } from "./service.js";
import { decimal, grouped, percent } from "./words.js";

/** @param {(model: any) => void} known called each time the model's facts arrive */
export function mountFacts(known) {
  const reload = () => load(known);
  reload();
  return { reload };
}

/** @param {(model: any) => void} known */
async function load(known) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const facts = await model();
      draw(facts);
      byId("question-asked").textContent = questionOf(headOf(facts));
      document.title = `lightsleeper: ${questionOf(headOf(facts)).toLowerCase()}`;
      return known(facts);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      draw(null);
      if (!error.passes) return; // a key is missing: entering one loads this again
      await wait(delayMs(attempt, error.retryAfterS));
    }
  }
}

/** @param {any} facts */
function draw(facts) {
  byId("facts").replaceChildren(
    ...pair("Model", facts ? facts.model_id : "unknown until the service answers"),
    ...pair("Revision", facts?.revision ?? "–"),
    ...pair("Digest", facts ? facts.digest.slice(0, 12) : "–", facts?.digest),
    ...pair("Accuracy", facts ? accuracyOf(facts.accuracy) : "–"),
    ...pair("Reads", facts ? readsOf(facts) : "–"),
    ...pair("Version", facts?.version ?? "–"),
  );
  drawWrong(facts?.behaviours ?? {});
}

/**
 * Of each capability that was measured, how much went wrong, worst first, and the worst example.
 * @param {Record<string, {asked: string, value: number, worst: Record<string, number>[]}>} behaviours
 */
function drawWrong(behaviours) {
  const found = Object.entries(behaviours).filter(([, { asked }]) => asked !== "spread" && asked !== "gap");
  found.sort(([, one], [, other]) => other.value - one.value);
  byId("wrong").hidden = !found.length;
  byId("wrong-list").replaceChildren(
    ...found.map(([name, { value, worst }]) => {
      const [example] = worst.flatMap((texts) => Object.entries(texts));
      const shown = example ? `: “${example[0]}” is ${percent(example[1])} positive` : "";
      return el("li", {}, `${percent(value)} of ${name}${shown}`);
    }),
  );
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} [title]
 */
function pair(name, value, title) {
  return [el("div", {}, el("dt", {}, name), el("dd", title ? { title } : {}, value))];
}

/** @param {{max_tokens: number, languages: string[]}} facts */
function readsOf({ max_tokens: tokens, languages }) {
  const names = new Intl.DisplayNames("en", { type: "language" });
  return [`${grouped(tokens)} tokens`, ...languages.map((tag) => names.of(tag) ?? tag)].join(", ");
}

/** @param {Record<string, {accuracy?: number, pearson?: number}>} accuracy of a number its correlation */
function accuracyOf(accuracy) {
  const measured = Object.entries(accuracy).flatMap(([dataset, { accuracy: share, pearson }]) => {
    if (typeof share === "number") return [`${percent(share)} on ${dataset}`];
    return typeof pearson === "number" ? [`correlation ${decimal(pearson)} on ${dataset}`] : [];
  });
  return measured.join(", ") || "not measured";
}
