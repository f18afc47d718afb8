// The built Worker, whose objects fail after they receive a request. A header of the request selects the failure.

import built, { Ledger as BuiltLedger } from "./index.js";

/** Errors of the platform that workerd never throws, with the properties that Cloudflare documents. */
const ERRORS = {
  overloaded: { overloaded: true },
  disconnected: { retryable: true },
};

const withFailingObjects = (env, failure) => ({
  ...env,
  LEDGER: {
    getByName(name) {
      const object = env.LEDGER.getByName(name);
      return {
        async fetch(url, init) {
          if (ERRORS[failure]) throw Object.assign(new Error("of the platform"), ERRORS[failure]);
          return object.fetch(url, { ...init, headers: { ...init.headers, [HEADER]: failure } });
        },
      };
    },
  },
});

const HEADER = "x-fails";

export default {
  fetch(request, env, context) {
    const failure = request.headers.get(HEADER);
    return built.fetch(request, failure === null ? env : withFailingObjects(env, failure), context);
  },
};

export class Ledger extends BuiltLedger {
  #state;

  constructor(state, env) {
    super(state, env);
    this.#state = state;
  }

  fetch(request) {
    switch (request.headers.get(HEADER)) {
      case "reset":
        return this.#state.abort("the code was updated");
      case "defect":
        throw new Error("a defect");
      default:
        return super.fetch(request);
    }
  }
}
