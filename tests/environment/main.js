// Main module: the built Worker in one isolate, with the last environment that a test set.

import built, { Ledger as BuiltLedger } from "./index.js";

/** Variables of the Worker, and variables of objects that start from now on. */
let workerVariables = {};
let objectVariables = {};
/** Environment of the Worker. */
let environment;
/** Whether each request gets a new environment object. */
let isNewEachTime = false;
/** Number of restarts of the objects. */
let starts = 0;
/** URL and headers of the last request to an object. */
let lastJob = "";

/** The jurisdiction of the last request to an object. */
let lastJurisdiction = null;

/** Emulates jurisdictions, which workerd does not have, by a prefix of the objects' names. */
const emulateJurisdictions = (binding, jurisdiction) => ({
  getByName(name) {
    lastJurisdiction = jurisdiction;
    return binding.getByName(jurisdiction === null ? name : `${jurisdiction} ${name}`);
  },
  jurisdiction: (name) => emulateJurisdictions(binding, name),
});

/** A rate limiting binding with one result. A value without a result stays unchanged. */
const limiter = (value) => (value?.success === undefined ? value : { limit: async () => value });

function withBindings(variables, { LEDGER }) {
  const bound = { LEDGER: emulateJurisdictions(LEDGER, null), ...variables };
  if ("RATE_LIMITER" in bound) bound.RATE_LIMITER = limiter(bound.RATE_LIMITER);
  return bound;
}

export default {
  async fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case "/environment": {
        const next = await request.json();
        workerVariables = next.worker;
        environment = undefined;
        isNewEachTime = next.isNewEachTime;
        if (next.object) {
          objectVariables = next.object;
          starts += 1;
        }
        return new Response();
      }
      case "/last-job":
        return new Response(lastJob);
      case "/last-jurisdiction":
        return Response.json(lastJurisdiction);
      default:
        if (environment === undefined || isNewEachTime) environment = withBindings(workerVariables, env);
        return built.fetch(request, environment, context);
    }
  },
};

/** Ledger that keeps the environment of its construction until a test restarts the objects. */
export class Ledger {
  #state;
  #env;
  #built;
  #start;

  constructor(state, env) {
    this.#state = state;
    this.#env = env;
  }

  fetch(request) {
    lastJob = `${request.url} ${JSON.stringify([...request.headers])}`;
    if (this.#start !== starts) {
      this.#built = new BuiltLedger(this.#state, withBindings(objectVariables, this.#env));
      this.#start = starts;
    }
    return this.#built.fetch(request);
  }

  alarm() {
    return new BuiltLedger(this.#state, this.#env).alarm();
  }
}
