/** A JSON document → the rows that are somewhere in it, and what stands beside them. As `bulk/records/json_document.py`. */

import { hasWordOf, uniqueNames } from "./columns.js";
import { isHeader } from "./header.js";
import { areAlike, byKey, keyed, mayBeTextsByKey, rowsOfObjects, textsByKey } from "./json_maps.js";
import { cellOf, elements, members, objectOf, reads, skipSpace, valueEnd, written } from "./json_values.js";
import { MAX_DOCUMENT_BYTES, TEXT_NAMES } from "./rules.js";

/** Lists that may hold the rows whose names stand in one called columns: pandas', Datasette's, Elasticsearch's. */
const BESIDE_COLUMNS = ["data", "rows", "values"];
/** Lists that say what columns there are, where another one holds the rows. */
const DESCRIBING = new Set(["columns", "features", "fields", "schema"]);
const GUESS = "each key was taken for a row, and what stands at it for its text";
const DOUBT = "read as one row; if each key is a row, write a list of the texts";
/** Objects within objects in which rows are looked for. */
const MAX_DEPTH = 32;
/** Names of what is left out that are listed. */
const LISTED = 10;

/**
 * @typedef {import("./json_rows.js").RawRow} RawRow
 *
 * @typedef {object} Within rows that were found in a document
 * @property {string[]} rows
 * @property {string[]} path the keys that lead to them
 * @property {string[]} beside the names of what stands beside them and is no row
 * @property {string} [guess] how keys were taken, where that is a guess
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
    else if (rows.length === 1 && isDoubtful(rows[0])) this.notes = [DOUBT];
    else if (rows.length > 1 && rows[0].startsWith("[")) return fromLists(rows); // a list a line
    return found?.rows ?? rows;
  }
}

/** @param {Within} found */
function noteOn({ path, beside, guess }) {
  const notes = guess ? [guess] : [];
  if (!beside.length) return notes;
  const place = path.length ? `the rows are in ${path.join(".")}; ` : "";
  return [...notes, `${place}left out beside them: ${beside.slice(0, LISTED).join(", ")}${beside.length > LISTED ? ", …" : ""}`];
}

/**
 * Whether a document that holds no rows, but is one, may be meant otherwise.
 * @param {string} raw
 */
export function isDoubtful(raw) {
  /** @type {[string, string][]} */
  let found = [];
  return raw.startsWith("{") && reads(() => (found = members(raw))) && mayBeTextsByKey(found);
}

/**
 * Objects over several lines each may follow each other; what is no JSON ends above the next that begins a line.
 * @param {string} text
 */
function values(text) {
  const rows = [];
  for (let position = skipSpace(text, 0); position < text.length; ) {
    const end = reads(() => valueEnd(text, position)) ? valueEnd(text, position) : brokenEnd(text, position);
    rows.push(text.slice(position, end).trim());
    position = skipSpace(text, end);
    if (text[position] === "," || text[position] === ";") position = skipSpace(text, position + 1);
  }
  return rows;
}

/**
 * @param {string} text
 * @param {number} position
 */
function brokenEnd(text, position) {
  const ends = ["\n[", "\n{"].map((sign) => text.indexOf(sign, position)).filter((end) => end !== -1);
  return ends.length ? Math.min(...ends) : text.length;
}

/**
 * The rows that a JSON document holds: lists, pandas' shapes, else its longest array of texts.
 * @param {string} raw
 * @param {boolean} [mayBeTexts] strings by key may be the texts of rows
 * @param {number} [depth]
 * @returns {Within | null}
 */
export function within(raw, mayBeTexts = true, depth = 1) {
  /** @type {[string, string][]} */
  let found = [];
  /** @type {string[] | null} */
  let list = null;
  if (!reads(() => (raw.startsWith("[") ? (list = elements(raw)) : (found = members(raw))))) return null;
  if (list) return { rows: fromLists(list), path: [], beside: [] };
  const lists = new Map(found.filter(([, value]) => value.startsWith("[")).map(([name, value]) => [name, elements(value)]));
  const beside = (/** @type {string[]} */ ...known) => found.map(([name]) => name).filter((name) => !known.includes(name));
  const named = namedLists(new Map(found), lists, beside);
  if (named) return named;
  const together = lists.size === found.length ? byList(lists) : null;
  if (together) return together;
  const ofRows = [...lists].filter(([, [first]]) => first?.startsWith("{") || first?.startsWith("["));
  const described = ofRows.filter(([name]) => !DESCRIBING.has(name));
  const tables = described.length ? described : ofRows;
  if (tables.length) {
    const size = (/** @type {string[]} */ table) => table.reduce((sum, row) => sum + row.length, 0);
    const named = tables.filter(([name, [row]]) => isOfTexts(name, row));
    const [name, rows] = (named.length ? named : tables).reduce((one, other) => (size(other[1]) > size(one[1]) ? other : one));
    return { rows: rows[0].startsWith("[") ? fromLists(rows) : rows, path: [name], beside: beside(name) };
  }
  const all = [...lists];
  if (found.length && all.length === found.length && all.every(([, column]) => column.length === all[0][1].length)) {
    return { rows: all[0][1].map((_, row) => objectOf(all.map(([name, column]) => [name, column[row]]))), path: [], beside: [] };
  }
  return texts(found, lists) ?? fromObjects(found, mayBeTexts, depth);
}

