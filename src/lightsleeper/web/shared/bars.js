/** Horizontal bars with a name and a number, updated in place so that they glide instead of jumping. */

import { el } from "./dom.js";

/**
 * @typedef {object} Bar
 * @property {string} name
 * @property {number} share of the whole width, 0 to 1
 * @property {string} value what stands at its end
 * @property {string} tone see `toneOf`
 * @property {boolean} [pressed] of a bar that filters: whether it does
 */

/**
 * Bars; with `onPick` each is a button.
 * @param {HTMLElement} list
 * @param {Bar[]} bars
 * @param {(name: string) => void} [onPick]
 */
export function drawBars(list, bars, onPick) {
  while (list.children.length < bars.length) list.append(emptyBar(onPick));
  while (list.children.length > bars.length) list.lastElementChild?.remove();
  bars.forEach((bar, index) => fill(/** @type {HTMLElement} */ (list.children[index]), bar));
}

/** @param {(name: string) => void} [onPick] */
function emptyBar(onPick) {
  const track = el("span", { class: "track", "aria-hidden": "true" }, el("span", { class: "fill" }));
  const parts = [el("span", { class: "name" }), track, el("span", { class: "value numbers" })];
  if (!onPick) return el("li", {}, el("span", { class: "bar" }, ...parts));
  const button = el("button", { type: "button", class: "bar" }, ...parts);
  button.addEventListener("click", () => onPick(button.dataset.name ?? ""));
  return el("li", {}, button);
}

/**
 * @param {HTMLElement} item
 * @param {Bar} bar
 */
function fill(item, { name, share, value, tone, pressed }) {
  const bar = /** @type {HTMLElement} */ (item.firstElementChild);
  const [nameElement, track, valueElement] = /** @type {any} */ (bar.children);
  nameElement.textContent = name;
  nameElement.title = name;
  valueElement.textContent = value;
  item.dataset.tone = tone;
  bar.dataset.name = name;
  if (pressed !== undefined) bar.setAttribute("aria-pressed", String(pressed));
  track.firstElementChild.style.transform = `scaleX(${share})`;
}
