/** Where the texts come from: a file, pasted lines or cells, a sample; how they are read, and which column is the text. */

import { announce, byId } from "../shared/dom.js";
import { readFile } from "./dataset.js";
import { drawPreview } from "./preview.js";
import { plural } from "../shared/words.js";

/** More than this in a text box makes the browser itself slow, so it is taken as a file at once. */
const LARGE_PASTE_CHARS = 20_000;
const SAMPLE = new URL("./sample.csv", import.meta.url);

/**
 * @typedef {import("./dataset.js").Dataset} Dataset
 * @typedef {import("./reading/table.js").Choices} Choices
 *
 * @typedef {object} Owner
 * @property {(dataset: Dataset | null) => void} onChange another file, read otherwise, another column; null: none
 * @property {() => Promise<boolean>} mayReplace asked before, since results may go
 */

export class Source {
  /** @type {File | null} */
  #file = null;
  /** @type {Dataset | null} */
  #dataset = null;
  /** @type {Choices} */
  #choices = {};

  /** @param {Owner} owner */
  constructor({ onChange, mayReplace }) {
    this.onChange = onChange;
    this.mayReplace = mayReplace;
    mountDrop((file) => this.#open(file));
    mountPaste((file) => this.#open(file));
    byId("use-sample").addEventListener("click", async () => this.#open(await sample()));
    byId("change").addEventListener("click", () => this.#close());
    byId("column").addEventListener("change", () => this.#choose(Number(byId("column").value)));
    for (const name of /** @type {const} */ (["format", "sheet", "delimiter", "encoding"])) {
      byId(name).addEventListener("change", () => this.#readAs({ ...this.#choices, [name]: byId(name).value || undefined }));
    }
    byId("header").addEventListener("change", () => this.#readAs({ ...this.#choices, header: byId("header").checked }));
  }

  /** @param {File} file */
  async #open(file) {
    if (!(await this.mayReplace())) return;
    this.#file = file;
    await this.#read({});
  }

  async #close() {
    if (!(await this.mayReplace())) return;
    [this.#file, this.#dataset] = [null, null];
    setState("empty");
    this.onChange(null);
    byId("choose").focus();
  }

  /** @param {number} column */
  async #choose(column) {
    const dataset = this.#dataset;
    if (!dataset || dataset.column === column) return;
    const yes = await this.mayReplace();
    if (yes) Object.assign(dataset, { column, hasTextColumn: true });
    this.#draw();
    byId("preview").querySelector("[aria-pressed=true]")?.focus();
    if (yes) this.onChange(dataset);
  }

  /** @param {Choices} choices */
  async #readAs(choices) {
    const before = this.#dataset;
    if (!(await this.mayReplace())) return this.#draw();
    await this.#read(choices);
    if (this.#dataset === before) return; // taken back, and it was said why
    const column = this.#dataset?.columns.indexOf(before?.columns[before.column] ?? "") ?? -1;
    if (this.#dataset && column !== -1) this.#dataset.column = column;
    this.#draw();
  }

  /** @param {Choices} choices */
  async #read(choices) {
    const file = /** @type {File} */ (this.#file);
    setState("reading");
    byId("file-name").textContent = file.name;
    byId("file-facts").textContent = "Reading …";
    this.onChange(null);
    try {
      const dataset = await readFile(file, (rows) => (byId("file-facts").textContent = `Reading … ${plural(rows, "row")}`), choices);
      if (file !== this.#file) return;
      if (!dataset.count || !dataset.width) return this.#refuse("There is no text in this file. Choose another one.", choices);
      [this.#dataset, this.#choices] = [dataset, choices];
    } catch (error) {
      return this.#refuse(`This file cannot be read: ${error instanceof Error ? error.message : error}.`, choices);
    }
    setState("loaded");
    this.#draw();
    announce(`${file.name}: ${plural(this.#dataset.count, "row")}`);
    this.onChange(this.#dataset);
  }

  /**
   * What somebody said about a file that was read before is taken back.
   * @param {string} why
   * @param {Choices} [choices]
   */
  #refuse(why, choices = {}) {
    announce(why);
    if (this.#dataset?.name === this.#file?.name && Object.keys(choices).length) {
      setState("loaded");
      this.#draw();
      this.onChange(this.#dataset);
    } else {
      this.#dataset = null;
      setState("refused");
    }
    byId("file-facts").textContent = why;
  }

  #draw() {
    if (this.#dataset) drawPreview(this.#dataset, this.#choices, (column) => this.#choose(column));
  }
}

async function sample() {
  return new File([await (await fetch(SAMPLE)).blob()], "sample.csv");
}

/** @param {(file: File) => void} open */
function mountDrop(open) {
  const drop = byId("drop");
  const input = byId("file");
  byId("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files[0]) open(input.files[0]);
    input.value = ""; // the same file may be chosen again
  });
  // A file that misses the drop zone would otherwise replace the page.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => event.preventDefault());
  drop.addEventListener("dragover", () => drop.classList.add("over"));
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    drop.classList.remove("over");
    const file = event.dataTransfer?.files[0];
    if (file) open(file);
  });
}

/** @param {(file: File) => void} open */
function mountPaste(open) {
  const lines = byId("lines");
  const use = (/** @type {string} */ text) => text.trim() && open(new File([text], "pasted lines.txt"));
  byId("use-lines").addEventListener("click", () => use(lines.value));
  lines.addEventListener("paste", (/** @type {ClipboardEvent} */ event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    // Spreadsheets put cells on the clipboard with tabs between them, and as a table of HTML.
    const isTable = /<table\b/i.test(event.clipboardData?.getData("text/html") ?? "") || text.includes("\t");
    if (!isTable && text.length < LARGE_PASTE_CHARS) return;
    event.preventDefault();
    if (isTable && text.trim()) open(new File([text], "pasted table.tsv"));
    else use(`${lines.value}\n${text}`);
  });
}

/** @param {string} state */
function setState(state) {
  byId("source").dataset.state = state;
}
