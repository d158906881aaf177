/** What fills each column of a whole file: cells that hold something, different ones, dates. */

import { isFilled } from "./columns.js";
import { MOSTLY } from "./rules.js";
import { isDate } from "./values.js";

/** More different cells are not held; nor are more counted once a column is no category after many rows. */
const MOST_DISTINCT = 10_000;
const MANY_DISTINCT = 1000;
const MANY_ROWS = 20_000;
/** Dates are known by a column's first cells. */
const DATES_LOOKED_AT = 200;

/**
 * @typedef {object} Filling of one column
 * @property {number} filled cells that are neither blank nor placeholders
 * @property {number} distinct different ones among them
 * @property {boolean} isAll whether these are all different ones: counting stops where they are many
 * @property {boolean} isDate nearly all of them are dates
 */

export class Summary {
  /** @type {{filled: number, seen: Set<string>, isAll: boolean, last: string, dates: number}[]} */
  #columns = [];

  /** @param {(string | null)[]} cells of a row */
  add(cells) {
    while (this.#columns.length < cells.length) this.#columns.push(emptyColumn());
    for (let index = 0; index < cells.length; index += 1) {
      const cell = cells[index];
      if (cell === null || !isFilled(cell)) continue;
      const column = this.#columns[index];
      if (column.filled < DATES_LOOKED_AT) column.dates += Number(isDate(cell));
      column.filled += 1;
      if (!column.isAll || cell === column.last) continue;
      column.seen.add(cell);
      column.last = cell;
      if (column.seen.size > (column.filled > MANY_ROWS ? MANY_DISTINCT : MOST_DISTINCT)) column.isAll = false;
    }
  }

  /**
   * One for each of `width` columns.
   * @param {number} width
   * @returns {Filling[]}
   */
  columns(width) {
    return Array.from({ length: width }, (_, index) => {
      const { filled, seen, isAll, dates } = this.#columns[index] ?? emptyColumn();
      return { filled, distinct: seen.size, isAll, isDate: dates > 0 && dates >= MOSTLY * Math.min(filled, DATES_LOOKED_AT) };
    });
  }
}

const emptyColumn = () => ({ filled: 0, seen: /** @type {Set<string>} */ (new Set()), isAll: true, last: "", dates: 0 });
