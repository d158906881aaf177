/** Horizontal bars with a name and a number, updated in place so that they glide instead of jumping. */

import { el } from "./dom.js";

/**
 * @typedef {object} Bar
 * @property {string} name
 * @property {number} share of the whole width, 0 to 1
 * @property {string} value what stands at its end
 * @property {string} tone see `toneOf`
 */

/**
 * @param {HTMLElement} list
 * @param {Bar[]} bars
 */
export function drawBars(list, bars) {
  while (list.children.length < bars.length) list.append(emptyBar());
  while (list.children.length > bars.length) list.lastElementChild?.remove();
  bars.forEach((bar, index) => fill(/** @type {HTMLElement} */ (list.children[index]), bar));
}

function emptyBar() {
  const track = el("span", { class: "track", "aria-hidden": "true" }, el("span", { class: "fill" }));
  return el("li", {}, el("span", { class: "name" }), track, el("span", { class: "value numbers" }));
}

/**
 * @param {HTMLElement} item
 * @param {Bar} bar
 */
function fill(item, { name, share, value, tone }) {
  const [nameElement, track, valueElement] = /** @type {any} */ (item.children);
  nameElement.textContent = name;
  nameElement.title = name;
  valueElement.textContent = value;
  item.dataset.tone = tone;
  track.firstElementChild.style.transform = `scaleX(${share})`;
}
