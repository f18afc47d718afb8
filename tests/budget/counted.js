// The built gateway with two further paths: the calls between JavaScript and the Wasm since the last request to the
// path, and the size of the Wasm's memory.

import { wasmSizes, takeCalls } from "./count.js";
import gateway from "./index.js";

export * from "./index.js";

export default {
  fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case "/calls":
        return Response.json(takeCalls());
      case "/held":
        return Response.json(wasmSizes());
      default:
        return gateway.fetch(request, env, context);
    }
  },
};
