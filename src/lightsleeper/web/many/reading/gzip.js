/** gzip → bytes, all of its parts: `cat`, log rotation, bgzip and pigz write several behind each other. */

const MAGIC = [0x1f, 0x8b, 8];
const HEAD_BYTES = 10;
/** Of a part: its beginning and its checksum. */
const LEAST_BYTES = 18;
const KNOWN_FLAGS = 0x1f;
const KNOWN_SPEEDS = [0, 2, 4];
const LAST_SYSTEM = 13;
const ANY_SYSTEM = 255;
/** A file is looked through once, and read several times. @type {WeakMap<Blob, number[]>} */
const known = new WeakMap();

/**
 * What is in `file`; its failures are one line about `name`.
 * @param {Blob} file
 * @param {string} name
 * @returns {ReadableStream<Uint8Array>}
 */
export function unpackedGzip(file, name) {
  const bytes = inside(file);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await bytes.next().catch((error) => {
        const why = /junk/i.test(error.message) ? "there is more behind its end" : "its end is missing, or what is in it is not gzip";
        throw new Error(`${name} cannot be unpacked: ${why}; unpack it first`);
      });
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void bytes.return(undefined).catch(() => {}), // whatever is wrong further on
  });
}

/** @param {Blob} file */
async function* inside(file) {
  let start = 0;
  const found = known.get(file) ?? (await ends(file));
  known.set(file, found);
  for (const end of found) {
    const reader = file.slice(start, end).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
    } finally {
      await reader.cancel().catch(() => {});
    }
    start = end;
  }
}

/**
 * Where each part ends: browsers unpack one, and do not say how far they read. The ten bytes that one begins with come by
 * accident once in 10^12 bytes, and are then said to be damage.
 * @param {Blob} file
 */
async function ends(file) {
  /** @type {number[]} */
  const found = [];
  const reader = file.stream().getReader();
  try {
    let rest = new Uint8Array();
    let before = 0; // bytes of the file in front of `rest`
    let start = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const all = new Uint8Array(rest.length + value.length);
      all.set(rest);
      all.set(value, rest.length);
      for (let at = all.indexOf(MAGIC[0]); at !== -1 && at + HEAD_BYTES <= all.length; at = all.indexOf(MAGIC[0], at + 1)) {
        if (before + at < start + LEAST_BYTES || !isHead(all, at)) continue;
        start = before + at;
        found.push(start);
      }
      const kept = Math.min(all.length, HEAD_BYTES - 1);
      before += all.length - kept;
      rest = all.slice(all.length - kept);
    }
  } finally {
    await reader.cancel();
  }
  return [...found, file.size];
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function isHead(bytes, at) {
  const [speed, system] = [bytes[at + 8], bytes[at + 9]];
  return (
    MAGIC.every((byte, index) => bytes[at + index] === byte) &&
    bytes[at + 3] <= KNOWN_FLAGS &&
    KNOWN_SPEEDS.includes(speed) &&
    (system <= LAST_SYSTEM || system === ANY_SYSTEM)
  );
}
