/** What answers mean: one of several labels, any number of them, or a number that names nothing. */

/** Of labels that stand each for itself: it is then more likely than not. */
export const APPLIES_FROM = 0.5;
/** Where any number of labels may apply, none is an answer, too. */
export const NONE = "(none)";

/**
 * @typedef {object} Head
 * @property {"one" | "many" | "number"} kind
 * @property {string[]} labels in the model's order; none where it answers with a number
 * @property {[number, number] | null} range of a score, where somebody knows
 * @property {boolean} bounded whether there are no scores beyond it; else it is of those that were seen
 */

/**
 * @param {{task?: string, labels: string[], score_range?: [number, number] | null}} model what GET /model says
 * @returns {Head}
 */
export function headOf({ task, labels, score_range: range = null }) {
  const bounded = task !== "regression";
  if (task === "scoring" || !bounded) return { kind: "number", labels: [], range, bounded };
  return { kind: task === "multi-label-classification" ? "many" : "one", labels, range: [0, 1], bounded };
}

/**
 * Where a score stands between the least and the largest.
 * @param {Head} head
 * @param {number} score
 */
export function shareOf({ range }, score) {
  const [least, largest] = range ?? [0, 1];
  return Math.min(1, Math.max(0, (score - least) / (largest - least || 1)));
}
