/** The current request as code that runs as it is: curl, Python's standard library, JavaScript's fetch. */

import { announce, byId } from "../shared/dom.js";
import { apiKey, PREDICT_URL } from "../shared/service.js";

const KEY_VARIABLE = "LIGHTSLEEPER_KEY";

/** A JSON string is a Python string and a JavaScript string; only `true` differs. */
const WRITERS = { curl: asCurl, python: asPython, javascript: asJavaScript };

/** @typedef {keyof typeof WRITERS} Language */

/**
 * Show the code of the request that `current` returns; the returned function shows it anew.
 * @param {() => {text: string, explain?: true}} current
 */
export function mountSnippets(current) {
  /** @type {Language} */
  let language = "curl";
  const buttons = [...document.querySelectorAll("[data-language]")];
  const draw = () => {
    byId("snippet").textContent = WRITERS[language](current(), Boolean(apiKey.get()));
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(/** @type {any} */ (button).dataset.language === language));
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      language = /** @type {any} */ (button).dataset.language;
      draw();
    });
  }
  byId("copy").addEventListener("click", () => copy(byId("snippet").textContent));
  draw();
  return draw;
}

/** @param {string} code */
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code);
    announce("Copied");
    flash("Copied");
  } catch {
    getSelection()?.selectAllChildren(byId("snippet"));
    flash("Selected: press Ctrl+C"); // no clipboard without https
  }
}

/** @param {string} message */
function flash(message) {
  byId("copy").textContent = message;
  setTimeout(() => (byId("copy").textContent = "Copy"), 1500);
}

/**
 * @param {object} request
 * @param {boolean} withKey
 */
function asCurl(request, withKey) {
  const key = withKey ? ` \\\n  -H "Authorization: Bearer $${KEY_VARIABLE}"` : "";
  const body = JSON.stringify(request).replaceAll("'", String.raw`'\''`);
  return `curl ${PREDICT_URL} \\\n  -H 'Content-Type: application/json'${key} \\\n  -d '${body}'`;
}

/**
 * @param {object} request
 * @param {boolean} withKey
 */
function asPython(request, withKey) {
  const key = withKey ? `, "Authorization": f"Bearer {os.environ['${KEY_VARIABLE}']}"` : "";
  const fields = Object.entries(request).map(([name, value]) => {
    return `"${name}": ${value === true ? "True" : JSON.stringify(value)}`;
  });
  return [
    "import json",
    ...(withKey ? ["import os"] : []),
    "import urllib.request",
    "",
    `body = {${fields.join(", ")}}`,
    `headers = {"Content-Type": "application/json"${key}}`,
    `request = urllib.request.Request("${PREDICT_URL}", json.dumps(body).encode(), headers)`,
    "with urllib.request.urlopen(request) as response:",
    "    print(json.load(response))",
  ].join("\n");
}

/**
 * @param {object} request
 * @param {boolean} withKey
 */
function asJavaScript(request, withKey) {
  const key = withKey ? `, "Authorization": \`Bearer \${process.env.${KEY_VARIABLE}}\`` : "";
  return [
    `const response = await fetch("${PREDICT_URL}", {`,
    '  method: "POST",',
    `  headers: { "Content-Type": "application/json"${key} },`,
    `  body: JSON.stringify(${JSON.stringify(request)}),`,
    "});",
    "console.log(await response.json());",
  ].join("\n");
}
