/** Lines below the names of the columns that are no rows: units, questions in full, ids for machines. */

import { isFilled } from "./columns.js";
import { wordCount } from "./header.js";
import { areValues, isValue, trimmed } from "./values.js";

const HEADER_ROWS = 200;
/** What SurveyMonkey writes below a question. */
const ANSWERS = ["Response", "Open-Ended Response"];
/** What Qualtrics writes below its questions. */
const IMPORT_ID = '{"ImportId":';
const LISTED = 5;
const LEAST_COLUMNS = 2;
/** A longer cell above texts is one of them. */
const UNIT_WORDS = 2;
/** Two dashes alone are what some write where nothing is. */
const LEAST_RULE = 3;
const BRACKETED = /^\s*[([].*[)\]]\s*$/;

/**
 * How many of the first rows below the header belong to it.
 * @param {string[][]} body
 */
export function secondHeaderRows(body) {
  const ids = body.slice(0, 2).findIndex((row) => row.some(Boolean) && row.every((cell) => !cell || cell.startsWith(IMPORT_ID)));
  if (ids !== -1) return ids + 1;
  if (isRule(body[0] ?? [])) return 1;
  const [first, ...below] = body.slice(0, 2 + HEADER_ROWS - 1);
  if (!below.length) return 0;
  if (!first[0] && ANSWERS.some((answer) => first.includes(answer))) return 1;
  const columns = first.map((_, index) => below.filter((row) => index < row.length).map((row) => trimmed(row[index])));
  if (first.some((cell, index) => wordCount(cell) > UNIT_WORDS && !BRACKETED.test(cell) && !areValues(columns[index]))) return 0;
  const units = first.map((cell, index) => ({ cell: trimmed(cell), column: columns[index] })).filter(({ cell, column }) => areValues(column) && isFilled(cell));
  return Number(units.length >= LEAST_COLUMNS && units.every(({ cell, column }) => !isValue(cell) && !column.includes(cell)));
}

/**
 * Whether lines are drawn below all names, as Markdown and sqlcmd do.
 * @param {string[]} row
 */
function isRule(row) {
  const cells = row.map(trimmed).filter(Boolean);
  return cells.some((cell) => cell.length >= LEAST_RULE) && cells.every((cell) => /^:?-{2,}:?$/.test(cell));
}

/**
 * What of them was left out, in words; none if nothing was.
 * @param {string[][]} rows
 */
export function saidOf(rows) {
  const cells = rows.flat().map((cell) => cell.trim()).filter(Boolean);
  return rows.length ? [`left out below the header: ${cells.slice(0, LISTED).join("; ")}${cells.length > LISTED ? "; …" : ""}`] : [];
}
