// The module that workerd starts with: the built Worker in one isolate, with the environment that a test has set last.

import built, { Ledger as BuiltLedger } from "./index.js";

/** The variables of the Worker, and those of objects that start from now on. */
let worker = {};
let object = {};
/** The environment that the Worker gets. */
let environment;
/** Whether each request gets an environment object of its own. */
let isNewEachTime = false;
/** How often objects were to start again. */
let starts = 0;
/** URL and headers of the last request to an object. */
let lastJob = "";

/** The jurisdiction of the last request to an object. */
let lastJurisdiction = null;

/** workerd has no jurisdictions: one is stood in for by objects of other names. */
const ledgers = (binding, jurisdiction) => ({
  getByName(name) {
    lastJurisdiction = jurisdiction;
    return binding.getByName(jurisdiction === null ? name : `${jurisdiction} ${name}`);
  },
  jurisdiction: (name) => ledgers(binding, name),
});

/** A rate limiting binding with one result. A value that is no object stays what it is. */
const limiter = (result) => (typeof result === "object" ? { limit: async () => result } : result);

function withBindings(variables, { LEDGER }) {
  const bound = { LEDGER: ledgers(LEDGER, null), ...variables };
  if ("RATE_LIMITER" in bound) bound.RATE_LIMITER = limiter(bound.RATE_LIMITER);
  return bound;
}

export default {
  async fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case "/environment": {
        const next = await request.json();
        worker = next.worker;
        environment = undefined;
        isNewEachTime = next.isNewEachTime;
        if (next.object) {
          object = next.object;
          starts += 1;
        }
        return new Response();
      }
      case "/last-job":
        return new Response(lastJob);
      case "/last-jurisdiction":
        return Response.json(lastJurisdiction);
      default:
        if (environment === undefined || isNewEachTime) environment = withBindings(worker, env);
        return built.fetch(request, environment, context);
    }
  },
};

/** An object lives on with the environment that it was constructed with, until it is to start again. */
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
      this.#built = new BuiltLedger(this.#state, withBindings(object, this.#env));
      this.#start = starts;
    }
    return this.#built.fetch(request);
  }

  alarm() {
    return new BuiltLedger(this.#state, this.#env).alarm();
  }
}
