// What the runtime sees: the Worker, and the class of the Durable Objects. Both are the Wasm module's; what is in here starts it anew when it was lost.

import { enter, instance } from "./glue.js";
import * as wasm from "./index.js";

export default {
  fetch(request, env, context) {
    // A caller whose request met a panic, its own or another's, is answered by the next instance.
    const lost = () => enter(() => wasm.lost(request));
    try {
      const answer = enter(() => wasm.fetch(request, env, context));
      if (!(answer instanceof Promise)) return answer;
      const told = answer.catch(lost);
      // The runtime cancels what only the answer waits for when the caller disconnects. Its line in the log is written all the same, and its remediation begun:
      // with the object's answer this promise ends.
      context.waitUntil(told);
      return told;
    } catch {
      return lost();
    }
  },

  scheduled(_, env) {
    enter(() => wasm.scheduled(env));
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

  fetch(request) {
    return enter(() => this.#own().fetch(request));
  }

  alarm() {
    return enter(() => this.#own().alarm());
  }

  /** What an object knew is lost with its instance, all but its storage. */
  #own() {
    if (this.#instance !== instance) {
      this.#ledger = new wasm.Ledger(this.#state, this.#env);
      this.#instance = instance;
    }
    return this.#ledger;
  }
}
