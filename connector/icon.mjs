// Draws icon.png: `node connector/icon.mjs`. The icon has a letter and a check mark on the brand's colour.
import { writeFileSync } from "node:fs";
import { deflateSync } from "node:zlib";

export const SIZE = 230;
/** The same as `iconBrandColor` in apiProperties.json. */
export const BRAND = [0x14, 0x50, 0x5c];
const PAPER = [0xf4, 0xf7, 0xf7];
const MARK = [0xf2, 0xb1, 0x34];
/** Samples per pixel and direction, so that edges are smooth. */
const SAMPLES = 4;

/** Returns the distance of the point (x, y) from the line between (ax, ay) and (bx, by). */
function distance(x, y, ax, ay, bx, by) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/**
 * Returns the colour at a point, in a square of 230 units. Microsoft requires that the logo fill less than 70 % of the
 * square. This logo is 150 units wide.
 */
function colour(x, y) {
  const inDisc = Math.hypot(x - 164, y - 150) < 30;
  if (inDisc) {
    const check = Math.min(distance(x, y, 150, 151, 160, 161), distance(x, y, 160, 161, 178, 140));
    return check < 4.5 ? BRAND : MARK;
  }
  const rim = Math.hypot(x - 164, y - 150) < 37;
  // A rectangle from (40, 63) to (184, 159) with rounded corners of radius 10.
  const paper = Math.hypot(Math.max(0, Math.abs(x - 112) - 62), Math.max(0, Math.abs(y - 111) - 38)) < 10;
  const flap = Math.min(distance(x, y, 46, 72, 112, 121), distance(x, y, 112, 121, 178, 72)) < 4;
  return paper && !flap && !rim ? PAPER : BRAND;
}

/** Returns the pixels of the icon in PNG's format: each row begins with the number of its filter, 0. */
export function draw() {
  const rows = Buffer.alloc(SIZE * (1 + SIZE * 3));
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      const sum = [0, 0, 0];
      for (let sample = 0; sample < SAMPLES * SAMPLES; sample++) {
        const x = column + ((sample % SAMPLES) + 0.5) / SAMPLES;
        const y = row + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES;
        colour(x, y).forEach((value, channel) => (sum[channel] += value));
      }
      const at = row * (1 + SIZE * 3) + 1 + column * 3;
      sum.forEach((value, channel) => (rows[at + channel] = Math.round(value / (SAMPLES * SAMPLES))));
    }
  }
  return rows;
}

const CRC_TABLE = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const crc = body.reduce((c, byte) => CRC_TABLE[(c ^ byte) & 0xff] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff;
  const framed = Buffer.alloc(8 + body.length);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc >>> 0, 4 + body.length);
  return framed;
}

export function png() {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  // 8 bits per channel, RGB.
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(draw(), { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  writeFileSync(new URL("icon.png", import.meta.url), png());
}
