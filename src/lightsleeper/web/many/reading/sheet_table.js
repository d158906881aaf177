/** The table in a workbook: in the sheet that is named, else in the one that clearly has most to read. */

import { fromCells } from "./cell_table.js";
import { SAMPLE_ROWS } from "./description.js";
import { sheetsIn } from "./workbook.js";

/**
 * A later sheet is taken before the first only if it has so many times as much to read: of twelve months one is as good
 * as another, a cover with a sentence is not.
 */
const CLEARLY = 2;

/**
 * @typedef {import("./workbook.js").SheetRow} SheetRow
 * @typedef {import("./table.js").Choices} Choices
 */

/**
 * @param {import("./containers.js").Content} content
 * @param {string} name
 * @param {Choices} choices
 */
export async function fromSheet(content, name, choices) {
  const sheets = await sheetsIn(content, name);
  const title = choices.sheet === undefined ? await fullest(sheets, name, choices) : named(choices.sheet, sheets.titles, name);
  const others = sheets.titles.filter((other) => other !== title);
  const rows = await sheets.rows(title);
  const table = tableOf(rows, name, choices);
  table.format = "xlsx";
  [table.sheet, table.sheets] = [title, sheets.titles];
  if (others.length) table.notes.push(`the sheet '${title}' was read, not ${others.map((other) => `'${other}'`).join(", ")}`);
  if (rows.slice(0, SAMPLE_ROWS).some(({ kinds }) => kinds)) table.notes.push("formulas that were never computed are blank: save the file in a spreadsheet program");
  return table;
}

/**
 * @param {SheetRow[]} rows
 * @param {string} name
 * @param {Choices} choices
 */
function tableOf(rows, name, choices) {
  const width = rows.slice(0, SAMPLE_ROWS).reduce((widest, row) => Math.max(widest, row.cells.length), 0);
  // A sheet has no end of its rows: what is blank at it is blank, not missing.
  for (const row of rows) while (row.cells.length && row.cells.length < width) row.cells.push("");
  const cells = rows.map((row, index) => ({ ...row, line: index + 1, oddQuotes: 0, isSound: false }));
  async function* once() {
    yield cells;
  }
  return fromCells(once, cells.slice(0, SAMPLE_ROWS), name, choices, { dialect: null, hasQuotes: true });
}

/**
 * The sheet of that title, in any case.
 * @param {string} said
 * @param {string[]} titles
 * @param {string} name
 */
function named(said, titles, name) {
  const folded = said.trim().toLowerCase();
  const title = titles.includes(said) ? said : titles.findLast((each) => each.trim().toLowerCase() === folded);
  if (title === undefined) throw new Error(`${name}: no sheet '${said}' among ${titles.map((each) => `'${each}'`).join(", ")}`);
  return title;
}

/**
 * The first sheet that holds anything, or one with clearly more to read.
 * @param {import("./workbook.js").Sheets} sheets
 * @param {string} name
 * @param {Choices} choices
 */
async function fullest(sheets, name, choices) {
  /** @type {[string, number][]} */
  const filled = [];
  for (const title of sheets.titles) {
    const rows = await sheets.beginning(title);
    if (rows.some(({ cells }) => cells.length)) filled.push([title, await wordsIn(rows, name, choices)]);
  }
  if (!filled.length) return sheets.titles[0];
  const best = filled.reduce((one, other) => (other[1] > one[1] ? other : one));
  return best[1] >= CLEARLY * filled[0][1] ? best[0] : filled[0][0];
}

/**
 * How much there is to read in the column of texts; 0 if there is none, or none of the name that is said.
 * @param {SheetRow[]} rows
 * @param {string} name
 * @param {Choices} choices
 */
async function wordsIn(rows, name, choices) {
  let table;
  try {
    table = tableOf(rows, name, choices);
  } catch {
    return 0;
  }
  if (table.textIndex === null) return 0;
  let count = 0;
  for await (const batch of table.batches()) count += batch.length;
  return (table.columns[table.textIndex].likeness || (choices.textColumn === undefined ? 0 : 1)) * count;
}
