/** A table out of JSON rows, whose columns are the keys met so far. */

import { described, SAMPLE_ROWS } from "./description.js";
import { Document } from "./json_document.js";
import { faultIn } from "./json_faults.js";
import { ArrayElements, Lines } from "./json_rows.js";
import { jsonRow } from "./rows.js";

/**
 * @typedef {import("./rows.js").Row} Row
 * @typedef {import("./pieces.js").Source} Source
 * @typedef {import("./table.js").Choices} Choices
 */

/**
 * @param {Source} source
 * @param {string} format
 * @param {"lines" | "array" | "document"} shape
 * @param {Choices} choices
 */
export async function fromJson(source, format, shape, choices) {
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
  const first = reader();
  const shown = await firstRows(source, first, place);
  if (shown.length && shown.every(({ problem }) => problem)) {
    const fault = faultIn(source.text, source.whole);
    throw new Error(`${source.name}: none of its first ${shown.length.toLocaleString("en")} rows is a JSON object or a string${fault ? `: ${fault}` : ""}`);
  }
  const table = described(source.name, format, names, shown.filter(({ problem }) => !problem), choices);
  table.notes.unshift(...first.notes);
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
