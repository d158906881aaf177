/** What a file is, by its first bytes whatever its name says, and the bytes inside it. As `bulk/records/containers.py`. */

import { unpackedGzip } from "./gzip.js";
import { onlyEntry, zipEntries } from "./zip.js";

const MAGIC_BYTES = 64;
/** Files within files. */
const MOST_LAYERS = 4;
const GZIP = "\x1f\x8b";
const ZIP = "PK\x03\x04";
const NOT_TEXT = /[\0-\x08\x0e-\x1f\x7f-\xff]/;
/** Of them, those that no letter of any language is written with: `ORCID` may stand above `José`. */
const CONTROL = /[\0-\x08\x0e-\x1f]/;
const PLAIN_TEXT_MAGICS = ["%PDF", "{\\rtf", "<stata_dta>"];
/**
 * What no reader here reads, and what to do about it. A text may begin with the letters of some: those count only where
 * bytes follow that no text has.
 * @type {[string, string][]}
 */
const REFUSED = [
  ...[2, 3, 4, 5].map((protocol) => /** @type {[string, string]} */ ([`\x80${String.fromCharCode(protocol)}`, "is a pickle of Python's; write it as csv"])),
  ["%PDF", "is a PDF; copy its table into a spreadsheet and save that as csv"],
  ["SQLite format 3\0", "is an SQLite database; export the table as csv"],
  ["PAR1", "is parquet, which the command reads: lightsleeper predict --file"],
  ["ARROW1", "is an Arrow file; write it as csv"],
  ["FEA1", "is a Feather file; write it as csv"],
  ["\xff\xff\xff\xff", "is an Arrow stream; write it as csv"],
  ["ORC", "is an ORC file; write it as csv"],
  ["\x89HDF", "is an HDF5 file; write it as csv"],
  ["\x93NUMPY", "is a NumPy array; write it as csv"],
  ["RDX2\n", "is a file of R's; write it as csv"],
  ["RDX3\n", "is a file of R's; write it as csv"],
  ["X\n\0\0", "is a file of R's; write it as csv"],
  ["$FL2", "is a file of SPSS's; write it as csv"],
  ["$FL3", "is a file of SPSS's; write it as csv"],
  ["<stata_dta>", "is a file of Stata's; write it as csv"],
  ["Obj\x01", "is an Avro file; write it as csv"],
  ["\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it first"],
  ["\x04\x22\x4d\x18", "is compressed with lz4; unpack it first"],
  ["\xff\x06\0\0sNaPpY", "is compressed with snappy; unpack it first"],
  ["\x5d\0\0", "is compressed with lzma; unpack it first"],
  ["\x1f\x9d", "is compressed with compress; unpack it first"],
  ["BZh", "is compressed with bzip2; unpack it first"],
  ["\xfd7zXZ\0", "is compressed with xz; unpack it first"],
  ["7z\xbc\xaf\x27\x1c", "is a 7-Zip archive; unpack it first"],
  ["Rar!", "is a RAR archive; unpack it first"],
  ["\x89PNG", "is a picture"],
  ["\xff\xd8\xff", "is a picture"],
  ["GIF8", "is a picture"],
  ["II*\0", "is a picture"],
  ["MM\0*", "is a picture"],
  ["RIFF", "is a recording or a picture"],
  ["OggS", "is a recording"],
  ["fLaC", "is a recording"],
  ["ID3\x03", "is a recording"],
  ["ID3\x04", "is a recording"],
  ["\x1a\x45\xdf\xa3", "is a recording"],
  ["\x7fELF", "is a program"],
  ["MZ", "is a program"],
  ["{\\rtf", "is a formatted text (RTF); save it as plain text"],
];
/** The container of Excel's and Word's old files, and of new ones with a password. */
const OLE = "\xd0\xcf\x11\xe0";
const ENCRYPTED = [..."EncryptedPackage"].join("\0");
/**
 * And what stands further in, behind zero bytes.
 * @type {[number, string, string][]}
 */
