// The module that workerd starts with: the built Worker, told when to trap by a header.

import { hasTrapped, trapAt } from "./first.js";
import built, { Ledger as BuiltLedger } from "./index.js";

export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === "/has-trapped") {
      return Response.json(hasTrapped());
    }
    const call = request.headers.get("x-trap-at-call");
    if (call) {
      trapAt(Number(call));
    }
    return built.fetch(request, env, context);
  },
};

export { BuiltLedger as Ledger };
