// Runs the examples of docs/did-it-work.md that Node can run, with a substitute for the gateway. Checks that all
// examples cover the contract's 4 hours.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, test } from "node:test";

import { run } from "../playbooks/check/run.mjs";

const page = readFileSync(new URL("did-it-work.md", import.meta.url), "utf8");
const example = (language) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(page)[1];
const [shell, logicApps, powershell] = ["sh", "json", "powershell"].map(example);

const GATEWAY = "https://gateway.example.com";
const ACCEPTED_AT = "2026-11-27T09:30:00Z";
const remediation = {
  displayName: "Clean up Phish email",
  description: "",
  severity: "medium",
  action: "softDelete",
  remediateSendersCopy: false,
  analyzedEmails: [
    { networkMessageId: "73ca4154-58d8-43d0-a890-08dc18c52e6d", recipientEmailAddress: "hannah.jarvis@contoso.com" },
  ],
};

/**
 * Returns a substitute for the gateway, which responds by the path and records the requests for the status. The status
 * is pending until the last of `rounds`.
 */
function fakeGateway(rounds) {
  const statusRequests = [];
  const respond = (path, body) => {
    if (path === "/remediate") return { status: "accepted", emails: 1, acceptedAt: ACCEPTED_AT };
    assert.equal(path, "/remediate/status");
    statusRequests.push(body);
    const status = statusRequests.length === rounds ? "settled" : "pending";
    return { status, emails: 1, observed: Number(status === "settled"), items: remediation.analyzedEmails };
  };
  return { statusRequests, respond };
}

/**
 * Runs the shell's example with the jq of this repository and a sleep that returns at once. Returns the output's lines.
 */
async function runShell({ respond }) {
  const folder = mkdtempSync(join(tmpdir(), "did-it-work-"));
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    assert.equal(request.headers.authorization, "Bearer token");
    assert.equal(request.headers["content-type"], "application/json");
    response.setHeader("Content-Type", "application/json");
    response.statusCode = request.url === "/remediate" ? 202 : 200;
    response.end(JSON.stringify(respond(request.url, JSON.parse(body))));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const writeProgram = (name, text) => {
      writeFileSync(join(folder, name), text);
      chmodSync(join(folder, name), 0o755);
    };
    const library = import.meta.resolve("jq-wasm");
    writeProgram(
      "jq",
      `#!${process.execPath}
const { readFileSync } = require("node:fs");
const options = process.argv.slice(2);
const flags = [];
while (options[0].startsWith("--")) flags.push(...options.splice(0, options[0] === "--arg" ? 3 : 1));
const [filter, file = 0] = options;
import(${JSON.stringify(library)}).then(({ default: jq }) => jq.raw(readFileSync(file, "utf8"), filter, flags)).then((text) => console.log(text));
`,
    );
    writeProgram("sleep", "#!/bin/sh\n");
    writeFileSync(join(folder, "request.json"), JSON.stringify(remediation));
    const script = shell.replaceAll(GATEWAY, `http://127.0.0.1:${server.address().port}`);
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}`, TOKEN: "token" };
    const child = spawn("sh", ["-c", script], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.on("data", (part) => (printed += part));
    const [code] = await once(child, "close");
    assert.equal(code, 0);
    return printed.trim().split("\n");
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}

/** Runs the loop of Logic Apps after the two actions that the guide names. */
const runLogicApps = ({ respond }) =>
  run(
    {
      actions: {
        Request: { type: "Compose", inputs: "@triggerBody()", runAfter: {} },
        Remediate: {
          type: "Http",
          inputs: { method: "POST", uri: `${GATEWAY}/remediate`, body: "@outputs('Request')" },
          runAfter: { Request: ["Succeeded"] },
        },
        ...JSON.parse(logicApps),
      },
    },
    {
      parameters: {},
      trigger: { body: remediation },
      gateway: ({ uri, body }) => ({ statusCode: 200, headers: {}, body: respond(new URL(uri).pathname, body) }),
    },
  );

describe("the examples", () => {
  test("of curl requests the status with acceptedAt until it is settled", async () => {
    const gateway = fakeGateway(3);
    const printed = await runShell(gateway);
    assert.deepEqual(gateway.statusRequests, Array(3).fill({ ...remediation, acceptedAt: ACCEPTED_AT }));
    assert.deepEqual(printed.map((line) => JSON.parse(line).status), ["pending", "pending", "settled"]);
    assert.ok(printed.every((line) => !line.includes("@")));
  });

  test("of Logic Apps requests the status with acceptedAt until it is settled", () => {
    const gateway = fakeGateway(3);
    const outcome = runLogicApps(gateway);
    assert.equal(outcome.status, "Succeeded");
    assert.deepEqual(gateway.statusRequests, Array(3).fill({ ...remediation, acceptedAt: ACCEPTED_AT }));
    assert.deepEqual(outcome.waits, [300, 300, 300]);
    const { Status } = JSON.parse(logicApps).Until_settled.actions;
    assert.deepEqual(Status.runtimeConfiguration.secureData.properties, ["inputs", "outputs"]);
  });

  test("all request the status for more than 4 hours, after which an unclear status settles", () => {
    const contract = readFileSync(new URL("contract.md", import.meta.url), "utf8");
    assert.match(contract, /`acceptedAt` is more\s+than 4 hours ago/);
    const numbers = (text, ...patterns) => patterns.map((pattern) => Number(pattern.exec(text)[1]));
    // The first request of the scripts comes at once, and that of the loop after a wait.
    for (const [requests, seconds] of [
      numbers(shell, /seq (\d+)/, /sleep (\d+)/),
      numbers(powershell, /-lt (\d+)/, /-Seconds (\d+)/),
    ]) {
      assert.ok((requests - 1) * seconds > 4 * 3600);
    }
    const unsettled = runLogicApps(fakeGateway(Infinity));
    assert.ok(unsettled.waits.reduce((sum, seconds) => sum + seconds, 0) > 4 * 3600);
  });

  test("of PowerShell reads the numbers that the contract names", () => {
    const [, list] = /Select-Object (.*)/.exec(powershell);
    const contract = readFileSync(new URL("contract.md", import.meta.url), "utf8");
    const [, body] = /```json\n(\{"status":"pending"[\s\S]*?)```/.exec(contract);
    const members = Object.keys(JSON.parse(body)).filter((name) => !name.startsWith("items"));
    assert.deepEqual(list.split(", "), members);
  });
});
