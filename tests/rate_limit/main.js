// Main module: the built Worker with a rate limiting binding, which workerd does not have.

import built from "./index.js";

export * from "./index.js";

let limit = 0;
let mode = "counts";
let counts = {};

const RATE_LIMITER = {
  async limit({ key }) {
    counts[key] = (counts[key] ?? 0) + 1;
    if (mode === "fails") throw new Error("internal error");
    if (mode === "hangs") await new Promise(() => {});
    if (mode === "says nothing") return {};
    return { success: counts[key] <= limit };
  },
};

let environment;

export default {
  ...built,

  /** `POST /limiter` sets the limit and the mode, and `GET /limiter` returns the counts by key. */
  async fetch(request, env, context) {
    environment ??= { ...env, RATE_LIMITER };
    if (new URL(request.url).pathname !== "/limiter") return built.fetch(request, environment, context);
    if (request.method === "POST") {
      ({ limit, mode } = await request.json());
      counts = {};
    }
    return Response.json(counts);
  },
};
