/** The rows of a file as the page holds them, which of their cells is the text, and reading them from a file. */

import { isBlank, uniqueNames } from "./reading/columns.js";
import { reasonOf } from "./reading/rows.js";

const EXCERPT_CHARS = 300;

/**
 * @typedef {import("./reading/rows.js").Row} Row
 * @typedef {import("./reading/table.js").Table} Table
 * @typedef {import("./reading/table.js").Choices} Choices
 */

export class Dataset {
  /** @type {string[] | null} */
  #header = null;
  /** Whether the first row names the columns. */
  #hasHeader = false;

  /** @param {string} name the file's */
  constructor(name) {
    this.name = name;
    this.format = "txt";
    this.encoding = "utf-8";
    /** @type {string | null} what stands between cells */
    this.delimiter = null;
    /** @type {import("./reading/columns.js").Column[]} as the file's beginning shows them */
    this.described = [];
    /** @type {string[]} what was guessed or left out, in words */
    this.notes = [];
    /** Whether the file went on after the last row kept. */
    this.cut = false;
    /** Lines of a txt with nothing on them. */
    this.blankLines = 0;
    this.column = 0;
    /** @type {Row[]} */
    this.rows = [];
    /** @type {string[]} one for each column */
    this.columns = ["text"];
  }

  /** @param {Omit<Table, "batches">} facts */
  begin(facts) {
    this.format = facts.format;
    this.encoding = facts.encoding ?? "";
    this.delimiter = facts.delimiter;
    this.described = facts.columns;
    this.notes = facts.notes;
    this.columns = facts.names;
    this.column = facts.textIndex ?? 0;
    this.#header = facts.header;
    this.#hasHeader = facts.header !== null;
  }

  /** @param {Row[]} rows */
  add(rows) {
    for (const row of rows) {
      if (this.format === "txt" && isBlank(row.cells[0] ?? "")) this.blankLines += 1;
      else this.rows.push(row);
    }
  }

  get canHaveHeader() {
    return ["csv", "tsv", "xlsx"].includes(this.format) && (this.#hasHeader || this.rows.length > 1);
  }

  /** The first row as the file writes it, where it names the columns. */
  get header() {
    return this.#hasHeader ? this.#header : null;
  }

  get hasHeader() {
    return this.#hasHeader;
  }

  /** Take the names for a row, or the first row for names. */
  set hasHeader(wanted) {
    if (wanted === this.#hasHeader) return;
    this.#hasHeader = wanted;
    if (wanted) this.#header = (this.rows.shift()?.cells ?? []).map((cell) => cell ?? "");
    else this.rows.unshift({ cells: this.#header ?? [], line: 1 });
    this.columns = uniqueNames(this.header ?? [], this.width);
  }

  get width() {
    return this.columns.length;
  }

  get count() {
    return this.rows.length;
  }

  /** @param {number} index 0 is the first row after the header */
  row(index) {
    return this.rows[index];
  }

  /** @param {number} index */
  text(index) {
    return this.rows[index].cells[this.column] ?? "";
  }

  /**
   * Why a row gets no label; empty if it has a text.
   * @param {number} index
   */
  reason(index) {
    return reasonOf(this.rows[index], this.column, this.columns[this.column]);
  }

  /**
   * What people see of the row: never nothing.
   * @param {number} index
   */
  excerpt(index) {
    const { problem, surplus } = this.rows[index];
    const text = problem && !this.text(index) ? (surplus ?? "") : this.text(index);
    return text.slice(0, EXCERPT_CHARS).trim() || "(blank)";
  }
}

/**
 * Read `file` in a worker; rejects with what a person can mend.
 * @param {File} file
 * @param {(rows: number) => void} onProgress
 * @param {Choices} [choices]
 * @returns {Promise<Dataset>}
 */
export function readFile(file, onProgress, choices = {}) {
  const worker = new Worker(new URL("./reader.worker.js", import.meta.url), { type: "module" });
  const dataset = new Dataset(file.name);
  return new Promise((resolve, reject) => {
    worker.onerror = () => reject(new Error("the file could not be read"));
    worker.onmessage = ({ data }) => {
      if (data.type === "start") dataset.begin(data.facts);
      if (data.type === "rows") {
        dataset.add(data.rows);
        onProgress(dataset.rows.length);
      }
      if (data.type === "error") reject(new Error(data.message));
      if (data.type === "done") {
        dataset.columns = data.names;
        dataset.cut = data.cut;
        resolve(dataset);
      }
    };
    worker.postMessage({ file, choices });
  }).finally(() => worker.terminate());
}
