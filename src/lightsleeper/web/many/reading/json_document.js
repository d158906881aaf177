/** A JSON document → the rows that are somewhere in it, and what stands beside them. As `bulk/records/json_document.py`. */

import { hasWordOf, uniqueNames } from "./columns.js";
import { isHeader } from "./dialect.js";
import { cellOf, elements, members, reads, skipSpace, valueEnd } from "./json_values.js";
import { MAX_DOCUMENT_BYTES, TEXT_NAMES } from "./rules.js";

/** Names of what is left out that are listed. */
const LISTED = 10;

/**
 * @typedef {import("./json_rows.js").RawRow} RawRow
 *
 * @typedef {object} Within rows that were found in a document
 * @property {string[]} rows
 * @property {string[]} path the keys that lead to them
 * @property {string[]} beside the names of what stands beside them and is no row
 */

/** Takes a file in pieces and, at its end, gives the rows of the JSON document, wherever they are in it. */
export class Document {
  /** What was left out, in words; known at the end. @type {string[]} */
  notes = [];
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
    return last ? this.#rows(this.#pieces.join("")).map((raw, index) => ({ raw, line: index + 1 })) : [];
  }

  /** @param {string} text */
  #rows(text) {
    const rows = values(text);
    const found = rows.length === 1 ? within(rows[0]) : null;
    if (found) this.notes = noteOn(found);
    else if (rows.length > 1 && rows.every((row) => row.startsWith("["))) return fromLists(rows); // a list a line
    return found?.rows ?? rows;
  }
}

/** @param {Within} found */
function noteOn({ path, beside }) {
  if (!beside.length) return [];
  const place = path.length ? `the rows are in ${path.join(".")}; ` : "";
  return [`${place}left out beside them: ${beside.slice(0, LISTED).join(", ")}${beside.length > LISTED ? ", …" : ""}`];
}

/**
 * Objects over several lines each may follow each other; what is no JSON is one last value.
 * @param {string} text
 */
function values(text) {
  const rows = [];
  for (let position = skipSpace(text, 0); position < text.length; ) {
    const end = reads(() => valueEnd(text, position)) ? valueEnd(text, position) : text.length;
    rows.push(text.slice(position, end).trim());
    position = skipSpace(text, end);
    if (text[position] === ",") position = skipSpace(text, position + 1);
  }
  return rows;
}

/**
 * The rows that a JSON document holds: lists, pandas' shapes, else its longest array, at any depth.
 * @param {string} raw
 * @returns {Within | null}
 */
export function within(raw) {
  /** @type {[string, string][]} */
  let found = [];
  /** @type {string[] | null} */
  let list = null;
  if (!reads(() => (raw.startsWith("[") ? (list = elements(raw)) : (found = members(raw))))) return null;
  if (list) return { rows: fromLists(list), path: [], beside: [] };
  const lists = new Map(found.filter(([, value]) => value.startsWith("[")).map(([name, value]) => [name, elements(value)]));
  const beside = (/** @type {string[]} */ ...known) => found.map(([name]) => name).filter((name) => !known.includes(name));
  const [columns, data] = [lists.get("columns"), lists.get("data")];
  if (columns && data) {
    const rows = keyed("index", lists.get("index") ?? [], fromLists(data, columns));
    return { rows, path: [], beside: beside("columns", "data", "index") };
  }
  const together = lists.size === found.length ? byList(lists) : null;
  if (together) return together;
  const tables = [...lists].filter(([, [first]]) => first?.startsWith("{") || first?.startsWith("["));
  if (tables.length) {
    const size = (/** @type {string[]} */ table) => table.reduce((sum, row) => sum + row.length, 0);
    const named = tables.filter(([name, [row]]) => isOfTexts(name, row));
    const [name, rows] = (named.length ? named : tables).reduce((one, other) => (size(other[1]) > size(one[1]) ? other : one));
    return { rows: rows[0].startsWith("[") ? fromLists(rows) : rows, path: [name], beside: beside(name) };
  }
  const all = [...lists];
  if (found.length && all.length === found.length && all.every(([, column]) => column.length === all[0][1].length)) {
    return { rows: all[0][1].map((_, row) => object(all.map(([name, column]) => [name, column[row]]))), path: [], beside: [] };
  }
  return texts(found, lists) ?? fromObjects(found);
}

/**
 * Whether a list, or something in its rows, is called text, review or the like.
 * @param {string} name
 * @param {string} row
 */
const isOfTexts = (name, row) => [name, ...(row.startsWith("{") ? members(row).map(([each]) => each) : [])].some((each) => hasWordOf(each, TEXT_NAMES));

/**
 * A list of strings that is called texts, reviews, …, where no string is.
 * @param {[string, string][]} found
 * @param {Map<string, string[]>} lists
 * @returns {Within | null}
 */
function texts(found, lists) {
  const called = found.filter(([name]) => hasWordOf(name, TEXT_NAMES));
  const rows = called.length === 1 ? lists.get(called[0][0]) : undefined;
  if (!rows?.length || !rows.every((row) => row.startsWith('"'))) return null;
  const [[name]] = called;
  return { rows, path: [name], beside: found.map(([other]) => other).filter((other) => other !== name) };
}

