// Main module: the built Worker with a clock that a test advances. The runtime's own alarms go off at the times of this
// clock.

import built, { Ledger as BuiltLedger } from "./index.js";

const RealDate = Date;
let advanced = 0;

globalThis.Date = class extends RealDate {
  constructor(...values) {
    super(...(values.length === 0 ? [RealDate.now() + advanced] : values));
  }

  static now() {
    return RealDate.now() + advanced;
  }
};

const ADVANCE = "advance";

/**
 * `/ledger/{caller}` returns the state of the caller's ledger. A POST first advances the clock by the milliseconds in
 * the body.
 */
export default {
  async fetch(request, env, context) {
    const [, caller] = /^\/ledger\/(.+)$/.exec(new URL(request.url).pathname) ?? [];
    if (caller === undefined) {
      return built.fetch(request, env, context);
    }
    const headers = { [ADVANCE]: request.method === "POST" ? await request.text() : "0" };
    return env.LEDGER.getByName(caller).fetch("https://ledger/", { headers });
  },
};

export class Ledger {
  constructor(state, env) {
    this.storage = state.storage;
    this.setAlarm = state.storage.setAlarm.bind(state.storage);
    this.getAlarm = state.storage.getAlarm.bind(state.storage);
    state.storage.setAlarm = (at) => this.setAlarm(Number(at) - advanced);
    state.storage.getAlarm = async () => this.alarmAt();
    this.built = new BuiltLedger(state, env);
  }

  async alarmAt() {
    const at = await this.getAlarm();
    return at === null ? null : at + advanced;
  }

  async fetch(request) {
    const advance = request.headers.get(ADVANCE);
    if (advance === null) {
      return this.built.fetch(request);
    }
    const at = await this.alarmAt();
    advanced += Number(advance);
    if (at !== null && Number(advance) > 0) {
      await this.setAlarm(at - advanced);
    }
    return Response.json(await this.report());
  }

  /** Returns the number of records, and the time and the remaining milliseconds of the alarm. */
  async report() {
    const [{ rows }] = this.storage.sql.exec("SELECT count(*) AS rows FROM remediation").toArray();
    const at = await this.alarmAt();
    return { rows, at, in: at === null ? null : at - Date.now() };
  }

  async alarm() {
    await this.built.alarm();
    console.log(JSON.stringify({ swept: await this.report() }));
  }
}
