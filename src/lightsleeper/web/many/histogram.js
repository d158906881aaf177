/** How certain the answers are: rows by score, stacked by label. */

import { BINS } from "./results.js";
import { grouped, toneOf } from "../shared/words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 400;
const HEIGHT = 120;
const GAP = 3;

/**
 * @param {SVGElement} svg
 * @param {import("./results.js").Results} results
 */
export function drawHistogram(svg, results) {
  // The best of n labels never scores below 1/n: that part of the axis would always be empty.
  const first = Math.floor(BINS / Math.max(2, results.labels.length));
  const totals = Array.from({ length: BINS }, (_, bin) => results.bins.reduce((sum, bins) => sum + bins[bin], 0));
  const highest = Math.max(1, ...totals);
  const width = WIDTH / (BINS - first);
  /** @type {SVGElement[]} */
  const bars = [];
  for (let bin = first; bin < BINS; bin += 1) {
    let top = HEIGHT;
    results.labels.forEach((label, index) => {
      const height = (results.bins[index][bin] / highest) * HEIGHT;
      top -= height;
      if (height) bars.push(rect((bin - first) * width + GAP / 2, top, width - GAP, height, toneOf(label, index)));
    });
  }
  svg.replaceChildren(...bars);
  svg.setAttribute("aria-label", summaryOf(totals, first));
  return first / BINS;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {string} tone
 */
function rect(x, y, width, height, tone) {
  const element = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height })) element.setAttribute(name, value.toFixed(1));
  element.dataset.tone = tone;
  return element;
}

/**
 * @param {number[]} totals
 * @param {number} first
 */
function summaryOf(totals, first) {
  const parts = totals
    .map((rows, bin) => ({ rows, bin }))
    .filter(({ rows, bin }) => rows && bin >= first)
    .map(({ rows, bin }) => `${grouped(rows)} at ${(bin * 100) / BINS} to ${((bin + 1) * 100) / BINS} percent`);
  return parts.length ? `Rows by score: ${parts.join(", ")}` : "No rows yet";
}
