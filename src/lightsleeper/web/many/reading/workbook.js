/**
 * The cells of an xlsx file: XML in a zip archive, of which a table needs four parts.
 *
 * Our own, since a reader of everything that spreadsheets can hold (SheetJS: 900 kB) is more than the rest of the page,
 * and a worker has no DOM: what is read here is text, numbers, dates and truth, as they were when the file was saved.
 */

const XML_ENTITIES = new Map([["lt", "<"], ["gt", ">"], ["amp", "&"], ["quot", '"'], ["apos", "'"]]);
/** Excel's own formats of dates and times; others are known by their code. */
const DATE_FORMATS = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, 45, 47]);
/** Excel's own format of hours, however many. */
const ELAPSED_FORMAT = "46";
/** The year 10000, beyond which Excel knows no dates. */
const END_OF_DATES = 2_958_466;
const DAYS_TO_1904 = 1462;
/** A part says what it is at its beginning. */
const BEGINNING_CHARS = 65_536;
/** Of Python's timedelta; what is more is a number. */
const MOST_DAYS = 1e9;
const MOST_ROWS = 1_048_576;
const MOST_COLUMNS = 16_384;
/** Excel counts days from the end of 1899. */
const EPOCH_MS = Date.UTC(1899, 11, 30);
const DAY_MS = 86_400_000;
const NOT_COMPUTED = "a formula that was never computed";

/**
 * @typedef {object} SheetRow
 * @property {string[]} cells without the blank ones at their end
 * @property {Record<number, string>} [kinds] cells that are no text, and what they are
 */

/** So many rows show what a sheet is about. */
const BEGINNING_ROWS = 1000;

/**
 * @typedef {object} Sheets those that are shown, or all if none is
 * @property {string[]} titles
 * @property {(title: string) => Promise<SheetRow[]>} rows as the cells read
 * @property {(title: string) => Promise<SheetRow[]>} beginning the first of them
 *
 * @param {import("./containers.js").Content} content
 * @param {string} name
 * @returns {Promise<Sheets>}
 */
export async function sheetsIn(content, name) {
  const part = async (/** @type {string} */ path) => {
    const entry = content.entries?.get(path);
    const xml = entry ? plain(await new Response(entry.stream()).arrayBuffer()) : "";
    // Entities would be text that stands nowhere in the sheet, and may be without end.
    if (xml.slice(0, BEGINNING_CHARS).includes("<!DOCTYPE")) throw new Error(`${name}: it has a DOCTYPE, which no spreadsheet program writes`);
    return xml;
  };
  const { sheets, is1904 } = await sheetsOf(part);
  if (!sheets.length) throw new Error(`${name} is damaged: it has no sheets`);
  const shared = [...(await part("xl/sharedStrings.xml")).matchAll(/<si\b[^>]*?(?:\/>|>(.*?)<\/si>)/gs)].map(([, inner]) => textIn(inner ?? ""));
  const how = { name, shared, is1904, kinds: kindsOfStyles(await part("xl/styles.xml")) };
  const paths = new Map(sheets.map(({ title, path }) => [title, path]));
  const xmlOf = async (/** @type {string} */ title) => {
    const xml = await part(paths.get(title) ?? "");
    if (!/<\/worksheet>\s*$/.test(xml)) throw new Error(`${name} is damaged: the sheet '${title}' has no end`);
    return xml;
  };
  return {
    titles: sheets.map(({ title }) => title),
    rows: async (title) => rowsOf(await xmlOf(title), how),
    beginning: async (title) => rowsOf(cut(await xmlOf(title)), how).slice(0, BEGINNING_ROWS),
  };
}

/**
 * A sheet's XML up to the end of the last row that is looked at.
 * @param {string} xml
 */
function cut(xml) {
  let end = 0;
  for (let row = 0; row < BEGINNING_ROWS && end !== -1; row += 1) end = xml.indexOf("</row>", end + 1);
  return end === -1 ? xml : xml.slice(0, end + "</row>".length);
}

/** @param {(path: string) => Promise<string>} part */
async function sheetsOf(part) {
  const paths = new Map([...(await part("xl/_rels/workbook.xml.rels")).matchAll(/<Relationship\b[^>]*>/g)].map(([tag]) => {
    const target = attribute(tag, "Target");
    return [attribute(tag, "Id"), target.startsWith("/") ? target.slice(1) : `xl/${target}`];
  }));
  const book = await part("xl/workbook.xml");
  const sheets = [...book.matchAll(/<sheet\b[^>]*>/g)].map(([tag]) => ({
    title: attribute(tag, "name"),
    path: paths.get(attribute(tag, "id")) ?? "",
    isHidden: /hidden/i.test(attribute(tag, "state")),
  }));
  const visible = sheets.filter((sheet) => !sheet.isHidden);
  const is1904 = /^(1|true)$/.test(attribute(book.match(/<workbookPr\b[^>]*>/)?.[0] ?? "", "date1904"));
  return { sheets: visible.length ? visible : sheets, is1904 };
}

