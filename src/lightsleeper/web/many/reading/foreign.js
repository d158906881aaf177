/**
 * Texts of other programs, whose lines are neither rows nor texts: each is refused with what to do about it. As
 * `bulk/records/foreign.py`. A text may begin with the words of some: what tells is how they begin and go on.
 */

import { requireNoMarkup } from "./markup.js";

const SEEN_CHARS = 8192;
const LINES_SEEN = 50;
const SQL =
  /^\s*(?:(?:set|use|begin(?: transaction)?(?=;)|start|pragma|lock|drop|alter|create database)\b[^;]*;\s*)*(?:(?:create (?:temp |temporary )?table (?:if not exists )?|insert (?:or \w+ )?into )[\w.`"[\]]+\s*(?:\(|values\b)|copy [\w."]+ (?:\([^)]*\) )?from stdin\b)/i;
/** As MySQL, DuckDB, psql and sqlcmd draw it. */
const DRAWN = /^\s*(?:\+(?:[-=]+\+)+\n\||[\u250c\u256d\u250f\u2554][\u2500-\u256c]+\n|.+\n-+(?:\+-+)+\n|.+\n-{2,}(?: +-{2,})+ *\n)/;
const A_DRAWING = "a table drawn with lines; have it written as csv";
/**
 * By how a file begins, and what stands at the beginning of a line further on.
 * @type {[RegExp, RegExp, string][]}
 */
const KINDS = [
  [/^(?:\s|%.*\n)*@relation\b/i, /^@attribute\b/im, "an ARFF file; save it as csv"],
  [SQL, /; *$|\),\s*\(|values\s*\(/im, "an SQL script; export the table as csv"],
  [/^ID;P\w*(?:;\w+)*\n/i, /^C;(?:[XY]\d+;)+K/im, "a SYLK file; save it as xlsx or csv"],
  [/^\s*(?:WEBVTT\n|\d+\n\d\d:\d\d:\d\d[,.]\d{3} --> )/i, /^/, "a file of subtitles; write a text a line"],
  [/^From \S+ .*\d\d:\d\d.*\d{4}\n[A-Z-]+: /i, /^/, "a mailbox; export it as csv"],
  [/^\s*(?:#.*\n)*\[\[?[\w." -]+\]\]?\n[\w.-]+ *= *\S/, /^/, "TOML or INI; write it as csv or JSON"],
  [/^BEGIN:V(?:CARD|CALENDAR)\n/i, /^/, "a file of contacts or dates; export it as csv"],
  [DRAWN, /^/, A_DRAWING],
  [/^/, /^\|?-{5,}\|?\n\|.*\|\n\|?-{5,}\|?\n\|/m, A_DRAWING], // SAP's lists, perhaps below a title
];
/** Rows as Python and JavaScript print them, none of which is JSON. */
const PRINTED = /^\{(?![^]*\n\{ *") *(?:u?'[^'\n]+'|\w+) *: .*\},?(?:\n|$)/;
const COMMENTS = /^[ \t]*--.*|\/\*[^]*?\*\/;?/gm;
const HEADER = /^([A-Za-z][A-Za-z0-9-]*):(?: .*)?$/;
const OF_MAIL = new Set(["from", "to", "subject", "date", "received", "message-id", "mime-version", "content-type", "return-path"]);
const YAML = /^(?:\s*#.*\n)*(?:%YAML|---\s*\n|- ['"]?[\w-]+['"]?: .*\n {2}['"]?[\w-]+['"]?:(?: |\n)|[\w-]+:\n *- [\w-]+: )/;
const YAML_LINE = /^(?:%.*|---.*|\.\.\.|\s*#.*|\s*-(?: .*)?|\s+.*|['"]?[\w .-]{1,60}['"]?:(?: .*)?)$/;

/**
 * Throws if `text`, the beginning of a file or the `whole` of it, is markup, another program's, or nothing.
 * @param {string} text
 * @param {string} name
 * @param {boolean} whole
 * @param {boolean} said somebody said what the file is; then only markup that says itself what it is counts
 */
export function requireRows(text, name, whole, said) {
  if (whole && !/[^\ufeff \t\r\n]/.test(text)) throw new Error(`${name} is empty: it holds no text`);
  requireNoMarkup(text, name, whole, said);
  const begin = text.slice(0, SEEN_CHARS).replace(/^\ufeff/, "").replace(/\r\n?/g, "\n");
  const what = said ? "" : kindOf(begin);
  if (what) throw new Error(`${name} is ${what}`);
  const calledJson = /\.(?:jsonl?|ndjson)$/i.test(name); // is told where it is none
  if (!said && !calledJson && PRINTED.test(begin)) throw new Error(`${name} is not JSON, whose names stand in double quotes; write it as JSON`);
}

/** @param {string} begin */
function kindOf(begin) {
  const plain = /^\s*(?:--|\/\*)/.test(begin) ? begin.replace(COMMENTS, "") : begin;
  const known = KINDS.find(([first, further]) => [plain, begin].some((shown) => first.test(shown) && further.test(shown)));
  if (known) return known[2];
  if (isMail(begin)) return "a mail; export its text as csv";
  return YAML.test(begin) && linesOf(begin).every((line) => YAML_LINE.test(line)) ? "YAML; write it as csv or JSON" : "";
}

/**
 * Whether the lines above the first blank one are headers, and some of them a mail's.
 * @param {string} begin
 */
function isMail(begin) {
  const head = begin.split("\n\n", 1)[0].split("\n").filter((line) => !/^[ \t]/.test(line));
  const found = head.map((line) => line.match(HEADER));
  const names = new Set(found.flatMap((match) => (match ? [match[1].toLowerCase()] : [])));
  return found.length > 2 && found.every(Boolean) && [...names].filter((name) => OF_MAIL.has(name)).length > 1;
}

/**
 * The first that are not blank, without one that may be cut.
 * @param {string} begin
 */
function linesOf(begin) {
  const lines = begin.split("\n").slice(0, begin.length === SEEN_CHARS ? -1 : undefined);
  return lines.filter((line) => line.trim()).slice(0, LINES_SEEN);
}
