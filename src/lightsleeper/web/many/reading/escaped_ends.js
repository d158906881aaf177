/** Tab-separated files whose texts hold line ends and tabs behind a backslash, as MySQL writes them. As `bulk/records/escaped_ends.py`. */

import { MOSTLY } from "./rules.js";

/**
 * Whether nearly all rows of `text` have as many tabs as the first only if a backslash before an end escapes it.
 * @param {string} text
 * @param {boolean} whole
 * @param {string | null} delimiter
 */
export function areEscaped(text, whole, delimiter) {
  if ((delimiter !== null && delimiter !== "\t") || !text.includes("\t") || !/\\[\n\t]/.test(text)) return false;
  const changed = evenness(escapesHeld(text), whole);
  return changed >= MOSTLY && changed > evenness(text, whole);
}

/**
 * @param {string} text
 * @param {boolean} whole
 */
function evenness(text, whole) {
  const lines = text.split("\n");
  const tabs = (whole ? lines : lines.slice(0, -1)).filter(Boolean).map((line) => line.split("\t").length - 1);
  return tabs.length > 1 && tabs[0] ? tabs.filter((count) => count === tabs[0]).length / tabs.length : 0;
}

/**
 * What is escaped, held: half a surrogate, which no text holds, stands for it until the cells are told apart.
 * @param {string} text that ends with no half of a pair
 */
export const escapesHeld = (text) =>
  text.replace(/\\([^])/g, (pair, escaped) => (escaped === "\n" ? "\\\udc0a" : escaped === "\t" ? "\\\udc09" : pair));

/**
 * As `escapesHeld`, of every piece.
 * @returns {(piece: string, last: boolean) => string}
 */
export function escapeHolder() {
  let kept = "";
  return (piece, last) => {
    const text = kept + piece;
    kept = !last && (text.match(/\\+$/)?.[0].length ?? 0) % 2 ? "\\" : "";
    return escapesHeld(text.slice(0, text.length - kept.length));
  };
}

/**
 * Rows of such a text with the ends that the file has, in the lines that they begin in.
 * @returns {(rows: import("./cells.js").Cells[]) => import("./cells.js").Cells[]}
 */
export function escapeReleaser() {
  let above = 0;
  return (rows) =>
    rows.map((row) => {
      const line = row.line + above;
      const cells = row.cells.map((cell) =>
        cell.replace(/\\([\udc0a\udc09])/g, (_, held) => {
          above += Number(held === "\udc0a");
          return held === "\udc0a" ? "\n" : "\t";
        }),
      );
      return { ...row, line, cells };
    });
}
