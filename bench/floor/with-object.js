// The floor with an object: a Durable Object makes the same call, and keeps a row for it. Any gateway that records its
// remediations has at least this cost.

import { DurableObject } from "cloudflare:workers";

import { acceptedResponse, remediate } from "./pass-through.js";

export class Ledger extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS remediation (slot TEXT PRIMARY KEY, began INTEGER NOT NULL, accepted TEXT) WITHOUT ROWID",
    );
  }

  async fetch(request) {
    const slot = crypto.randomUUID();
    this.ctx.storage.sql.exec("INSERT INTO remediation VALUES (?, ?, NULL)", slot, Date.now());
    const response = acceptedResponse(await remediate(request, this.env));
    this.ctx.storage.sql.exec("UPDATE remediation SET accepted = ? WHERE slot = ?", response.headers.get("Location"), slot);
    return response;
  }
}

export default {
  fetch(request, env) {
    return env.LEDGER.getByName("floor").fetch(request);
  },
};
