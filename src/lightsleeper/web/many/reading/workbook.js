/**
 * The cells of an xlsx file: XML in a zip archive, of which a table needs four parts.
 *
 * Our own, since a reader of everything that spreadsheets can hold (SheetJS: 900 kB) is more than the rest of the page,
 * and a worker has no DOM: what is read here is text, numbers, dates and truth, as they were when the file was saved.
 */

const XML_ENTITIES = new Map([["lt", "<"], ["gt", ">"], ["amp", "&"], ["quot", '"'], ["apos", "'"]]);
/** Excel's own formats of dates and times; others are known by their code. */
const DATE_FORMATS = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, 45, 46, 47]);
/** Excel counts days from the end of 1899. */
const EPOCH_MS = Date.UTC(1899, 11, 30);
const DAY_MS = 86_400_000;

/**
 * The first visible sheet that holds anything, the names of the other ones, and its rows as the cells read.
 * @param {import("./containers.js").Content} content
 * @param {string} name
 * @returns {Promise<{title: string, others: string[], rows: string[][]}>}
 */
export async function sheetRows(content, name) {
  const part = async (/** @type {string} */ path) => {
    const entry = content.entries?.get(path);
    return entry ? new Response(entry.stream()).text() : "";
  };
  const sheets = await sheetsOf(part);
  const shared = [...(await part("xl/sharedStrings.xml")).matchAll(/<si\b[^>]*?(?:\/>|>(.*?)<\/si>)/gs)].map(([, inner]) => textIn(inner ?? ""));
  const isDate = dateStyles(await part("xl/styles.xml"));
  for (const { title, path } of sheets) {
    const rows = rowsOf(await part(path), shared, isDate);
    if (!rows.length) continue;
    return { title, others: sheets.filter((sheet) => sheet.title !== title).map((sheet) => sheet.title), rows };
  }
  if (!sheets.length) throw new Error(`${name} is damaged: it has no sheets`);
  return { title: sheets[0].title, others: [], rows: [] };
}

/** @param {(path: string) => Promise<string>} part */
async function sheetsOf(part) {
  const paths = new Map([...(await part("xl/_rels/workbook.xml.rels")).matchAll(/<Relationship\b[^>]*>/g)].map(([tag]) => {
    const target = attribute(tag, "Target");
    return [attribute(tag, "Id"), target.startsWith("/") ? target.slice(1) : `xl/${target}`];
  }));
  const sheets = [...(await part("xl/workbook.xml")).matchAll(/<sheet\b[^>]*>/g)].map(([tag]) => ({
    title: attribute(tag, "name"),
    path: paths.get(attribute(tag, "r:id")) ?? "",
    isHidden: /hidden/i.test(attribute(tag, "state")),
  }));
  const visible = sheets.filter((sheet) => !sheet.isHidden);
  return visible.length ? visible : sheets;
}

/**
 * @param {string} xml a sheet's
 * @param {string[]} shared
 * @param {boolean[]} isDate by style
 */
function rowsOf(xml, shared, isDate) {
  /** @type {string[][]} */
  const rows = [];
  for (const [, attributes, inner] of xml.matchAll(/<row\b([^>]*?)(?:\/>|>(.*?)<\/row>)/gs)) {
    const number = Number(attribute(attributes, "r")) || rows.length + 1;
    while (rows.length < number - 1) rows.push([]);
    rows.push(cellsOf(inner ?? "", shared, isDate));
  }
  const width = rows.reduce((widest, row) => Math.max(widest, row.length), 0);
  const full = rows.map((row) => (row.some(Boolean) ? [...row, ...Array(width - row.length).fill("")] : []));
  return full.some((row) => row.length) ? full : [];
}

/**
 * @param {string} xml a row's
 * @param {string[]} shared
 * @param {boolean[]} isDate
 */
function cellsOf(xml, shared, isDate) {
  /** @type {string[]} */
  const cells = [];
  for (const [, attributes, inner] of xml.matchAll(/<c\b([^>]*?)(?:\/>|>(.*?)<\/c>)/gs)) {
    const index = columnOf(attribute(attributes, "r")) ?? cells.length;
    while (cells.length < index) cells.push("");
    cells[index] = valueOf(inner ?? "", attribute(attributes, "t"), shared, isDate[Number(attribute(attributes, "s"))] ?? false);
  }
  return cells;
}

/**
 * @param {string} xml a cell's
 * @param {string} type
 * @param {string[]} shared
 * @param {boolean} isDate
 */
function valueOf(xml, type, shared, isDate) {
  if (type === "inlineStr") return textIn(xml);
  const value = decoded(xml.match(/<v\b[^>]*>(.*?)<\/v>/s)?.[1] ?? "");
  if (type === "s") return shared[Number(value)] ?? "";
  if (type === "b") return value === "1" ? "TRUE" : "FALSE";
  return isDate && value && !type.startsWith("str") ? dateOf(Number(value)) : value;
}

/** @param {number} days since Excel's beginning */
function dateOf(days) {
  const [day, time] = new Date(EPOCH_MS + Math.round(days * DAY_MS)).toISOString().slice(0, 19).split("T");
  if (days < 1) return time;
  return time === "00:00:00" ? day : `${day} ${time}`;
}

/** @param {string} xml the styles */
function dateStyles(xml) {
  const codes = new Map([...xml.matchAll(/<numFmt\b[^>]*>/g)].map(([tag]) => [attribute(tag, "numFmtId"), attribute(tag, "formatCode")]));
  const styles = xml.match(/<cellXfs\b.*?<\/cellXfs>/s)?.[0] ?? "";
  return [...styles.matchAll(/<xf\b[^>]*>/g)].map(([tag]) => {
    const id = attribute(tag, "numFmtId");
    const code = (codes.get(id) ?? "").replace(/"[^"]*"|\[[^\]]*\]|\\./g, "");
    return DATE_FORMATS.has(Number(id)) || /[ymdhs]/i.test(code);
  });
}

/**
 * `C7` is in column 2.
 * @param {string} reference
 */
function columnOf(reference) {
  const letters = reference.match(/^[A-Z]+/)?.[0];
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
const attribute = (tag, name) => decoded(tag.match(new RegExp(`(?:^|\\s)${name}="([^"]*)"`))?.[1] ?? "");

/** @param {string} xml */
function decoded(xml) {
  const text = xml.replace(/&(#x?)?(\w+);/g, (whole, number, what) => {
    if (!number) return XML_ENTITIES.get(what) ?? whole;
    return String.fromCodePoint(parseInt(what, number === "#x" ? 16 : 10));
  });
  return text.replace(/_x([0-9A-F]{4})_/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
}