const REFUSED_WITHIN = [
  [4, "ftyp", "is a recording or a picture"],
  [257, "ustar", "is a tar archive; unpack it and name the file to read"],
];

/**
 * @typedef {object} Content what is inside a file, past compression
 * @property {"bytes" | "xlsx"} kind
 * @property {string} name the file's own, or that of the one inside the archive
 * @property {() => ReadableStream<Uint8Array>} stream from its beginning
 * @property {Map<string, import("./zip.js").Entry>} [entries] of an xlsx
 */

/**
 * The content of a file; throws one line if nothing reads it.
 * @param {Blob} file
 * @param {string} name
 * @param {number} [layer]
 * @returns {Promise<Content>}
 */
export async function contentOf(file, name, layer = 1) {
  if (layer > MOST_LAYERS) throw new Error(`${name} is packed too many times; unpack it first`);
  const magic = letters(new Uint8Array(await file.slice(0, MAGIC_BYTES).arrayBuffer()));
  refuse(magic, name);
  if (magic.startsWith(OLE)) await refuseOle(file.stream(), name);
  if (magic.startsWith(GZIP)) {
    return insideOf(() => unpackedGzip(file, name), name.replace(/\.gz(ip)?$/i, ""), layer);
  }
  if (!magic.startsWith(ZIP)) return { kind: "bytes", name, stream: () => file.stream() };
  const entries = await zipEntries(file, name);
  if (entries.has("xl/workbook.xml")) return { kind: "xlsx", name, stream: () => file.stream(), entries };
  const [innerName, entry] = onlyEntry(entries, name);
  return insideOf(entry.stream, innerName, layer);
}

/**
 * What is packed may be packed once more: that is taken out whole.
 * @param {() => ReadableStream<Uint8Array>} stream
 * @param {string} name
 * @param {number} layer
 * @returns {Promise<Content>}
 */
async function insideOf(stream, name, layer) {
  const magic = letters((await first(stream())).subarray(0, MAGIC_BYTES));
  refuse(magic, name);
  if (magic.startsWith(OLE)) await refuseOle(stream(), name);
  if (!magic.startsWith(GZIP) && !magic.startsWith(ZIP)) return { kind: "bytes", name, stream };
  return contentOf(await new Response(stream()).blob(), name, layer + 1);
}

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @param {string} name
 */
async function refuseOle(stream, name) {
  const reader = stream.getReader();
  const decoder = new TextDecoder("latin1");
  let isProtected = false;
  for (let rest = ""; !isProtected; ) {
    const { done, value } = await reader.read();
    if (done) break;
    const piece = rest + decoder.decode(value);
    isProtected = piece.includes(ENCRYPTED);
    rest = piece.slice(-ENCRYPTED.length);
  }
  await reader.cancel();
  throw new Error(`${name} is ${isProtected ? "protected by a password; save it without one" : "an old Excel or Word file; save it as xlsx or csv"}`);
}

/** @param {Uint8Array} bytes */
const letters = (bytes) => String.fromCharCode(...bytes);

/**
 * @param {string} magic
 * @param {string} name
 */
function refuse(magic, name) {
  const isBinary = CONTROL.test(magic);
  const refused = REFUSED.find(([start]) => magic.startsWith(start) && (isBinary || NOT_TEXT.test(start) || PLAIN_TEXT_MAGICS.includes(start)));
  if (refused) throw new Error(`${name} ${refused[1]}`);
}

/**
 * Throws for what a file's beginning says it is, but not its first bytes.
 * @param {Uint8Array} window
 * @param {string} name
 */
export function refuseWithin(window, name) {
  for (const [at, sign, what] of REFUSED_WITHIN) {
    if (letters(window.subarray(at, at + sign.length)) === sign && window.subarray(0, at).includes(0)) throw new Error(`${name} ${what}`);
  }
}

/** @param {ReadableStream<Uint8Array>} stream */
async function first(stream) {
  const reader = stream.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return value ?? new Uint8Array();
}
