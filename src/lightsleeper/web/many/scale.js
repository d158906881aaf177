/** Where an answer stands on the chart: from surely negative to surely positive, or from unsure to sure. */

import { percent, toneOf } from "../shared/words.js";

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
 * @property {boolean} diverging
 * @property {Zone[]} zones
 * @property {(label: number, score: number) => number} binOf
 * @property {(from: number, to: number) => string} words for the bins from `from` to before `to`
 */

/**
 * @param {string[]} labels the model's
 * @returns {Scale}
 */
export function scaleOf(labels) {
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
