/** Cells that are no texts and no names: numbers, dates, addresses. As `bulk/records/values.py`. */

const DAY = "[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?";
const VALUES = [
  /^[-+]?[$€£]?[ ]?[0-9][0-9.,' ]*([eE][-+]?[0-9]+)?[ ]?[%$€£]?$/,
  new RegExp(`^(${DAY}|[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?.*)$`),
  /^((https?:\/\/|www\.)\S+|[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+)$/i,
];
const DATE = new RegExp(`^${DAY}$`);
const MOSTLY = 0.9;

/**
 * Without the blanks around it, among which are those that only Python counts.
 * @param {string} cell
 */
export const trimmed = (cell) => cell.trim().replace(/^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g, "");

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
