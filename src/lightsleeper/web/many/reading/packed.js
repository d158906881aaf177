/**
 * Rows as one string and where its cells end: a message costs what one string costs, and a million rows stay small
 * (of three cells each: 12 bytes a row beside the characters, where objects and strings took 200).
 */

/** Rows of every message but a file's last: by it a row is found. */
export const BATCH_ROWS = 500;

/**
 * @typedef {import("./rows.js").Row} Row
 *
 * @typedef {object} Packed
 * @property {number} count rows
 * @property {number} width cells of each row, the row as it is written behind them if `hasRaw`
 * @property {boolean} hasRaw
 * @property {string} text every cell
 * @property {Int32Array} ends where each cell ends in `text`; below zero (`~end`) where the row has no such cell
 * @property {Uint32Array} lines of the file, in which each row begins
 * @property {Map<number, Partial<Row>>} remarks what there is to say of a row besides its cells
 */

/**
 * @param {Row[]} rows
 * @returns {Packed}
 */
export function pack(rows) {
  const hasRaw = rows[0]?.raw !== undefined;
  const width = rows.reduce((most, { cells }) => Math.max(most, cells.length), 0) + Number(hasRaw);
  const ends = new Int32Array(rows.length * width);
  const lines = new Uint32Array(rows.length);
  /** @type {Map<number, Partial<Row>>} */
  const remarks = new Map();
  /** @type {string[]} */
  const parts = [];
  let end = 0;
  rows.forEach((row, index) => {
    lines[index] = row.line;
    if (row.problem || row.kinds || row.damaged) remarks.set(index, remarksOf(row));
    for (let column = 0; column < width; column += 1) {
      const cell = hasRaw && column === width - 1 ? row.raw : row.cells[column];
      const isThere = cell !== null && cell !== undefined;
      if (isThere) {
        parts.push(cell);
        end += cell.length;
      }
      ends[index * width + column] = isThere ? end : ~end;
    }
  });
  return { count: rows.length, width, hasRaw, text: parts.join(""), ends, lines, remarks };
}

/**
 * @param {Row} row
 * @returns {Partial<Row>}
 */
function remarksOf({ cells: _cells, line: _line, raw: _raw, ...remarks }) {
  return remarks;
}

/**
 * @param {Packed} packed
 * @param {number} row
 * @param {number} column
 * @returns {string | null}
 */
export function cellAt({ width, text, ends }, row, column) {
  if (column >= width) return null;
  const place = row * width + column;
  if (ends[place] < 0) return null;
  const before = place ? ends[place - 1] : 0;
  return text.slice(before < 0 ? ~before : before, ends[place]);
}

/**
 * @param {Packed} packed
 * @param {number} row
 * @returns {Row}
 */
export function unpack(packed, row) {
  const { width, hasRaw, lines, remarks } = packed;
  const cells = Array.from({ length: width - Number(hasRaw) }, (_, column) => cellAt(packed, row, column));
  const raw = hasRaw ? { raw: cellAt(packed, row, width - 1) ?? "" } : {};
  return { cells, line: lines[row], ...raw, ...remarks.get(row) };
}
