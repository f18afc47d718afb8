// The entry points: the Worker, and the class of the Durable Objects. `worker-build` would generate this file.

import { Ledger as WasmLedger, fetch, respondAfterLoss, scheduled } from "./index.js";
import { callAsync, enter, instanceId } from "./recovery.js";

export default {
  fetch(request, env, context) {
    const response = callAsync(() => fetch(request, env, context)).catch(() => enter(() => respondAfterLoss(request)));
    // After the caller has disconnected, the runtime continues only what was passed to `waitUntil`. So the caller's
    // object gets its job, and the Worker writes the log entry.
    context.waitUntil(response);
    return response;
  },

  scheduled(event, env, context) {
    return callAsync(() => scheduled(event, env, context));
  },
};

export class Ledger {
  #state;
  #env;
  #ledger;
  /** ID of the module's instance that has `#ledger`. */
  #instanceId;

  constructor(state, env) {
    this.#state = state;
    this.#env = env;
  }

  async fetch(request) {
    const message = new Uint8Array(await request.arrayBuffer());
    return callAsync(() => this.#current().execute(message));
  }

  alarm() {
    return callAsync(() => this.#current().alarm());
  }

  /** The object in the current instance. A new one has only the storage of its predecessor. */
  #current() {
    if (this.#instanceId !== instanceId) {
      this.#ledger = new WasmLedger(this.#state, this.#env);
      this.#instanceId = instanceId;
    }
    return this.#ledger;
  }
}
