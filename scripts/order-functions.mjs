// Usage: order-functions.mjs IN OUT: names the functions of a Wasm module so that their order by name puts similar ones
// next to each other.
//
// gzip finds a repetition only within 32 KiB, and the compiler's order puts similar functions anywhere. This script
// appends the function that shares the most pieces with the last 32 KiB, relative to its length. A piece is a run of 6
// bytes that occurs in some but not many functions.
import { readFileSync, writeFileSync } from "node:fs";

const WINDOW = 32 * 1024;
/** Length of a piece in bytes. */
const PIECE = 6;
const CUSTOM = 0;
const CODE = 10;

const [input, output] = process.argv.slice(2);
const bytes = readFileSync(input);

/** Reads an unsigned LEB128 number, and returns it with the position after it. */
function decodeLeb(at) {
  let value = 0;
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes[at++];
    value += (byte & 127) * shift;
    if (byte < 128) return [value, at];
  }
}

/** Returns a number as unsigned LEB128. */
function encodeLeb(value) {
  const out = [];
  for (; value > 127; value >>>= 7) out.push((value & 127) | 128);
  return [...out, value];
}

/** Returns the bytes with their number in front of them. */
const withSize = (content) => [...encodeLeb(content.length), ...content];

/** The sections, each with its kind and its positions. */
const sections = [];
for (let at = 8; at < bytes.length; ) {
  const kind = bytes[at];
  const [size, content] = decodeLeb(at + 1);
  sections.push({ kind, begin: at, content, end: content + size });
  at = content + size;
}

/** Returns the functions' bodies. */
function functionBodies() {
  let [count, at] = decodeLeb(sections.find(({ kind }) => kind === CODE).content);
  return Array.from({ length: count }, () => {
    const [size, begin] = decodeLeb(at);
    at = begin + size;
    return bytes.subarray(begin, at);
  });
}

/** Returns an order of the bodies in which similar ones are neighbours. */
function orderBySimilarity(bodies) {
  const ids = new Map();
  const pieces = bodies.map((body) => {
    const found = new Set();
    for (let at = 0; at + PIECE <= body.length; at++) {
      const key = body.latin1Slice(at, at + PIECE);
      if (!ids.has(key)) ids.set(key, ids.size);
      found.add(ids.get(key));
    }
    return found;
  });
  const owners = Array.from({ length: ids.size }, () => []);
  pieces.forEach((found, index) => found.forEach((piece) => owners[piece].push(index)));
  const isDistinctive = ({ length }) => length > 1 && length <= bodies.length / 4;
  const weights = owners.map((of) => (isDistinctive(of) ? Math.log(bodies.length / of.length) : 0));

  const shared = new Float64Array(bodies.length);
  const inWindow = new Uint16Array(ids.size);
  const updateWindow = (index, step) => {
    for (const piece of pieces[index]) {
      const [before, after] = [inWindow[piece], (inWindow[piece] += step)];
      if (weights[piece] === 0 || (before > 0) === (after > 0)) continue;
      for (const owner of owners[piece]) shared[owner] += step * weights[piece];
    }
  };
  const left = new Set(bodies.keys());
  const ordered = [];
  let oldest = 0;
  let length = 0;
  while (left.size > 0) {
    let [next, best] = [-1, -Infinity];
    for (const index of left) {
      const score = shared[index] / Math.sqrt(bodies[index].length);
      if (score > best || (score === best && bodies[index].length > bodies[next].length)) [next, best] = [index, score];
    }
    left.delete(next);
    ordered.push(next);
    updateWindow(next, 1);
    for (length += bodies[next].length; length > WINDOW && oldest < ordered.length - 1; oldest++) {
      updateWindow(ordered[oldest], -1);
      length -= bodies[ordered[oldest]].length;
    }
  }
  return ordered;
}

const importedFunctions = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).filter(({ kind }) => kind === "function").length;
const names = [];
orderBySimilarity(functionBodies()).forEach((body, place) => {
  names[importedFunctions + body] = `f${String(place).padStart(6, "0")}`;
});
const listed = Object.entries(names).map(([index, name]) => [
  ...encodeLeb(Number(index)),
  ...withSize(Buffer.from(name)),
]);
const functionNames = [1, ...withSize([...encodeLeb(listed.length), ...listed.flat()])];
const section = withSize([...withSize(Buffer.from("name")), ...functionNames]);
const isName = ({ kind, content }) => kind === CUSTOM && bytes.latin1Slice(content + 1, content + 5) === "name";
const others = sections.filter((section) => !isName(section)).map(({ begin, end }) => bytes.subarray(begin, end));
writeFileSync(output, Buffer.concat([bytes.subarray(0, 8), ...others, Buffer.from([CUSTOM, ...section])]));
