/** A table of cells, out of lines, delimited text or a sheet: its header, its width and its rows. */

import { CellReader } from "./cells.js";
import { uniqueNames } from "./columns.js";
import { described, SAMPLE_ROWS } from "./description.js";
import { decide, lineEnd, separatorLine } from "./dialect.js";
import { areEscaped, escapeHolder, escapeReleaser, escapesHeld } from "./escaped_ends.js";
import { headerOf } from "./header.js";
import { mend, OTHER_HEADER, OTHER_TABLE, TableRows } from "./rows.js";
import { MOSTLY, ONE_COLUMN } from "./rules.js";
import { saidOf, secondHeaderRows } from "./second_header.js";
import { areUsual, cellsExchanged, exchanged } from "./single_quotes.js";
import { isEmpty, Lines } from "./titles.js";
import { trimmed } from "./values.js";
import { splitLines, wrappedDialects } from "./wrapped_lines.js";

/**
 * @typedef {import("./cells.js").Dialect} Dialect
 * @typedef {import("./cells.js").Cells} Cells
 * @typedef {import("./pieces.js").Source} Source
 * @typedef {import("./table.js").Choices} Choices
 */

const LISTED = 20;
const ROWS_NAMED = 5;

/**
 * @param {Source} source
 * @param {string} format
 * @param {Choices} choices
 */
export function fromText(source, format, choices) {
  // An old Mac's file that was edited elsewhere: both end rows.
  if (lineEnd(source.text) === "\r" && source.text.includes("\n")) source = withCarriageReturns(source, format !== "txt");
  if (format === "txt") {
    /** @type {Dialect} */
    const dialect = { delimiter: null, quoting: "none", lineEnd: lineEnd(source.text) };
    return fromCells(() => cellsOf(source.pieces(), dialect, 1), new CellReader(dialect).push(source.text, source.whole), source.name, choices, { dialect, hasQuotes: true });
  }
  const [said, behind] = separatorLine(source.text);
  const skipped = source.text.length - behind.length;
  const hasTabs = format === "tsv" && (choices.format === "tsv" || behind.split("\n", 1)[0].includes("\t"));
  const form = formOf(behind, source.whole, choices.delimiter ?? said ?? (hasTabs ? "\t" : null));
  const shown = form.change()(behind, true);
  const firstLine = 1 + (source.text.slice(0, skipped).match(/\n/g)?.length ?? 0);
  const sample = form.rows()(new CellReader(form.dialect, firstLine).push(shown, source.whole));
  async function* lineBatches() {
    const rows = form.rows();
    for await (const batch of cellsOf(changed(source.pieces(), form.change(), skipped), form.dialect, firstLine)) yield rows(batch);
  }
  const table = fromCells(lineBatches, sample, source.name, choices, { dialect: form.inner, hasQuotes: shown.includes('"') });
  table.notes.push(...form.notes);
  if (form.inner.delimiter === "\t") table.format = "tsv";
  return table;
}

/**
 * @typedef {object} Form how a table is written
 * @property {Dialect} dialect
 * @property {Dialect} inner that of the cells, where lines stand in quotes
 * @property {() => (piece: string, last: boolean) => string} change what is done to its text before cells are told apart
 * @property {() => (rows: Cells[]) => Cells[]} rows what is done to its rows behind that
 * @property {string[]} notes
 *
 * @param {string} text
 * @param {boolean} whole
 * @param {string | null} delimiter
 * @returns {Form}
 */
function formOf(text, whole, delimiter) {
  if (areUsual(text, whole, delimiter)) {
    const dialect = decide(exchanged(text), whole, delimiter);
    return { dialect, inner: dialect, change: () => exchanged, rows: () => cellsExchanged, notes: ["cells stand in single quotes"] };
  }
  if (areEscaped(text, whole, delimiter)) {
    const dialect = decide(escapesHeld(text), whole, "\t");
    const notes = ["a backslash before a line end or a tab makes it a part of the text"];
    return { dialect, inner: dialect, change: escapeHolder, rows: escapeReleaser, notes };
  }
  const wrapped = wrappedDialects(text, whole, delimiter);
  if (wrapped) {
    const { outer, inner } = wrapped;
    const notes = ["whole lines stand in quotes: what is in them was split again"];
    return { dialect: outer, inner, change: () => (piece) => piece, rows: () => (rows) => splitLines(rows, inner), notes };
  }
  const dialect = decide(text, whole, delimiter);
  return { dialect, inner: dialect, change: () => (piece) => piece, rows: () => (rows) => rows, notes: [] };
}

/**
 * @param {AsyncGenerator<[string, boolean]>} pieces
 * @param {(piece: string, last: boolean) => string} change
 * @param {number} skipped characters at the beginning
 * @returns {AsyncGenerator<[string, boolean]>}
 */
