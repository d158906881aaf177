/** What answers mean: one of several labels, any number of them, or a number that names nothing. */

import { toneOf } from "./words.js";

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

/** More labels than these make no question. */
const MOST_NAMED = 4;

/** @param {Head} head whether one of its labels is negative and one positive */
function isSentiment({ kind, labels }) {
  const tones = labels.map(toneOf);
  return kind === "one" && tones.includes("negative") && tones.includes("positive");
}

/**
 * What the model answers, as a question.
 * @param {Head} head
 */
export function questionOf(head) {
  if (isSentiment(head)) return "How do people feel about it?";
  if (head.kind === "number") return "What score does it get?";
  const names = head.labels.slice(0, MOST_NAMED).map((label) => label.replaceAll("_", " "));
  const are = new Intl.ListFormat("en", { type: head.kind === "many" ? "conjunction" : "disjunction" }).format(names);
  if (head.labels.length > MOST_NAMED) return head.kind === "many" ? "Which labels does it get?" : "Which label does it get?";
  return head.kind === "many" ? `Which apply of ${are}?` : `Is it ${are}?`;
}

/**
 * What its results are called in the name of a file.
 * @param {Head} head
 */
export function resultName(head) {
  if (head.kind === "number") return "scores";
  return isSentiment(head) ? "sentiment" : "labels";
}
