/** Where the texts come from: a dropped or chosen file, or pasted lines; and which column holds them. */

import { announce, byId, el } from "../shared/dom.js";
import { readFile } from "./dataset.js";
import { plural } from "../shared/words.js";

/** More than this in a text box makes the browser itself slow, so it is taken as a file at once. */
const LARGE_PASTE_CHARS = 20_000;
const SAMPLE_ROWS = 3;

/** @typedef {import("./dataset.js").Dataset} Dataset */

/**
 * @param {(dataset: Dataset | null) => void} onChange another file, another column; null: none
 */
export function mountSource(onChange) {
  const source = { dataset: /** @type {Dataset | null} */ (null) };
  const open = (/** @type {File} */ file) => load(source, file, onChange);
  mountDrop(open);
  mountPaste(open);
  byId("column").addEventListener("change", () => {
    if (!source.dataset) return;
    source.dataset.column = Number(byId("column").value);
    draw(source.dataset);
    onChange(source.dataset);
  });
  byId("header").addEventListener("change", () => {
    if (!source.dataset) return;
    source.dataset.hasHeader = byId("header").checked;
    draw(source.dataset);
    onChange(source.dataset);
  });
  byId("change").addEventListener("click", () => {
    source.dataset = null;
    setState("empty");
    onChange(null);
    byId("choose").focus();
  });
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
    if (text.length < LARGE_PASTE_CHARS) return;
    event.preventDefault();
    use(`${lines.value}\n${text}`);
  });
}

/**
 * @param {{dataset: Dataset | null}} source
 * @param {File} file
 * @param {(dataset: Dataset | null) => void} onChange
 */
async function load(source, file, onChange) {
  setState("reading");
  byId("file-name").textContent = file.name;
  byId("file-facts").textContent = "Reading …";
  try {
    source.dataset = await readFile(file, (rows) => (byId("file-facts").textContent = `Reading … ${plural(rows, "row")}`));
  } catch (error) {
    return refuse(onChange, `This file cannot be read: ${error instanceof Error ? error.message : error}.`);
  }
  if (!source.dataset.count) return refuse(onChange, "There is no text in this file. Choose another one.");
  setState("loaded");
  draw(source.dataset);
  announce(`${file.name}: ${plural(source.dataset.count, "row")}`);
  onChange(source.dataset);
}

/**
 * @param {(dataset: Dataset | null) => void} onChange
 * @param {string} why
 */
function refuse(onChange, why) {
  setState("refused");
  byId("file-facts").textContent = why;
  announce(why);
  onChange(null);
}

/** @param {string} state */
function setState(state) {
  byId("source").dataset.state = state;
}

/** @param {Dataset} dataset */
function draw(dataset) {
  byId("file-facts").textContent = factsOf(dataset);
  const options = dataset.columns.map((name, index) => new Option(name, String(index)));
  byId("column").replaceChildren(...options);
  byId("column").value = String(dataset.column);
  byId("column").disabled = dataset.width === 1;
  byId("header").checked = dataset.hasHeader;
  byId("header").disabled = !dataset.canHaveHeader;
  const sample = Array.from({ length: Math.min(SAMPLE_ROWS, dataset.count) }, (_, row) => dataset.excerpt(row));
  byId("sample").replaceChildren(...sample.map((text) => el("li", {}, text)));
}

/** @param {Dataset} dataset */
function factsOf(dataset) {
  const facts = [plural(dataset.count, "row"), plural(dataset.width, "column"), dataset.format];
  if (dataset.blankLines) facts.push(`${plural(dataset.blankLines, "blank line")} left out`);
  facts.push(...dataset.notes);
  if (dataset.cut) facts.push("the file goes on: only its first 100,000 rows are taken");
  return facts.join(" · ");
}
