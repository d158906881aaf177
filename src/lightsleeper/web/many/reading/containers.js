/** What a file is, by its first bytes whatever its name says, and the bytes inside it. As `bulk/records/containers.py`. */

import { onlyEntry, zipEntries } from "./zip.js";

const MAGIC_BYTES = 16;
/** What no reader here reads, and what to do about it. @type {[string, string][]} */
const REFUSED = [
  ["%PDF", "is a PDF; copy its table into a spreadsheet and save that as csv"],
  ["\xd0\xcf\x11\xe0", "is an old Excel or Word file; save it as xlsx or csv"],
  ["SQLite format 3\0", "is an SQLite database; export the table as csv"],
  ["PAR1", "is parquet, which the command reads: lightsleeper predict --file"],
  ["ARROW1", "is an Arrow file; write it as csv"],
  ["FEA1", "is a Feather file; write it as csv"],
  ["ORC", "is an ORC file; write it as csv"],
  ["Obj\x01", "is an Avro file; write it as csv"],
  ["\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it first"],
  ["BZh", "is compressed with bzip2; unpack it first"],
  ["\xfd7zXZ\0", "is compressed with xz; unpack it first"],
  ["7z\xbc\xaf\x27\x1c", "is a 7-Zip archive; unpack it first"],
  ["Rar!", "is a RAR archive; unpack it first"],
  ["\x89PNG", "is a picture"],
  ["\xff\xd8\xff", "is a picture"],
  ["GIF8", "is a picture"],
  ["RIFF", "is a recording or a picture"],
  ["\x7fELF", "is a program"],
  ["MZ", "is a program"],
  ["{\\rtf", "is a formatted text (RTF); save it as plain text"],
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
 * @returns {Promise<Content>}
 */
export async function contentOf(file, name) {
  const bytes = new Uint8Array(await file.slice(0, MAGIC_BYTES).arrayBuffer());
  const magic = String.fromCharCode(...bytes);
  refuse(magic, name);
  if (magic.startsWith("\x1f\x8b")) {
    return { kind: "bytes", name: name.replace(/\.gz(ip)?$/i, ""), stream: () => unpacked(file.stream(), "gzip") };
  }
  if (!magic.startsWith("PK\x03\x04")) return { kind: "bytes", name, stream: () => file.stream() };
  const entries = await zipEntries(file, name);
  if (entries.has("xl/workbook.xml")) return { kind: "xlsx", name, stream: () => file.stream(), entries };
  const [innerName, entry] = onlyEntry(entries, name);
  const start = await first(entry.stream());
  refuse(String.fromCharCode(...start.subarray(0, MAGIC_BYTES)), innerName);
  return { kind: "bytes", name: innerName, stream: entry.stream };
}

/**
 * @param {string} magic
 * @param {string} name
 */
function refuse(magic, name) {
  const refused = REFUSED.find(([start]) => magic.startsWith(start));
  if (refused) throw new Error(`${name} ${refused[1]}`);
  if (/^\s*<(!doctype html|html)/i.test(magic)) throw new Error(`${name} is a web page; save the table in it as csv`);
}

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @param {CompressionFormat | "deflate-raw"} format
 */
export const unpacked = (stream, format) => stream.pipeThrough(new DecompressionStream(/** @type {CompressionFormat} */ (format)));

/** @param {ReadableStream<Uint8Array>} stream */
async function first(stream) {
  const reader = stream.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return value ?? new Uint8Array();
}
