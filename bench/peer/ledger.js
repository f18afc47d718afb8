// Once: what was sent, kept per caller, by the rules of section 7 of the contract.

import { DurableObject } from "cloudflare:workers";

import { configOf } from "./config.js";
import { submit } from "./graph.js";

const HOUR = 60 * 60_000;
const KEYED_REPLAY = 24 * HOUR;
const PAYLOAD_REPLAY = HOUR / 2;
const SWEEP_EVERY = HOUR;
const RECORDING = 1000;

/** The rolling hour of a caller's quota: emails in each second, the oldest first. */
class Window {
  #seconds = new Map();
  #total = 0;

  count(at, emails) {
    const second = Math.floor(at / 1000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + emails);
    this.#total += emails;
  }

  giveBack(at, emails) {
    const second = Math.floor(at / 1000);
    const counted = this.#seconds.get(second);
    if (counted !== undefined) {
      const given = Math.min(emails, counted);
      this.#seconds.set(second, counted - given);
      this.#total -= given;
    }
  }

  advance(now) {
    const first = Math.floor(now / 1000) - 3600;
    for (const [second, emails] of this.#seconds) {
      if (second >= first) {
        break;
      }
      this.#seconds.delete(second);
      this.#total -= emails;
    }
  }

  hasRoom(emails, limit) {
    return this.#total + emails <= limit;
  }

