/** The files in a zip archive: its table of contents, each unpacked by the browser itself. */

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const MOST_COMMENT_BYTES = 65_535;
/** So many files, or more: their number stands elsewhere. */
const MANY = 0xffff;
const STORED = 0;
const DEFLATED = 8;

/** @typedef {{stream: () => ReadableStream<Uint8Array>, isEncrypted: boolean}} Entry */

/**
 * Every file in the archive, without folders and what macOS adds.
 * @param {Blob} file
 * @param {string} name
 * @returns {Promise<Map<string, Entry>>}
 */
export async function zipEntries(file, name) {
  const from = Math.max(0, file.size - END_BYTES - MOST_COMMENT_BYTES);
  const tail = new DataView(await file.slice(from).arrayBuffer());
  let end = tail.byteLength - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== END_SIGNATURE) end -= 1;
  if (end < 0) throw new Error(`${name} is damaged: no table of contents`);
  const start = tail.getUint32(end + 16, true);
  const directory = new DataView(await file.slice(start, start + tail.getUint32(end + 12, true)).arrayBuffer());
  const said = tail.getUint16(end + 10, true);
  const { entries, count } = entriesOf(file, directory);
  if (count !== said && said !== MANY) throw new Error(`${name} is damaged: its table of contents is cut`);
  return entries;
}

/**
 * @param {Blob} file
 * @param {DataView} directory
 */
function entriesOf(file, directory) {
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  let count = 0;
  for (let at = 0; at + ENTRY_BYTES <= directory.byteLength && directory.getUint32(at, true) === ENTRY_SIGNATURE; ) {
    const nameBytes = directory.getUint16(at + 28, true);
    if (at + ENTRY_BYTES + nameBytes > directory.byteLength) break;
    const path = new TextDecoder().decode(new Uint8Array(directory.buffer, at + ENTRY_BYTES, nameBytes));
    const [bytes, offset] = [directory.getUint32(at + 20, true), directory.getUint32(at + 42, true)];
    const method = directory.getUint16(at + 10, true);
    const checksum = directory.getUint32(at + 16, true);
    const isEncrypted = Boolean(directory.getUint16(at + 8, true) & 1);
    if (isContent(path)) entries.set(path, { isEncrypted, stream: () => opened(file, offset, bytes, method).pipeThrough(checked(checksum, path)) });
    count += 1;
    at += ENTRY_BYTES + nameBytes + directory.getUint16(at + 30, true) + directory.getUint16(at + 32, true);
  }
  return { entries, count };
}

/** @param {string} path */
const isContent = (path) => !path.endsWith("/") && !path.startsWith("__MACOSX/") && !path.split("/").at(-1)?.startsWith(".");

/**
 * A stream that opens itself when it is read: where the bytes begin stands in front of them.
 * @param {Blob} file
 * @param {number} offset
 * @param {number} bytes
 * @param {number} method
 * @returns {ReadableStream<Uint8Array>}
 */
function opened(file, offset, bytes, method) {
  /** @type {ReadableStreamDefaultReader<Uint8Array>} */
  let reader;
  return new ReadableStream({
    async pull(controller) {
      reader ??= (await packed(file, offset, bytes, method)).getReader();
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => reader?.cancel(),
  });
}

/**
 * @param {Blob} file
 * @param {number} offset
 * @param {number} bytes
 * @param {number} method
 */
async function packed(file, offset, bytes, method) {
  const local = new DataView(await file.slice(offset, offset + LOCAL_BYTES).arrayBuffer());
  if (local.byteLength < LOCAL_BYTES) throw new Error("it is damaged: a file of it is missing");
  const start = offset + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  const stream = file.slice(start, start + bytes).stream();
  if (method === STORED) return stream;
  if (method !== DEFLATED) throw new Error("it is compressed in a way that browsers do not read; unpack it first");
  return stream.pipeThrough(new DecompressionStream(/** @type {CompressionFormat} */ ("deflate-raw")));
}

const CHECKSUMS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});

/**
 * Bytes as they come, and an error at their end if they are not those that were packed (CRC-32, as zip has it).
 * @param {number} checksum
 * @param {string} path
 * @returns {TransformStream<Uint8Array, Uint8Array>}
 */
function checked(checksum, path) {
  let sum = 0xffffffff;
  return new TransformStream({
    transform(bytes, controller) {
      for (let index = 0; index < bytes.length; index += 1) sum = CHECKSUMS[(sum ^ bytes[index]) & 0xff] ^ (sum >>> 8);
      controller.enqueue(bytes);
    },
    flush(controller) {
      if ((sum ^ 0xffffffff) >>> 0 !== checksum) controller.error(new Error(`${path.split("/").at(-1)} is damaged: its checksum is wrong`));
    },
  });
}

/**
 * The one file that an archive is about.
 * @param {Map<string, Entry>} entries
 * @param {string} name
 * @returns {[string, Entry]}
 */
export function onlyEntry(entries, name) {
  const paths = [...entries.keys()].sort();
  if (["content.xml", "word/document.xml", "ppt/presentation.xml", "xl/workbook.bin"].some((path) => entries.has(path))) {
    throw new Error(`${name} is an office document that is not xlsx; save the table in it as xlsx or csv`);
  }
  if (paths.some((path) => path.endsWith(".iwa") || path === "Index.zip")) throw new Error(`${name} is an Apple Numbers document; export it as xlsx or csv`);
  if (paths.length !== 1) {
    throw new Error(`${name} holds ${paths.length} files (${paths.slice(0, 5).join(", ") || "nothing"}); unpack it and name the one to read`);
  }
  const entry = /** @type {Entry} */ (entries.get(paths[0]));
  if (entry.isEncrypted) throw new Error(`${name} is encrypted; unpack it first`);
  return [paths[0].split("/").at(-1) ?? paths[0], entry];
}
