/**
 * A file, whatever it is → its rows, the column that holds the texts, and how it was read. As `bulk/records/table.py`;
 * the rules of both stand in `tests/files/README.md`.
 */

import { CellReader } from "./cells.js";
import { describe, textColumn, uniqueNames } from "./columns.js";
import { contentOf } from "./containers.js";
import { decide, isHeader, lineEnd, looksLikeTable, ONE_COLUMN, separatorLine } from "./dialect.js";
import { Decoder, detect, joined, named } from "./encoding.js";
import { ArrayElements, Document, Lines, shapeOf } from "./json_rows.js";
import { jsonRow, TableRows } from "./rows.js";
import { WINDOW_BYTES } from "./rules.js";
import { sheetRows } from "./workbook.js";

/**
 * @typedef {import("./rows.js").Row} Row
 * @typedef {import("./columns.js").Column} Column
 * @typedef {import("./cells.js").Dialect} Dialect
 * @typedef {import("./cells.js").Cells} Cells
 *
 * @typedef {object} Choices what somebody says about a file; the rest is decided by what is in it
 * @property {string} [format] txt, csv, tsv, jsonl or json
 * @property {string} [delimiter]
 * @property {string} [encoding]
 * @property {boolean} [header]
 * @property {string} [textColumn]
 *
 * @typedef {object} Table
 * @property {string} name
 * @property {string} format txt, csv, tsv, jsonl, json or xlsx
 * @property {string | null} encoding as the web names it
 * @property {boolean} encodingGuessed
 * @property {string | null} delimiter
 * @property {string[] | null} header the first row as the file writes it; null if it names no columns
 * @property {Column[]} columns as the file's beginning shows them; a JSON file may have more in later rows (`names`)
 * @property {string[]} names one for each column met so far
 * @property {number | null} textIndex the column with the texts; null if there is none to be found
 * @property {string[]} notes what was guessed or left out, in words
 * @property {() => AsyncGenerator<Row[]>} batches every row, from the first on
 */

const BY_ENDING = new Map([["ndjson", "jsonl"], ["tab", "tsv"], ...["txt", "csv", "tsv", "jsonl", "json"].map((name) => /** @type {[string, string]} */ ([name, name]))]);
const SAMPLE_ROWS = 1000;
const MOSTLY = 0.9;
const SPARSE = 0.5;

/**
 * The table in a file; throws one line if nothing can read it.
 * @param {Blob & {name: string}} file
 * @param {Choices} [choices]
 * @returns {Promise<Table>}
 */
export async function openTable(file, choices = {}) {
  const content = await contentOf(file, file.name);
  if (content.kind === "xlsx") return fromSheet(content, file.name, choices);
  const window = await startOf(content.stream());
  const whole = window.length < WINDOW_BYTES;
  const encoding = choices.encoding ? named(choices.encoding, window) : detect(whole || !isAscii(window) ? window : await beyondAscii(content.stream()));
  const decoder = new Decoder(encoding);
  const text = decoder.push(window) + (whole ? decoder.end() : "");
  checkText(text, file.name);
  const source = { pieces: () => characters(content.stream(), encoding), text, whole, name: file.name };
  const { format, shape } = formatOf(content.name, text, choices, whole);
  const table = shape ? await fromJson(source, format, shape, choices) : fromText(source, format, choices);
  table.encoding = encoding.name;
  table.encodingGuessed = encoding.guessed;
  if (encoding.guessed) table.notes.unshift(`read as ${encoding.name}, a guess`);
  return table;
}

/** @typedef {{pieces: () => AsyncGenerator<[string, boolean]>, text: string, whole: boolean, name: string}} Source */

/** @param {ReadableStream<Uint8Array>} stream */
async function startOf(stream) {
  const reader = stream.getReader();
  let start = new Uint8Array();
  while (start.length < WINDOW_BYTES) {
    const { done, value } = await reader.read();
    if (done) break;
    start = joined(start, value);
  }
  await reader.cancel();
  return start.subarray(0, WINDOW_BYTES);
}

/** @param {Uint8Array} bytes */
const isAscii = (bytes) => bytes.every((byte) => byte < 0x80);

/**
 * A piece of the file with characters beyond ASCII, if there is one: what the beginning does not show.
 * @param {ReadableStream<Uint8Array>} stream
 */
async function beyondAscii(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array();
    const first = value.findIndex((byte) => byte > 0x7f);
    if (first === -1) continue;
    await reader.cancel();
    return value.subarray(Math.max(0, first - 1));
  }
}

/**
 * Every piece of the text; the last one, marked, may be empty.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {import("./encoding.js").Encoding} encoding
 * @returns {AsyncGenerator<[string, boolean]>}
 */
async function* characters(stream, encoding) {
  const decoder = new Decoder(encoding);
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield [decoder.push(value), false];
    }
    yield [decoder.end(), true];
  } finally {
    await reader.cancel();
  }
}

