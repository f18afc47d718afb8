// n8n's node "HTTP Request", as a workflow of an operations team uses it. Run by `make clients` beside a gateway: the
// argument is the folder in which npm installed n8n.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { remediation } from "./remediation.mjs";

const { GATEWAY_URL, API_KEY } = process.env;
const [installed] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "n8n-"));
const env = { ...process.env, N8N_USER_FOLDER: folder, N8N_DIAGNOSTICS_ENABLED: "false", N8N_VERSION_NOTIFICATIONS_ENABLED: "false", N8N_RUNNERS_ENABLED: "false" };

function n8n(...options) {
  const program = join(installed, "node_modules/n8n/bin/n8n");
  return spawnSync(process.execPath, [program, ...options], { env, encoding: "utf8", maxBuffer: 2 ** 26 });
}

/** Imports a workflow that submits one remediation, and runs it. */
async function submit(networkMessageId, key) {
  const id = randomUUID().replaceAll("-", "").slice(0, 16);
  const workflow = {
    id,
    name: "Remediate",
    nodes: [
      { id: "1", name: "Start", type: "n8n-nodes-base.manualTrigger", typeVersion: 1, position: [0, 0], parameters: {} },
      {
        id: "2",
        name: "Submit",
        type: "n8n-nodes-base.httpRequest",
        typeVersion: 4.2,
        position: [200, 0],
        parameters: {
          method: "POST",
          url: `${GATEWAY_URL}/remediate`,
          sendHeaders: true,
          headerParameters: { parameters: [{ name: "X-API-Key", value: API_KEY }, { name: "Idempotency-Key", value: key }] },
          sendBody: true,
          specifyBody: "json",
          jsonBody: JSON.stringify(remediation(networkMessageId)),
          options: { response: { response: { fullResponse: true } } },
        },
      },
    ],
    connections: { Start: { main: [[{ node: "Submit", type: "main", index: 0 }]] } },
    settings: {},
    active: false,
  };
  const file = join(folder, `${id}.json`);
  await writeFile(file, JSON.stringify([workflow]));
  const imported = n8n("import:workflow", `--input=${file}`);
  assert.equal(imported.status, 0, imported.stderr + imported.stdout);
  const run = n8n("execute", `--id=${id}`, "--rawOutput");
  const text = run.stdout + run.stderr;
  const json = /^\{[^]*^\}/m.exec(run.stdout)?.[0];
  return { text, response: json && JSON.parse(json).data.resultData.runData.Submit?.[0].data?.main[0][0].json };
}

try {
  const [id, key] = [randomUUID(), randomUUID()];
  const first = await submit(id, key);
  assert.equal(first.response?.statusCode, 202, first.text);
  assert.match(first.response.body.trackingUrl, /^https:\/\/security\.microsoft\.com\//);

  const bad = await submit("AAMkAGI2THVSAAA=", randomUUID());
  assert.match(bad.text, /\/analyzedEmails\/0\/networkMessageId/);
  assert.match(bad.text, /must be a GUID/);

  const again = await submit(id, key);
  assert.equal(again.response?.statusCode, 202, again.text);
  assert.equal(again.response.headers["idempotency-replayed"], "true");
  assert.equal(again.response.body.trackingUrl, first.response.body.trackingUrl);
  console.log("n8n ok: success, error, retry");
} finally {
  await rm(folder, { recursive: true });
}
