// Main module: the built Worker, which logs the number of bodies read, and a path that returns the size of its memory.

import { collected } from "./first.js";
import built, { Ledger } from "./index.js";

const { arrayBuffer } = Request.prototype;
let read = 0;

Request.prototype.arrayBuffer = async function () {
  const bytes = await arrayBuffer.call(this);
  read += 1;
  console.log(`bodies read: ${read}`);
  return bytes;
};

export default {
  fetch(request, env, context) {
    return new URL(request.url).pathname === "/memory" ? Response.json(collected()) : built.fetch(request, env, context);
  },
};

export { Ledger };
