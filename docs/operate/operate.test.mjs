// Compares docs/operate.md with the code: the members of a line, the codes, and the thresholds in each of their forms.
// Runs each jq command on the sample, which src/tests/log.rs compares with the gateway's lines.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import jq from "jq-wasm";

import { files } from "../../scripts/prose/markdown.mjs";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const page = read("../operate.md");
const sample = read("sample.jsonl").trim().split("\n");
const camelCase = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
/** Returns the fenced blocks of a kind, without the indentation of lists. */
const blocks = (kind) => [...page.matchAll(new RegExp(`^( *)\`\`\`${kind}\\n([\\s\\S]*?)^\\1\`\`\``, "gm"))].map(([, indent, text]) => text.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
/** Returns the rows of the table below `header`, each as its cells. */
const table = (header) => {
  const rows = page.split(`${header}\n`)[1].split("\n\n")[0].split("\n").slice(1);
  return rows.map((row) => row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|")));
};
const quoted = (text) => [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]);

// The code's own names.
const log = read("../../src/log.rs");
const members = (struct) => [...log.split(`struct ${struct}`)[1].split("\n}")[0].matchAll(/^ +(?:pub )?(\w+):/gm)].map((match) => camelCase(match[1]));
const entryMembers = members("LogEntry");
const configMembers = members("ConfigLine<'a>");
const warningMembers = members("WarningLine<'a>");
const warnings = [...log.matchAll(/\bwarning(?: =|:) "(\w+)"/g)].map((match) => match[1]);
/** Members and warnings of the lines that belong to no request. */
const otherNames = [...configMembers, ...warningMembers, ...warnings];
const codes = new Set([...read("../../src/code.rs").matchAll(/= \d{3} "(\w+)" "/g)].map((match) => match[1]));
const actions = [...read("../../src/remediation/model.rs").split("\n    Action:\n")[1].split("\n}")[0].matchAll(/^    \w+ = "(\w+)";$/gm)].map((match) => match[1]);

describe("the log entry", () => {
  test("has exactly the members that the page explains", () => {
    const explained = table("| member | |").flatMap(([names]) => quoted(names));
    assert.deepEqual(explained.toSorted(), entryMembers.toSorted());
    assert.deepEqual(configMembers, ["code", "variable", "problem"]);
    // A line has these members only where they apply.
    const optional = ["tenantId", "recipientsFound", "leftOut", "states"];
    assert.deepEqual(warningMembers, ["warning", "variable", "problem", "daysLeft"]);
    assert.equal(warnings.length, 2);
    for (const line of sample) {
      const has = Object.keys(JSON.parse(line));
      const members = entryMembers.filter((name) => !optional.includes(name) || has.includes(name));
      const forms = [members, configMembers, warningMembers, warningMembers.slice(0, 3)];
      assert.ok(forms.some((names) => has.join() === names.join()), line);
    }
  });

  test("is the same in the contract and in the function of Sentinel", () => {
    assert.deepEqual(quoted(read("../contract.md").split("## 10. Log")[1].split(". ")[0]), entryMembers);
    const projected = [...read("lines.kql").matchAll(/(\w+) = to\w+\(line\.(\w+)\)/g)].map(([, name, member]) => assert.equal(name, member) ?? name);
    assert.deepEqual(projected, [...entryMembers, "variable", "problem", "warning", "daysLeft"]);
  });
});

describe("the log of production", () => {
  const production = read("../../wrangler.toml").split("[env.production.observability]")[1];

  test("contains all requests, without headers or addresses", () => {
    assert.match(production, /^\nenabled = true\nhead_sampling_rate = 1\n\n\[env\.production\.observability\.logs\]\nenabled = true\ninvocation_logs = false\n/);
    for (const setting of ["head_sampling_rate = 1", "invocation_logs = false"]) assert.ok(page.includes(`\`${setting}\``), setting);
  });

  test("is of the Worker that the page names", () => {
    const name = `${/^name = "(.*)"$/m.exec(read("../../wrangler.toml"))[1]}-production`;
    assert.ok(page.includes(`\`${name}\``));
    assert.ok(read("lines.kql").includes(`ScriptName == "${name}"`));
  });
});

const MORNING = Date.parse("2026-11-23T08:00:00Z");
const times = sample.map((_, index) => MORNING + index * 5 * 60_000);
const lines = read("lines.jq");
const tailEvent = ([line, timestamp]) => JSON.stringify({ outcome: "ok", logs: [{ message: ["of something else", 7, "[1]", line], level: "log", timestamp }], event: {} }, null, 2);
const logpushEvent = ([line, timestamp]) => JSON.stringify({ Outcome: "ok", ScriptName: "a", Logs: [{ Level: "log", Message: [line], TimestampMs: timestamp }] });
const eventsWithoutLines = [JSON.stringify({ outcome: "ok", logs: [] }), JSON.stringify({ Outcome: "ok", Logs: null })];
const events = (toEvent) =>
  [...sample.map((line, index) => toEvent([line, times[index]])), ...eventsWithoutLines].join("\n");

describe("the commands", async () => {
  const gatewayLog = await jq.raw(events(tailEvent), lines, ["--compact-output"]);

  test("extract the log entries from the output of wrangler tail and Logpush", async () => {
    const expected = sample.map((line, index) => JSON.stringify({ time: new Date(times[index]).toISOString().replace(".000", ""), ...JSON.parse(line) }));
    assert.equal(gatewayLog, expected.join("\n"));
    assert.equal(await jq.raw(events(logpushEvent), lines, ["--compact-output"]), gatewayLog);
    for (const command of blocks("sh").filter((command) => command.includes("lines.jq"))) assert.match(command, /--from-file docs\/operate\/lines\.jq/);
  });

  const commands = [...page.matchAll(/^```sh\njq (.*?) ?'([^']*)' gateway\.log\n```\n\n```text\n([\s\S]*?)```$/gm)];
  test("are all tested", () => {
    assert.equal(commands.length, blocks("text").length);
    assert.equal(commands.length, blocks("sh").filter((command) => command.startsWith("jq ")).length);
  });
  for (const [, flags, program, output] of commands) {
    test(`print the page's output: ${program.slice(0, 60)}…`, async () => {
      assert.equal(await jq.raw(gatewayLog, program, flags.split(" ").filter(Boolean)), output.trimEnd());
    });
  }
});

describe("a name on the page", () => {
  test("is a member, a code or an action if it is in camel case", () => {
    const known = [...entryMembers, ...otherNames, ...codes, ...actions, "validateOnly"];
    for (const name of quoted(page).filter((text) => /^[a-z]+([A-Z][a-z]+)+$/.test(text))) assert.ok(known.includes(name), name);
  });

  test("is a member of the log entry in each query for jq", () => {
    for (const program of blocks("sh").filter((command) => command.startsWith("jq "))) {
      for (const [, name] of program.matchAll(/(?<![\w\]])\.([a-zA-Z]\w*)(?!\.log)/g)) assert.ok([...entryMembers, ...otherNames, "time", "log"].includes(name), `${name} in ${program}`);
      for (const [, name] of program.matchAll(/\.code == "(\w+)"/g)) assert.ok(codes.has(name), name);
    }
  });

  // kql.test.mjs checks the rest of each query.
  test("is a code, an action or a warning in each query for Sentinel", () => {
    for (const query of blocks("kusto").filter((text) => text.includes("RemediationGateway"))) {
      for (const [, list] of query.matchAll(/code in \((.*)\)/g)) for (const [, name] of list.matchAll(/"(\w+)"/g)) assert.ok(codes.has(name), name);
      for (const [, name] of query.matchAll(/code == "(\w+)"/g)) assert.ok(codes.has(name), name);
      for (const [, name] of query.matchAll(/action == "(\w+)"/g)) assert.ok(actions.includes(name), name);
      for (const [, name] of query.matchAll(/warning == "(\w+)"/g)) assert.ok(warnings.includes(name), name);
    }
  });

  test("is logged, for each reason of `internal` without a request", () => {
    const [, row] = /^\| `internal` without a `requestId` \| [^|]* \| (.*) \|$/m.exec(page);
    const texts = [...row.matchAll(/\*([^*]+)\*/g)].map((match) => match[1]);
    const recovery = read("../../src/worker/recovery.js");
    const ledger = [...read("../../src/ledger/service.rs").matchAll(/internal_line\("([^"]*)"\)/g)].map((match) => match[1]);
    const [lost] = /the module was lost(?=, and starts anew)/.exec(recovery);
    const [ended] = /(?<=name: ")an execution was terminated/.exec(recovery);
    assert.deepEqual(texts.toSorted(), [...ledger, lost, ended].toSorted());
  });
});

describe("the alarms", () => {
  const rows = table("| code | alarm | what it is, and what to do |").flatMap(([names, alarm]) => quoted(names).map((code) => [code, Number(alarm.replace("**!**", ""))]));
  const alarms = rows.filter(([, lines]) => lines > 0);

  test("consider each code once", () => assert.deepEqual(rows.map(([code]) => code).toSorted(), [...codes].toSorted()));

  test("are the same in Cloudflare's alerts", () => {
    const filters = table("| condition | filter |").flatMap(([condition, filter]) => {
      const list = /^`code` regex `\^\((.*)\)\$`$/.exec(filter)[1].split("|");
      return list.map((code) => [code, Number(/^Count ≥ (\d+)$/.exec(condition)[1])]);
    });
    assert.deepEqual(filters, alarms);
  });

  test("are the same in Sentinel's rule", () => {
    const [rule] = blocks("kusto").filter((text) => text.includes("datatable"));
    assert.deepEqual([...rule.matchAll(/^ +"(\w+)", (\d+),$/gm)].map(([, code, lines]) => [code, Number(lines)]), alarms);
  });
});

// The gateway's paths ignore case, and the comparisons of Cloudflare's rules and of most queries do not. POST
// /REMEDIATE would pass such a rule.
describe("the rules and queries of all pages", () => {
  const root = new URL("../../", import.meta.url);
  const pages = files(fileURLToPath(root), [".md", ".kql", ".jq"]).map((path) => [path, readFileSync(new URL(path, root), "utf8")]);
  /**
   * The fields of Cloudflare's rules that contain a path, in the expression language and in the dashboard, with the
   * value after them.
   */
  const PATH_FIELDS = /(?:http\.request\.(?:full_)?uri(?:\.path)?|raw\.http\.request\.\S+|\bURI path\b|\bURI Full\b|\bFull URI\b)(.*)/gi;

  test("are found", () => {
    const names = pages.map(([path]) => path);
    for (const name of ["README.md", "SECURITY.md", "docs/deploy.md", "docs/operate.md", "docs/operate/lines.kql"]) assert.ok(names.includes(name), name);
  });

  test("compare paths only if every path matches", () => {
    for (const [path, text] of pages) {
      for (const [rule, rest] of text.matchAll(PATH_FIELDS)) assert.match(rest, /^\*?,? \*?contains\*?,? ["`]\/["`](?![^.]*remediate)/, `${path}: ${rule}`);
      assert.doesNotMatch(text, /rule for (?:what has|the path|everything (?:under|below)) [`"/]/, path);
    }
  });

  test("limit the rate by the host name in any letter case", () => {
    const deploy = readFileSync(new URL("docs/deploy.md", root), "utf8");
    const [, rule] = /rate limiting rule with this expression[\s\S]*?```text\n\s*(.*)\n/.exec(deploy);
    assert.equal(rule, 'starts_with(lower(http.host), "<host name>")');
  });

  test("compare a path in a query of the log only by the gateway's name of the route", () => {
    // `route` has one spelling, which the gateway writes: src/route.rs.
    const routes = [...readFileSync(new URL("src/route.rs", root), "utf8").matchAll(/^ +Self::\w+(?:\(.*\))? => "(\/.*)",$/gm)].map((match) => match[1]);
    assert.equal(routes.length, 8);
    for (const [path, text] of pages) {
      for (const [query, name] of text.matchAll(/\broute (?:==|=~|!=|startswith|contains|has) "([^"]*)"/g)) assert.ok(routes.includes(name), `${path}: ${query}`);
    }
  });
});