  quota(limit, wanted, now) {
    this.advance(now);
    let excess = this.#total + wanted - limit;
    let reset = 0;
    for (const [second, emails] of this.#seconds) {
      if (excess <= 0) {
        break;
      }
      excess -= emails;
      reset = Math.max(0, second + 3601 - Math.floor(now / 1000));
    }
    return { limit, remaining: Math.max(0, limit - this.#total), reset: excess > 0 ? 3600 : reset };
  }
}

export class Ledger extends DurableObject {
  #sql = this.ctx.storage.sql;
  /** The attempts that are running, by slot. */
  #flights = new Map();
  #window = new Window();
  #alarm = false;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS remediation (
        slot TEXT PRIMARY KEY, payload TEXT NOT NULL, keyed INTEGER NOT NULL, counted INTEGER NOT NULL, began INTEGER NOT NULL,
        expires INTEGER NOT NULL, accepted_at INTEGER, accepted TEXT
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS success ON remediation (payload, accepted_at) WHERE keyed AND accepted_at IS NOT NULL;
    `);
    const counted = this.#sql.exec(
      "SELECT began / 1000 AS second, sum(counted) AS emails FROM remediation WHERE began >= ? AND counted > 0 GROUP BY 1 ORDER BY 1",
      Date.now() - HOUR,
    );
    for (const { second, emails } of counted) {
      this.#window.count(second * 1000, emails);
    }
  }

  /** Has `order` carried out once; `graphRequest` is the body for Graph. */
  async settle(order, graphRequest) {
    const now = Date.now();
    // The Worker that has sent it may be of an older deployment.
    const step = configOf(this.env).stopped ? { kind: "stopped" } : this.#begin(order, now);
    let settlement = step;
    if (step.send) {
      const outcome = this.#takeOff(order, step.send, graphRequest, now + order.patience - RECORDING);
      await this.#keepAlarm();
      settlement = await inTime(outcome, order.patience, false);
    } else if (step.wait) {
      settlement = await inTime(step.wait, order.patience, true);
    }
    const wanted = settlement.kind === "quotaExceeded" ? order.emails : 0;
    return { ...settlement, quota: this.#window.quota(order.emailsPerHour, wanted, Date.now()) };
  }

  async alarm() {
    this.#sql.exec("DELETE FROM remediation WHERE expires <= ?", Date.now());
    this.#alarm = false;
    if (this.#sql.exec("SELECT EXISTS (SELECT 1 FROM remediation) AS held").one().held) {
      await this.#keepAlarm();
    }
  }

  async #keepAlarm() {
    if (this.#alarm) {
      return;
    }
    this.#alarm = true;
    if ((await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(Date.now() + SWEEP_EVERY);
    }
  }

  /** Runs without an await, so that nothing comes between the look and the record. */
  #begin(order, now) {
    const { payload, emails } = order;
    const keyed = order.key !== null;
    const payloadSlot = `payload ${payload}`;
    const slot = keyed ? `key ${order.key}` : payloadSlot;
    this.#window.advance(now);
    const found = this.#sql
      .exec("SELECT * FROM remediation WHERE slot = ? AND expires > ?", slot, now)
      .toArray()
      .at(0);
    if (found) {
      if (found.payload !== payload) {
        return { kind: "keyReused" };
      }
      if (found.accepted && now - found.accepted_at < (keyed ? KEYED_REPLAY : PAYLOAD_REPLAY)) {
        return { kind: "accepted", replayed: true, said: JSON.parse(found.accepted) };
      }
    }
    if (!keyed) {
      const success = this.#sql
        .exec(
          "SELECT accepted FROM remediation WHERE keyed AND payload = ? AND accepted_at > ? ORDER BY accepted_at LIMIT 1",
          payload,
          now - PAYLOAD_REPLAY,
        )
        .toArray()
        .at(0);
      if (success) {
        return { kind: "accepted", replayed: true, said: JSON.parse(success.accepted) };
      }
    }
    const flight =
      this.#flights.get(slot) ?? (keyed ? undefined : this.#flights.values().find((one) => one.payloadSlot === slot));
    if (flight) {
      return { wait: flight.outcome };
    }

    const counts = found && found.counted > 0 && now - found.began < HOUR;
    const first = !found || found.accepted !== null;
    const began = counts && !first ? found.began : undefined;
    if (began === undefined && !this.#window.hasRoom(emails, order.emailsPerHour)) {
      return { kind: "quotaExceeded" };
    }
    if (counts && first) {
      // What was accepted too long ago to be replayed still counts.
      this.#sql.exec("UPDATE remediation SET slot = ? WHERE slot = ?", `past ${slot} ${found.began}`, slot);
    }
    const record = { slot, payloadSlot, keyed, first, counted: began === undefined, began: began ?? now };
    this.#sql.exec(
      "INSERT OR REPLACE INTO remediation VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
      slot,
      payload,
      keyed ? 1 : 0,
      emails,
      record.began,
      now + (keyed ? KEYED_REPLAY : HOUR),
    );
    if (record.counted) {
      this.#window.count(now, emails);
    }
    return { send: record };
  }

  /** Starts the attempt. It goes on when all who wait for it are gone. */
  #takeOff(order, record, graphRequest, until) {
    const attempt = async () => {
      const said = await submit(configOf(this.env), order, graphRequest, until);
      this.#finish(order, record, said);
      this.#flights.delete(record.slot);
      return said.fault ? { kind: "failed", said } : { kind: "accepted", said };
    };
    const outcome = attempt();
    this.#flights.set(record.slot, { payloadSlot: record.payloadSlot, outcome });
    this.ctx.waitUntil(outcome);
    return outcome;
  }

  #finish(order, { slot, keyed, first, counted, began }, said) {
    const now = Date.now();
    if (!said.fault) {
      const expires = Math.max(now + (keyed ? KEYED_REPLAY : PAYLOAD_REPLAY), began + HOUR);
      this.#sql.exec(
        "UPDATE remediation SET expires = ?, accepted_at = ?, accepted = ? WHERE slot = ?",
        expires,
        now,
        JSON.stringify(said),
        slot,
      );
    } else if (said.certain) {
      if (first) {
        this.#sql.exec("DELETE FROM remediation WHERE slot = ?", slot);
      } else if (counted) {
        this.#sql.exec("UPDATE remediation SET counted = 0 WHERE slot = ?", slot);
      }
      if (counted) {
        this.#window.giveBack(began, order.emails);
      }
    }
  }
}

/** The outcome, if it comes in time. */
async function inTime(outcome, patience, replayed) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, patience, { kind: "inProgress" });
  });
  try {
    const settlement = await Promise.race([outcome, late]);
    return settlement.kind === "accepted" ? { ...settlement, replayed } : settlement;
  } finally {
    clearTimeout(timer);
  }
}
