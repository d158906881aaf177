/** Which words moved the score: each word marked by what leaving it out would do. */

import { announce, byId, el } from "../shared/dom.js";
import { problemOf } from "../shared/problems.js";
import { predict, ServiceError } from "../shared/service.js";

const MOST_SHOWN = 6;
const LEVELS = 4;
/** Below a tenth of a percentage point a word did nothing worth a colour. */
const FAINTEST = 0.001;

/**
 * @typedef {{word: string, start: number, end: number, effect: number}} WordEffect
 */

/** Ready to explain, nothing explained. */
export function clearExplanation() {
  byId("explanation-note").textContent = "Each word is left out once, and the score compared.";
  byId("words").replaceChildren();
  byId("effects").replaceChildren();
}

/**
 * Ask for the explanation of `text` and show it; a failure is shown in its place.
 * @param {string} text
 * @param {AbortSignal} signal
 */
export async function explain(text, signal) {
  clearExplanation();
  try {
    const { content } = await predict({ text, explain: true }, { signal });
    show(text, content.predictions[0][0].label, content.explanations);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const { title, advice } = problemOf(error);
    byId("explanation-note").textContent = `${title}. ${advice}`;
  }
}

/**
 * @param {string} text
 * @param {string} label
 * @param {WordEffect[]} effects
 */
function show(text, label, effects) {
  byId("explanation-note").textContent = `Filled words speak for ${label}, underlined ones against it.`;
  byId("words").replaceChildren(...marked(text, effects));
  const strongest = [...effects].sort((one, other) => Math.abs(other.effect) - Math.abs(one.effect));
  const shown = strongest.slice(0, MOST_SHOWN).filter(({ effect }) => Math.abs(effect) >= FAINTEST);
  byId("effects").replaceChildren(...shown.map(({ word, effect }) => effectItem(word, effect)));
  announce(`Explained: ${shown.map(({ word, effect }) => `${word} ${points(effect)}`).join(", ")}`);
}

/**
 * The text again, its words wrapped. Positions count code points, a JavaScript string counts UTF-16 units.
 * @param {string} text
 * @param {WordEffect[]} effects
 * @returns {(Node | string)[]}
 */
function marked(text, effects) {
  const points = Array.from(text);
  const largest = Math.max(FAINTEST, ...effects.map(({ effect }) => Math.abs(effect)));
  let read = 0;
  const nodes = effects.flatMap((effect) => {
    const before = points.slice(read, effect.start).join("");
    read = effect.end;
    return [before, wordElement(effect, largest)];
  });
  return [...nodes, points.slice(read).join("")];
}

/**
 * @param {WordEffect} effect
 * @param {number} largest
 */
function wordElement({ word, effect }, largest) {
  const level = Math.abs(effect) < FAINTEST ? 0 : Math.ceil((Math.abs(effect) / largest) * LEVELS);
  const push = effect > 0 ? "for" : "against";
  return el("span", { class: "word", "data-push": push, "data-level": String(level), title: points(effect) }, word);
}

/**
 * @param {string} word
 * @param {number} effect
 */
function effectItem(word, effect) {
  const push = effect > 0 ? "for" : "against";
  return el("li", { "data-push": push }, el("span", {}, word), el("span", { class: "numbers" }, points(effect)));
}

/** @param {number} effect */
const points = (effect) => `${effect < 0 ? "−" : "+"}${Math.abs(effect * 100).toFixed(1)} points`;
