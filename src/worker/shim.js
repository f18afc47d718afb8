// The entry points: the Worker, and the class of the Durable Objects. `worker-build` would generate this file.

import { Ledger as WasmLedger, fetch, lost, scheduled } from "./index.js";
import { enter, instance, settle } from "./recovery.js";

export default {
  fetch(request, env, context) {
    const response = settle(() => fetch(request, env, context)).catch(() => enter(() => lost(request)));
    // After the caller has disconnected, the runtime continues only what was passed to `waitUntil`. So the caller's
    // object gets its job, and the Worker writes the log entry.
    context.waitUntil(response);
    return response;
  },

  scheduled(event, env, context) {
    return settle(() => scheduled(event, env, context));
  },
};

export class Ledger {
  #state;
  #env;
  #ledger;
  /** The instance of the module that `#ledger` lives in. */
  #instance;

  constructor(state, env) {
    this.#state = state;
    this.#env = env;
  }

  async fetch(request) {
    const message = new Uint8Array(await request.arrayBuffer());
    return settle(() => this.#own().execute(message));
  }

  alarm() {
    return settle(() => this.#own().alarm());
  }

  /** The object in the current instance. A new one has only the storage of its predecessor. */
  #own() {
    if (this.#instance !== instance) {
      this.#ledger = new WasmLedger(this.#state, this.#env);
      this.#instance = instance;
    }
    return this.#ledger;
  }
}
