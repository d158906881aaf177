/** Which words moved the score: each word marked by what leaving it out would do. */

import { announce, byId, el } from "../shared/dom.js";
import { problemOf } from "../shared/problems.js";
import { predict, ServiceError } from "../shared/service.js";
import { toneOf } from "../shared/words.js";

const MOST_SHOWN = 6;
const LEVELS = 4;
/** Below two percentage points a word did nothing worth a colour. */
const FAINTEST = 0.02;

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
 * @param {string[]} labels the model's
 * @param {AbortSignal} signal
 */
export async function explain(text, labels, signal) {
  clearExplanation();
  try {
    const { content } = await predict({ text, explain: true }, { signal });
    show(text, content.predictions[0][0].label ?? "a higher score", labels, content.explanations);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const { title, advice } = problemOf(error);
    byId("explanation-note").textContent = `${title}. ${advice}`;
  }
}

/**
 * @param {string} text
 * @param {string} label
 * @param {string[]} labels
 * @param {WordEffect[]} effects
 */
function show(text, label, labels, effects) {
  const tones = tonesOf(label, labels);
  byId("words").replaceChildren(...marked(text, effects, tones));
  const strongest = [...effects].sort((one, other) => Math.abs(other.effect) - Math.abs(one.effect));
  const shown = strongest.slice(0, MOST_SHOWN).filter(({ effect }) => Math.abs(effect) >= FAINTEST);
  byId("explanation-note").textContent = shown.length
    ? `Filled words speak for ${label}, underlined ones against it.`
    : `No single word moves the answer by ${FAINTEST * 100} points or more.`;
  byId("effects").replaceChildren(...shown.map((effect) => effectItem(effect, tones)));
  announce(`Explained: ${shown.map(({ word, effect }) => `${word} ${points(effect)}`).join(", ") || "no single word mattered"}`);
}

/** @typedef {{for: string, against: string}} Tones */

/**
 * Words that speak for a label have its colour, those against it that of the other, if there is one other.
 * @param {string} label
 * @param {string[]} labels
 * @returns {Tones}
 */
function tonesOf(label, labels) {
  const others = labels.filter((each) => each !== label);
  const tone = (/** @type {string} */ name) => toneOf(name, labels.indexOf(name));
  return { for: tone(label), against: others.length === 1 ? tone(others[0]) : "neutral" };
}

/** @param {number} effect */
const pushOf = (effect) => (effect > 0 ? "for" : "against");

/**
 * The text again, its words wrapped. Positions count code points, a JavaScript string counts UTF-16 units.
 * @param {string} text
 * @param {WordEffect[]} effects
 * @param {Tones} tones
 * @returns {(Node | string)[]}
 */
function marked(text, effects, tones) {
  const points = Array.from(text);
  const largest = Math.max(FAINTEST, ...effects.map(({ effect }) => Math.abs(effect)));
  let read = 0;
  const nodes = effects.flatMap((effect) => {
    const before = points.slice(read, effect.start).join("");
    read = effect.end;
    return [before, wordElement(effect, largest, tones)];
  });
  return [...nodes, points.slice(read).join("")];
}

/**
 * @param {WordEffect} effect
 * @param {number} largest
 * @param {Tones} tones
 */
function wordElement({ word, effect }, largest, tones) {
  const push = pushOf(effect);
  const level = Math.abs(effect) < FAINTEST ? 0 : Math.ceil((Math.abs(effect) / largest) * LEVELS);
  return el("span", { class: "word", "data-push": push, "data-tone": tones[push], "data-level": String(level), title: points(effect) }, word);
}

/**
 * @param {WordEffect} effect
 * @param {Tones} tones
 */
function effectItem({ word, effect }, tones) {
  const push = pushOf(effect);
  return el("li", { "data-push": push, "data-tone": tones[push] }, el("span", {}, word), el("span", { class: "numbers" }, points(effect)));
}

/** @param {number} effect */
const points = (effect) => `${effect < 0 ? "−" : "+"}${Math.abs(effect * 100).toFixed(1)} points`;
