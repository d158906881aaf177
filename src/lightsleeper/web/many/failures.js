/** The rows without an answer and why, as the list below the progress has them. */

import { byId, el } from "../shared/dom.js";
import { grouped, plural } from "../shared/words.js";

const MOST_SHOWN = 50;

/** @param {Map<number, string>} reasons by row */
export function drawFailures(reasons) {
  byId("failures").dataset.rows = String(reasons.size);
  byId("failures-title").textContent = `${plural(reasons.size, "row")} without an answer`;
  const spans = spansOf(reasons);
  const items = spans.slice(0, MOST_SHOWN).map(({ from, to, reason }) => {
    return el("li", {}, `${from === to ? `Row ${grouped(from)}` : `Rows ${grouped(from)} to ${grouped(to)}`}: ${reason}`);
  });
  if (spans.length > MOST_SHOWN) items.push(el("li", {}, "… and more: the download names each."));
  byId("failure-list").replaceChildren(...items);
}

/**
 * Neighbouring rows with one reason, counted from 1.
 * @param {Map<number, string>} reasons
 */
function spansOf(reasons) {
  /** @type {{from: number, to: number, reason: string}[]} */
  const spans = [];
  for (const [row, reason] of [...reasons].sort(([one], [other]) => one - other)) {
    const last = spans.at(-1);
    if (last && last.reason === reason && last.to === row) last.to = row + 1;
    else spans.push({ from: row + 1, to: row + 1, reason });
  }
  return spans;
}
