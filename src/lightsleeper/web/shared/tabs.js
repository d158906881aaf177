/** The two panels as tabs: https://www.w3.org/WAI/ARIA/apg/patterns/tabs/, remembered in the address. */

import { byId } from "./dom.js";

const NAMES = ["one", "many"];

/** Wire the tabs; the returned function shows one. */
export function mountTabs() {
  for (const name of NAMES) {
    byId(`tab-${name}`).addEventListener("click", () => show(name));
    byId(`tab-${name}`).addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => onKey(event, name));
  }
  if (NAMES.includes(location.hash.slice(1))) show(location.hash.slice(1));
  return show;
}

/** @param {string} shown */
function show(shown) {
  for (const name of NAMES) {
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", String(name === shown));
    tab.tabIndex = name === shown ? 0 : -1;
    byId(name).hidden = name !== shown;
  }
  history.replaceState(null, "", `#${shown}`);
}

/**
 * @param {KeyboardEvent} event
 * @param {string} name
 */
function onKey(event, name) {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  const step = steps[/** @type {keyof typeof steps} */ (event.key)];
  const index = event.key === "Home" ? 0 : event.key === "End" ? NAMES.length - 1 : NAMES.indexOf(name) + step;
  const next = NAMES[(index + NAMES.length) % NAMES.length];
  if (next === undefined) return;
  event.preventDefault();
  show(next);
  byId(`tab-${next}`).focus();
}
