// The gateway as it was built, with a further path that tells how often JavaScript and the Wasm have called each other since it was last asked.

import { taken } from "./count.js";
import Gateway from "./index.js";

export * from "./index.js";

export default class extends Gateway {
  fetch(request) {
    return new URL(request.url).pathname === "/calls" ? Response.json(taken()) : super.fetch(request);
  }
}