/**
 * Rows of lists, whose names stand in `columns` or in the first of them, if that is a header.
 * @param {string[]} rows
 * @param {string[] | null} [columns]
 */
function fromLists(rows, columns = null) {
  let lists = rows.map((row) => (row.startsWith("[") ? elements(row) : null));
  if (!columns && lists.every(isPage)) return lists.flatMap((page) => page ?? []);
  if (!columns && lists[0]) {
    const shown = lists.slice(0, 200).filter((cells) => cells !== null);
    if (lists[0].every((name) => name.startsWith('"')) && isHeader(shown.map((cells) => cells.map(cellOf)))) {
      [columns, lists, rows] = [lists[0], lists.slice(1), rows.slice(1)];
    }
  }
  const width = lists.reduce((widest, cells) => Math.max(widest, cells?.length ?? 0), columns?.length ?? 0);
  const names = uniqueNames((columns ?? []).map(cellOf), width);
  return lists.map((cells, row) => (cells ? object(cells.map((value, index) => [names[index], value])) : rows[row]));
}

/**
 * Whether a list holds nothing but objects: rows, as a scraper keeps them by page.
 * @param {string[] | null} cells
 */
const isPage = (cells) => cells !== null && cells.every((cell) => cell.startsWith("{"));

/**
 * The rows of every list, where all hold objects that are alike, each with the list's name.
 * @param {Map<string, string[]>} lists
 * @returns {Within | null}
 */
function byList(lists) {
  const tables = [...lists];
  const rows = tables.flatMap(([, table]) => table);
  if (tables.length < 2 || !rows.length || !tables.every(([, table]) => isPage(table))) return null;
  const first = new Map(members(rows[0]));
  if (!tables.every(([, table]) => !table.length || areAlike(new Map(members(table[0])), first))) return null;
  return { rows: keyed("key", tables.flatMap(([name, table]) => table.map(() => written(name))), rows), path: [], beside: [] };
}

/**
 * Objects in an object: by column (`{"text": {"0": …}}`), by row (`{"a1": {"text": …}}`), or rows further in.
 * @param {[string, string][]} found
 * @returns {Within | null}
 */
function fromObjects(found) {
  const names = found.map(([name]) => name);
  const inner = new Map(found.filter(([, value]) => value.startsWith("{")).map(([name, value]) => [name, new Map(members(value))]));
  const all = [...inner.values()];
  const byKey = () => ({ rows: keyed("key", names.map(written), found.map(([, value]) => value)), path: [], beside: [] });
  if (all.length && all.length === found.length && all.every(({ size }) => size)) {
    const keys = [...new Set(all.flatMap((each) => [...each.keys()]))];
    if (keys.every((key) => /^[0-9]+$/.test(key))) {
      const pairs = (/** @type {string} */ key) => [...inner].filter(([, each]) => each.has(key)).map(([name, each]) => /** @type {[string, string]} */ ([name, each.get(key)]));
      return { rows: keyed("index", keys.map(written), keys.map((key) => object(pairs(key)))), path: [], beside: [] };
    }
    if (all.length > 1 && all.every((each) => areAlike(each, all[0]))) return byKey();
  }
  for (const [name, value] of found) {
    const deeper = value.startsWith("{") ? within(value) : null;
    if (!deeper) continue;
    const beside = [...names.filter((other) => other !== name), ...deeper.beside.map((other) => `${name}.${other}`)];
    return { rows: deeper.rows, path: [name, ...deeper.path], beside };
  }
  return all.length > 1 && all.length === found.length ? byKey() : null;
}

/**
 * Whether two objects have more than half of their keys in common.
 * @param {Map<string, string>} one
 * @param {Map<string, string>} other
 */
const areAlike = (one, other) => 2 * [...one.keys()].filter((key) => other.has(key)).length > Math.max(one.size, other.size);

/**
 * Every row with its key, as it is written, in front; unless they are only counted: 0, 1, 2, …
 * @param {string} name
 * @param {string[]} keys
 * @param {string[]} rows
 */
function keyed(name, keys, rows) {
  if (keys.every((key, index) => key.replace(/^"+|"+$/g, "") === String(index))) return rows;
  const taken = new Set(rows.filter((row) => row.startsWith("{")).flatMap((row) => members(row).map(([each]) => each)));
  while (taken.has(name)) name += "_";
  return rows.map((row, index) => (row.startsWith("{") ? withFirst(name, keys[index] ?? "null", row) : row));
}

/**
 * @param {string} name
 * @param {string} key
 * @param {string} row
 */
function withFirst(name, key, row) {
  const rest = row.slice(skipSpace(row, 1));
  return object([[name, key]]).slice(0, -1) + (rest === "}" ? rest : `, ${rest}`);
}

/** @param {[string, string][]} pairs */
const object = (pairs) => `{${pairs.map(([name, value]) => `${written(name)}: ${value}`).join(", ")}}`;

/** @param {string} name */
const written = (name) => JSON.stringify(name);
