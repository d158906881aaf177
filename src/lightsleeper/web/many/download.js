/** The results as a file: every row of the original with every column, and what was found out about it. */

import { breathe } from "../shared/dom.js";
import { oneLine } from "./reading/json_values.js";
import { DONE } from "./results.js";
import { NONE, resultName } from "../shared/head.js";

const ROWS_AT_ONCE = 1000;
const NUMBER = /^[-+]?[0-9][0-9.,]*([eE][-+]?[0-9]+)?%?$/;
const FOUND = ["predicted_label", "predicted_score", "truncated", "unfamiliar", "error"];

/** @typedef {import("./dataset.js").Dataset} Dataset */

/**
 * Build the file in pieces, so that the page stays usable, and hand it to the browser. `excel` is csv with the mark that
 * tells Excel the encoding, and no cell that it would compute.
 * @param {"csv" | "excel" | "jsonl"} format
 * @param {Dataset} dataset
 * @param {import("./results.js").Results} results
 * @param {Iterable<number>} [rows] all by default
 */
export async function download(format, dataset, results, rows = Array(dataset.count).keys()) {
  const line = format === "jsonl" ? jsonLineOf(dataset) : csvLineOf(dataset, format === "excel");
  const pieces = format === "jsonl" ? [] : [header(dataset, format === "excel")];
  let lines = [];
  for (const row of rows) {
    lines.push(line(dataset, row, findings(results, row)));
    if (lines.length < ROWS_AT_ONCE) continue;
    pieces.push(lines.join(""));
    lines = [];
    await breathe();
  }
  pieces.push(lines.join(""));
  const type = format === "jsonl" ? "application/jsonl" : "text/csv";
  save(new Blob(pieces, { type }), fileName(dataset.name, resultName(results.head), format === "jsonl" ? "jsonl" : "csv"));
}

/**
 * The names of our columns, made different where the file has such a column already, whatever the case of its letters.
 * @param {string[]} taken
 * @param {string[]} [names]
 */
function freeNames(taken, names = FOUND) {
  const folded = taken.map((name) => name.toLowerCase());
  return names.map((name) => {
    let free = name;
    for (let count = 1; folded.includes(free); count += 1) free = `${name}_by_lightsleeper${count > 1 ? `_${count}` : ""}`;
    return free;
  });
}

/**
 * @param {import("./results.js").Results} results
 * @param {number} row
 */
function findings(results, row) {
  if (results.status[row] !== DONE) return [null, null, null, null, results.reasons.get(row) ?? "not classified"];
  const remarks = [results.truncated[row], results.unfamiliar[row]].map(Boolean);
  return [labelCell(results, row), results.score[row], ...remarks, null];
}

/**
 * The labels that apply in one cell, as the command writes them.
 * @param {import("./results.js").Results} results
 * @param {number} row
 */
function labelCell(results, row) {
  if (results.head.kind === "number") return null;
  const labels = results.labelsOf(row);
  return labels.includes(NONE) && results.head.kind === "many" ? "" : labels.join("|");
}

/**
 * The file's own names as it writes them, and ours.
 * @param {Dataset} dataset
 * @param {boolean} excel
 */
function header(dataset, excel) {
  const own = dataset.header ?? [];
  const names = [...own, ...dataset.columns.slice(own.length), ...freeNames(dataset.columns)];
  return (excel ? "\ufeff" : "") + csvLine(names, delimiterOf(dataset), excel);
}

/**
 * A file keeps its delimiter; a table of tabs becomes one of commas, since it is called csv.
 * @param {Dataset} dataset
 */
const delimiterOf = ({ delimiter }) => (delimiter === ";" || delimiter === "|" ? delimiter : ",");

/**
 * @param {Dataset} dataset
 * @param {boolean} excel
 */
function csvLineOf(dataset, excel) {
  const delimiter = delimiterOf(dataset);
  return (/** @type {Dataset} */ _, /** @type {number} */ row, /** @type {Value[]} */ found) => {
    const { cells, surplus } = dataset.row(row);
    const error = surplus ? [`${found.at(-1)}: ${surplus}`] : found.slice(-1);
    const shown = [...found.slice(0, -1), ...error].map((value) => (value === null ? "" : String(value)));
    return csvLine([...Array.from({ length: dataset.width }, (_, index) => cells[index] ?? ""), ...shown], delimiter, excel);
  };
}

/** @typedef {string | number | boolean | null} Value */

/**
 * @param {string[]} cells
 * @param {string} delimiter
 * @param {boolean} excel
 */
function csvLine(cells, delimiter, excel) {
  return `${cells.map((cell) => csvCell(excel ? guarded(cell) : cell, delimiter)).join(delimiter)}\r\n`;
}

/**
 * @param {string} cell
 * @param {string} delimiter
 */
function csvCell(cell, delimiter) {
  const quoted = cell.includes(delimiter) || /["\r\n]|^\s|\s$/.test(cell);
  return quoted ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** @param {string} cell with a ' before what Excel would compute */
const guarded = (cell) => (/^[=+\-@\t\r]/.test(cell) && !NUMBER.test(cell) ? `'${cell}` : cell);

/**
 * A JSON row keeps its own characters, numbers that JavaScript would round included: ours are written behind them, under
 * one name in all rows.
 * @param {Dataset} dataset
 */
function jsonLineOf(dataset) {
  // A column `error.code` may be a member of a member `error`.
  const names = freeNames(dataset.columns.flatMap((name) => [name, name.split(".")[0]]));
  return (/** @type {Dataset} */ _, /** @type {number} */ row, /** @type {Value[]} */ values) => {
    const original = originalJson(dataset, row);
    const found = JSON.stringify(Object.fromEntries(names.map((name, index) => [name, values[index]])));
    return `${original.slice(1, -1).trim() ? `${original.slice(0, -1).trimEnd()}, ${found.slice(1)}` : found}\n`;
  };
}

/**
 * @param {Dataset} dataset
 * @param {number} row
 */
function originalJson(dataset, row) {
  const { cells, raw, problem, surplus } = dataset.row(row);
  if (raw === undefined) {
    const named = dataset.columns.map((name, index) => `${JSON.stringify(name)}: ${JSON.stringify(cells[index] ?? null)}`);
    const [name] = freeNames(dataset.columns, ["surplus"]);
    return `{${[...named, ...(surplus ? [`"${name}": ${surplus}`] : [])].join(", ")}}`;
  }
  if (problem) return JSON.stringify({ line: raw });
  return oneLine(raw.startsWith("{") ? raw : `{"text": ${raw}}`);
}

/**
 * @param {string} name
 * @param {string} results what they are
 * @param {string} format
 */
const fileName = (name, results, format) => `${name.replace(/\.[^.]*$/, "") || "texts"}-${results}.${format}`;

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
