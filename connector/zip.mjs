// Writes a ZIP archive: PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16, with deflate and without any extension.
import { crc32, deflateRawSync } from "node:zlib";

const VERSION = 20;
const DEFLATE = 8;
/** Flag for names in UTF-8. */
const FLAGS = 0x0800;
/** 1 January 1980, so that the same files give the same archive. */
const DATE = 0x0021;

/** Returns an archive of `files`, an object from names to texts or buffers. */
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const data = Buffer.from(content);
    const packed = deflateRawSync(data, { level: 9 });
    const path = Buffer.from(name);
    const entry = encodeNumbers(
      [VERSION, 2],
      [FLAGS, 2],
      [DEFLATE, 2],
      [0, 2],
      [DATE, 2],
      [crc32(data), 4],
      [packed.length, 4],
      [data.length, 4],
      [path.length, 2],
      [0, 2],
    );
    parts.push(Buffer.from("PK\x03\x04", "latin1"), entry, path, packed);
    directory.push(
      Buffer.from("PK\x01\x02", "latin1"),
      encodeNumbers([VERSION, 2]),
      entry,
      encodeNumbers([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]),
      path,
    );
    offset += 4 + entry.length + path.length + packed.length;
  }
  const central = Buffer.concat(directory);
  const count = Object.keys(files).length;
  const end = encodeNumbers([0, 2], [0, 2], [count, 2], [count, 2], [central.length, 4], [offset, 4], [0, 2]);
  return Buffer.concat([...parts, central, Buffer.from("PK\x05\x06", "latin1"), end]);
}

/** Returns the little-endian bytes of `fields`, each a number and its size in bytes. */
function encodeNumbers(...fields) {
  const buffer = Buffer.alloc(fields.reduce((sum, [, size]) => sum + size, 0));
  let at = 0;
  for (const [value, size] of fields) at = buffer.writeUIntLE(value, at, size);
  return buffer;
}
