// The ledger of a caller: records each remediation, so that it is submitted once.

import { DurableObject } from "cloudflare:workers";

import { configOf } from "./config.js";
import { submit } from "./graph.js";

const HOUR = 60 * 60_000;
const KEYED_REPLAY = 24 * HOUR;
const PAYLOAD_REPLAY = HOUR / 2;
const SWEEP_EVERY = HOUR;
const RECORD_MARGIN = 1000;

/** The rolling hour of a caller's quota: emails in each second, the oldest first. */
class RollingQuota {
  #seconds = new Map();
  #total = 0;

  count(at, emails) {
    const second = Math.floor(at / 1000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + emails);
    this.#total += emails;
  }

  refund(at, emails) {
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
  /** The attempts that are running, by recordKey. */
  #inFlight = new Map();
  #quota = new RollingQuota();
  #alarm = false;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS remediation (
        record_key TEXT PRIMARY KEY, payload TEXT NOT NULL, keyed INTEGER NOT NULL, counted INTEGER NOT NULL, began INTEGER NOT NULL,
        expires INTEGER NOT NULL, accepted_at INTEGER, accepted TEXT
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS success ON remediation (payload, accepted_at) WHERE keyed AND accepted_at IS NOT NULL;
    `);
    const counted = this.#sql.exec(
      "SELECT began / 1000 AS second, sum(counted) AS emails FROM remediation WHERE began >= ? AND counted > 0 GROUP BY 1 ORDER BY 1",
      Date.now() - HOUR,
    );
    for (const { second, emails } of counted) {
      this.#quota.count(second * 1000, emails);
    }
  }

  /** Submits `request` once; `graphRequest` is the body for Graph. */
  async submitOnce(request, graphRequest) {
    const now = Date.now();
    const step = this.#begin(request, now);
    let response = step;
    if (step.send) {
      const outcome = this.#start(request, step.send, graphRequest, now + request.timeout - RECORD_MARGIN);
      await this.#keepAlarm();
      response = await awaitOutcome(outcome, request.timeout, false);
    } else if (step.wait) {
      response = await awaitOutcome(step.wait, request.timeout, true);
    }
    const wanted = response.kind === "quotaExceeded" ? request.emails : 0;
    return { ...response, quota: this.#quota.quota(request.emailsPerHour, wanted, Date.now()) };
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

  /** Runs without an await, so that no other request runs between the query and the insertion. */
  #begin(request, now) {
    const { payload, emails } = request;
    const keyed = request.key !== null;
    const payloadKey = `payload ${payload}`;
    const recordKey = keyed ? `key ${request.key}` : payloadKey;
    this.#quota.advance(now);
    const found = this.#sql
      .exec("SELECT * FROM remediation WHERE record_key = ? AND expires > ?", recordKey, now)
      .toArray()
      .at(0);
    if (found) {
      if (found.payload !== payload) {
        return { kind: "keyReused" };
      }
      if (found.accepted && now - found.accepted_at < (keyed ? KEYED_REPLAY : PAYLOAD_REPLAY)) {
        return { kind: "accepted", replayed: true, result: JSON.parse(found.accepted) };
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
        return { kind: "accepted", replayed: true, result: JSON.parse(success.accepted) };
      }
    }
    const attempt =
      this.#inFlight.get(recordKey) ?? (keyed ? undefined : this.#inFlight.values().find((one) => one.payloadKey === recordKey));
    if (attempt) {
      return { wait: attempt.outcome };
    }

    const counts = found && found.counted > 0 && now - found.began < HOUR;
    const first = !found || found.accepted !== null;
    const began = counts && !first ? found.began : undefined;
    if (began === undefined && !this.#quota.hasRoom(emails, request.emailsPerHour)) {
      return { kind: "quotaExceeded" };
    }
    if (counts && first) {
      // A remediation that is too old for a replay still counts.
      this.#sql.exec("UPDATE remediation SET record_key = ? WHERE record_key = ?", `past ${recordKey} ${found.began}`, recordKey);
    }
    const record = { recordKey, payloadKey, keyed, first, counted: began === undefined, began: began ?? now };
    this.#sql.exec(
      "INSERT OR REPLACE INTO remediation VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
      recordKey,
      payload,
      keyed ? 1 : 0,
      emails,
      record.began,
      now + (keyed ? KEYED_REPLAY : HOUR),
    );
    if (record.counted) {
      this.#quota.count(now, emails);
    }
    return { send: record };
  }

  /** Starts an attempt, which continues after all its callers have disconnected. */
  #start(request, record, graphRequest, deadline) {
    const attempt = async () => {
      const result = await submit(configOf(this.env), request, graphRequest, deadline);
      this.#finish(request, record, result);
      this.#inFlight.delete(record.recordKey);
      return result.error ? { kind: "failed", result } : { kind: "accepted", result };
    };
    const outcome = attempt();
    this.#inFlight.set(record.recordKey, { payloadKey: record.payloadKey, outcome });
    this.ctx.waitUntil(outcome);
    return outcome;
  }

  #finish(request, { recordKey, keyed, first, counted, began }, result) {
    const now = Date.now();
    if (!result.error) {
      const expires = Math.max(now + (keyed ? KEYED_REPLAY : PAYLOAD_REPLAY), began + HOUR);
      this.#sql.exec(
        "UPDATE remediation SET expires = ?, accepted_at = ?, accepted = ? WHERE record_key = ?",
        expires,
        now,
        JSON.stringify(result),
        recordKey,
      );
    } else if (result.certain) {
      if (first) {
        this.#sql.exec("DELETE FROM remediation WHERE record_key = ?", recordKey);
      } else if (counted) {
        this.#sql.exec("UPDATE remediation SET counted = 0 WHERE record_key = ?", recordKey);
      }
      if (counted) {
        this.#quota.refund(began, request.emails);
      }
    }
  }
}

/** Returns the outcome, or `inProgress` after `timeout` milliseconds. */
async function awaitOutcome(outcome, timeout, replayed) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, timeout, { kind: "inProgress" });
  });
  try {
    const response = await Promise.race([outcome, late]);
    return response.kind === "accepted" ? { ...response, replayed } : response;
  } finally {
    clearTimeout(timer);
  }
}
