/** The rows that RFC 4180 describes, which are most of them: one look instead of one for each cell. */

/** Longer rows are rare. As in Python, where `csv` limits them. */
export const MAX_AGREED_CHARS = 100_000;

/**
 * What such a row looks like, up to its line end; null where another dialect or a tab has rules of its own.
 * @param {import("./cells.js").Dialect} dialect
 */
export function agreedRow({ delimiter, quoting, lineEnd }) {
  if (quoting !== "doubled" || lineEnd !== "\n" || delimiter?.length !== 1 || '\t"'.includes(delimiter)) return null;
  const other = delimiter.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  const cell = `(?:"[^"\\0]*(?:""[^"\\0]*)*"|[^"${other === "-" ? "\\-" : other}\\r\\n\\0]*)`;
  return new RegExp(`${cell}(?:${other}${cell})*(?=\\r?\\n)`, "y");
}

/**
 * The cells of a row in which every quote stands around a cell, or is doubled.
 * @param {string} row
 * @param {string} delimiter
 */
export function agreedCells(row, delimiter) {
  const cells = [];
  for (let at = 0; ; at += 1) {
    const isQuoted = row[at] === '"';
    let end = isQuoted ? row.indexOf('"', at + 1) : row.indexOf(delimiter, at);
    while (isQuoted && row[end + 1] === '"') end = row.indexOf('"', end + 2);
    if (end === -1) end = row.length;
    cells.push(isQuoted ? row.slice(at + 1, end).replaceAll('""', '"') : row.slice(at, end));
    at = isQuoted ? end + 1 : end;
    if (at >= row.length) return cells;
  }
}
