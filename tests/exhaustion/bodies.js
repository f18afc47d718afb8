// Main module: the built Worker, which logs the number of bodies read, and a path that returns the size of its memory.

import { measureMemory } from "./first.js";
import built, { Ledger } from "./index.js";

const { arrayBuffer } = Request.prototype;
let bodiesRead = 0;

Request.prototype.arrayBuffer = async function () {
  const bytes = await arrayBuffer.call(this);
  bodiesRead += 1;
  console.log(`bodies read: ${bodiesRead}`);
  return bytes;
};

export default {
  fetch(request, env, context) {
    return new URL(request.url).pathname === "/memory" ? Response.json(measureMemory()) : built.fetch(request, env, context);
  },
};

export { Ledger };