/**
 * XML as the patterns here expect it: line ends, comments, quoted sections and names with a prefix are written in many ways.
 * @param {ArrayBuffer} bytes
 */
function plain(bytes) {
  const isWide = /^(\xff\xfe|\xfe\xff)/.exec(String.fromCharCode(...new Uint8Array(bytes.slice(0, 2))));
  let xml = new TextDecoder(isWide ? (isWide[0] === "\xff\xfe" ? "utf-16le" : "utf-16be") : "utf-8").decode(bytes);
  if (xml.includes("\r")) xml = xml.replace(/\r\n?/g, "\n");
  if (xml.includes("<!")) {
    xml = xml.replace(/<!\[CDATA\[(.*?)\]\]>|<!--.*?-->/gs, (_, text) => (text ?? "").replaceAll("&", "&amp;").replaceAll("<", "&lt;"));
  }
  return /<\w+:(worksheet|sst|workbook|styleSheet|Relationships)\b/.test(xml) ? xml.replace(/<(\/?)[\w.-]+:/g, "<$1") : xml;
}

/**
 * @typedef {object} How what the cells of a sheet mean
 * @property {string} name the file's
 * @property {string[]} shared
 * @property {boolean} is1904 days are counted from then, as old Macs did
 * @property {("" | "date" | "duration")[]} kinds by style
 */

/**
 * @param {string} xml a sheet's
 * @param {How} how
 */
function rowsOf(xml, how) {
  /** @type {SheetRow[]} */
  const rows = [];
  for (const [, attributes, inner] of xml.matchAll(/<row\b([^>]*?)(?:\/>|>(.*?)<\/row>)/gs)) {
    const number = Number(attribute(attributes, "r")) || rows.length + 1;
    requireNext(rows.length, number, MOST_ROWS, how);
    while (rows.length < number - 1) rows.push({ cells: [] });
    rows.push(rowOf(inner ?? "", how));
  }
  return rows.some(({ cells }) => cells.length) ? rows : [];
}

/**
 * @param {string} xml a row's
 * @param {How} how
 */
function rowOf(xml, how) {
  /** @type {string[]} */
  const cells = [];
  /** @type {Record<number, string>} */
  const kinds = {};
  for (const [, attributes, inner] of xml.matchAll(/<c\b([^>]*?)(?:\/>|>(.*?)<\/c>)/gs)) {
    const index = columnOf(attribute(attributes, "r")) ?? cells.length;
    requireNext(cells.length, index + 1, MOST_COLUMNS, how);
    while (cells.length < index) cells.push("");
    const type = attribute(attributes, "t");
    cells[index] = valueOf(inner ?? "", type, how.kinds[Number(attribute(attributes, "s"))] ?? "", how);
    if (!cells[index] && inner && isNotComputed(inner, type)) kinds[index] = NOT_COMPUTED;
  }
  while (cells.length && !cells[cells.length - 1]) cells.pop();
  return Object.keys(kinds).length ? { cells, kinds } : { cells };
}

/**
 * Throws for rows or cells that stand behind later ones, which no other reader takes alike, and for more than a sheet has.
 * @param {number} before
 * @param {number} number
 * @param {number} most
 * @param {How} how
 */
function requireNext(before, number, most, { name }) {
  if (number <= before || number > most) throw new Error(`${name}: its rows or cells are out of order; save it in a spreadsheet program`);
}

/**
 * Whether a cell without a value has a formula. One that gives nothing says that this is a text.
 * @param {string} xml a cell's
 * @param {string} type
 */
const isNotComputed = (xml, type) => /<f\b/.test(xml) && !(type === "str" && /<v\b/.test(xml));

/**
 * @param {string} xml a cell's
 * @param {string} type
 * @param {"" | "date" | "duration"} kind
 * @param {How} how
 */
