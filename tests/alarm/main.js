// The module that workerd starts with: the built Worker in a time that a test lets pass. The alarms are the runtime's own: those that are set for the
// time of the test come as if it had passed.

import built, { Ledger as BuiltLedger } from "./index.js";

const Real = Date;
let passed = 0;

globalThis.Date = class extends Real {
  constructor(...values) {
    super(...(values.length === 0 ? [Real.now() + passed] : values));
  }

  static now() {
    return Real.now() + passed;
  }
};

const PASS = "pass";

/** `/ledger/{caller}` tells of the ledger of a caller; as a POST, after so many milliseconds as the body says. */
export default {
  async fetch(request, env, context) {
    const [, caller] = /^\/ledger\/(.+)$/.exec(new URL(request.url).pathname) ?? [];
    if (caller === undefined) {
      return built.fetch(request, env, context);
    }
    const headers = { [PASS]: request.method === "POST" ? await request.text() : "0" };
    return env.LEDGER.getByName(caller).fetch("https://ledger/", { headers });
  },
};

export class Ledger {
  constructor(state, env) {
    this.storage = state.storage;
    this.setAlarm = state.storage.setAlarm.bind(state.storage);
    this.getAlarm = state.storage.getAlarm.bind(state.storage);
    state.storage.setAlarm = (at) => this.setAlarm(Number(at) - passed);
    state.storage.getAlarm = async () => this.alarmAt();
    this.built = new BuiltLedger(state, env);
  }

  async alarmAt() {
    const at = await this.getAlarm();
    return at === null ? null : at + passed;
  }

  async fetch(request) {
    const pass = request.headers.get(PASS);
    if (pass === null) {
      return this.built.fetch(request);
    }
    const at = await this.alarmAt();
    passed += Number(pass);
    if (at !== null && Number(pass) > 0) {
      await this.setAlarm(at - passed);
    }
    return Response.json(await this.tell());
  }

  /** How many records there are, and in how many milliseconds an alarm comes. */
  async tell() {
    const [{ rows }] = this.storage.sql.exec("SELECT count(*) AS rows FROM remediation").toArray();
    const at = await this.alarmAt();
    return { rows, at, in: at === null ? null : at - Date.now() };
  }

  async alarm() {
    await this.built.alarm();
    console.log(JSON.stringify({ swept: await this.tell() }));
  }
}
