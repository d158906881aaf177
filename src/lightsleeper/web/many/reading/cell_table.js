/** A table of cells, out of lines, delimited text or a sheet: its header, its width and its rows. */

import { CellReader } from "./cells.js";
import { uniqueNames } from "./columns.js";
import { described, SAMPLE_ROWS } from "./description.js";
import { decide, isHeader, lineEnd, mostCommon, ONE_COLUMN, separatorLine, titleRows } from "./dialect.js";
import { TableRows } from "./rows.js";
import { saidOf, secondHeaderRows } from "./second_header.js";
import { areUsual, cellsExchanged, exchanged } from "./single_quotes.js";
import { sheetRows } from "./workbook.js";

/**
 * @typedef {import("./cells.js").Dialect} Dialect
 * @typedef {import("./cells.js").Cells} Cells
 * @typedef {import("./pieces.js").Source} Source
 * @typedef {import("./table.js").Choices} Choices
 */

const MOSTLY = 0.9;

/**
 * @param {Source} source
 * @param {string} format
 * @param {Choices} choices
 */
export function fromText(source, format, choices) {
  // An old Mac's file that was edited elsewhere: both end rows.
  if (lineEnd(source.text) === "\r" && source.text.includes("\n")) source = withCarriageReturns(source, format !== "txt");
  const [said, behind] = separatorLine(source.text);
  const lines = format === "txt";
  const isSingle = !lines && areUsual(behind, source.whole, choices.delimiter ?? said);
  if (isSingle) return fromSingleQuotes(source, format, choices);
  return fromUsual(source, format, choices);
}

/**
 * @param {Source} source
 * @param {string} format
 * @param {Choices} choices
 */
function fromSingleQuotes(source, format, choices) {
  async function* pieces() {
    for await (const [piece, last] of source.pieces()) yield /** @type {[string, boolean]} */ ([exchanged(piece), last]);
  }
  const table = fromUsual({ ...source, text: exchanged(source.text), pieces }, format, choices, cellsExchanged);
  table.notes.push("cells stand in single quotes");
  return table;
}

/**
 * @param {Source} source
 * @param {string} format
 * @param {Choices} choices
 * @param {(rows: Cells[]) => Cells[]} [change] what is done to every row
 */
function fromUsual(source, format, choices, change = (rows) => rows) {
  const [said, behind] = separatorLine(source.text);
  const lines = format === "txt";
  const shown = lines ? source.text : behind;
  const skipped = source.text.length - shown.length;
  /** @type {Dialect} */
  const dialect = lines
    ? { delimiter: null, quoting: "none", lineEnd: lineEnd(shown) }
    : decide(shown, source.whole, choices.delimiter ?? said);
  const firstLine = 1 + (source.text.slice(0, skipped).match(/\n/g)?.length ?? 0);
  const sample = change(new CellReader(dialect, firstLine).push(shown, source.whole));
  async function* lineBatches() {
    for await (const batch of cellsOf(source.pieces(), dialect, skipped, firstLine)) yield change(batch);
  }
  const table = fromCells(lineBatches, sample, source.name, choices, { dialect, hasQuotes: shown.includes('"') });
  if (dialect.delimiter === "\t") table.format = "tsv";
  return table;
}

/**
 * @param {Source} source
 * @param {boolean} quoted whether what stands in quotes is left as it is
 * @returns {Source}
 */
function withCarriageReturns(source, quoted) {
  async function* pieces() {
    const change = carriageReturns(quoted);
    for await (const [piece, last] of source.pieces()) {
      yield /** @type {[string, boolean]} */ ([change(piece, last), last]);
    }
  }
  return { ...source, text: carriageReturns(quoted)(source.text, true), pieces };
}

/**
 * Every end of a row as a carriage return, in pieces that follow each other.
 * @param {boolean} quoted
 * @returns {(piece: string, last: boolean) => string}
 */
function carriageReturns(quoted) {
  let kept = "";
  let inside = false;
  return (piece, last) => {
    let whole = kept + piece;
    kept = !last && whole.endsWith("\r") ? "\r" : ""; // half an end, it may be
    whole = whole.slice(0, whole.length - kept.length);
    const parts = quoted ? whole.split('"') : [whole];
    const changed = parts.map((part, index) => (inside !== (index % 2 === 1) ? part : part.replace(/\r\n|\n/g, "\r")));
    inside = inside !== (parts.length % 2 === 0);
    return changed.join('"');
  };
}

