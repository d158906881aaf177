/** One row of a file, whatever the file is, and why it may have no text. As `bulk/records/rows.py`. */

import { isBlank, isFilled } from "./columns.js";
import { isDamaged, mended } from "./encoding.js";
import { complaint, fields } from "./json_rows.js";
import { cellOf, kindOfValue, NotJson } from "./json_values.js";

export const BLANK = "blank";
export const PLACEHOLDER = "placeholder";
const HEADER_AGAIN = "the header again";

/**
 * @typedef {object} Row
 * @property {(string | null)[]} cells one for each column known so far; null where the row has none
 * @property {number} line of the file it begins in
 * @property {string} [raw] a JSON row as it is written
 * @property {string} [problem] why the row as a whole cannot be read
 * @property {string} [surplus] what of it has no place among the cells
 * @property {Record<number, string>} [kinds] columns that hold something else than text, and what: "a number"
 * @property {boolean} [damaged] whether a byte or half a character was replaced by what it most likely meant
 */

/**
 * Why the row gets no label: its problem, BLANK, PLACEHOLDER; empty if there is a text.
 * @param {Row} row
 * @param {number} column
 * @param {string} name the column's
 */
export function reasonOf(row, column, name) {
  if (row.problem) return row.problem;
  const kind = row.kinds?.[column];
  if (kind) return `${name} is ${kind}, not a text`;
  return reasonOfCell(row.cells[column] ?? null, name);
}

/**
 * As `reasonOf`, of a row that there is nothing else to say about.
 * @param {string | null} text
 * @param {string} name
 */
export function reasonOfCell(text, name) {
  if (text === null) return `no cell for ${name}`;
  if (isFilled(text)) return "";
  return isBlank(text) ? BLANK : PLACEHOLDER;
}

/** Makes rows of `width` cells out of a table's lines, as many at a time as come. */
export class TableRows {
  /** @type {number[]} */
  #empty = [];
  #skip;

  /**
   * Lines with nothing in them are left out, but between the rows of one column, where they are blanks.
   * @param {number} width
   * @param {{skip: number, keepBlank?: boolean, joiner?: string | null, header?: string[] | null}} options
   * skip: lines with something in them that are no rows: titles and the header; keepBlank: those behind the rows are blanks too; joiner: the delimiter, if what is too much belongs to the last cell; header: a row that is the same comes of files put behind each other
   */
  constructor(width, { skip, keepBlank = false, joiner = null, header = null }) {
    this.width = width;
    this.keepBlank = keepBlank;
    this.joiner = joiner;
    this.header = header;
    this.#skip = skip;
  }

  /**
   * @param {import("./cells.js").Cells[]} lines
   * @returns {Row[]}
   */
  take(lines) {
    /** @type {Row[]} */
    const rows = [];
    for (const line of lines) {
      // In one column quotes with nothing in them are a blank cell, below the header.
      const empty = line.cells.length === 0 || (line.cells.length === 1 && line.cells[0] === "" && (this.width > 1 || this.#skip > 0));
      if (empty && !this.keepBlank) {
        this.#empty.push(line.line);
        continue;
      }
      if (!this.#skip && this.width === 1) for (const blank of this.#empty) rows.push({ cells: [""], line: blank });
      this.#empty = [];
      if (this.#skip) this.#skip -= 1;
      else rows.push(this.#row(line));
    }
    return rows;
  }

  /**
   * @param {import("./cells.js").Cells} read
   * @returns {Row}
   */
  #row(read) {
    const { width, joiner } = this;
    const { cells: found, line, isSound } = read;
    if (found.length === this.header?.length && found.every((cell, index) => cell === this.header?.[index])) {
      return { cells: found, line, problem: HEADER_AGAIN };
    }
    if (isSound && found.length === width) return read;
    /** @type {Row} */
    const row = { cells: found.slice(0, width), line, ...(read.kinds && { kinds: read.kinds }) };
    while (row.cells.length < width) row.cells.push(null);
    const surplus = found.slice(width);
    if (surplus.some((cell) => cell.trim())) {
      if (joiner === null) Object.assign(row, { problem: `${found.length} cells, not ${width}`, surplus: listed(surplus) });
      else row.cells[width - 1] = found.slice(width - 1).join(joiner);
    }
    row.cells.forEach((cell, index) => {
      if (cell === null || !isDamaged(cell)) return;
      row.cells[index] = mended(cell);
      row.damaged = true;
    });
    return row;
  }
}

/** @param {string[]} cells as Python's JSON writes it */
const listed = (cells) => `[${cells.map((cell) => JSON.stringify(cell)).join(", ")}]`;

/**
 * The row that `raw` is.
 * @param {import("./json_rows.js").RawRow} found
 * @param {(name: string) => number} place the column of a name, a new one if it must
 * @returns {Row}
 */
export function jsonRow({ raw: written, line }, place) {
  const damaged = isDamaged(written);
  const raw = damaged ? mended(written) : written;
  /** @type {Row} */
  const row = { cells: [], line, raw };
  if (damaged) row.damaged = true;
  try {
    for (const [name, value] of fields(raw)) setCell(row, name, value, place);
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    return { ...row, cells: [], problem: complaint(raw), surplus: raw };
  }
  return row;
}

/**
 * @param {Row} row
 * @param {string} name
 * @param {string} value as written
 * @param {(name: string) => number} place
 */
function setCell(row, name, value, place) {
  if (!name.isWellFormed()) row.damaged = true;
  const index = freePlace(name.toWellFormed(), row.cells, place);
  const kind = kindOfValue(value);
  if (kind) row.kinds = { ...row.kinds, [index]: kind };
  const cell = cellOf(value);
  if (!cell.isWellFormed()) row.damaged = true;
  while (row.cells.length <= index) row.cells.push(null);
  row.cells[index] = cell.toWellFormed();
}

/**
 * The column of `name`; if the row has it already, which JSON does not forbid, that of `name 2`.
 * @param {string} name
 * @param {(string | null)[]} cells
 * @param {(name: string) => number} place
 */
function freePlace(name, cells, place) {
  let index = place(name);
  for (let count = 2; index < cells.length && cells[index] !== null; count += 1) index = place(`${name} ${count}`);
  return index;
}