/**
 * @param {string} text
 * @param {string} name
 */
function checkText(text, name) {
  const strange = text.match(/[\0-\x08\x0e-\x19\x1c-\x1f]/g)?.length ?? 0;
  if (strange > text.length / 20) throw new Error(`${name} is not a file of text, and of no kind that is known here`);
}

/**
 * The format, and for JSON its shape. What a file holds goes before what it is called.
 * @param {string} name
 * @param {string} text
 * @param {Choices} choices
 * @param {boolean} whole
 */
function formatOf(name, text, choices, whole) {
  const said = choices.format;
  if (said === "txt" || said === "csv" || said === "tsv") return { format: said, shape: null };
  const called = said ?? BY_ENDING.get(name.toLowerCase().match(/\.([^.]+)$/)?.[1] ?? "") ?? "";
  const shape = shapeOf(text, whole, called === "jsonl" || called === "json");
  if (shape) return { format: shape === "lines" ? "jsonl" : "json", shape };
  if (called === "csv" || called === "tsv" || choices.delimiter || choices.header !== undefined) return { format: called || "csv", shape };
  return { format: looksLikeTable(separatorLine(text)[1], whole) ? "csv" : "txt", shape };
}

/**
 * @param {Source} source
 * @param {string} format
 * @param {Choices} choices
 */
function fromText(source, format, choices) {
  // An old Mac's file that was edited elsewhere: both end rows.
  if (lineEnd(source.text) === "\r" && source.text.includes("\n")) source = withCarriageReturns(source);
  const [said, behind] = separatorLine(source.text);
  const lines = format === "txt";
  const shown = lines ? source.text : behind;
  const skipped = source.text.length - shown.length;
  /** @type {Dialect} */
  const dialect = lines
    ? { delimiter: null, quoting: "none", lineEnd: lineEnd(shown) }
    : decide(shown, source.whole, choices.delimiter ?? said);
  const firstLine = 1 + (source.text.slice(0, skipped).match(/\n/g)?.length ?? 0);
  const sample = new CellReader(dialect, firstLine).push(shown, source.whole);
  const lineBatches = () => cellsOf(source.pieces(), dialect, skipped, firstLine);
  const table = fromCells(lineBatches, sample, source.name, choices, { dialect, hasQuotes: shown.includes('"') });
  if (dialect.delimiter === "\t") table.format = "tsv";
  return table;
}

/**
 * @param {Source} source
 * @returns {Source}
 */
function withCarriageReturns(source) {
  const changed = (/** @type {string} */ text) => text.replace(/\r\n|\n/g, "\r");
  async function* pieces() {
    for await (const [piece, last] of source.pieces()) yield /** @type {[string, boolean]} */ ([changed(piece), last]);
  }
  return { ...source, text: changed(source.text), pieces };
}

/**
 * @param {AsyncGenerator<[string, boolean]>} pieces
 * @param {Dialect} dialect
 * @param {number} skipped characters
 * @param {number} line
 */
async function* cellsOf(pieces, dialect, skipped, line) {
  const reader = new CellReader(dialect, line);
  let skip = skipped;
  for await (const [piece, last] of pieces) {
    yield reader.push(piece.slice(skip), last);
    skip = Math.max(0, skip - piece.length);
  }
}

/**
 * @param {import("./containers.js").Content} content
 * @param {string} name
 * @param {Choices} choices
 */
async function fromSheet(content, name, choices) {
  const { title, others, rows } = await sheetRows(content, name);
  const cells = rows.map((row, index) => ({ cells: row, line: index + 1, oddQuotes: 0 }));
  async function* once() {
    yield cells;
  }
  const table = fromCells(once, cells.slice(0, SAMPLE_ROWS), name, choices, { dialect: null, hasQuotes: true });
  table.format = "xlsx";
  if (others.length) table.notes.push(`the sheet '${title}' was read, not ${others.map((other) => `'${other}'`).join(", ")}`);
  return table;
}

/**
 * @param {() => AsyncGenerator<Cells[]>} lineBatches
 * @param {Cells[]} sample the first of them, from which header, width and text column are decided
 * @param {string} name
 * @param {Choices} choices
 * @param {{dialect: Dialect | null, hasQuotes: boolean}} found
 */
