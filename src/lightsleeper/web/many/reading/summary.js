/** What fills each column of a whole file: cells that hold something, different ones, dates. */

import { isDate } from "./dialect.js";
import { isBlank, isPlaceholder } from "./columns.js";
import { PLACEHOLDERS } from "./rules.js";

/** Beyond this many different cells a column is no category, and more need not be held. */
export const MOST_DISTINCT = 10_000;
/** Dates are known by a column's first cells. */
const DATES_LOOKED_AT = 200;
const MOSTLY = 0.9;
const LONGEST_PLACEHOLDER = Math.max(...Array.from(PLACEHOLDERS, (word) => word.length));

/**
 * @typedef {object} Filling of one column
 * @property {number} filled cells that are neither blank nor placeholders
 * @property {number} distinct different ones among them, at most MOST_DISTINCT
 * @property {boolean} isDate nearly all of them are dates
 */

export class Summary {
  /** @type {{filled: number, seen: Set<string>, dates: number}[]} */
  #columns = [];

  /** @param {(string | null)[]} cells of a row */
  add(cells) {
    while (this.#columns.length < cells.length) this.#columns.push({ filled: 0, seen: new Set(), dates: 0 });
    for (let index = 0; index < cells.length; index += 1) {
      const cell = cells[index];
      if (cell === null || !isFilled(cell)) continue;
      const column = this.#columns[index];
      if (column.filled < DATES_LOOKED_AT) column.dates += Number(isDate(cell));
      column.filled += 1;
      if (column.seen.size < MOST_DISTINCT) column.seen.add(cell);
    }
  }

  /**
   * One for each of `width` columns.
   * @param {number} width
   * @returns {Filling[]}
   */
  columns(width) {
    return Array.from({ length: width }, (_, index) => {
      const { filled, seen, dates } = this.#columns[index] ?? { filled: 0, seen: new Set(), dates: 0 };
      return { filled, distinct: seen.size, isDate: dates > 0 && dates >= MOSTLY * Math.min(filled, DATES_LOOKED_AT) };
    });
  }
}

/**
 * Most cells are plain numbers, or too long for a placeholder and begin with a letter, which is quick to see.
 * @param {string} cell
 */
function isFilled(cell) {
  const first = cell.charCodeAt(0);
  if (first >= 0x30 && first <= 0x39 && !cell.includes("#")) return true;
  if (cell.length > LONGEST_PLACEHOLDER && first > 0x20 && first < 0x80) return true;
  return !isBlank(cell) && !isPlaceholder(cell);
}