/**
 * @param {AsyncGenerator<[string, boolean]>} pieces
 * @param {Dialect} dialect
 * @param {number} skipped characters
 * @param {number} line
 */
async function* cellsOf(pieces, dialect, skipped, line) {
  const reader = new CellReader(dialect, line);
  let skip = skipped;
  for await (const [piece, last] of pieces) {
    yield reader.push(piece.slice(skip), last);
    skip = Math.max(0, skip - piece.length);
  }
}

/**
 * @param {import("./containers.js").Content} content
 * @param {string} name
 * @param {Choices} choices
 */
export async function fromSheet(content, name, choices) {
  const { title, others, rows } = await sheetRows(content, name);
  const width = rows.slice(0, SAMPLE_ROWS).reduce((widest, row) => Math.max(widest, row.cells.length), 0);
  // A sheet has no end of its rows: what is blank at it is blank, not missing.
  for (const row of rows) while (row.cells.length && row.cells.length < width) row.cells.push("");
  const cells = rows.map((row, index) => ({ ...row, line: index + 1, oddQuotes: 0, isSound: false }));
  async function* once() {
    yield cells;
  }
  const table = fromCells(once, cells.slice(0, SAMPLE_ROWS), name, choices, { dialect: null, hasQuotes: true });
  table.format = "xlsx";
  if (others.length) table.notes.push(`the sheet '${title}' was read, not ${others.map((other) => `'${other}'`).join(", ")}`);
  if (rows.slice(0, SAMPLE_ROWS).some(({ kinds }) => kinds)) table.notes.push("formulas that were never computed are blank: save the file in a spreadsheet program");
  return table;
}

/**
 * @param {() => AsyncGenerator<Cells[]>} lineBatches
 * @param {Cells[]} sample the first of them, from which header, width and text column are decided
 * @param {string} name
 * @param {Choices} choices
 * @param {{dialect: Dialect | null, hasQuotes: boolean}} found
 */
function fromCells(lineBatches, sample, name, choices, { dialect, hasQuotes }) {
  const lines = dialect?.delimiter === null;
  const filled = sample.map(({ cells }) => cells).filter((cells) => cells.length > 1 || cells[0]);
  const isGuessed = !lines && choices.header === undefined;
  const titles = isGuessed ? filled.splice(0, titleRows(filled)) : [];
  const { header, width } = lines ? { header: null, width: 1 } : headerOf(filled, choices.header);
  const names = lines ? ["text"] : uniqueNames(header ?? [], width);
  const second = isGuessed && header ? filled.slice(1, 1 + secondHeaderRows(filled.slice(1))) : [];
  const shape = { skip: titles.length + Number(header !== null) + second.length, keepBlank: lines, header };
  const shown = new TableRows(width, shape).take(sample);
  const table = described(name, lines ? "txt" : "csv", names, shown, choices);
  table.header = header;
  const above = titles.flat().map((cell) => cell.trim()).filter(Boolean);
  if (above.length) table.notes.push(`left out above the header: ${above.join("; ")}`);
  table.notes.push(...saidOf(second));
  if (header && header.length > filled[0].length) table.notes.push("the header has one name too few: the first column is taken to have none");
  table.delimiter = dialect && dialect.delimiter !== ONE_COLUMN ? dialect.delimiter : null;
  // Who quotes nothing may well leave commas in the texts of the last column.
  const joiner = table.textIndex === width - 1 && width > 1 && !hasQuotes && dialect ? dialect.delimiter : null;
  table.batches = async function* () {
    const rows = new TableRows(width, { ...shape, joiner });
    for await (const batch of lineBatches()) yield rows.take(batch);
  };
  return table;
}

/**
 * The row of names, if there is one, and how many columns there are.
 * @param {string[][]} rows
 * @param {boolean | undefined} said
 */
function headerOf(rows, said) {
  if (!rows.length) return { header: null, width: 1 };
  const header = (said ?? isHeader(rows)) ? rows[0] : null;
  const body = header ? rows.slice(1) : rows;
  const [usual, times] = mostCommon(body.map((row) => row.length)) ?? [rows[0].length, 0];
  if (!header) return { header, width: usual };
  const isFilled = body.some((row) => row.slice(header.length).some((cell) => cell.trim()));
  if (usual <= header.length || times < MOSTLY * body.length || !isFilled) return { header, width: header.length };
  // R names no column for the names of its rows.
  return { header: usual === header.length + 1 ? ["", ...header] : header, width: usual };
}
