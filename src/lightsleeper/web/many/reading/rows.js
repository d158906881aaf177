/** One row of a file, whatever the file is, and why it may have no text. As `bulk/records/rows.py`. */

import { isBlank, isFilled } from "./columns.js";
import { isDamaged, mended } from "./encoding.js";
import { complaint, fields } from "./json_rows.js";
import { cellOf, kindOfValue, NotJson } from "./json_values.js";
import { beginsAnotherTable } from "./titles.js";
import { trimmed } from "./values.js";

export const BLANK = "blank";
export const PLACEHOLDER = "placeholder";
const HEADER_AGAIN = "the header again";
const HEADER_OTHERWISE = "the header again, in another order";
export const OTHER_TABLE = "of another table";
export const OTHER_HEADER = "the header of another table";

/**
 * @typedef {object} Row
 * @property {(string | null)[]} cells one for each column known so far; null where the row has none
 * @property {number} line of the file it begins in
 * @property {string} [raw] a JSON row as it is written
 * @property {string} [problem] why the row as a whole cannot be read
 * @property {string} [surplus] what of it has no place among the cells
 * @property {Record<number, string>} [kinds] columns that hold something else than text, and what: "a number"
 * @property {boolean} [isShort] whether it has fewer cells than there are columns
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

/**
 * @typedef {object} Shape what a table's lines are made rows by
 * @property {number} width
 * @property {number} skip the first lines with something on them that are no rows: titles and the header
 * @property {boolean} [keepBlank] a line with nothing on it is a blank behind the rows, too, not only between those of one column
 * @property {string[] | null} [header]
 * @property {boolean} [isDelimited] a row is as wide as it was written; those of a sheet are all alike
 * @property {string | null} [joiner] the delimiter, if what is too much belongs to the column `joined`
 * @property {number} [joined]
 */

/** Makes rows out of a table's lines, as many at a time as come. */
export class TableRows {
  /** @type {number[]} */
  #empty = [];
  #skip;
  /** Cells of the rows of another table that was met; 0 if none was. */
  #other = 0;
  /** @type {import("./cells.js").Cells | null} behind an empty line, until the line below it is known */
  #held = null;
  #again;

  /**
   * Lines with nothing on them are none, but between the rows of one column. A row that is the header again comes of
   * files put behind each other: if its names stand in another order, so do the cells below it. Behind an empty line there
   * may be another table.
   * @param {Shape} shape
   */
  constructor(shape) {
    this.shape = shape;
    this.#skip = shape.skip;
    this.#again = new HeaderAgain(shape.header ?? []);
  }

