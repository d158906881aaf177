/** Lines below the names of the columns that are no rows: units, questions in full, ids for machines. */

import { isFilled } from "./columns.js";
import { areValues, isValue } from "./dialect.js";

const HEADER_ROWS = 200;
/** What SurveyMonkey writes below a question. */
const ANSWERS = ["Response", "Open-Ended Response"];
/** What Qualtrics writes below its questions. */
const IMPORT_ID = '{"ImportId":';
const LISTED = 5;
const LEAST_COLUMNS = 2;

/**
 * How many of the first rows below the header belong to it.
 * @param {string[][]} body
 */
export function secondHeaderRows(body) {
  const ids = body.slice(0, 2).findIndex((row) => row.some(Boolean) && row.every((cell) => !cell || cell.startsWith(IMPORT_ID)));
  if (ids !== -1) return ids + 1;
  const [first, ...below] = body.slice(0, 2 + HEADER_ROWS - 1);
  if (!below.length) return 0;
  if (!first[0] && ANSWERS.some((answer) => first.includes(answer))) return 1;
  const isNumbers = (/** @type {number} */ index) => areValues(below.filter((row) => index < row.length).map((row) => row[index].trim()));
  const numbers = first.filter((_, index) => isNumbers(index)).map((cell) => cell.trim());
  return Number(numbers.length >= LEAST_COLUMNS && numbers.every((cell) => isFilled(cell) && !isValue(cell)));
}

/**
 * What of them was left out, in words; none if nothing was.
 * @param {string[][]} rows
 */
export function saidOf(rows) {
  const cells = rows.flat().map((cell) => cell.trim()).filter(Boolean);
  return rows.length ? [`left out below the header: ${cells.slice(0, LISTED).join("; ")}${cells.length > LISTED ? "; …" : ""}`] : [];
}
