/** The rows of a file by what a column holds: a category, or the day, month or year of a date. */

import { calendar } from "./dates.js";
import { isFilled } from "./reading/columns.js";

/** A column with more different cells is no category. */
const MOST_CATEGORIES = 200;
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
  const { filled, distinct, isAll } = filling[column];
  return isAll && distinct > 1 && distinct <= MOST_CATEGORIES && filled >= LEAST_REPEATED * distinct;
}

/**
 * @param {Dataset} dataset
 * @param {number} column
 * @returns {Groups}
 */
export function groupsOf(dataset, column) {
  const { isDate } = dataset.filling[column];
  /** @type {string[]} */
  const cells = [];
  for (let row = 0; row < dataset.count; row += 1) cells.push(dataset.cell(row, column) ?? "");
  // What a cell means is asked once for each different one: of a million there may be three.
  const different = [...new Set(cells)];
  const { keyOf, note } = isDate ? calendar(different) : { keyOf: category, note: "" };
  const keyByCell = new Map(different.map((cell) => [cell, keyOf(cell.trim())]));
  const keys = [...new Set(keyByCell.values())].filter(Boolean);
  if (isDate) keys.sort();
  const places = new Map(keys.map((key, place) => [key, place]));
  const placeByCell = new Map(different.map((cell) => [cell, places.get(keyByCell.get(cell) ?? "") ?? -1]));
  return { keys, groupOf: Int32Array.from(cells, (cell) => placeByCell.get(cell) ?? -1), isTime: isDate, note };
}

/** @param {string} cell */
const category = (cell) => (isFilled(cell) ? cell : "");
