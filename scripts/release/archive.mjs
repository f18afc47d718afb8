// Packs files into a tar archive whose bytes depend only on the files and a time: POSIX's ustar format, sorted names,
// and no owner.
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";

const BLOCK = 512;
const SUMS = "SHA256SUMS";

const sha256 = (data) => createHash("sha256").update(data).digest("hex");
const sorted = (files) => Object.entries(files).toSorted(([one], [other]) => (one < other ? -1 : 1));

/**
 * Returns `files`, an object from names to contents, with the list of their SHA-256 sums in the format of
 * `sha256sum --check`.
 */
export function withSums(files) {
  const lines = sorted(files).map(([name, data]) => `${sha256(data)}  ${name}\n`);
  return { ...files, [SUMS]: lines.join("") };
}

/** Returns the archive of `files` in `folder`. All files have the time `seconds` since 1970. */
export function pack(folder, files, seconds) {
  const blocks = sorted(files).flatMap(([name, content]) => {
    const data = Buffer.from(content);
    const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK);
    return [header(`${folder}/${name}`, data.length, seconds), data, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]), { level: 9 });
}

function header(name, size, seconds) {
  const block = Buffer.alloc(BLOCK);
  const octal = (value, digits) => `${value.toString(8).padStart(digits, "0")}\0`;
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is longer than the 100 bytes of a name in ustar`);
  block.write(name, 0);
  block.write(octal(0o644, 7), 100); // mode
  block.write(octal(0, 7), 108); // user
  block.write(octal(0, 7), 116); // group
  block.write(octal(size, 11), 124);
  block.write(octal(seconds, 11), 136);
  block.write(" ".repeat(8), 148); // the checksum, which is computed with spaces here
  block.write("0", 156); // a regular file
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)} `, 148);
  return block;
}

/** Returns the files of an archive in the format of {@link pack}. */
function unpack(archive) {
  const tar = gunzipSync(archive);
  const files = new Map();
  for (let at = 0; at < tar.length && tar[at] !== 0; ) {
    const text = (start, end) => tar.toString("utf8", at + start, at + end).split("\0")[0];
    const size = Number.parseInt(text(124, 136), 8);
    if (!Number.isSafeInteger(size)) throw new Error(`${text(0, 100)} has no size`);
    files.set(text(0, 100), tar.subarray(at + BLOCK, at + BLOCK + size));
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  return files;
}

/** Returns each difference between the contents of two archives, whose compression may differ. */
export function differences(archive, rebuilt) {
  if (gunzipSync(archive).equals(gunzipSync(rebuilt))) return [];
  const [given, expected] = [unpack(archive), unpack(rebuilt)];
  const names = [...new Set([...given.keys(), ...expected.keys()])].toSorted();
  const found = names.flatMap((name) => {
    if (!expected.has(name)) return [`${name}: only in the archive`];
    if (!given.has(name)) return [`${name}: not in the archive`];
    return given.get(name).equals(expected.get(name)) ? [] : [`${name}: ${sha256(given.get(name))} in the archive, ${sha256(expected.get(name))} rebuilt`];
  });
  return found.length > 0 ? found : ["the files are equal, but their order, time or owner differs"];
}
