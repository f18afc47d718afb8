// Main module: the built Worker, and a path with which a test runs another version's statements on a ledger's storage.

import built, { Ledger as BuiltLedger } from "./index.js";

const SQL = "sql";

/** `/sql/{name}` runs a statement in the ledger of this name. In its values and rows, a blob is `{"blob": [bytes]}`. */
export default {
  async fetch(request, env, context) {
    const [, name] = /^\/sql\/(.+)$/.exec(new URL(request.url).pathname) ?? [];
    if (name === undefined) return built.fetch(request, env, context);
    return env.LEDGER.getByName(name).fetch("https://ledger/", { method: "POST", headers: { [SQL]: SQL }, body: request.body });
  },
};

export class Ledger extends BuiltLedger {
  #sql;

  constructor(state, env) {
    super(state, env);
    this.#sql = state.storage.sql;
  }

  async fetch(request) {
    if (!request.headers.has(SQL)) return super.fetch(request);
    const { statement, values } = await request.json();
    const cursor = this.#sql.exec(statement, ...values.map((value) => (value?.blob ? new Uint8Array(value.blob) : value)));
    const rows = [...cursor.raw()].map((row) => row.map((value) => (value instanceof ArrayBuffer ? { blob: [...new Uint8Array(value)] } : value)));
    return Response.json({ rows, written: cursor.rowsWritten });
  }
}
