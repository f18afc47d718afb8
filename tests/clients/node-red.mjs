// Node-RED's nodes "http request" and "function", as a flow of an operations team uses them. Run by `make clients`
// beside a gateway: the argument is the folder in which npm installed Node-RED.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { remediation } from "./remediation.mjs";

const { GATEWAY_URL, API_KEY } = process.env;
const [installed] = process.argv.slice(2);

/** The flow: what comes to its own address goes to the gateway, and its caller gets the gateway's response. */
const flow = [
  { id: "tab", type: "tab", label: "Remediate" },
  { id: "in", type: "http in", z: "tab", url: "/phish", method: "post", wires: [["headers"]] },
  {
    id: "headers",
    type: "function",
    z: "tab",
    func: `msg.headers = { "X-API-Key": ${JSON.stringify(API_KEY)}, "Idempotency-Key": msg.payload.key };
msg.payload = msg.payload.remediation;
return msg;`,
    outputs: 1,
    wires: [["request"]],
  },
  { id: "request", type: "http request", z: "tab", method: "POST", ret: "obj", url: `${GATEWAY_URL}/remediate`, wires: [["result"]] },
  {
    id: "result",
    type: "function",
    z: "tab",
    func: `msg.payload = { response: msg.payload, replayed: msg.headers["idempotency-replayed"] };
return msg;`,
    outputs: 1,
    wires: [["out"]],
  },
  { id: "out", type: "http response", z: "tab" },
];

const folder = await mkdtemp(join(tmpdir(), "node-red-"));
await writeFile(join(folder, "flows.json"), JSON.stringify(flow));
await writeFile(
  join(folder, "settings.js"),
  `module.exports = { flowFile: "flows.json", uiHost: "127.0.0.1", httpAdminRoot: false, telemetry: { enabled: false } };`,
);
const port = await freePort();
const program = join(installed, "node_modules/node-red/red.js");
const node = spawn(process.execPath, [program, "--userDir", folder, "--port", String(port)], { stdio: ["ignore", "pipe", "inherit"] });
try {
  for await (const line of createInterface({ input: node.stdout })) {
    if (line.includes("Started flows")) break;
  }
  const submit = async (id, key) => {
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key, remediation: remediation(id) }) };
    const response = await fetch(`http://127.0.0.1:${port}/phish`, init);
    const { response: body, replayed } = await response.json();
    return { status: response.status, body, replayed };
  };

  const [id, key] = [randomUUID(), randomUUID()];
  const first = await submit(id, key);
  assert.equal(first.status, 202, JSON.stringify(first.body));
  assert.match(first.body.trackingUrl, /^https:\/\/security\.microsoft\.com\//);

  const bad = await submit("AAMkAGI2THVSAAA=", randomUUID());
  assert.equal(bad.status, 400);
  assert.match(bad.body.error.message, /\/analyzedEmails\/0\/networkMessageId: must be a GUID/);

  const again = await submit(id, key);
  assert.equal(again.status, 202);
  assert.equal(again.replayed, "true");
  assert.equal(again.body.trackingUrl, first.body.trackingUrl);
  console.log("Node-RED ok: success, error, retry");
} finally {
  node.kill();
  await once(node, "exit");
  await rm(folder, { recursive: true });
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
