/** Characters → rows of cells, one row at a time. As `bulk/records/cells.py`, line by line. */

import { isDamaged } from "./encoding.js";
import { breaks, QuickRows } from "./quick_rows.js";
import { MAX_ROW_CHARS, MOSTLY } from "./rules.js";

/**
 * @typedef {object} Dialect
 * @property {string | null} delimiter null: a line is a cell
 * @property {"doubled" | "backslash" | "none"} quoting how a quote inside a quoted cell is written; none: it is a plain character
 * @property {"\n" | "\r\n" | "\r"} lineEnd of "\n" a carriage return before it is part; a lone one is a plain character
 *
 * @typedef {object} Cells
 * @property {string[]} cells none of a line with nothing on it, unless a line is a cell
 * @property {number} line of the file it begins in; 1 is the first
 * @property {number} oddQuotes cells whose quotes are neither doubled nor escaped: taken as they stand
 * @property {boolean} isSound whether it is known that nothing in it was damaged
 * @property {Record<number, string>} [kinds] of a sheet: cells that are no text, and what they are
 */

/** A byte order mark begins a file, and a row where files were put behind each other: it is no part of a cell. */
const MARK = "\ufeff";
const MARKS = /^\ufeff+/;
const MORE = -1;
const PLAIN = -2;

/** Takes a file in pieces; gives every row that is complete. */
export class CellReader {
  #text = "";
  #position = 0;
  /** Before this position no quoted cell closes: what makes a thousand stray quotes no slower than one. */
  #noCloseBefore = -1;
  /** Cells of the row above. */
  #width = 0;
  #withoutQuotes;

  /**
   * @param {Dialect} dialect
   * @param {number} [line]
   */
  constructor(dialect, line = 1) {
    this.dialect = dialect;
    this.delimiter = dialect.delimiter ?? "";
    this.line = line;
    this.#withoutQuotes = dialect.delimiter === null || dialect.quoting === "none";
  }

