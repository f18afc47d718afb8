// The module that workerd starts with: the built Worker, and a path that tells of its memory.

import { collected } from "./first.js";
import Built, { Ledger } from "./index.js";

export default {
  fetch(request, env, context) {
    return new URL(request.url).pathname === "/memory" ? Response.json(collected()) : new Built(context, env).fetch(request);
  },
};

export { Ledger };
