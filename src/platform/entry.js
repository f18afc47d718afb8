// What the runtime sees: the Worker, and the class of the Durable Objects. Both are the Wasm module's; what is in here starts it anew when it was lost.

import { enter, instance } from "./glue.js";
import * as wasm from "./index.js";

export default {
  fetch(request, env, context) {
    // A caller whose request met a panic is answered by the next instance.
    const lost = () => enter(() => wasm.lost(request));
    try {
      const answer = enter(() => wasm.fetch(request, env, context));
      return answer instanceof Promise ? answer.catch(lost) : answer;
    } catch {
      return lost();
    }
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