/**
 * Rows whose columns, or whose one column, are named beside them: a table of pandas or Datasette, a series.
 * @param {Map<string, string>} found
 * @param {Map<string, string[]>} lists
 * @param {(...known: string[]) => string[]} beside
 * @returns {Within | null}
 */
function namedLists(found, lists, beside) {
  const [columns, index, data] = ["columns", "index", "data"].map((name) => lists.get(name));
  if (columns) {
    const place = BESIDE_COLUMNS.find((each) => lists.get(each)?.every((row) => row.startsWith("[")));
    const rows = place && keyed("index", index ?? [], fromLists(lists.get(place) ?? [], columns.map(nameOf)));
    if (rows) return { rows, path: [], beside: beside("columns", place, "index") };
  }
  if (!data || !index || data.length !== index.length || data.some((value) => /^[{[]/.test(value))) return null;
  const [called, given] = columns?.length === 1 ? ["columns", nameOf(columns[0])] : ["name", found.get("name") ?? "null"];
  const name = cellOf(given) || "text";
  return { rows: keyed("index", index, data.map((value) => objectOf([[name, value]]))), path: [], beside: beside(called, "data", "index") };
}

/**
 * A column's name as it is written; some write more about it.
 * @param {string} column
 */
const nameOf = (column) => (column.startsWith("{") ? (new Map(members(column)).get("name") ?? '""') : column);

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
  let lists = rows.map((row) => (row.startsWith("[") && reads(() => elements(row)) ? elements(row) : null));
  if (!columns && lists.every(isPage)) return lists.flatMap((page) => page ?? []);
  if (!columns && lists[0]) {
    const shown = lists.slice(0, 200).filter((cells) => cells !== null);
    if (lists[0].every((name) => name.startsWith('"')) && isHeader(shown.map((cells) => cells.map(cellOf)))) {
      [columns, lists, rows] = [lists[0], lists.slice(1), rows.slice(1)];
    }
  }
  const width = lists.reduce((widest, cells) => Math.max(widest, cells?.length ?? 0), columns?.length ?? 0);
  const names = uniqueNames((columns ?? []).map(cellOf), width);
  return lists.map((cells, row) => (cells ? objectOf(cells.map((value, index) => [names[index], value])) : rows[row]));
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
 * Objects or texts by key, or rows further in.
 * @param {[string, string][]} found
 * @param {boolean} mayBeTexts
 * @param {number} depth
 * @returns {Within | null}
 */
function fromObjects(found, mayBeTexts, depth) {
  const onlyObjects = found.length > 0 && found.every(([, value]) => value.startsWith("{"));
  const rows = onlyObjects && found.every(([, value]) => members(value).length) ? rowsOfObjects(found) : null;
  if (rows) return { rows, path: [], beside: [] };
  const byName = mayBeTexts ? textsByKey(found) : null;
  if (byName) return { rows: byName, path: [], beside: [], guess: GUESS };
  const hasText = found.some(([name, value]) => value.startsWith('"') && hasWordOf(name, TEXT_NAMES));
  for (const [name, value] of found) {
    const deeper = value.startsWith("{") && depth < MAX_DEPTH ? within(value, mayBeTexts && !hasText, depth + 1) : null;
    if (!deeper) continue;
    const beside = [...found.map(([other]) => other).filter((other) => other !== name), ...deeper.beside.map((other) => `${name}.${other}`)];
    return { rows: deeper.rows, path: [name, ...deeper.path], beside, guess: deeper.guess };
  }
  return found.length > 1 && onlyObjects ? { rows: byKey(found), path: [], beside: [] } : null;
}
