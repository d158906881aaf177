/** The rows of a file by what a column holds: a category, or the day, month or year of a date. */

import { calendar } from "./dates.js";
import { isBlank, isPlaceholder } from "./reading/columns.js";

/** A column with more different cells is no category. */
export const MOST_CATEGORIES = 200;
/** Of names or texts most cells differ; of a category few do. */
const LEAST_REPEATED = 2;

/** @typedef {import("./dataset.js").Dataset} Dataset */
/** @typedef {{keys: string[], groupOf: Int32Array, isTime: boolean, note: string}} Groups `groupOf[row]` is -1 where nothing is */

/**
 * The columns that rows can be grouped by.
 * @param {Dataset} dataset
 * @returns {number[]}
 */
export const groupable = (dataset) =>
  dataset.filling.map((_, index) => index).filter((index) => index !== dataset.column && (dataset.filling[index].isDate || isCategory(dataset, index)));

/**
 * @param {Dataset} dataset
 * @param {number} column
 */
export function isCategory({ filling }, column) {
  const { filled, distinct } = filling[column];
  return distinct > 1 && distinct <= MOST_CATEGORIES && filled >= LEAST_REPEATED * distinct;
}

/**
 * @param {Dataset} dataset
 * @param {number} column
 * @returns {Groups}
 */
export function groupsOf(dataset, column) {
  const cells = Array.from({ length: dataset.count }, (_, row) => (dataset.cell(row, column) ?? "").trim());
  const { isDate } = dataset.filling[column];
  const { keyOf, note } = isDate ? calendar(cells) : { keyOf: category, note: "" };
  /** @type {Map<string, number>} */
  const places = new Map();
  const found = cells.map(keyOf);
  for (const key of isDate ? [...found].sort() : found) if (key && !places.has(key)) places.set(key, places.size);
  return { keys: [...places.keys()], groupOf: Int32Array.from(found, (key) => places.get(key) ?? -1), isTime: isDate, note };
}

/** @param {string} cell */
const category = (cell) => (isBlank(cell) || isPlaceholder(cell) ? "" : cell);
