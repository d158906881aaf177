/** Dates as files write them → days, months or years, whichever makes a chart that can be read. */

/** Of a cell with a time only this is looked at, so that a million cells hold a few hundred different ones. */
const DAY_CHARS = 10;
const DATE = /^(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})/;
const DAY_MS = 86_400_000;
/** Longer ones make months, and those longer than five years make years. */
const LONGEST_DAYS = 62;
const LONGEST_MONTHS_DAYS = 5 * 366;
const LAST_MONTH = 12;
/** Of years in two digits, those from here on are of the last century. */
const CENTURY = 70;

/** @typedef {"ymd" | "dmy" | "mdy"} Order */

/**
 * What tells which day, month or year a cell is in, so that all cells make a few dozen of them.
 * @param {string[]} cells different ones
 */
export function calendar(cells) {
  const heads = [...new Set(cells.map(headOf))];
  const order = orderOf(heads);
  const days = new Map(heads.map((head) => [head, dayOf(head, order)]));
  const known = [...days.values()].filter(Boolean).sort();
  const [first, last] = [known[0], known.at(-1) ?? ""];
  const span = (Date.parse(last) - Date.parse(first)) / DAY_MS;
  const chars = span <= LONGEST_DAYS ? "2026-03-01".length : span <= LONGEST_MONTHS_DAYS ? "2026-03".length : "2026".length;
  const note = order === "ymd" ? "" : `read as ${order === "dmy" ? "day, month, year" : "month, day, year"}`;
  const day = (/** @type {string} */ cell) => days.get(headOf(cell)) ?? "";
  return { keyOf: (/** @type {string} */ cell) => day(cell).slice(0, chars), dayOf: day, note };
}

/** @param {string} cell */
const headOf = (cell) => cell.trim().slice(0, DAY_CHARS);

/**
 * A number above 12 is a day; where there is none, a dot is European and a slash American.
 * @param {string[]} cells
 * @returns {Order}
 */
function orderOf(cells) {
  const parts = cells.map((cell) => cell.match(DATE)).filter((match) => match !== null);
  if (parts.some(([, first]) => first.length > 2)) return "ymd";
  if (parts.some(([, first]) => Number(first) > LAST_MONTH)) return "dmy";
  if (parts.some(([, , second]) => Number(second) > LAST_MONTH)) return "mdy";
  return parts[0]?.[0].includes("/") ? "mdy" : "dmy";
}

/**
 * `2026-03-01`; nothing if the cell is no date.
 * @param {string} cell
 * @param {Order} order
 */
function dayOf(cell, order) {
  const [, first, second, third] = cell.match(DATE) ?? [];
  if (!first) return "";
  const [year, month, day] = order === "ymd" ? [first, second, third] : order === "dmy" ? [third, second, first] : [third, first, second];
  if (Number(month) > LAST_MONTH || Number(month) < 1 || day.length > 2) return "";
  return `${fullYear(year)}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
}

/** @param {string} year */
const fullYear = (year) => (year.length > 2 ? year.padStart(4, "0") : String((Number(year) >= CENTURY ? 1900 : 2000) + Number(year)));