  /**
   * The rows that `piece` completes; with `last`, the rest.
   * @param {string} piece
   * @param {boolean} [last]
   */
  push(piece, last = false) {
    this.#noCloseBefore = -1;
    this.#text = this.#text.slice(this.#position) + piece;
    this.#position = 0;
    /** @type {Cells[]} */
    const rows = [];
    const quick = new QuickRows(this.#text, this.dialect, !isDamaged(this.#text));
    while (this.#position < this.#text.length) {
      this.#position = quick.take(this.#position, this.line, rows);
      this.line = quick.line;
      this.#width = rows.at(-1)?.cells.length ?? this.#width;
      const row = this.#row(last);
      if (!row) break;
      rows.push(row);
      this.#width = row.cells.length;
    }
    if (this.#text.includes(MARK)) for (const { cells } of rows) if (cells.length) cells[0] = cells[0].replace(MARKS, "");
    if (this.#text.length - this.#position > MAX_ROW_CHARS) {
      throw new Error(`line ${this.line} goes on for more than ${MAX_ROW_CHARS.toLocaleString("en")} characters`);
    }
    return rows;
  }

  /** What belongs to a row that is not complete. */
  get rest() {
    return this.#text.slice(this.#position);
  }

  /** @param {boolean} last */
  #row(last) {
    const { dialect } = this;
    const text = this.#text;
    const start = this.#position;
    const end = text.indexOf(dialect.lineEnd, start);
    if (start === text.length || (end === -1 && !last)) return null;
    let line = text.slice(start, end === -1 ? text.length : end);
    if (this.#withoutQuotes || !line.includes('"')) {
      if (end !== -1 && dialect.lineEnd === "\n" && line.endsWith("\r")) line = line.slice(0, -1);
      this.#position = end === -1 ? text.length : end + dialect.lineEnd.length;
      const row = { cells: dialect.delimiter === null ? [line] : line ? line.split(dialect.delimiter) : [], line: this.line, oddQuotes: 0, isSound: false };
      this.line += dialect.lineEnd === "\r\n" ? breaks(text, start, this.#position) : 1;
      return row;
    }
    const row = { cells: /** @type {string[]} */ ([]), line: this.line, oddQuotes: 0, isSound: false };
    if (!this.#slowly(row, last)) return null;
    this.line += dialect.lineEnd === "\r" ? 1 : breaks(text, start, this.#position);
    return row;
  }

  /**
   * Cell by cell, for rows with quotes; false if the row may go on in the next piece.
   * @param {Cells} row
   * @param {boolean} last
   */
  #slowly(row, last) {
    let position = this.#position;
    for (;;) {
      const cell = this.#cell(row, position, last);
      if (!cell) return false;
      row.cells.push(cell.value);
      position = cell.next;
      if (!cell.endsRow) continue;
      this.#position = position;
      return true;
    }
  }

  /**
   * The cell at `start`, where the next begins, whether it is the row's last; null if it may go on.
   * @param {Cells} row
   * @param {number} start
   * @param {boolean} last
   */
  #cell(row, start, last) {
    const text = this.#text;
    const { delimiter, dialect } = this;
    let opening = start;
    while (start === this.#position && text[opening] === MARK) opening += 1;
    opening = this.#pastBlanks(opening);
    if (text[opening] === '"') {
      const close = this.#close(row, opening, last);
      if (close === MORE) return null;
      if (close !== PLAIN) return this.#behind(this.#unquoted(text.slice(opening + 1, close)), this.#pastBlanks(close + 1));
      row.oddQuotes += 1;
    }
    let end = text.indexOf(delimiter, start);
    const breaks = text.indexOf(dialect.lineEnd, start);
    if (breaks === -1 && !last && end === -1) return null;
    if (end === -1 || (breaks !== -1 && breaks < end)) {
      end = breaks === -1 ? text.length : breaks;
      if (breaks !== -1 && dialect.lineEnd === "\n" && end > start && text[end - 1] === "\r") end -= 1;
    }
    return this.#behind(text.slice(start, end), end);
  }

  /** @param {number} position */
  #pastBlanks(position) {
    let behind = position;
    while (this.#text[behind] === " " && this.delimiter !== " ") behind += 1;
    return behind;
  }

  /**
   * @param {string} value
   * @param {number} end where the cell ends
   */
  #behind(value, end) {
    const text = this.#text;
    const { lineEnd } = this.dialect;
    if (text.startsWith(this.delimiter, end) && end < text.length) {
      return { value, next: end + this.delimiter.length, endsRow: false };
    }
    const from = lineEnd === "\n" && text[end] === "\r" ? end + 1 : end;
    return { value, next: Math.min(text.length, from + lineEnd.length), endsRow: true };
  }

  /**
   * Where the quote at `opening` closes; MORE if that is still to come, PLAIN if it is no quoted cell.
   * @param {Cells} row
   * @param {number} opening
   * @param {boolean} last
   */
  #close(row, opening, last) {
    if (opening < this.#noCloseBefore) return PLAIN;
    const text = this.#text;
    let line = 0; // the one that `quote` is in, once an odd quote was met
    let quote = text.indexOf('"', opening + 1);
    while (quote !== -1) {
      if (this.dialect.quoting === "backslash" && isEscaped(text, quote, opening)) {
        quote = text.indexOf('"', quote + 1);
      } else if (text[quote + 1] === '"') {
        quote = text.indexOf('"', quote + 2);
      } else {
        const ends = this.#endsCell(quote + 1, last);
        if (ends === null) return MORE;
        if (ends) return this.#judged(row, opening, quote, line, last);
        line = this.#lineOf(quote, line || this.#secondLine(opening), row);
        if (line === PLAIN) return PLAIN;
        quote = text.indexOf('"', quote + 1);
      }
    }
    if (!last && text.length - this.#position <= MAX_ROW_CHARS) return MORE;
    this.#noCloseBefore = text.length;
    return PLAIN;
  }

  /**
   * Tab-separated files are written without quoting by many: there a quote is one only where it makes sense, or beside one.
   * @param {Cells} row
   * @param {number} opening
   * @param {number} close
   * @param {number} line that of `close`, if an odd quote was met; else 0
   * @param {boolean} last
   */
  #judged(row, opening, close, line, last) {
    const beside = this.#text.slice(Math.max(this.#position, opening - 2), opening) + this.#text.slice(close + 1, close + 3);
    const inner = this.delimiter === "\t" && !/"\t|\t"/.test(beside) ? this.#text.slice(opening, close) : "";
    if (inner && line) return PLAIN;
    if (inner.includes("\t") && (inner.includes("\n") || inner.includes(this.dialect.lineEnd))) {
      const end = this.#text.indexOf(this.dialect.lineEnd, close);
      if (end === -1 && !last) return MORE;
      if (this.#areRows(this.#text.slice(this.#position, end === -1 ? undefined : end).split(this.#break))) return PLAIN;
    }
    if (line && line <= close && this.#isRow(line, close, row)) return PLAIN;
    row.oddQuotes += Number(line > 0);
    return close;
  }

  /**
   * Whether nearly all of what a quoted cell makes one row has by itself as many tabs as the row above.
   * @param {string[]} lines
   */
  #areRows(lines) {
    const widths = lines.map((line) => line.split("\t").length);
    return widths.filter((width) => width === (this.#width || widths[0])).length >= MOSTLY * lines.length;
  }

  /**
   * Where the line of `quote` begins; PLAIN if one from `line` to there is a row: the cell swallowed it. So it did where a
   * quote in it is odd, and another line has as many delimiters as stand before the cell.
   * @param {number} quote
   * @param {number} line
   * @param {Cells} row
   */
  #lineOf(quote, line, row) {
    for (let end = this.#text.indexOf(this.#break, line); end !== -1 && end < quote; end = this.#text.indexOf(this.#break, line)) {
      if (this.#isRow(line, end, row)) return PLAIN;
      line = end + 1;
    }
    return line;
  }

  /** @param {number} opening */
  #secondLine(opening) {
    return this.#text.indexOf(this.#break, opening) + 1 || this.#text.length;
  }

  /**
   * @param {number} start
   * @param {number} end
   * @param {Cells} row
   */
  #isRow(start, end, row) {
    return this.#text.slice(start, end).split(this.delimiter).length > Math.max(1, row.cells.length);
  }

  get #break() {
    return this.dialect.lineEnd.slice(-1);
  }

  /**
   * Whether a cell may end before `from`; null if the next piece decides.
   * @param {number} from
   * @param {boolean} last
   */
  #endsCell(from, last) {
    const text = this.#text;
    const { lineEnd } = this.dialect;
    const behind = this.#pastBlanks(from);
    if (behind < text.length) {
      if (text.startsWith(this.delimiter, behind) || text.startsWith(lineEnd, behind)) return true;
      if (lineEnd === "\n" && text.startsWith("\r\n", behind)) return true;
    }
    if (text.length - behind < Math.max(this.delimiter.length, 2)) {
      return last ? behind >= text.length || text.slice(behind) === "\r" : null;
    }
    return false;
  }

  /** @param {string} inner */
  #unquoted(inner) {
    if (this.dialect.quoting !== "backslash") return inner.replaceAll('""', '"');
    return inner.replace(/\\(["\\])|""/g, (_, escaped) => escaped ?? '"');
  }
}

/**
 * @param {string} text
 * @param {number} quote
 * @param {number} opening
 */
function isEscaped(text, quote, opening) {
  let backslashes = 0;
  while (quote - backslashes - 1 > opening && text[quote - backslashes - 1] === "\\") backslashes += 1;
  return backslashes % 2 === 1;
}
