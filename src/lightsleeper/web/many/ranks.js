/** Where each row stands when the file is sorted by one of its own columns. */

import { calendar } from "./dates.js";
import { isFilled } from "./reading/columns.js";

/** Of more rows than these, texts are compared by their letters alone: a million take two seconds, in a language's order ten. */
const MOST_COLLATED = 50_000;
const NUMBER = /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/;

/** @typedef {{ranks: Uint32Array, last: number}} Ranks equal cells have equal ranks; `last` is that of rows without a cell */

/** @type {WeakMap<import("./dataset.js").Dataset, Map<number, Ranks>>} */
const known = new WeakMap();

/**
 * @param {import("./dataset.js").Dataset} dataset
 * @param {number} column
 * @returns {Ranks}
 */
export function ranksOf(dataset, column) {
  const columns = known.get(dataset) ?? new Map();
  known.set(dataset, columns);
  const ranks = columns.get(column) ?? ranked(dataset, column);
  columns.set(column, ranks);
  return ranks;
}

/**
 * @param {import("./dataset.js").Dataset} dataset
 * @param {number} column
 */
function ranked(dataset, column) {
  const cells = Array.from({ length: dataset.count }, (_, row) => dataset.cell(row, column));
  /** @type {Map<string, number>} */
  const places = new Map();
  for (const cell of cells) if (cell !== null && isFilled(cell)) places.set(cell, 0);
  const different = [...places.keys()];
  const keys = keysOf(different, dataset.filling[column]?.isDate ?? false);
  const order = different.map((_, index) => index).sort((one, other) => compared(keys[one], keys[other], different.length));
  let place = -1;
  order.forEach((index, at) => {
    if (!at || compared(keys[order[at - 1]], keys[index], different.length)) place += 1;
    places.set(different[index], place);
  });
  const ranks = Uint32Array.from(cells, (cell) => (cell === null ? undefined : places.get(cell)) ?? place + 1);
  return { ranks, last: place + 1 };
}

/**
 * Numbers where all are, days where the column holds dates, else the texts.
 * @param {string[]} cells different ones
 * @param {boolean} isDate
 * @returns {(string | number)[]}
 */
function keysOf(cells, isDate) {
  if (cells.every((cell) => NUMBER.test(cell.trim()))) return cells.map(Number);
  if (!isDate) return cells.map((cell) => cell.trim());
  const { dayOf } = calendar(cells);
  return cells.map((cell) => `${dayOf(cell)} ${cell}`);
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

/**
 * @param {string | number} one
 * @param {string | number} other
 * @param {number} count how many are compared
 */
function compared(one, other, count) {
  if (typeof one === "string" && count <= MOST_COLLATED) return COLLATOR.compare(one, String(other));
  return one < other ? -1 : Number(one > other);
}
