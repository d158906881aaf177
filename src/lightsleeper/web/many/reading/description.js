/** What a table's first rows say about it: its columns, the one with the texts, and what to know about that. */

import { describe, namedOtherwise, textColumn } from "./columns.js";
import { trimmed } from "./values.js";

/**
 * @typedef {import("./rows.js").Row} Row
 * @typedef {import("./columns.js").Column} Column
 * @typedef {import("./table.js").Choices} Choices
 * @typedef {import("./table.js").Table} Table
 */

/** How many rows are looked at. */
export const SAMPLE_ROWS = 1000;
const SPARSE = 0.5;
const NO_TEXT = "rows have no text in";

/**
 * @param {string} name
 * @param {string} format
 * @param {string[]} names
 * @param {Row[]} rows
 * @param {Choices} choices
 * @returns {Table}
 */
export function described(name, format, names, rows, choices) {
  const columns = describe(names, rows.map(({ cells }) => cells));
  // Of no row nobody knows the columns.
  const textIndex = choices.textColumn === undefined || !names.length ? textColumn(columns) : indexOf(choices.textColumn, names, name);
  const notes = textIndex === null ? [] : sparseness(columns, textIndex, rows.length);
  if (textIndex !== null && choices.textColumn === undefined) notes.push(...namedOtherwise(columns, textIndex));
  return { name, format, encoding: null, encodingGuessed: false, delimiter: null, header: null, columns, names, textIndex, notes, batches: async function* () {} };
}

/**
 * Words for a column of texts that is mostly blank.
 * @param {Column[]} columns
 * @param {number} chosen
 * @param {number} rows
 */
function sparseness(columns, chosen, rows) {
  const { filled, name } = columns[chosen];
  if (!rows || filled >= SPARSE) return [];
  const others = columns.filter((column) => column.likeness && column.filled > filled);
  const best = others.length ? others.reduce((one, other) => (other.likeness > one.likeness ? other : one)) : null;
  const fuller = best ? `; ${best.name} is fuller` : "";
  const blank = Math.round(rows * (1 - filled)).toLocaleString("en");
  return [`${blank} of the first ${rows.toLocaleString("en")} ${NO_TEXT} ${name}${fuller}`];
}

/**
 * Whether a note is about a column of texts that is mostly blank.
 * @param {string} note
 */
export const isSparseness = (note) => note.includes(` ${NO_TEXT} `);

/**
 * The column of that name, whatever the case of its letters and the blanks around it.
 * @param {string} said
 * @param {string[]} names
 * @param {string} file
 */
function indexOf(said, names, file) {
  const folded = names.map((each) => trimmed(each).toLowerCase());
  const index = names.includes(said) ? names.indexOf(said) : folded.indexOf(trimmed(said).toLowerCase());
  if (index === -1) throw new Error(`${file}: no column ${said} among ${names.join(", ")}`);
  return index;
}
