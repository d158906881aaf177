/** Which words moved the score: each word marked by what leaving it out would do. */

import { announce, byId, el } from "../shared/dom.js";
import { problemOf } from "../shared/problems.js";
import { predict, ServiceError } from "../shared/service.js";
import { decimal, toneOf } from "../shared/words.js";

const MOST_SHOWN = 6;
const LEVELS = 4;
/** Below two hundredths of the range of scores a word did nothing worth a colour. */
const FAINTEST = 0.02;

/**
 * @typedef {{word: string, start: number, end: number, effect: number}} WordEffect
 * @typedef {import("../shared/head.js").Head} Head
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
 * @param {Head} head the model's
 * @param {AbortSignal} signal
 */
export async function explain(text, head, signal) {
  clearExplanation();
  try {
    const { content } = await predict({ text, explain: true }, { signal });
    show(text, content.predictions[0][0].label ?? "a higher score", head, content.explanations);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const { title, advice } = problemOf(error);
    byId("explanation-note").textContent = `${title}. ${advice}`;
  }
}

/**
 * @param {string} text
 * @param {string} label
 * @param {Head} head
 * @param {WordEffect[]} effects
 */
function show(text, label, head, effects) {
  const tones = tonesOf(label, head);
  const faintest = FAINTEST * ((head.range?.[1] ?? 1) - (head.range?.[0] ?? 0));
  const told = head.kind === "number" ? signed : points;
  byId("words").replaceChildren(...marked(text, effects, { tones, faintest, told }));
  const strongest = [...effects].sort((one, other) => Math.abs(other.effect) - Math.abs(one.effect));
  const shown = strongest.slice(0, MOST_SHOWN).filter(({ effect }) => Math.abs(effect) >= faintest);
  byId("explanation-note").textContent = shown.length
    ? `Filled words speak for ${label}, underlined ones against it.`
    : `No single word moves the answer by ${told(faintest).slice(1)} or more.`;
  byId("effects").replaceChildren(...shown.map((effect) => effectItem(effect, tones, told)));
  announce(`Explained: ${shown.map(({ word, effect }) => `${word} ${told(effect)}`).join(", ") || "no single word mattered"}`);
}

/**
 * @typedef {{for: string, against: string}} Tones
 * @typedef {{tones: Tones, faintest: number, told: (effect: number) => string}} Look
 */

/**
 * Words that speak for a label have its colour, those against it that of the other, if there is one other.
 * @param {string} label
 * @param {Head} head
 * @returns {Tones}
 */
function tonesOf(label, { kind, labels }) {
  if (kind === "number") return { for: "positive", against: "negative" };
  const others = labels.filter((each) => each !== label);
  const tone = (/** @type {string} */ name) => toneOf(name, labels.indexOf(name));
  return { for: tone(label), against: kind === "one" && others.length === 1 ? tone(others[0]) : "neutral" };
}

/** @param {number} effect */
const pushOf = (effect) => (effect > 0 ? "for" : "against");

/**
 * The text again, its words wrapped. Positions count code points, a JavaScript string counts UTF-16 units.
 * @param {string} text
 * @param {WordEffect[]} effects
 * @param {Look} look
 * @returns {(Node | string)[]}
 */
function marked(text, effects, look) {
  const points = Array.from(text);
  const largest = Math.max(look.faintest, ...effects.map(({ effect }) => Math.abs(effect)));
  let read = 0;
  const nodes = effects.flatMap((effect) => {
    const before = points.slice(read, effect.start).join("");
    read = effect.end;
    return [before, wordElement(effect, largest, look)];
  });
  return [...nodes, points.slice(read).join("")];
}

/**
 * @param {WordEffect} effect
 * @param {number} largest
 * @param {Look} look
 */
function wordElement({ word, effect }, largest, { tones, faintest, told }) {
  const push = pushOf(effect);
  const level = Math.abs(effect) < faintest ? 0 : Math.ceil((Math.abs(effect) / largest) * LEVELS);
  return el("span", { class: "word", "data-push": push, "data-tone": tones[push], "data-level": String(level), title: told(effect) }, word);
}

/**
 * @param {WordEffect} effect
 * @param {Tones} tones
 * @param {Look["told"]} told
 */
function effectItem({ word, effect }, tones, told) {
  const push = pushOf(effect);
  return el("li", { "data-push": push, "data-tone": tones[push] }, el("span", {}, word), el("span", { class: "numbers" }, told(effect)));
}

/** @param {number} effect */
const signed = (effect) => (effect < 0 ? decimal(effect) : `+${decimal(effect)}`);

/** @param {number} effect */
const points = (effect) => `${effect < 0 ? "−" : "+"}${Math.abs(effect * 100).toFixed(1)} points`;
