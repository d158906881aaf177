/**
 * Whether characters are XML or HTML, which are no texts to classify: their lines are the parts of a tree. As
 * `bulk/records/markup.py`. A review may begin with a tag, and be all in one: what tells is how the first element stands
 * in the file.
 */

const COMMENTS = /^\ufeff?[ \t\r\n]*(?:<!--.*?-->[ \t\r\n]*)*/s;
const PAGE = /^<(?:!doctype[ \t\r\n]+html|html|head|body|table|meta)[ \t\r\n/>]/i;
const XML = /^<(?:\?xml|!doctype)[ \t\r\n-]/i;
const TAG = /^<([A-Za-z_][A-Za-z0-9_:.-]*)(?:[ \t\r\n][^<>]*)?>/;
const BLANKS_BEFORE = /^[ \t\r\n]+/;
const BLANKS = " \t\r\n";
/** What people's editors put around what they write. */
const OF_TEXT = new Set([..."abipqsu", "em", "strong", "span", "font", "div", "blockquote"]);

/**
 * Throws if `text`, the beginning of a file or the `whole` of it, is XML or HTML.
 * @param {string} text
 * @param {string} name
 * @param {boolean} whole
 * @param {boolean} said somebody said what the file is; then only what says itself what it is counts
 */
export function requireNoMarkup(text, name, whole, said) {
  const begin = text.replace(COMMENTS, "");
  if (!begin.startsWith("<")) return;
  if (PAGE.test(begin)) throw new Error(`${name} is a web page; save the table in it as csv`);
  if (XML.test(begin) || (!said && isTree(withoutBlanksBehind(begin), whole))) {
    throw new Error(`${name} is XML; save the table in it as csv`);
  }
}

/**
 * Whether nothing but elements stand in `text`, of which the first holds another or has lines of its own.
 * @param {string} text
 * @param {boolean} whole
 */
function isTree(text, whole) {
  const root = text.match(TAG);
  if (!root) return false;
  const end = endOf(text, root[1]);
  if ((whole && !end) || (end && !["", "<"].includes(text.slice(end).replace(BLANKS_BEFORE, "").charAt(0)))) return false;
  const element = end ? text.slice(0, end) : text;
  const child = element.slice(root[0].length).replace(BLANKS_BEFORE, "").match(TAG);
  const holds = child !== null && element.toLowerCase().includes(`</${child[1].toLowerCase()}>`);
  const hasLines = /[\r\n]/.test(element);
  if (OF_TEXT.has(root[1].toLowerCase())) return holds && hasLines;
  return holds || Boolean(end && hasLines);
}

/**
 * No pattern: one that ends in `+$` takes the square of the time.
 * @param {string} text
 */
function withoutBlanksBehind(text) {
  let end = text.length;
  while (end && BLANKS.includes(text[end - 1])) end -= 1;
  return text.slice(0, end);
}

/**
 * Behind the tag that closes the first; 0 if none does.
 * @param {string} text
 * @param {string} name
 */
function endOf(text, name) {
  let depth = 0;
  for (const tag of text.matchAll(new RegExp(`<(/?)${name.replaceAll(".", "\\.")}(?:[ \\t\\r\\n][^<>]*)?>`, "gi"))) {
    if (tag[0].endsWith("/>")) continue;
    depth += tag[1] ? -1 : 1;
    if (depth === 0) return tag.index + tag[0].length;
  }
  return 0;
}
