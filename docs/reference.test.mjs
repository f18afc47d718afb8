// Compares the reference pages with the code: error codes with their statuses, variables, members of CALLERS, and
// limits.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const quoted = (text) => [...text.matchAll(/"(\w+)"/g)].map((match) => match[1]);
const codes = [...read("../src/code.rs").matchAll(/= (\d{3}) "(\w+)" "/g)].map(([, status, code]) => `${status} ${code}`).toSorted();

/** Returns the codes of a table whose rows begin with statuses and codes, each with its status. */
function codesInTable(text) {
  return [...text.matchAll(/^\| (\d{3}(?: · \d{3})*) \| (`\w+`[^|]*) \|/gm)].flatMap(([, statuses, names]) => {
    const statusList = statuses.split(" · ");
    const codeList = [...names.matchAll(/`(\w+)`/g)].map((match) => match[1]);
    assert.ok(statusList.length === 1 || statusList.length === codeList.length, names);
    return codeList.map((name, index) => `${statusList[index] ?? statusList[0]} ${name}`);
  });
}

describe("the reference", () => {
  test("explains each error code once, with its status", () => {
    assert.ok(codes.length > 20);
    assert.deepEqual(codesInTable(read("errors.md")).toSorted(), codes);
    assert.deepEqual(codesInTable(read("contract.md").split("## 4. Errors")[1].split("\n## 5.")[0]).toSorted(), codes);
  });

  test("explains each variable", () => {
    const variables = quoted(read("../src/config/variables.rs").split("pub const VARIABLES")[1].split("];")[0]).concat("STOPPED", "LEDGER");
    assert.ok(variables.length > 5);
    for (const page of ["configuration.md", "contract.md"]) for (const name of variables) assert.ok(read(page).includes(`\`${name}\``), `${page}: ${name}`);
  });

  test("explains each member of CALLERS", () => {
    const members = quoted(read("../src/config/callers.rs").split("const MEMBERS")[1].split("];")[0]);
    const table = read("configuration.md").split("| member | value |\n")[1].split("\n\n")[0];
    assert.deepEqual([...table.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]).toSorted(), members.toSorted());
  });

  test("has the code's limits", () => {
    const limits = read("limits.md");
    const constant = (path, name) => new RegExp(`const ${name}: \\w+ = ([^;]+);`).exec(read(path))[1];
    for (const [path, name, value, row] of [
      ["../src/preconditions/content_headers.rs", "MAX_BODY_BYTES", "4 * 1024 * 1024", "| Request body | 4 MiB "],
      ["../src/remediation/limits.rs", "MAX_ANALYZED_EMAILS", "10_000", "| Pairs per request | 10,000;"],
      ["../src/config/callers.rs", "DEFAULT_EMAILS_PER_REQUEST", "1_000", "per caller 1,000 by default"],
      ["../src/config/callers.rs", "DEFAULT_EMAILS_PER_HOUR", "10_000", "| 10,000 by default, at most 2,500,000 |"],
      ["../src/config/callers.rs", "MAX_EMAILS_PER_HOUR", "2_500_000", "| 10,000 by default, at most 2,500,000 |"],
      ["../src/remediation/limits.rs", "MAX_DEPTH", "32", "| JSON nesting | 32 levels |"],
      ["../src/remediation/limits.rs", "MAX_ERRORS", "50", "| Listed errors | 50 entries per response"],
      ["../src/preconditions/idempotency_key.rs", "MAX_KEY_LENGTH", "255", "| 1–255 visible ASCII"],
      ["../src/ledger/engine.rs", "KEYED_REPLAY", "Duration::from_hours(24)", "| 24 hours with a key, 30 minutes without |"],
      ["../src/ledger/engine.rs", "PAYLOAD_REPLAY", "Duration::from_mins(30)", "| 24 hours with a key, 30 minutes without |"],
      ["../src/ledger/in_flight.rs", "MAX_WAITERS", "256", "| Waiting repeated requests per caller | 256 |"],
      ["../src/auth/token.rs", "MAX_TOKEN_BYTES", "16 * 1024", "| Access token | 16 KiB;"],
      ["../src/deadline.rs", "REQUEST_DEADLINE", "Duration::from_secs(90)", "| 90 s; 94 s if"],
      ["../src/deadline.rs", "LEDGER_GRACE", "Duration::from_secs(4)", "| 90 s; 94 s if"],
      ["../src/deadline.rs", "GRAPH_DEADLINE", "Duration::from_mins(1)", "| Graph's entire response, each call | 60 s |"],
      ["../src/deadline.rs", "MIN_GRAPH_TIME", "Duration::from_secs(5)", "| Time left before a submission to Graph | at least 5 s |"],
    ]) {
      assert.equal(constant(path, name), value, name);
      assert.ok(limits.includes(row), row);
    }
  });
});
