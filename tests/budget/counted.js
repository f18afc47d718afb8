// The gateway as it was built, with two further paths: how often JavaScript and the Wasm have called each other since it was last asked, and what the
// Wasm holds.

import { held, taken } from "./count.js";
import Gateway from "./index.js";

export * from "./index.js";

export default class extends Gateway {
  fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/calls":
        return Response.json(taken());
      case "/held":
        return Response.json(held());
      default:
        return super.fetch(request);
    }
  }
}