function fromCells(lineBatches, sample, name, choices, { dialect, hasQuotes }) {
  const lines = dialect?.delimiter === null;
  const filled = sample.map(({ cells }) => cells).filter((cells) => cells.length > 1 || cells[0]);
  const { header, width } = lines ? { header: null, width: 1 } : headerOf(filled, choices.header);
  const names = lines ? ["text"] : uniqueNames(header ?? [], width);
  const shape = { header: header !== null, keepBlank: lines };
  const shown = new TableRows(width, shape).take(sample);
  const table = described(name, lines ? "txt" : "csv", names, shown, choices);
  table.header = header;
  table.delimiter = dialect && dialect.delimiter !== ONE_COLUMN ? dialect.delimiter : null;
  // Who quotes nothing may well leave commas in the texts of the last column.
  const joiner = table.textIndex === width - 1 && width > 1 && !hasQuotes && dialect ? dialect.delimiter : null;
  table.batches = async function* () {
    const rows = new TableRows(width, { ...shape, joiner });
    for await (const batch of lineBatches()) yield rows.take(batch);
  };
  return table;
}

/**
 * The row of names, if there is one, and how many columns there are.
 * @param {string[][]} rows
 * @param {boolean | undefined} said
 */
function headerOf(rows, said) {
  if (!rows.length) return { header: null, width: 1 };
  const header = (said ?? isHeader(rows)) ? rows[0] : null;
  const body = header ? rows.slice(1) : rows;
  const [usual, times] = mostCommon(body.map((row) => row.length)) ?? [rows[0].length, 0];
  if (!header) return { header, width: usual };
  if (usual <= header.length || times < MOSTLY * body.length) return { header, width: header.length };
  // R names no column for the names of its rows.
  return { header: usual === header.length + 1 ? ["", ...header] : header, width: usual };
}

/**
 * @param {number[]} numbers
 * @returns {[number, number] | undefined}
 */
function mostCommon(numbers) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return [...counts].reduce((one, other) => (one && one[1] >= other[1] ? one : other), /** @type {[number, number] | undefined} */ (undefined));
}

/**
 * @param {Source} source
 * @param {string} format
 * @param {"lines" | "array" | "document"} shape
 * @param {Choices} choices
 */
async function fromJson(source, format, shape, choices) {
  const reader = () => (shape === "lines" ? new Lines() : shape === "array" ? new ArrayElements() : new Document());
  /** @type {string[]} */
  const names = [];
  /** @type {Map<string, number>} */
  const places = new Map();
  const place = (/** @type {string} */ key) => {
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, names.length);
    return names.push(key) - 1;
  };
  const shown = await firstRows(source, reader(), place);
  const table = described(source.name, format, names, shown.filter(({ problem }) => !problem), choices);
  table.batches = async function* () {
    const rows = reader();
    for await (const [piece, last] of source.pieces()) yield rows.push(piece, last).map((row) => jsonRow(row, place));
  };
  return table;
}

/**
 * A document shows its rows only at its end.
 * @param {Source} source
 * @param {Lines | ArrayElements | Document} reader
 * @param {(key: string) => number} place
 */
async function firstRows(source, reader, place) {
  /** @type {Row[]} */
  const rows = [];
  for await (const [piece, last] of source.pieces()) {
    for (const row of reader.push(piece, last).slice(0, SAMPLE_ROWS - rows.length)) rows.push(jsonRow(row, place));
    if (rows.length === SAMPLE_ROWS) break;
  }
  return rows;
}

/**
 * @param {string} name
 * @param {string} format
 * @param {string[]} names
 * @param {Row[]} rows
 * @param {Choices} choices
 * @returns {Table}
 */
function described(name, format, names, rows, choices) {
  const columns = describe(names, rows.map(({ cells }) => cells));
  const textIndex = choices.textColumn === undefined ? textColumn(columns) : indexOf(choices.textColumn, names, name);
  const notes = textIndex === null ? [] : sparseness(columns, textIndex, rows.length);
  return { name, format, encoding: null, encodingGuessed: false, delimiter: null, header: null, columns, names, textIndex, notes, batches: async function* () {} };
}

/**
 * Words for a column of texts that is mostly blank.
 * @param {Column[]} columns
 * @param {number} chosen
 * @param {number} rows
 */
export function sparseness(columns, chosen, rows) {
  const { filled, name } = columns[chosen];
  if (!rows || filled >= SPARSE) return [];
  const others = columns.filter((column) => column.likeness && column.filled > filled);
  const best = others.length ? others.reduce((one, other) => (other.likeness > one.likeness ? other : one)) : null;
  const fuller = best ? `; ${best.name} is fuller` : "";
  const blank = Math.round(rows * (1 - filled)).toLocaleString("en");
  return [`${blank} of the first ${rows.toLocaleString("en")} rows have no text in ${name}${fuller}`];
}

/**
 * The column of that name, whatever the case of its letters and the blanks around it.
 * @param {string} said
 * @param {string[]} names
 * @param {string} file
 */
function indexOf(said, names, file) {
  const folded = names.map((each) => each.trim().toLowerCase());
  const index = names.includes(said) ? names.indexOf(said) : folded.indexOf(said.trim().toLowerCase());
  if (index === -1) throw new Error(`${file}: no column ${said} among ${names.join(", ")}`);
  return index;
}
