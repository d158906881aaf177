/** Text files → rows, as the pieces of the file arrive. No page and no network in here. */

/**
 * @typedef {object} Parser
 * @property {(piece: string) => void} push
 * @property {() => void} end
 *
 * @typedef {(cells: string[], raw?: string, problem?: string) => void} OnRow
 */

const DELIMITERS = [",", ";", "\t", "|"];

/**
 * @param {string} kind csv, tsv, jsonl or txt
 * @param {OnRow} onRow
 * @param {(names: string[]) => void} onColumns jsonl only: all keys so far
 * @returns {Parser}
 */
export function parserOf(kind, onRow, onColumns) {
  if (kind === "csv") return csvParser(null, onRow);
  if (kind === "tsv") return csvParser("\t", onRow);
  return lineParser(kind === "jsonl" ? jsonLine(onRow, onColumns) : (line) => onRow([line]));
}

/**
 * What a file is, by its name; by its first characters where the name says nothing.
 * @param {string} name
 * @param {string} start
 */
export function kindOf(name, start) {
  const ending = name.toLowerCase().match(/\.(csv|tsv|jsonl|ndjson|txt)$/)?.[1];
  if (ending) return ending === "ndjson" ? "jsonl" : ending;
  return start.trimStart().startsWith("{") ? "jsonl" : "txt";
}

/**
 * Lines without their ends; blank ones are left out.
 * @param {(line: string) => void} onLine
 * @returns {Parser}
 */
function lineParser(onLine) {
  let rest = "";
  const take = (/** @type {string} */ line) => line.trim() && onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  return {
    push(piece) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(take);
    },
    end: () => take(rest),
  };
}

/**
 * One JSON object a line; each keeps its own text, so that a download can repeat it unchanged.
 * @param {OnRow} onRow
 * @param {(names: string[]) => void} onColumns
 */
function jsonLine(onRow, onColumns) {
  /** @type {Map<string, number>} */
  const columns = new Map();
  return (/** @type {string} */ line) => {
    const known = columns.size;
    const fields = fieldsOf(line);
    if (!fields) return onRow([], line, "this line is not JSON");
    /** @type {string[]} */
    const cells = [];
    for (const [name, value] of Object.entries(fields)) {
      if (!columns.has(name)) columns.set(name, columns.size);
      cells[columns.get(name) ?? 0] = typeof value === "string" ? value : JSON.stringify(value);
    }
    if (columns.size > known) onColumns([...columns.keys()]);
    onRow(Array.from(cells, (cell) => cell ?? ""), line);
  };
}

/**
 * @param {string} line
 * @returns {Record<string, unknown> | null}
 */
function fieldsOf(line) {
  try {
    const value = JSON.parse(line);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : { text: value };
  } catch {
    return null;
  }
}

/**
 * RFC 4180: quoted cells may hold delimiters, line breaks and doubled quotes. Without a given delimiter, the one
 * that the first line holds most often.
 * @param {string | null} given
 * @param {OnRow} onRow
 * @returns {Parser}
 */
function csvParser(given, onRow) {
  let delimiter = given;
  let rest = "";
  /** @type {string[]} */
  let cells = [];
  const endRow = () => {
    if (cells.length > 1 || cells[0].trim()) onRow(cells);
    cells = [];
  };

  /** Reads one cell at `start`; where the next one starts, or -1 if the cell may go on in the next piece. */
  const readCell = (/** @type {string} */ text, /** @type {number} */ start, /** @type {boolean} */ last) => {
    const quoted = text[start] === '"';
    const close = quoted ? closingQuote(text, start + 1) : start;
    // A quote at the very end may be the first half of a doubled one.
    if (quoted && (close === -1 || close + 1 === text.length) && !last) return -1;
    const from = quoted && close !== -1 ? close + 1 : start;
    const end = endOfCell(text, from, delimiter ?? ",");
    if (end === text.length && !last) return -1;
    const value = quoted && close !== -1 ? unquote(text.slice(start + 1, close)) + text.slice(from, end) : text.slice(start, end);
    const endsRow = text[end] !== delimiter;
    cells.push(endsRow && value.endsWith("\r") ? value.slice(0, -1) : value);
    if (endsRow) endRow();
    return end + 1;
  };

  const read = (/** @type {boolean} */ last) => {
    delimiter ??= mostFrequent(rest);
    let position = 0;
    while (position < rest.length || (last && cells.length && position === rest.length)) {
      const next = readCell(rest, position, last);
      if (next === -1) break;
      position = next;
    }
    rest = rest.slice(position);
  };

  return {
    push(piece) {
      rest += piece;
      if (delimiter !== null || rest.includes("\n")) read(false);
    },
    end: () => read(true),
  };
}

/**
 * @param {string} text
 * @param {number} from
 */
function closingQuote(text, from) {
  let quote = text.indexOf('"', from);
  while (quote !== -1 && text[quote + 1] === '"') quote = text.indexOf('"', quote + 2);
  return quote;
}

/**
 * @param {string} text
 * @param {number} from
 * @param {string} delimiter
 */
function endOfCell(text, from, delimiter) {
  let end = from;
  while (end < text.length && text[end] !== delimiter && text[end] !== "\n") end += 1;
  return end;
}

/** @param {string} cell */
const unquote = (cell) => cell.replaceAll('""', '"');

/** @param {string} text */
function mostFrequent(text) {
  const line = text.split("\n", 1)[0].replace(/"[^"]*"/g, "");
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))];
}
