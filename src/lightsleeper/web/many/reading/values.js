/** Cells that are no texts and no names: numbers, dates, addresses. As `bulk/records/values.py`. */

import { MOSTLY } from "./rules.js";

const DAY = "[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?";
const VALUES = [
  /^[-+]?[$€£]?[ ]?[0-9][0-9.,' ]*([eE][-+]?[0-9]+)?[ ]?[%$€£]?$/,
  new RegExp(`^(${DAY}|[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?.*)$`),
  /^((https?:\/\/|www\.)\S+|[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+)$/i,
];
const DATE = new RegExp(`^${DAY}$`);

/** Blanks, among which are those that only Python counts. */
const BLANK = /[\s\x1c-\x1f\x85]/;

/**
 * Without the blanks around it.
 * @param {string} cell
 */
export const trimmed = (cell) => stripped(cell, BLANK);

/**
 * Without what is `blank` around it. A pattern for the end would try every run of blanks further in from each of them.
 * @param {string} text
 * @param {RegExp} blank one character
 */
export function stripped(text, blank) {
  let [start, end] = [0, text.length];
  while (start < end && blank.test(text[start])) start += 1;
  while (end > start && blank.test(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

/** @param {string[]} cells whether nearly all of those that are not blank are numbers, dates or addresses */
export function areValues(cells) {
  const filled = cells.filter(Boolean);
  return filled.length > 0 && filled.filter(isValue).length >= MOSTLY * filled.length;
}

/** @param {string} text */
export const isValue = (text) => VALUES.some((pattern) => pattern.test(text));

/** @param {string} cell */
export const isDate = (cell) => DATE.test(trimmed(cell));

/** @param {string} text */
export const isYear = (text) => /^(19|20)[0-9]{2}$/.test(text);
