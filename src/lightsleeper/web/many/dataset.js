/** The rows of a file as the page holds them, which of their cells is the text, and reading them from a file. */

const MAX_ROWS = 100_000;
const EXCERPT_CHARS = 300;
const TEXT_NAME = /text|review|comment|content|body|message|sentence|feedback|tweet|description/i;

export class Dataset {
  /** @param {string} name the file's */
  constructor(name) {
    this.name = name;
    this.kind = "txt";
    this.encoding = "utf-8";
    /** Whether the file went on after the last row kept. */
    this.cut = false;
    /** Whether the first row names the columns. */
    this.hasHeader = false;
    this.column = 0;
    /** @type {{cells: string[], raw?: string, problem?: string}[]} */
    this.rows = [];
    /** @type {string[]} names found in the rows themselves (jsonl) */
    this.keys = [];
    this.width = 1;
  }

  get canHaveHeader() {
    return this.kind === "csv" || this.kind === "tsv";
  }

  get count() {
    return Math.min(this.rows.length - (this.hasHeader ? 1 : 0), MAX_ROWS);
  }

  /** One name per column; unnamed ones are numbered. */
  get columns() {
    const names = this.hasHeader ? this.rows[0].cells : this.keys;
    return Array.from({ length: this.width }, (_, index) => names[index]?.trim() || this.#unnamed(index));
  }

  /** @param {number} index */
  #unnamed(index) {
    return this.kind === "txt" ? "text" : `column ${index + 1}`;
  }

  /** @param {number} index 0 is the first row after the header */
  row(index) {
    return this.rows[index + (this.hasHeader ? 1 : 0)];
  }

  /** @param {number} index */
  text(index) {
    return this.row(index).cells[this.column] ?? "";
  }

  /**
   * What people see of the row: never nothing.
   * @param {number} index
   */
  excerpt(index) {
    const { problem, raw } = this.row(index);
    const text = problem ? (raw ?? "") : this.text(index);
    return text.slice(0, EXCERPT_CHARS).trim() || "(blank)";
  }

  /** Guess the header and the text column, once all rows are in. */
  guess() {
    this.hasHeader = this.canHaveHeader && this.rows.length > 1 && looksLikeHeader(this.rows[0].cells);
    this.guessColumn();
  }

  /** The column named like a text; else the one with the longest cells. */
  guessColumn() {
    const named = this.hasHeader || this.keys.length ? this.columns.findIndex((name) => TEXT_NAME.test(name)) : -1;
    this.column = named === -1 ? this.#longestColumn() : named;
  }

  #longestColumn() {
    const lengths = Array.from({ length: this.width }, () => 0);
    for (const { cells } of this.rows.slice(0, 200)) cells.forEach((cell, index) => (lengths[index] += cell.length));
    return Math.max(0, lengths.indexOf(Math.max(...lengths)));
  }
}

/** @param {string[]} cells */
function looksLikeHeader(cells) {
  const short = cells.every((cell) => cell.trim() && cell.length <= 60 && !Number.isFinite(Number(cell)));
  const distinct = new Set(cells).size === cells.length;
  const sentence = cells.length === 1 && cells[0].trim().split(/\s+/).length > 3;
  return short && distinct && !sentence;
}

/**
 * Read `file` in a worker; rejects with what a person can mend.
 * @param {File} file
 * @param {(rows: number) => void} onProgress
 * @returns {Promise<Dataset>}
 */
export function readFile(file, onProgress) {
  const worker = new Worker(new URL("./reader.worker.js", import.meta.url), { type: "module" });
  const dataset = new Dataset(file.name);
  return new Promise((resolve, reject) => {
    worker.onerror = () => reject(new Error("the file could not be read"));
    worker.onmessage = ({ data }) => {
      take(dataset, data);
      if (data.type === "rows") onProgress(dataset.rows.length);
      if (data.type === "error") reject(new Error(data.message));
      if (data.type === "done") resolve(dataset);
    };
    worker.postMessage(file);
  }).finally(() => worker.terminate());
}

/**
 * @param {Dataset} dataset
 * @param {any} message
 */
function take(dataset, message) {
  if (message.type === "start") ({ kind: dataset.kind, encoding: dataset.encoding } = message);
  if (message.type === "columns") dataset.keys = message.columns;
  if (message.type === "rows") {
    for (const row of message.rows) {
      dataset.rows.push(row);
      if (row.cells.length > dataset.width) dataset.width = row.cells.length;
    }
  }
  if (message.type === "done") {
    dataset.guess();
    dataset.cut = message.full && dataset.rows.length - (dataset.hasHeader ? 1 : 0) >= MAX_ROWS;
  }
}
