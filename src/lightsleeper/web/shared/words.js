/** Numbers and names as people read them. */

const COUNT = new Intl.NumberFormat("en");

/** @param {number} count */
export const grouped = (count) => COUNT.format(count);

/** @param {number} share between 0 and 1 */
export function percent(share) {
  // 99.97 % is not 100 %: rounding must not turn a doubt into a certainty.
  const rounded = Math.min(Math.round(share * 1000) / 10, share < 1 ? 99.9 : 100);
  return `${rounded.toFixed(1)} %`;
}

/**
 * Without a decimal where none is needed; neither none nor all unless it is so.
 * @param {number} share between 0 and 1
 */
export function wholePercent(share) {
  if (share === 0 || share === 1) return `${share * 100} %`;
  return share < 0.01 || share > 0.99 ? percent(share) : `${Math.round(share * 100)} %`;
}

/** @param {number} score that is no share */
export const decimal = (score) => score.toFixed(3).replace("-", "−");

/** @param {number} ms */
export function milliseconds(ms) {
  if (ms < 0.95) return `${ms.toFixed(2)} ms`;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${grouped(Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/**
 * `3 rows`, `1 row`.
 * @param {number} count
 * @param {string} noun
 */
export const plural = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/**
 * Whether an answer of a sentiment model takes no side: between one third and two.
 * @param {string[]} labels
 * @param {number} score of the best label
 */
export function isUnclear(labels, score) {
  const tones = labels.map(toneOf);
  return labels.length === 2 && tones.includes("negative") && tones.includes("positive") && score < 2 / 3;
}

/**
 * Which colour a label has: the usual three by their names, others by their place.
 * @param {string} label
 * @param {number} index
 */
export function toneOf(label, index) {
  if (/neg|bad|toxic|sad|anger/i.test(label)) return "negative";
  if (/neu|mixed|^\(none\)$/i.test(label)) return "neutral";
  if (/pos|good|joy|love/i.test(label)) return "positive";
  return `series-${index % 6}`;
}
