/** A JSON document → the rows that are somewhere in it. */

import { cellOf, elements, members, reads, skipSpace, valueEnd } from "./json_values.js";
import { MAX_DOCUMENT_BYTES } from "./rules.js";

/** @typedef {import("./json_rows.js").RawRow} RawRow */

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
    const end = reads(() => valueEnd(text, rest)) ? valueEnd(text, rest) : text.length;
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
export function rowsWithin(raw) {
  /** @type {[string, string][]} */
  let found = [];
  /** @type {string[]} */
  let lists = [];
  if (!reads(() => (raw.startsWith("[") ? (lists = elements(raw)) : (found = members(raw))))) return null;
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
