/** The rows of a file as the page holds them, which of their cells is the text, and reading them from a file. */

import { BATCH_ROWS, cellAt, unpack } from "./reading/packed.js";
import { reasonOf, reasonOfCell } from "./reading/rows.js";

const EXCERPT_CHARS = 300;

/**
 * @typedef {import("./reading/packed.js").Packed} Packed
 * @typedef {import("./reading/table.js").Table} Table
 * @typedef {import("./reading/table.js").Choices} Choices
 */

export class Dataset {
  /** @type {Packed[]} each but the last of BATCH_ROWS */
  #batches = [];

  /** @param {string} name the file's */
  constructor(name) {
    this.name = name;
    this.format = "txt";
    this.encoding = "utf-8";
    /** Of an xlsx: the sheet that was read, and all that can be. */
    this.sheet = "";
    /** @type {string[]} */
    this.sheets = [];
    /** @type {string | null} what stands between cells */
    this.delimiter = null;
    /** @type {string[] | null} the first row as the file writes it, where it names the columns */
    this.header = null;
    /** @type {import("./reading/columns.js").Column[]} as the file's beginning shows them */
    this.described = [];
    /** @type {import("./reading/summary.js").Filling[]} as all rows fill them */
    this.filling = [];
    /** @type {string[]} what was guessed or left out, in words */
    this.notes = [];
    /** Whether the file went on after the last row kept. */
    this.cut = false;
    /** Lines of a txt with nothing on them. */
    this.blankLines = 0;
    /** The column with the texts; the first, if none was found. */
    this.column = 0;
    this.hasTextColumn = true;
    this.count = 0;
    /** @type {string[]} one name for each column */
    this.columns = ["text"];
  }

  /** @param {Omit<Table, "batches">} facts */
  begin(facts) {
    this.format = facts.format;
    this.encoding = facts.encoding ?? "";
    this.delimiter = facts.delimiter;
    this.sheet = facts.sheet ?? "";
    this.sheets = facts.sheets ?? [];
    this.header = facts.header;
    this.described = facts.columns;
    this.notes = facts.notes;
    this.columns = facts.names;
    this.column = facts.textIndex ?? 0;
    this.hasTextColumn = facts.textIndex !== null;
  }

  /** @param {Packed} batch */
  add(batch) {
    this.#batches.push(batch);
    this.count += batch.count;
  }

  get width() {
    return this.columns.length;
  }

  /** @param {number} index 0 is the first row after the header */
  row(index) {
    return unpack(this.#batchOf(index), index % BATCH_ROWS);
  }

  /**
   * @param {number} index
   * @param {number} column
   */
  cell(index, column) {
    const batch = this.#batchOf(index);
    return batch.hasRaw && column === batch.width - 1 ? null : cellAt(batch, index % BATCH_ROWS, column);
  }

  /** @param {number} index */
  text(index) {
    return this.cell(index, this.column) ?? "";
  }

  /**
   * Why a row gets no label; empty if it has a text.
   * @param {number} index
   */
  reason(index) {
    const name = this.columns[this.column];
    const isPlain = !this.#batchOf(index).remarks.has(index % BATCH_ROWS);
    return isPlain ? reasonOfCell(this.cell(index, this.column), name) : reasonOf(this.row(index), this.column, name);
  }

  /**
   * What people see of the row: never nothing.
   * @param {number} index
   */
  excerpt(index) {
    const { problem, surplus } = this.row(index);
    const text = problem && !this.text(index) ? (surplus ?? "") : this.text(index);
    return text.slice(0, EXCERPT_CHARS).trim() || "(blank)";
  }

  /** @param {number} index */
  #batchOf(index) {
    return this.#batches[Math.floor(index / BATCH_ROWS)];
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
    worker.onmessage = ({ data: { type, facts, batch, message, ...end } }) => {
      if (type === "start") dataset.begin(facts);
      if (type === "rows") {
        dataset.add(batch);
        onProgress(dataset.count);
      }
      if (type === "error") reject(new Error(message));
      if (type === "done") {
        const { names, cut, blankLines, filling } = end;
        resolve(Object.assign(dataset, { columns: names, cut, blankLines, filling }));
      }
    };
    worker.postMessage({ file, choices });
  }).finally(() => worker.terminate());
}
