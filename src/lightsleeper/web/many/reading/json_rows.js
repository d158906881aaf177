/** JSON → rows: one value a line, an array, or a document with the rows in it. As `bulk/records/json_rows.py`. */

import { isDoubtful, within } from "./json_document.js";
import { isCut } from "./json_faults.js";
import { closedEnd, members, NotJson, reads, skipSpace, valueEnd } from "./json_values.js";
import { MAX_ROW_CHARS } from "./rules.js";
import { stripped } from "./values.js";

/** Objects within objects become columns named `user.name`; deeper than this they stay JSON. */
const MAX_DEPTH = 4;
/** `window.YTD.tweets.part0 = [`, `const reviews = {`. */
const ASSIGNED = /^\s*(?:(?:var|let|const|export)\s+)*[A-Za-z_$][\w$.]*\s*=\s*(?=[[{])/;
/** What may stand around the value of a line. */
const AROUND = /[ \t\r\x1e]/;
/** Lines of a file called json that are looked at before it is taken for something else. */
const LINES_SEEN = 100;
/** So much of a file is looked at for the end of an element, then twice as much, and so on. */
const SEEN_CHARS = 512;

/** @typedef {{raw: string, line: number}} RawRow */

/**
 * Columns and written values of a row: a string is the column `text`.
 * @param {string} raw
 * @returns {[string, string][]}
 */
export function fields(raw) {
  if (!(raw.startsWith('"') || raw.startsWith("{")) || !isOneValue(raw)) throw new NotJson();
  return raw.startsWith('"') ? [["text", raw]] : flat("", raw, 1);
}

/**
 * The browser's own parser first: ours also takes what Python's takes.
 * @param {string} raw
 */
function isOneValue(raw) {
  try {
    JSON.parse(raw);
    return true;
  } catch {
    return valueEnd(raw, 0) === raw.length;
  }
}

/**
 * What is wrong with a row that has no fields.
 * @param {string} raw
 */
export function complaint(raw) {
  const isJson = reads(() => valueEnd(raw, 0)) && valueEnd(raw, 0) === raw.length;
  return isJson ? "neither a JSON object nor a string" : "this line is not JSON";
}

/**
 * @param {string} prefix
 * @param {string} raw
 * @param {number} depth
 * @returns {[string, string][]}
 */
function flat(prefix, raw, depth) {
  return members(raw).flatMap(([name, value]) => {
    const inner = value.startsWith("{") && depth < MAX_DEPTH ? flat(`${prefix}${name}.`, value, depth + 1) : [];
    return inner.length ? inner : [/** @type {[string, string]} */ ([`${prefix}${name}`, value])];
  });
}

/**
 * How much of a file stands before the JSON that a script gives a name to, as in an archive of tweets.
 * @param {string} text
 */
export const beginOfScript = (text) => text.match(ASSIGNED)?.[0].length ?? 0;

/**
 * How a file that begins with `text` is JSON: lines, array or document; null if it is not.
 * @param {string} text
 * @param {boolean} whole
 * @param {boolean} isJson its name or somebody says that it is JSON, so that a line that is a string is one
 * @returns {"lines" | "array" | "document" | null}
 */
export function shapeOf(text, whole, isJson) {
  const start = skipSpace(text, 0);
  if (text[start] === "[") return shapeOfList(text, start, whole, isJson);
  if (text[start] !== "{" && !(isJson && text[start] === '"')) {
    return isJson && text.split("\n", LINES_SEEN).some((line) => isRow(withoutComma(line.trim()))) ? "lines" : null;
  }
  const line = text.slice(start).split("\n", 1)[0].trim();
  if (!isRow(withoutComma(line))) {
    const broken = line.startsWith("{") && text.indexOf('"', start) !== -1;
    if (broken && isDocument(text, start, whole)) return "document";
    return isJson ? "lines" : null;
  }
  const alone = !text.slice(start + line.length).trim();
  return line.startsWith("{") && alone && whole && (within(line) || isDoubtful(line)) ? "document" : "lines";
}

/**
 * An array of rows, one of lists, or a list a line; in a file called otherwise, a text may begin with a bracket.
 * @param {string} text
 * @param {number} start
 * @param {boolean} whole
 * @param {boolean} isJson
 * @returns {"array" | "document" | null}
 */
function shapeOfList(text, start, whole, isJson) {
  const first = skipSpace(text, start + 1);
  const ofLists = text[first] === "[";
  const end = endOf(text, start);
  if (end === null) return begins(text, first, whole, isJson) ? (ofLists ? "document" : "array") : null;
  const behind = text.charAt(skipSpace(text, end));
  if (!isJson && (!["", "[", ",", ";"].includes(behind) || !'{["]'.includes(text[first]))) return null;
  const aLineEach = behind === "[" && text[first] !== "{";
  return ofLists || aLineEach ? "document" : "array";
}

/**
 * Whether a list that is cut, or broken, begins with a value.
 * @param {string} text
 * @param {number} first
 * @param {boolean} whole
 * @param {boolean} isJson
 */
function begins(text, first, whole, isJson) {
  if (!isJson && !'{["'.includes(text[first] ?? " ")) return false;
  const end = endOf(text, first);
  if (end === null) return text[first] === "{" && (!whole || holdsRows(text));
  return isJson || ["", ",", "]"].includes(text.charAt(skipSpace(text, end)));
}

/**
 * Whether a list has elements that can be read behind a first that cannot.
 * @param {string} text
 */
const holdsRows = (text) => new ArrayElements().push(text, true).slice(0, LINES_SEEN).some(({ raw }) => raw.startsWith("{") && isRow(raw));

/**
 * Where the value at `start` ends; null if none is there, or not all of it.
 * @param {string} text
 * @param {number} start
 */
function endOf(text, start) {
  let end = null;
  reads(() => (end = valueEnd(text, start)));
  return /** @type {number | null} */ (end);
}

/** @param {string} line */
const isRow = (line) => reads(() => fields(line));

/**
 * Lines cut out of an array have commas behind them.
 * @param {string} line
 */
const withoutComma = (line) => (/^\{[^]*\},$|^"[^]*",$/.test(line) ? line.slice(0, -1) : line);

/**
 * Whether an object that does not end in its first line is JSON all the same.
 * @param {string} text
 * @param {number} start
 * @param {boolean} whole
 */
function isDocument(text, start, whole) {
  return reads(() => valueEnd(text, start)) || (!whole && /^\{\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*:/.test(text.slice(start)));
}

/** Takes a file in pieces and gives every line that is not blank, with its number. */
export class Lines {
  /** Nothing is left out. @type {string[]} */
  notes = [];
  #rest = "";
  #number = 0;

  /**
   * @param {string} piece
   * @param {boolean} [last]
   */
  push(piece, last = false) {
    const complete = (this.#rest + piece + (last ? "\n" : "")).split("\n");
    this.#rest = complete.pop() ?? "";
    /** @type {RawRow[]} */
    const rows = [];
    for (const line of complete) {
      this.#number += 1;
      const raw = line.startsWith("{") && line.endsWith("}") ? line : stripped(line, AROUND);
      if (raw) rows.push({ raw: withoutComma(raw), line: this.#number });
    }
    bound(this.#rest, this.#number + 1);
    return rows;
  }
}

/** Takes a file in pieces and gives every element of its array, or of several; what is no JSON ends where it must. */
export class ArrayElements {
  /** Nothing is left out. @type {string[]} */
  notes = [];
  #text = "";
  #line = 1;
  #margin = 0;
  #inside = false;
  #enough = 0;

  /**
   * @param {string} piece
   * @param {boolean} [last]
   */
  push(piece, last = false) {
    const text = this.#text + piece;
    let position = 0;
    /** @type {RawRow[]} */
    const rows = [];
    this.#text = text;
    if (text.length < Math.min(this.#enough, MAX_ROW_CHARS) && !last) return rows;
    for (let start = skipSpace(text, position); start < text.length; start = skipSpace(text, position)) {
      this.#pass(text, position, start);
      position = start;
      if (text[start] === "," || text[start] === ";" || text[start] === (this.#inside ? "]" : "[")) {
        if (text[start] === "[" || text[start] === "]") this.#inside = !this.#inside;
        position += 1;
        continue;
      }
      const end = elementEnd(text, start, start - this.#margin, last);
      // A number at the very end may go on in the next piece.
      if (end === -1 || (end === text.length && !last)) break;
      rows.push({ raw: text.slice(start, end).trim(), line: this.#line });
      this.#pass(text, start, end);
      position = end;
    }
    this.#text = text.slice(position);
    this.#margin -= position;
    this.#enough = 2 * this.#text.length; // to look at it again with each piece takes the square of the time
    bound(this.#text, this.#line);
    return rows;
  }

  /**
   * Counts the lines of what was read, and where the last of them begins.
   * @param {string} text
   * @param {number} start
   * @param {number} end
   */
  #pass(text, start, end) {
    const passed = text.slice(start, end);
    const newline = passed.lastIndexOf("\n");
    if (newline === -1) return;
    this.#line += breaks(passed);
    this.#margin = start + newline + 1;
  }
}

/**
 * Where an element ends; -1 if more of it must come first. One that is no JSON ends where its brackets close, or above a
 * line that begins as an element does and no further in than itself, whichever comes first: what is behind it is not lost.
 * @param {string} text
 * @param {number} start
 * @param {number} indent
 * @param {boolean} last
 */
function elementEnd(text, start, indent, last) {
  // To look at all of the text for every element would take the square of the time.
  for (let size = SEEN_CHARS; ; size *= 2) {
    const seen = text.slice(start, start + size);
    const isAll = start + size >= text.length;
    const end = endOf(seen, 0);
    if (end !== null && (isAll || end < seen.length)) return start + end;
    if (end !== null) continue;
    const lineEnd = seen.search(new RegExp(`\\n(?=[ \\t]{0,${indent}}[{\\]])`));
    if (lineEnd !== -1 && (seen[0] === '"' || isCut(seen))) {
      if (!isAll) continue;
      if (!last && seen.length <= MAX_ROW_CHARS) return -1;
    }
    const broken = closedEnd(lineEnd === -1 ? seen : seen.slice(0, lineEnd), 0) ?? lineEnd;
    if (broken !== -1) return start + broken;
    if (isAll) return last ? text.length : -1;
  }
}

/** @param {string} text */
const breaks = (text) => text.split("\n").length - 1;

/**
 * @param {string} rest
 * @param {number} line
 */
function bound(rest, line) {
  if (rest.length > MAX_ROW_CHARS) {
    throw new Error(`line ${line} goes on for more than ${MAX_ROW_CHARS.toLocaleString("en")} characters`);
  }
}
