/** Tables of which every line was put in quotes once more, as a spreadsheet does with what it took for one column. As `bulk/records/wrapped_lines.py`. */

import { CellReader } from "./cells.js";
import { decide, lineEnd } from "./dialect.js";
import { evidences, sum } from "./header.js";
import { MOSTLY, ONE_COLUMN } from "./rules.js";

/** @typedef {import("./cells.js").Dialect} Dialect */

const QUOTED = /^"(?:[^"]|"")*"\r?$/;

/**
 * That of the lines and the one within them, if all that is quoted splits evenly, below a header or with quotes in it.
 * @param {string} text
 * @param {boolean} whole
 * @param {string | null} delimiter
 * @returns {{outer: Dialect, inner: Dialect} | null}
 */
export function wrappedDialects(text, whole, delimiter) {
  const lines = text.split(lineEnd(text));
  if (!lines.slice(0, 2).some((line) => QUOTED.test(line))) return null; // quick for nearly all
  /** @type {Dialect} */
  const outer = { delimiter: ONE_COLUMN, quoting: "doubled", lineEnd: lineEnd(text) };
  const rows = new CellReader(outer).push(text, whole).filter(({ cells }) => cells.length > 1 || cells[0]);
  const quoted = rows.filter(({ line }) => lines[line - 1].startsWith('"')).length;
  if (rows.length < 2 || quoted < MOSTLY * (rows.length - 1) || rows.some(({ oddQuotes }) => oddQuotes)) return null;
  /** @type {Dialect} */
  const inner = { ...decide(rows.map(({ cells }) => cells[0]).join("\n"), true, delimiter), lineEnd: "\n" };
  const table = splitLines(rows, inner);
  const cells = table.map((row) => row.cells);
  const even = cells.filter((row) => row.length === cells[0].length).length;
  const hasQuotes = rows.some((row) => row.cells[0].includes('"')) && !table.some(({ oddQuotes }) => oddQuotes);
  const isSure = sum(evidences(cells)) > 0 || (hasQuotes && even === cells.length);
  return cells[0].length > 1 && even >= MOSTLY * cells.length && isSure ? { outer, inner } : null;
}

/**
 * Rows of one cell, each split again.
 * @param {import("./cells.js").Cells[]} rows
 * @param {Dialect} inner
 */
export const splitLines = (rows, inner) => rows.map((row) => (row.cells[0] ? withinOf(row, inner) : row));

/**
 * @param {import("./cells.js").Cells} row
 * @param {Dialect} inner
 */
function withinOf(row, inner) {
  const [{ cells, oddQuotes }, ...rest] = new CellReader(inner).push(row.cells[0], true);
  const ends = rest.map((line) => line.cells.join(/** @type {string} */ (inner.delimiter))); // no quote of its own holds them
  return { ...row, cells: [...cells.slice(0, -1), [cells[cells.length - 1], ...ends].join("\n")], oddQuotes };
}
