// Main module: the built Worker, and a path that returns the size of its memory.

import { measureMemory } from "./first.js";
import built, { Ledger } from "./index.js";

export default {
  fetch(request, env, context) {
    return new URL(request.url).pathname === "/memory" ? Response.json(measureMemory()) : built.fetch(request, env, context);
  },
};

export { Ledger };
