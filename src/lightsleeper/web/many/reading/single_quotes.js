/** Tables whose cells stand in single quotes, as databases write them: read with both kinds of quotes exchanged. */

import { CellReader } from "./cells.js";
import { decide } from "./dialect.js";
import { DELIMITERS, MOSTLY } from "./rules.js";

/** @param {string} text */
const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
const BEGINS = new RegExp(`(?:^|[${escaped(DELIMITERS.join(""))}])'`, "gm");

/**
 * Whether a table that begins with `text` has them in nearly every row, closes all and is even that way alone.
 * @param {string} text
 * @param {boolean} whole
 * @param {string | null} delimiter
 */
export function areUsual(text, whole, delimiter) {
  if (!text.includes("'")) return false;
  if (count(text, BEGINS) < Math.max(1, MOSTLY * (count(text, /\n/g) - 1))) return false;
  const dialect = decide(exchanged(text), whole, delimiter);
  if (dialect.delimiter === null || text.includes(`${dialect.delimiter}"`) || text.startsWith('"')) return false;
  const rows = new CellReader(dialect).push(exchanged(text), whole).filter(({ cells }) => cells.length > 1 || cells[0]);
  const width = rows[0]?.cells.length ?? 0;
  const even = rows.filter(({ cells }) => cells.length === width).length;
  const quoted = count(text, new RegExp(`(?:^|${escaped(dialect.delimiter)})'`, "gm"));
  const isEven = even >= MOSTLY * rows.length && rows.length > 1 && quoted >= MOSTLY * (rows.length - 1);
  return width > 1 && isEven && dialect.quoting === "doubled" && !rows.some(({ oddQuotes }) => oddQuotes);
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
const count = (text, pattern) => text.match(pattern)?.length ?? 0;

/**
 * Single quotes for double ones, and the other way round.
 * @param {string} text
 */
export const exchanged = (text) => text.replace(/['"]/g, (quote) => (quote === "'" ? '"' : "'"));

/**
 * Rows of an exchanged text with the quotes that the file has.
 * @param {import("./cells.js").Cells[]} rows
 */
export const cellsExchanged = (rows) => rows.map((row) => ({ ...row, cells: row.cells.map(exchanged) }));