async function* changed(pieces, change, skipped) {
  let skip = skipped;
  for await (const [piece, last] of pieces) {
    yield [change(piece.slice(skip), last), last];
    skip = Math.max(0, skip - piece.length);
  }
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
 * @param {number} line
 */
async function* cellsOf(pieces, dialect, line) {
  const reader = new CellReader(dialect, line);
  for await (const [piece, last] of pieces) yield reader.push(piece, last);
}

/**
 * @typedef {object} Head what stands at the top of a table, and how wide it is
 * @property {string[][]} titles
 * @property {string[] | null} header
 * @property {string[][]} second
 * @property {number} width
 * @property {boolean} isNarrow whether nearly all rows hold more than that
 * @property {string[]} notes what was left out, in words
 *
 * @param {Cells[]} sample
 * @param {boolean | undefined} said
 * @returns {Head}
 */
function headOf(sample, said) {
  const lines = new Lines(sample.map(({ cells }) => cells));
  const count = said === undefined ? lines.titles() : 0;
  const table = lines.table(count);
  const { header, width } = headerOf(table, said);
  const body = header ? table.slice(1) : table;
  const second = said === undefined && header ? body.slice(0, secondHeaderRows(body)) : [];
  const isNarrow = body.length > 0 && body.filter((cells) => cells.slice(width).some(trimmed)).length >= MOSTLY * body.length;
  const titles = lines.filled.slice(0, count);
  const above = titles.flat().map(trimmed).filter(Boolean);
  const notes = above.length ? [`left out above the header: ${above.slice(0, LISTED).join("; ")}${above.length > LISTED ? "; …" : ""}`] : [];
  notes.push(...saidOf(second));
  if (header && header.length > table[0].length) notes.push("the header has one name too few: the first column is taken to have none");
  return { titles, header, second, width, isNarrow, notes };
}

/**
 * @param {() => AsyncGenerator<Cells[]>} lineBatches
 * @param {Cells[]} sample the first of them, from which header, width and text column are decided
 * @param {string} name
 * @param {Choices} choices
 * @param {{dialect: Dialect | null, hasQuotes: boolean}} found
 */
export function fromCells(lineBatches, sample, name, choices, { dialect, hasQuotes }) {
  const lines = dialect?.delimiter === null;
  const damaged = sample.filter(({ cells }) => !isEmpty(cells)).map(mend);
  const head = lines ? { titles: [], header: null, second: [], width: 1, isNarrow: false, notes: [] } : headOf(sample, choices.header);
  const { header, width } = head;
  const names = lines ? ["text"] : uniqueNames(header ?? [], width);
  /** @type {import("./rows.js").Shape} */
  const shape = { width, skip: head.titles.length + Number(header !== null) + head.second.length, keepBlank: lines, header, isDelimited: dialect !== null };
  const beginning = new TableRows(shape);
  const shown = [...beginning.take(sample), ...beginning.finish()];
  const table = described(name, lines ? "txt" : "csv", names, shown.filter(({ problem }) => problem !== OTHER_TABLE), choices);
  table.header = header;
  table.notes.push(...head.notes);
  if (damaged.slice(0, shape.skip).includes(true)) table.notes.push("bytes above the rows that are no text were read as is likely");
  table.delimiter = dialect && dialect.delimiter !== ONE_COLUMN ? dialect.delimiter : null;
  // Who quotes nothing may well leave commas in the texts.
  if (dialect && !hasQuotes && width > 1 && table.textIndex !== null) {
    Object.assign(shape, { joiner: dialect.delimiter, joined: table.textIndex });
    if (head.isNarrow) table.notes.push(`nearly every row has a cell too many: taken for a part of ${names[table.textIndex]}`);
  }
  for (const [what, become] of [[OTHER_TABLE, "get no label"], [OTHER_HEADER, "are read as those of the first"]]) {
    const other = shown.find(({ problem }) => problem === what);
    if (other) table.notes.push(`another table begins in line ${other.line.toLocaleString("en")}: its rows ${become}`);
  }
  table.notes.push(...shortRows(shown));
  table.batches = async function* () {
    const rows = new TableRows(shape);
    for await (const batch of lineBatches()) yield rows.take(batch);
    yield rows.finish();
  };
  return table;
}

/**
 * Words for rows with fewer cells than there are columns.
 * @param {import("./rows.js").Row[]} shown
 */
function shortRows(shown) {
  const short = shown.map(({ isShort }, index) => (isShort ? index + 1 : 0)).filter(Boolean);
  if (!short.length) return [];
  const listed = short.slice(0, ROWS_NAMED).join(", ") + (short.length > ROWS_NAMED ? ", …" : "");
  const [have, rows] = short.length === 1 ? ["has", "row"] : ["have", "rows"];
  const [count, all] = [short.length, shown.length].map((number) => number.toLocaleString("en"));
  return [`${count} of the first ${all} rows ${have} too few cells: ${rows} ${listed}`];
}
