/**
 * A file, whatever it is → its rows, the column that holds the texts, and how it was read. As `bulk/records/table.py`;
 * the rules of both stand in `tests/files/README.md`.
 */

import { fromText } from "./cell_table.js";
import { contentOf, refuseWithin } from "./containers.js";
import { looksLikeTable, separatorLine } from "./dialect.js";
import { Decoder, detect, named, noteOf } from "./encoding.js";
import { requireRows } from "./foreign.js";
import { complaintOn } from "./json_faults.js";
import { beginOfScript, shapeOf } from "./json_rows.js";
import { fromJson } from "./json_table.js";
import { beyondAscii, characters, isAscii, startOf, without } from "./pieces.js";
import { WINDOW_BYTES } from "./rules.js";
import { fromSheet } from "./sheet_table.js";

/** What is no document, whatever it looks like. */
const TEXT_FORMATS = new Set(["txt", "csv", "tsv"]);

/**
 * @typedef {import("./rows.js").Row} Row
 * @typedef {import("./columns.js").Column} Column
 *
 * @typedef {object} Choices what somebody says about a file; the rest is decided by what is in it
 * @property {string} [format] txt, csv, tsv, jsonl or json
 * @property {string} [delimiter]
 * @property {string} [encoding]
 * @property {boolean} [header]
 * @property {string} [textColumn]
 * @property {string} [sheet] of an xlsx
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
 * @property {string} [sheet] of an xlsx: the one that was read
 * @property {string[]} [sheets] of an xlsx: all that can be
 * @property {() => AsyncGenerator<Row[]>} batches every row, from the first on
 */

const BY_ENDING = new Map([["ndjson", "jsonl"], ["tab", "tsv"], ...["txt", "csv", "tsv", "jsonl", "json"].map((name) => /** @type {[string, string]} */ ([name, name]))]);

/** So many control characters are no sign of anything. */
const STRANGE_CHARS = 5;
/** A text may hold a zero byte; what is padded with them is made for machines. */
const PADDING = "\0".repeat(8);

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
  refuseWithin(window, content.name);
  const encoding = choices.encoding ? named(choices.encoding, window) : detect(whole || !isAscii(window) ? window : await beyondAscii(content.stream()));
  const decoder = new Decoder(encoding);
  const shown = decoder.push(window) + (whole ? decoder.end() : "");
  checkText(shown, file.name);
  requireRows(shown, content.name, whole, choices.format !== undefined);
  const begin = TEXT_FORMATS.has(choices.format ?? "") ? 0 : beginOfScript(shown);
  const skipped = begin && shapeOf(shown.slice(begin), whole, false) ? begin : 0; // else it is text
  const text = shown.slice(skipped);
  const source = { pieces: () => without(skipped, characters(content.stream(), encoding)), text, whole, name: file.name };
  const { format, shape } = formatOf(content.name, text, choices, whole);
  const table = shape ? await fromJson(source, format, shape, choices) : fromText(source, format, choices);
  table.encoding = encoding.name;
  table.encodingGuessed = encoding.guessed;
  table.notes.unshift(...noteOf(encoding));
  return table;
}

/**
 * @param {string} text
 * @param {string} name
 */
function checkText(text, name) {
  const strange = text.match(/[\0\x02-\x08\x0e-\x19\x1c\x1d\x1f]/g)?.length ?? 0;
  if (text.includes(PADDING) || strange > Math.max(STRANGE_CHARS, text.length / 20)) throw new Error(`${name} is not a file of text, and of no kind that is known here`);
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
  if (said && TEXT_FORMATS.has(said)) return { format: said, shape: null };
  const called = said ?? BY_ENDING.get(name.toLowerCase().match(/\.([^.]+)$/)?.[1] ?? "") ?? "";
  const shape = shapeOf(text, whole, called === "jsonl" || called === "json");
  if (shape) return { format: shape === "lines" ? "jsonl" : "json", shape };
  if (called === "csv" || called === "tsv" || choices.delimiter || choices.header !== undefined) {
    return { format: called === "tsv" ? called : "csv", shape };
  }
  if (!said && looksLikeTable(separatorLine(text)[1], whole)) return { format: "csv", shape };
  if ((called === "jsonl" || called === "json") && text.trim()) {
    throw new Error(`${name} is no ${called}: ${complaintOn(text, whole)}`);
  }
  return { format: "txt", shape };
}