  /**
   * @param {import("./cells.js").Cells[]} lines
   * @returns {Row[]}
   */
  take(lines) {
    const { width, keepBlank, header, isDelimited } = this.shape;
    /** @type {Row[]} */
    const rows = [];
    for (const line of lines) {
      if (this.#held) rows.push(this.#released(this.#held, line.cells));
      // In one column quotes with nothing in them are a blank cell, below the header.
      const empty = line.cells.length === 0 || (line.cells.length === 1 && line.cells[0] === "" && (width > 1 || this.#skip > 0));
      if (empty && !keepBlank) {
        this.#empty.push(line.line);
        continue;
      }
      if (this.#skip) {
        this.#skip -= 1;
        this.#empty = [];
        continue;
      }
      if (this.#empty.length) {
        if (width === 1) for (const blank of this.#empty) rows.push({ cells: [""], line: blank });
        this.#empty = [];
        if (header && isDelimited) {
          this.#held = line;
          continue;
        }
      }
      rows.push(this.#row(line));
    }
    return rows;
  }

  /**
   * What waited for a line below it, of which there is none.
   * @returns {Row[]}
   */
  finish() {
    return this.#held ? [this.#released(this.#held, undefined)] : [];
  }

  /**
   * @param {import("./cells.js").Cells} held
   * @param {string[] | undefined} below
   */
  #released(held, below) {
    this.#held = null;
    if (beginsAnotherTable(held.cells, below, this.shape.width)) this.#other = held.cells.length;
    return this.#row(held);
  }

  /**
   * @param {import("./cells.js").Cells} read
   * @returns {Row}
   */
  #row(read) {
    const { width } = this.shape;
    const { cells: found, line } = read;
    const damaged = mend(read) && { damaged: true };
    const isAgain = this.#again.isMet(found);
    const { order } = this.#again;
    const isOurs = found.length === width;
    const isOther = found.length === this.#other;
    if (isOurs) this.#other = 0; // what is as wide as ours below another header cannot be told from it
    if (isAgain) return { cells: found, line, problem: order ? HEADER_OTHERWISE : HEADER_AGAIN, ...damaged };
    if (isOther) return { ...problemRow(read, found, width, isOurs ? OTHER_HEADER : OTHER_TABLE), ...damaged };
    return read.isSound && isOurs && !order ? read : { ...tableRow(read, this.shape, order), ...damaged };
  }
}

/** Knows the header, and in which order its names stood when it came last. */
class HeaderAgain {
  /** @type {number[] | null} where the cell of each column stands; null if all stand in their places */
  order = null;

  /** @param {string[]} header */
  constructor(header) {
    this.header = header;
    this.folded = header.map(folded);
    this.sorted = this.folded.toSorted().join("\0");
    /** What a row begins with that may be the header again. */
    this.initials = new Set(["", " ", ...this.folded.flatMap((name) => [name[0], name.toUpperCase()[0]])]);
  }

  /** @param {string[]} cells */
  isMet(cells) {
    if (cells.length !== this.header.length || !this.initials.has(cells[0]?.[0] ?? "")) return false; // quick for nearly all
    if (!cells.length) return false;
    if (cells.length === 1) return cells[0] === this.header[0]; // a text, if it is written otherwise
    const names = cells.map(folded);
    if (names.toSorted().join("\0") !== this.sorted) return false;
    this.order = names.every((name, index) => name === this.folded[index]) ? null : this.folded.map((name) => names.indexOf(name));
    return true;
  }
}

/** @param {string} name */
const folded = (name) => trimmed(name).toLowerCase();

/**
 * @param {import("./cells.js").Cells} read
 * @param {string[]} found
 * @param {number} width
 * @param {string} problem
 * @returns {Row}
 */
function problemRow(read, found, width, problem) {
  /** @type {Row} */
  const row = { cells: found.slice(0, width), line: read.line, ...(read.kinds && { kinds: read.kinds }), ...(problem && { problem }) };
  while (row.cells.length < width) row.cells.push(null);
  const surplus = found.slice(width);
  if (surplus.some(trimmed)) row.surplus = listed(surplus);
  return row;
}

/**
 * @param {import("./cells.js").Cells} read
 * @param {Shape} shape
 * @param {number[] | null} order
 * @returns {Row}
 */
function tableRow(read, shape, order) {
  const { width } = shape;
  const found = withSurplusJoined(read.cells, shape);
  const problem = found.slice(width).some(trimmed) ? `${found.length} cells, not ${width}` : "";
  const row = problemRow(read, found, width, problem);
  if (order && !problem) row.cells = order.map((index) => row.cells[index]);
  if (read.cells.length < width) row.isShort = true;
  return row;
}

/**
 * Read what in a line's cells is no text as is likely; whether there was any.
 * @param {import("./cells.js").Cells} line
 */
export function mend({ cells, isSound }) {
  if (isSound || !cells.some(isDamaged)) return false;
  cells.forEach((cell, index) => (cells[index] = mended(cell)));
  return true;
}

/**
 * The cells, of which one holds what is too much: that of the texts, if it is the last or blanks say so.
 * @param {string[]} cells
 * @param {Shape} shape
 */
function withSurplusJoined(cells, { width, joiner = null, joined = 0 }) {
  const count = cells.length - width + 1;
  if (joiner === null || count < 2 || !cells.slice(width).some(trimmed)) return cells;
  const behind = cells.slice(joined + count);
  const isSpaced = (/** @type {string} */ cell) => cell.startsWith(" ");
  if (behind.length && (behind.some(isSpaced) || !cells.slice(joined + 1, joined + count).every(isSpaced))) return cells;
  return [...cells.slice(0, joined), cells.slice(joined, joined + count).join(joiner), ...behind];
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
