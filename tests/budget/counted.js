// The gateway as it was built, with two further paths: how often JavaScript and the Wasm have called each other since it was last asked, and what the
// Wasm holds.

import { held, taken } from "./count.js";
import gateway from "./index.js";

export * from "./index.js";

export default {
  fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case "/calls":
        return Response.json(taken());
      case "/held":
        return Response.json(held());
      default:
        return gateway.fetch(request, env, context);
    }
  },
};
