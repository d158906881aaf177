/** The results as a file: every row of the original with every column, and what was found out about it. */

import { breathe } from "../shared/dom.js";
import { DONE } from "./results.js";

const ROWS_AT_ONCE = 1000;
const FOUND = ["predicted_label", "predicted_score", "truncated", "error"];

/**
 * Build the file in pieces, so that the page stays usable, and hand it to the browser.
 * @param {"csv" | "jsonl"} format
 * @param {import("./dataset.js").Dataset} dataset
 * @param {import("./results.js").Results} results
 */
export async function download(format, dataset, results) {
  const found = foundNames(dataset.columns);
  const line = format === "csv" ? csvRow : jsonRow;
  const pieces = format === "csv" ? [csvLine([...dataset.columns, ...found])] : [];
  for (let start = 0; start < dataset.count; start += ROWS_AT_ONCE) {
    const end = Math.min(start + ROWS_AT_ONCE, dataset.count);
    const lines = [];
    for (let row = start; row < end; row += 1) lines.push(line(dataset, row, found, findings(results, row)));
    pieces.push(lines.join(""));
    await breathe();
  }
  save(new Blob(pieces, { type: format === "csv" ? "text/csv" : "application/jsonl" }), fileName(dataset.name, format));
}

/**
 * The names of our columns, made different from those of the file.
 * @param {string[]} taken
 */
function foundNames(taken) {
  const suffix = FOUND.some((name) => taken.includes(name)) ? "_by_lightsleeper" : "";
  return FOUND.map((name) => name + suffix);
}

/**
 * @param {import("./results.js").Results} results
 * @param {number} row
 */
function findings(results, row) {
  if (results.status[row] !== DONE) return [null, null, null, results.reasons.get(row) ?? "not classified"];
  return [results.labels[results.label[row]], results.score[row], Boolean(results.truncated[row]), null];
}

/**
 * @param {import("./dataset.js").Dataset} dataset
 * @param {number} row
 * @param {string[]} _found
 * @param {(string | number | boolean | null)[]} values
 */
function csvRow(dataset, row, _found, values) {
  const { cells, problem, raw } = dataset.row(row);
  const original = problem ? [raw ?? ""] : cells;
  const padded = Array.from({ length: dataset.width }, (_, index) => original[index] ?? "");
  return csvLine([...padded, ...values.map((value) => (value === null ? "" : String(value)))]);
}

/** @param {string[]} cells */
const csvLine = (cells) => `${cells.map(csvCell).join(",")}\r\n`;

/** @param {string} cell */
const csvCell = (cell) => (/[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/**
 * A JSON line keeps its own characters, numbers that JavaScript would round included: ours are written behind them.
 * @param {import("./dataset.js").Dataset} dataset
 * @param {number} row
 * @param {string[]} found
 * @param {(string | number | boolean | null)[]} values
 */
function jsonRow(dataset, row, found, values) {
  const findings = JSON.stringify(Object.fromEntries(found.map((name, index) => [name, values[index]])));
  const original = originalJson(dataset, row);
  return `${original === "{}" ? findings : `${original.slice(0, -1)},${findings.slice(1)}`}\n`;
}

/**
 * @param {import("./dataset.js").Dataset} dataset
 * @param {number} row
 */
function originalJson(dataset, row) {
  const { cells, raw, problem } = dataset.row(row);
  if (problem) return JSON.stringify({ line: raw });
  const line = raw?.trim() ?? "";
  if (line.startsWith("{")) return /^\{\s*\}$/.test(line) ? "{}" : line;
  return JSON.stringify(Object.fromEntries(dataset.columns.map((name, index) => [name, cells[index] ?? ""])));
}

/**
 * @param {string} name
 * @param {string} format
 */
const fileName = (name, format) => `${name.replace(/\.[^.]*$/, "") || "texts"}-sentiment.${format}`;

/**
 * @param {Blob} blob
 * @param {string} name
 */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