function valueOf(xml, type, kind, { name, shared, is1904 }) {
  if (type === "inlineStr") return textIn(xml);
  const value = decoded(xml.match(/<v\b[^>]*>(.*?)<\/v>/s)?.[1] ?? "");
  if (type === "s") {
    const text = shared[Number(value)];
    if (text === undefined && value) throw new Error(`${name} is damaged: a text of it is missing`);
    return text ?? "";
  }
  if (type === "b") return /^(1|true)$/.test(value) ? "TRUE" : "FALSE";
  if (type === "d") return value.replace("T", " ").replace(/ 00:00:00$/, "");
  if ((type && type !== "n") || !value || Number.isNaN(Number(value))) return value;
  if (kind === "duration" && Math.abs(Number(value)) < MOST_DAYS) return durationOf(Number(value));
  const isDay = Number(value) >= 0 && Number(value) < END_OF_DATES - (is1904 ? DAYS_TO_1904 : 0);
  return kind === "date" && isDay ? dateOf(Number(value), is1904) : numberOf(value);
}

/**
 * As Python writes it.
 * @param {string} written
 */
function numberOf(written) {
  const number = Number(written);
  if (/^-?[0-9]+$/.test(written)) return written === "-0" ? "0" : written;
  if (Number.isInteger(number) && Math.abs(number) < 1e16) return String(number);
  const [digits, exponent] = number.toExponential().split("e");
  if (Number(exponent) >= -4 && Number(exponent) < 16) return String(number);
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

/**
 * @param {number} days since Excel's beginning
 * @param {boolean} is1904
 */
function dateOf(days, is1904) {
  // Excel counts a 29 February 1900, which was none.
  const since = is1904 ? days + DAYS_TO_1904 : days > 0 && days < 60 ? days + 1 : days;
  const [day, time] = new Date(EPOCH_MS + Math.round(since * DAY_MS)).toISOString().replace("Z", "").split("T");
  const shown = time.replace(/\.000$/, "");
  if (days >= 0 && Math.round(days * DAY_MS) < DAY_MS) return shown;
  return shown === "00:00:00" ? day : `${day} ${shown}`;
}

/**
 * Hours, however many, as `[h]:mm:ss` shows them.
 * @param {number} days
 */
function durationOf(days) {
  const seconds = Math.round(Math.abs(days) * 86_400);
  const pad = (/** @type {number} */ number) => String(number % 60).padStart(2, "0");
  return `${days < 0 ? "-" : ""}${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60))}:${pad(seconds)}`;
}

/**
 * @param {string} xml the styles
 * @returns {("" | "date" | "duration")[]}
 */
function kindsOfStyles(xml) {
  const codes = new Map([...xml.matchAll(/<numFmt\b[^>]*>/g)].map(([tag]) => [attribute(tag, "numFmtId"), attribute(tag, "formatCode")]));
  const styles = xml.match(/<cellXfs\b.*?<\/cellXfs>/s)?.[0] ?? "";
  return [...styles.matchAll(/<xf\b[^>]*>/g)].map(([tag]) => {
    const id = attribute(tag, "numFmtId");
    const code = (codes.get(id) ?? "").replace(/"[^"]*"|\\./g, "");
    if (id === ELAPSED_FORMAT || /\[(h+|m+|s+)\]/i.test(code)) return "duration";
    return DATE_FORMATS.has(Number(id)) || /[ymdhs]/i.test(code.replace(/\[[^\]]*\]/g, "")) ? "date" : "";
  });
}

/**
 * `C7` is in column 2.
 * @param {string} reference
 */
function columnOf(reference) {
  const letters = reference.match(/^[A-Za-z]{1,8}/)?.[0].toUpperCase();
  return letters ? Array.from(letters).reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1 : undefined;
}

/** @param {string} xml whose runs of text make one, without how they are to be pronounced */
const textIn = (xml) => {
  const spoken = xml.replace(/<rPh\b.*?<\/rPh>/gs, "");
  return [...spoken.matchAll(/<t\b[^>]*?(?:\/>|>(.*?)<\/t>)/gs)].map(([, text]) => decoded(text ?? "")).join("");
};

/**
 * @param {string} tag
 * @param {string} name
 */
function attribute(tag, name) {
  const [, double, single] = tag.match(new RegExp(`(?:^|\\s)(?:\\w+:)?${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`)) ?? [];
  return decoded(double ?? single ?? "");
}

/** @param {string} xml */
function decoded(xml) {
  const text = xml.replace(/&(#x?)?(\w+);/g, (whole, number, what) => {
    if (!number) return XML_ENTITIES.get(what) ?? whole;
    return String.fromCodePoint(parseInt(what, number === "#x" ? 16 : 10));
  });
  return text.replace(/_x((?!D[89A-F])[0-9A-F]{4})_/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
}
