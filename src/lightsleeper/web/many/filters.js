/** What the table is narrowed to: every filter by name, its words on a button that takes it away. */

import { byId, el } from "../shared/dom.js";

/** @typedef {import("./results.js").Test} Test */

export class Filters {
  /** @type {Map<string, {words: string, test: Test, removed: () => void}>} */
  #active = new Map();

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    byId("filters-clear").addEventListener("click", () => this.clear());
  }

  get tests() {
    return [...this.#active.values()].map(({ test }) => test);
  }

  /**
   * Set a filter, or with `null` take it away.
   * @param {string} name
   * @param {{words: string, test: Test, removed?: () => void} | null} filter `removed`: what shows it, shows it no more
   */
  set(name, filter) {
    if (filter) this.#active.set(name, { removed: () => {}, ...filter });
    else if (!this.#active.delete(name)) return;
    this.#changed();
  }

  clear() {
    const all = [...this.#active.values()];
    this.#active.clear();
    for (const { removed } of all) removed();
    this.#changed();
  }

  #changed() {
    const chips = [...this.#active].map(([name, { words, removed }]) => {
      const chip = el("button", { type: "button", class: "chip", "aria-label": `Remove the filter ${words}` }, words, el("span", { "aria-hidden": "true" }, " ×"));
      chip.addEventListener("click", () => {
        this.set(name, null);
        removed();
        byId("search").focus();
      });
      return chip;
    });
    byId("filters").replaceChildren(...chips);
    byId("filters-clear").hidden = !chips.length;
    this.onChange();
  }
}

/**
 * The test, asked once a row: what a file's cells say does not change.
 * @param {number} count rows
 * @param {Test} test
 * @returns {Test}
 */
export function remembered(count, test) {
  const known = new Uint8Array(count);
  return (row) => {
    known[row] ||= test(row) ? 2 : 1;
    return known[row] === 2;
  };
}
