/** Reads a file away from the page: what it is first, then its rows in batches that the page takes in a moment. */

import { isBlank } from "./reading/columns.js";
import { BATCH_ROWS, pack } from "./reading/packed.js";
import { Summary } from "./reading/summary.js";
import { openTable } from "./reading/table.js";

const MAX_ROWS = 1_000_000;
/** What a tab can hold beside its other needs; devices that say how much memory they have say it in GiB, at most 8. */
const CHARS_PER_GIB = 96 * 1024 * 1024;
const MAX_CHARS = CHARS_PER_GIB * (/** @type {any} */ (navigator).deviceMemory ?? 4);

/** @typedef {import("./reading/rows.js").Row} Row */

onmessage = async ({ data: { file, choices } }) => {
  try {
    await read(file, choices);
  } catch (error) {
    postMessage({ type: "error", message: error instanceof Error ? error.message : String(error) });
  }
};

/**
 * @param {File} file
 * @param {import("./reading/table.js").Choices} choices
 */
async function read(file, choices) {
  const { batches, ...facts } = await openTable(file, choices);
  postMessage({ type: "start", facts });
  const sender = new Sender(facts.format === "txt");
  for await (const rows of batches()) if (!rows.every((row) => sender.add(row))) break;
  postMessage({ type: "done", names: facts.names, ...sender.finish(facts.names.length) });
}

/** Sends rows by the batch until what the page can hold is full. */
class Sender {
  #summary = new Summary();
  /** @type {Row[]} */
  #rows = [];
  #count = 0;
  #chars = 0;
  #blankLines = 0;
  #cut = false;

  /** @param {boolean} lines a text is a line, and one with nothing on it is left out */
  constructor(lines) {
    this.lines = lines;
  }

  /**
   * Whether there was a place left for the row.
   * @param {Row} row
   */
  add(row) {
    if (this.lines && isBlank(row.cells[0] ?? "")) {
      this.#blankLines += 1;
      return true;
    }
    this.#cut = this.#count === MAX_ROWS || this.#chars > MAX_CHARS;
    if (this.#cut) return false;
    this.#count += 1;
    this.#summary.add(row.cells);
    this.#rows.push(row);
    if (this.#rows.length === BATCH_ROWS) this.#send();
    return true;
  }

  #send() {
    const batch = pack(this.#rows);
    this.#rows = [];
    this.#chars += batch.text.length;
    postMessage({ type: "rows", batch }, { transfer: [batch.ends.buffer, batch.lines.buffer] });
  }

  /** @param {number} width */
  finish(width) {
    if (this.#rows.length) this.#send();
    return { cut: this.#cut, blankLines: this.#blankLines, filling: this.#summary.columns(width) };
  }
}
