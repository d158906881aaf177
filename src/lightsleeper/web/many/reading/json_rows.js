/** JSON → rows: one value a line, an array, or a document with the rows in it. As `bulk/records/json_rows.py`. */

import { MAX_DOCUMENT_BYTES, MAX_ROW_CHARS } from "./rules.js";

/** Objects within objects become columns named `user.name`; deeper than this they stay JSON. */
const MAX_DEPTH = 4;
const SPACE = /[ \t\n\r]*/y;
const OTHER = /-?Infinity|NaN|[-+.0-9A-Za-z]+/y;
const STRUCTURE = /["{}[\]]/g;
const LITERAL = /^(?:true|false|null|NaN|-?Infinity|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)$/;

/** These characters are not a JSON value. */
export class NotJson extends Error {}

/** @typedef {{raw: string, line: number}} RawRow */

/**
 * Where the JSON value at `start` ends.
 * @param {string} text
 * @param {number} start
 */
export function valueEnd(text, start) {
  const first = text[start];
  if (first === '"') return stringEnd(text, start);
  if (first !== "{" && first !== "[") {
    OTHER.lastIndex = start;
    const end = OTHER.test(text) ? OTHER.lastIndex : start;
    if (!LITERAL.test(text.slice(start, end))) throw new NotJson();
    return end;
  }
  const end = nestedEnd(text, start);
  parsed(text.slice(start, end));
  return end;
}

/**
 * @param {string} text
 * @param {number} start of an object or an array
 */
function nestedEnd(text, start) {
  let depth = 0;
  STRUCTURE.lastIndex = start;
  for (let match = STRUCTURE.exec(text); match; match = STRUCTURE.exec(text)) {
    if (match[0] === '"') STRUCTURE.lastIndex = stringEnd(text, match.index);
    else depth += match[0] === "{" || match[0] === "[" ? 1 : -1;
    if (!depth) return match.index + 1;
  }
  throw new NotJson();
}

/**
 * @param {string} text
 * @param {number} start of a string
 */
function stringEnd(text, start) {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - backslashes - 1] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
  throw new NotJson();
}

/**
 * Python's JSON, which knows NaN and Infinity and lets line breaks stand in strings.
 * @param {string} raw
 */
function parsed(raw) {
  try {
    return JSON.parse(raw);
  } catch {
    const strict = raw
      .replace(/"(?:[^"\\]|\\[^])*"|\bNaN\b|-?\bInfinity\b/g, (part) => (part.startsWith('"') ? escapedControls(part) : "null"));
    try {
      return JSON.parse(strict);
    } catch {
      throw new NotJson();
    }
  }
}

