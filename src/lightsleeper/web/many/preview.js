/** The file as a table before anything is sent: its first rows, its columns, how it was read, and what to know. */

import { byId, el } from "../shared/dom.js";
import { isSparseness } from "./reading/description.js";
import { LEGACY_ENCODINGS } from "./reading/rules.js";
import { grouped, plural, wholePercent } from "../shared/words.js";

const SHOWN_ROWS = 5;
const CELL_CHARS = 200;
const SPARSE = 0.5;
const DELIMITERS = [[",", "comma"], [";", "semicolon"], ["\t", "tab"], ["|", "bar |"], [":", "colon"], [" ", "blank"]];
const FORMATS = ["csv", "tsv", "txt", "jsonl", "json"];
const ENCODINGS = ["utf-8", "utf-16le", "utf-16be", ...Object.keys(LEGACY_ENCODINGS)];

/**
 * @typedef {import("./dataset.js").Dataset} Dataset
 * @typedef {import("./reading/table.js").Choices} Choices
 */

/**
 * @param {Dataset} dataset
 * @param {Choices} choices what somebody said, the rest was found
 * @param {(column: number) => void} choose
 */
export function drawPreview(dataset, choices, choose) {
  byId("file-facts").textContent = [plural(dataset.count, "row"), plural(dataset.width, "column"), dataset.format].join(" · ");
  byId("cut-notice").hidden = !dataset.cut;
  byId("cut-notice").textContent = `Only the first ${plural(dataset.count, "row")} are taken: the file goes on.`;
  byId("warnings").replaceChildren(...warningsOf(dataset).map((words) => el("li", {}, words)));
  drawChoices(dataset, choices);
  drawTable(dataset, choose);
}

/**
 * @param {Dataset} dataset
 * @param {Choices} choices
 */
function drawChoices(dataset, choices) {
  const isText = dataset.format !== "xlsx";
  byId("column").replaceChildren(...dataset.columns.map((name, index) => new Option(name, String(index))));
  byId("column").value = String(dataset.column);
  byId("column").disabled = dataset.width === 1;
  fill(byId("format"), FORMATS.map((name) => [name, name]), choices.format, dataset.format, isText);
  fill(byId("sheet"), dataset.sheets.map((title) => [title, title]), choices.sheet, dataset.sheet, true);
  byId("sheet-field").hidden = dataset.sheets.length < 2;
  fill(byId("delimiter"), DELIMITERS, choices.delimiter, dataset.delimiter ?? "none", isText && ["csv", "tsv"].includes(dataset.format));
  fill(byId("encoding"), ENCODINGS.map((name) => [name, name]), choices.encoding, dataset.encoding, isText);
  byId("header").checked = dataset.header !== null;
  byId("header").disabled = !["csv", "tsv", "xlsx"].includes(dataset.format) || (dataset.header === null && dataset.count < 2);
}

/**
 * @param {HTMLSelectElement} select
 * @param {string[][]} options value and name
 * @param {string | undefined} said
 * @param {string} found
 * @param {boolean} enabled
 */
function fill(select, options, said, found, enabled) {
  const name = options.find(([value]) => value === found)?.[1] ?? found;
  const first = new Option(said === undefined ? `${name || "none"} (found)` : "find it out", "");
  select.replaceChildren(first, ...options.map(([value, words]) => new Option(words, value)));
  select.value = said ?? "";
  select.disabled = !enabled;
}

/**
 * @param {Dataset} dataset
 * @param {(column: number) => void} choose
 */
function drawTable(dataset, choose) {
  const table = byId("preview");
  const heads = dataset.columns.map((name, index) => {
    const button = el("button", { type: "button", "aria-pressed": String(index === dataset.column) }, name);
    button.addEventListener("click", () => choose(index));
    return el("th", { scope: "col", ...chosen(dataset, index) }, button, el("span", { class: "small" }, fillingOf(dataset, index)));
  });
  table.tHead.replaceChildren(el("tr", {}, ...heads));
  const rows = Array.from({ length: Math.min(SHOWN_ROWS, dataset.count) }, (_, row) => {
    const { problem, surplus } = dataset.row(row);
    const shown = (/** @type {number} */ index) => (problem && surplus && index === dataset.column ? surplus : (dataset.cell(row, index) ?? "")).slice(0, CELL_CHARS);
    return el("tr", {}, ...dataset.columns.map((_, index) => el("td", chosen(dataset, index), shown(index))));
  });
  table.tBodies[0].replaceChildren(...rows);
}

/**
 * @param {Dataset} dataset
 * @param {number} index
 * @returns {Record<string, string>}
 */
const chosen = ({ column }, index) => (index === column ? { class: "chosen" } : {});

/**
 * @param {Dataset} dataset
 * @param {number} index
 */
function fillingOf({ filling, count }, index) {
  const { filled, distinct, isAll } = filling[index];
  if (!filled) return "empty";
  const counted = isAll ? grouped(distinct) : `more than ${grouped(distinct - 1)}`;
  const different = isAll && distinct === filled ? "all different" : `${counted} different`;
  return `${wholePercent(filled / count)} filled, ${different}`;
}

/** @param {Dataset} dataset */
function warningsOf(dataset) {
  const { filling, column, columns, described, count } = dataset;
  const warnings = dataset.notes.filter((note) => !isSparseness(note)).map((note) => note[0].toUpperCase() + note.slice(1));
  if (!dataset.hasTextColumn) warnings.push("No column looks like texts: choose one");
  const { filled } = filling[column];
  if (filled < count) warnings.push(`${grouped(count - filled)} of ${grouped(count)} blank${fullerThan(filling, described, columns, column, count)}`);
  if (dataset.blankLines) warnings.push(`${plural(dataset.blankLines, "blank line")} left out`);
  return warnings;
}

/**
 * @param {import("./reading/summary.js").Filling[]} filling
 * @param {import("./reading/columns.js").Column[]} described
 * @param {string[]} names
 * @param {number} column
 * @param {number} count
 */
function fullerThan(filling, described, names, column, count) {
  if (filling[column].filled >= SPARSE * count) return "";
  const fuller = described.map((_, index) => index).filter((index) => described[index].likeness && filling[index].filled > filling[column].filled);
  fuller.sort((one, other) => described[other].likeness - described[one].likeness);
  return fuller.length ? `; ${names[fuller[0]]} is fuller` : "";
}
