/** Where an answer stands on the chart: from surely negative to surely positive, from unsure to sure, or its number. */

import { APPLIES_FROM } from "../shared/head.js";
import { decimal, percent, toneOf } from "../shared/words.js";

/** A third of them are unclear, as `isUnclear` has it: between one third and two. */
export const BINS = 30;
/** Rounding must not put two thirds below two thirds. */
const EPSILON = 1e-9;

/**
 * @typedef {object} Zone
 * @property {string} name
 * @property {string} tone
 * @property {number} from its first bin
 * @property {number} to the bin behind its last
 *
 * @typedef {object} Scale
 * @property {string} title
 * @property {boolean} diverging
 * @property {Zone[]} zones
 * @property {(label: number, score: number) => number} binOf
 * @property {(from: number, to: number) => string} words for the bins from `from` to before `to`
 */

/**
 * @param {import("../shared/head.js").Head} head the model's
 * @returns {Scale}
 */
export function scaleOf({ kind, labels, range }) {
  if (kind === "number") return numberScale(range ?? [0, 1]);
  if (kind === "many") return applyingScale();
  const tones = labels.map(toneOf);
  const diverging = tones.includes("negative") && tones.includes("positive");
  const least = 1 / Math.max(2, labels.length);
  // The best of n labels never scores below 1/n: that is no certainty at all.
  const certainty = (/** @type {number} */ score) => Math.min(1, Math.max(0, (score - least) / (1 - least)));
  return diverging ? divergingScale(labels, certainty) : certaintyScale(certainty);
}

/**
 * @param {string[]} labels
 * @param {(score: number) => number} certainty
 * @returns {Scale}
 */
function divergingScale(labels, certainty) {
  const half = BINS / 2;
  const names = { negative: "negative", positive: "positive" };
  return {
    title: "From surely negative to surely positive",
    diverging: true,
    zones: [
      { name: "surely negative", tone: "negative", from: 0, to: 10 },
      { name: "unclear", tone: "neutral", from: 10, to: 20 },
      { name: "surely positive", tone: "positive", from: 20, to: BINS },
    ],
    binOf(label, score) {
      const tone = toneOf(labels[label] ?? "", label);
      if (!(tone in names)) return half;
      const step = Math.min(half - 1, Math.floor(certainty(score) * half + EPSILON));
      return tone === "positive" ? half + step : half - 1 - step;
    },
    words: (from, to) => `${percent(from / BINS)} to ${percent(to / BINS)} positive`,
  };
}

/**
 * @param {(score: number) => number} certainty
 * @returns {Scale}
 */
function certaintyScale(certainty) {
  return {
    title: "How sure",
    diverging: false,
    zones: [
      { name: "unclear", tone: "neutral", from: 0, to: 10 },
      { name: "likely", tone: "series-0", from: 10, to: 20 },
      { name: "sure", tone: "series-0", from: 20, to: BINS },
    ],
    binOf: (_, score) => Math.min(BINS - 1, Math.floor(certainty(score) * BINS + EPSILON)),
    words: (from, to) => `${percent(from / BINS)} to ${percent(to / BINS)} of the way from a guess to certainty`,
  };
}

/**
 * Of labels that stand each for itself: the score of the best.
 * @returns {Scale}
 */
function applyingScale() {
  const from = APPLIES_FROM * BINS;
  return {
    title: "How probable the best label is",
    diverging: false,
    zones: [
      { name: "no label", tone: "neutral", from: 0, to: from },
      { name: "likely", tone: "series-0", from, to: 25 },
      { name: "sure", tone: "series-0", from: 25, to: BINS },
    ],
    binOf: (_, score) => Math.min(BINS - 1, Math.floor(score * BINS + EPSILON)),
    words: (least, largest) => `best label ${percent(least / BINS)} to ${percent(largest / BINS)} probable`,
  };
}

/**
 * Numbers beyond the range stand at its ends.
 * @param {[number, number]} range
 * @returns {Scale}
 */
function numberScale([least, largest]) {
  const at = (/** @type {number} */ bin) => decimal(least + ((largest - least) * bin) / BINS);
  const words = (/** @type {number} */ from, /** @type {number} */ to) => {
    if (from === 0) return to === BINS ? "any score" : `up to ${at(to)}`;
    return to === BINS ? `${at(from)} and more` : `${at(from)} to ${at(to)}`;
  };
  const thirds = [0, 10, 20].map((from) => ({ name: words(from, from + 10), tone: "series-0", from, to: from + 10 }));
  return {
    title: "Scores",
    diverging: false,
    zones: thirds,
    binOf: (_, score) => Math.max(0, Math.min(BINS - 1, Math.floor(((score - least) / (largest - least || 1)) * BINS + EPSILON))),
    words,
  };
}