/** @param {string} text */
const escapedControls = (text) => text.replace(/[\0-\x1f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/**
 * The position of the first character at or after `start` that is no white space.
 * @param {string} text
 * @param {number} start
 */
function skipSpace(text, start) {
  SPACE.lastIndex = start;
  SPACE.test(text);
  return SPACE.lastIndex;
}

/**
 * Name and value of each member of a JSON object, in order, the values as they are written.
 * @param {string} raw
 */
export function members(raw) {
  /** @type {[string, string][]} */
  const found = [];
  for (const nameAt of items(raw, "{}")) {
    if (raw[nameAt] !== '"') throw new NotJson();
    const nameEnd = valueEnd(raw, nameAt);
    const colon = skipSpace(raw, nameEnd);
    if (raw[colon] !== ":") throw new NotJson();
    const valueAt = skipSpace(raw, colon + 1);
    found.push([String(parsed(raw.slice(nameAt, nameEnd))), raw.slice(valueAt, valueEnd(raw, valueAt))]);
  }
  return found;
}

/**
 * The elements of a JSON array as they are written.
 * @param {string} raw
 */
export const elements = (raw) => [...items(raw, "[]")].map((start) => raw.slice(start, valueEnd(raw, start)));

/**
 * Where each item between `brackets` begins.
 * @param {string} raw
 * @param {string} brackets
 */
function* items(raw, brackets) {
  const start = skipSpace(raw, 0);
  if (raw[start] !== brackets[0]) throw new NotJson();
  let position = skipSpace(raw, start + 1);
  while (raw[position] !== brackets[1]) {
    yield position;
    position = skipSpace(raw, valueEnd(raw, position));
    if (brackets === "{}") position = skipSpace(raw, valueEnd(raw, skipSpace(raw, position + 1)));
    if (raw[position] === ",") position = skipSpace(raw, position + 1);
    else if (raw[position] !== brackets[1]) throw new NotJson();
  }
}

/**
 * Columns and written values of a row: a string is the column `text`.
 * @param {string} raw
 * @returns {[string, string][]}
 */
export function fields(raw) {
  if (!(raw.startsWith('"') || raw.startsWith("{")) || valueEnd(raw, 0) !== raw.length) throw new NotJson();
  return raw.startsWith('"') ? [["text", raw]] : flat("", raw, 1);
}

/**
 * What is wrong with a row that has no fields.
 * @param {string} raw
 */
export function complaint(raw) {
  const isJson = test(() => valueEnd(raw, 0)) && valueEnd(raw, 0) === raw.length;
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
 * What a written value shows: a string's characters, nothing for null, the value as it stands for all others.
 * @param {string} value
 */
export function cellOf(value) {
  if (value.startsWith('"')) return String(parsed(value));
  return value === "null" ? "" : value;
}

/**
 * What a written value is, for people; empty for a string and null.
 * @param {string} value
 */
export function kindOfValue(value) {
  if (value.startsWith('"') || value === "null") return "";
  return { "{": "an object", "[": "a list", t: "true", f: "false" }[value[0]] ?? "a number";
}

/**
 * How a file that begins with `text` is JSON: lines, array or document; null if it is not.
 * @param {string} text
 * @param {boolean} whole
 * @param {boolean} isJson its name or somebody says that it is JSON, so that a line that is a string is one
 * @returns {"lines" | "array" | "document" | null}
 */
export function shapeOf(text, whole, isJson) {
  const start = skipSpace(text, 0);
  if (text[start] === "[") {
    const first = skipSpace(text, start + 1);
    if (text[first] === "[") return begins(text, first, whole) ? "document" : null;
    return text[first] === "]" || begins(text, first, whole) ? "array" : null;
  }
  if (text[start] !== "{" && !(isJson && text[start] === '"')) return isJson ? "lines" : null;
  const line = text.slice(start).split("\n", 1)[0].trim();
  if (!test(() => fields(line))) {
    const broken = line.startsWith("{") && text.indexOf('"', start) !== -1;
    if (broken && isDocument(text, start, whole)) return "document";
    return isJson ? "lines" : null;
  }
  const alone = !text.slice(start + line.length).trim();
  return line.startsWith("{") && alone && whole && rowsWithin(line) ? "document" : "lines";
}

/**
 * @param {() => unknown} action
 */
function test(action) {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof NotJson) return false;
    throw error;
  }
}

/**
 * @param {string} text
 * @param {number} start
 * @param {boolean} whole
 */
function begins(text, start, whole) {
  if (!'{["'.includes(text[start] ?? " ")) return false;
  return test(() => valueEnd(text, start)) || (!whole && text[start] === "{");
}

/**
 * Whether an object that does not end in its first line is JSON all the same.
 * @param {string} text
 * @param {number} start
 * @param {boolean} whole
 */
function isDocument(text, start, whole) {
  return test(() => valueEnd(text, start)) || (!whole && /^\{\s*"(?:[^"\\]|\\.)*"\s*:/.test(text.slice(start)));
}

/** Takes a file in pieces and gives every line that is not blank, with its number. */
export class Lines {
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
      const raw = line.replace(/^[ \t\r]+|[ \t\r]+$/g, "");
      if (raw) rows.push({ raw, line: this.#number });
    }
    bound(this.#rest, this.#number + 1);
    return rows;
  }
}

/** Takes a file in pieces and gives every element of its array; what is not JSON ends it as one last row. */
export class ArrayElements {
  #text = "";
  #line = 1;
  #opened = false;

  /**
   * @param {string} piece
   * @param {boolean} [last]
   */
  push(piece, last = false) {
    const text = this.#text + piece;
    let position = 0;
    /** @type {RawRow[]} */
    const rows = [];
    for (;;) {
      let start = skipSpace(text, position);
      if (start < text.length && (!this.#opened || text[start] === ",")) {
        this.#opened = true;
        start = skipSpace(text, start + 1);
      }
      if (start >= text.length || text[start] === "]") break;
      let end = last ? text.length : -1;
      if (test(() => valueEnd(text, start))) end = valueEnd(text, start);
      // A number at the very end may go on in the next piece.
      if (end === -1 || (end === text.length && !last)) break;
      this.#line += breaks(text.slice(position, start));
      rows.push({ raw: text.slice(start, end).trim(), line: this.#line });
      this.#line += breaks(text.slice(start, end));
      position = end;
    }
    this.#text = text.slice(position);
    bound(this.#text, this.#line);
    return rows;
  }
}

/** @param {string} text */
const breaks = (text) => text.split("\n").length - 1;

/** Takes a file in pieces and, at its end, gives the rows of the JSON document, wherever they are in it. */
export class Document {
  /** @type {string[]} */
  #pieces = [];
  #chars = 0;

  /**
   * @param {string} piece
   * @param {boolean} [last]
   * @returns {RawRow[]}
   */
  push(piece, last = false) {
    this.#pieces.push(piece);
    this.#chars += piece.length;
    if (this.#chars > MAX_DOCUMENT_BYTES) {
      throw new Error(`it is a JSON document of more than ${MAX_DOCUMENT_BYTES.toLocaleString("en")} characters; write one row a line`);
    }
    return last ? rowsOfDocument(this.#pieces.join("")).map((raw, index) => ({ raw, line: index + 1 })) : [];
  }
}

/** @param {string} text */
function rowsOfDocument(text) {
  const rows = [];
  // Objects over several lines each may follow each other.
  for (let rest = skipSpace(text, 0); rest < text.length; ) {
    const end = test(() => valueEnd(text, rest)) ? valueEnd(text, rest) : text.length;
    rows.push(text.slice(rest, end).trim());
    rest = skipSpace(text, end);
  }
  return (rows.length === 1 && rowsWithin(rows[0])) || rows;
}

/**
 * The rows that a JSON document holds: lists, pandas' shapes, else its longest array, at any depth.
 * @param {string} raw
 * @returns {string[] | null}
 */
function rowsWithin(raw) {
  /** @type {[string, string][]} */
  let found = [];
  /** @type {string[]} */
  let lists = [];
  if (!test(() => (raw.startsWith("[") ? (lists = elements(raw)) : (found = members(raw))))) return null;
  if (lists.length) return fromLists(lists);
  const byName = new Map(found);
  const [columns, data] = [byName.get("columns"), byName.get("data")];
  if (columns && data) return fromLists([columns, ...elements(data)]);
  const arrays = found.filter(([, value]) => value.startsWith("[")).map(([, value]) => elements(value));
  const tables = arrays.filter(([first]) => first?.startsWith("{") || first?.startsWith("["));
  if (tables.length) {
    const size = (/** @type {string[]} */ table) => table.reduce((sum, row) => sum + row.length, 0);
    const rows = tables.reduce((one, other) => (size(other) > size(one) ? other : one));
    return rows[0].startsWith("[") ? fromLists(rows) : rows;
  }
  if (found.length && arrays.length === found.length && arrays.every((array) => array.length === arrays[0].length)) {
    return arrays[0].map((_, row) => object(found.map(([name], column) => [name, arrays[column][row]])));
  }
  return fromObjects(found);
}

/**
 * Rows of an array of arrays whose first names the columns.
 * @param {string[]} rows
 */
function fromLists([first, ...rows]) {
  const header = elements(first).map(cellOf);
  return rows.map((row) => object(elements(row).slice(0, header.length).map((value, index) => [header[index], value])));
}

/**
 * Objects in an object: by column (`{"text": {"0": …}}`), by row (`{"a1": {"text": …}}`), or rows further in.
 * @param {[string, string][]} found
 * @returns {string[] | null}
 */
function fromObjects(found) {
  const objects = found.filter(([, value]) => value.startsWith("{"));
  for (const [, value] of objects) {
    const rows = rowsWithin(value);
    if (rows) return rows;
  }
  const inner = objects.map(([, value]) => members(value));
  if (!inner.length || inner.length !== found.length || !inner[0].length) return null;
  const keys = inner[0].map(([name]) => name);
  const alike = inner.every((each) => each.length === keys.length && each.every(([name], index) => name === keys[index]));
  if (!alike || !keys.every((key) => /^[0-9]+$/.test(key))) return found.length > 1 ? found.map(([, value]) => value) : null;
  return keys.map((_, row) => object(found.map(([name], column) => [name, inner[column][row][1]])));
}

/** @param {[string, string][]} pairs */
const object = (pairs) => `{${pairs.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(", ")}}`;

/**
 * @param {string} rest
 * @param {number} line
 */
function bound(rest, line) {
  if (rest.length > MAX_ROW_CHARS) {
    throw new Error(`line ${line} goes on for more than ${MAX_ROW_CHARS.toLocaleString("en")} characters`);
  }
}
