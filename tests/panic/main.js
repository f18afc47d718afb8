// Main module: the built Worker, which a header makes trap, throw or panic.

import { hasThrown, hasTrapped, panicNext, throwAt, trapAt } from "./first.js";
import built, { Ledger as BuiltLedger } from "./index.js";

export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === "/has-trapped") {
      return Response.json(hasTrapped());
    }
    if (new URL(request.url).pathname === "/has-thrown") {
      return Response.json(hasThrown());
    }
    const throwing = request.headers.get("x-throw-at-call");
    if (throwing) throwAt(Number(throwing));
    if (request.headers.has("x-panic")) panicNext();
    const call = request.headers.get("x-trap-at-call");
    if (call) {
      trapAt(Number(call));
    }
    return built.fetch(request, env, context);
  },
};

export { BuiltLedger as Ledger };
