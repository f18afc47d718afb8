// The playbook `remediate-incident`, as `playbooks/check/run.mjs` interprets it. Run by `make clients` and `make test`
// beside a gateway. Logic Apps itself cannot run here.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

import { run } from "../../playbooks/check/run.mjs";

const { GATEWAY_URL, SANDBOX_URL, API_KEY } = process.env;
const template = JSON.parse(readFileSync(new URL("../../playbooks/remediate-incident/azuredeploy.json", import.meta.url)));
const workflow = template.resources.find(({ type }) => type === "Microsoft.Logic/workflows");

/** The interpreter needs each response at once, so another process sends the request. */
function post(url, headers, body) {
  const script = `fetch(process.argv[1], { method: "POST", ...JSON.parse(process.argv[2]), redirect: "manual" }).then(async (response) =>
    console.log(JSON.stringify({ statusCode: response.status, headers: Object.fromEntries(response.headers), body: await response.text() })))`;
  const { stdout } = spawnSync(process.execPath, ["-e", script, url, JSON.stringify({ headers, body })], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const { body: text, ...response } = JSON.parse(stdout);
  return { ...response, body: text && JSON.parse(text) };
}

/** Runs the playbook for an incident. The key replaces the managed identity, and the requests have the run's ID. */
function play(relatedEntities, runName = randomUUID()) {
  return run(workflow.properties.definition, {
    parameters: {
      $connections: { azuresentinel: { connectionId: "sentinel" }, teams: { connectionId: "teams" } },
      gatewayHost: "gateway.example",
      gatewayAudience: "api://remediation-gateway",
      recipientDomains: ["*.contoso.com"],
      action: "softDelete",
      remediateSendersCopy: false,
      maxEmailsPerCall: 1000,
      remediateMailClusters: true,
      maxRecipients: 1000,
      statusHours: 1,
      approval: "None",
      approvalAbove: 0,
      teamsGroupId: "",
      teamsChannelId: "",
      approverObjectIds: [],
    },
    trigger: { headers: {}, body: { object: { id: "/incidents/1", properties: { incidentNumber: 42, title: "Phish", severity: "High", relatedEntities } } } },
    runName,
    gateway: ({ uri, headers, body }) =>
      post(GATEWAY_URL + new URL(uri).pathname, { ...headers, "X-API-Key": API_KEY, "x-ms-workflow-run-id": runName }, JSON.stringify(body)),
    connection: () => undefined,
  });
}
const comments = ({ connectionCalls }) => connectionCalls.map(({ inputs }) => inputs.body.message);
const seed = (messages) => assert.equal(post(`${SANDBOX_URL}/sandbox/messages`, {}, JSON.stringify({ messages })).statusCode, 204);
const recipients = (count) => Array.from({ length: count }, (_, number) => `user${number}@contoso.com`);
const mail = (networkMessageId, recipient) => ({ kind: "MailMessage", properties: { networkMessageId, recipient } });

// Success: one call, and the status of each email. One shows no effect, and one is in no list.
const [message, unchanged, unknown] = [randomUUID(), randomUUID(), randomUUID()];
seed([
  { networkMessageId: message, recipients: recipients(30) },
  { networkMessageId: unchanged, recipients: ["user@contoso.com"], shows: "others" },
]);
const entities = [...recipients(30).map((recipient) => mail(message, recipient)), mail(unchanged, "user@contoso.com"), mail(unknown, "user@contoso.com")];
const runName = randomUUID();
const outcome = play(entities, runName);
assert.deepEqual([outcome.status, outcome.failures], ["Succeeded", []]);
const [first, second] = comments(outcome);
assert.match(first, /32 emails <b>accepted<\/b>: <a href="https:\/\/security\.microsoft\.com\//);
assert.match(second, /emails observed: 30 of 32, unclear: 1\..*not found: 1.*stopped asking/);

// A mail cluster: the gateway finds the recipients.
const campaign = randomUUID();
seed([
  { networkMessageId: campaign, recipients: recipients(800) },
  { networkMessageId: campaign, recipients: ["quarantined@contoso.com"], location: "quarantine" },
]);
const clusters = play([{ kind: "MailCluster", properties: { networkMessageIds: [campaign] } }, mail(campaign, "user1@contoso.com")]);
assert.deepEqual([clusters.status, clusters.failures, clusters.gatewayCalls.length], ["Succeeded", [], 1]);
assert.match(comments(clusters)[0], /1 message <b>accepted<\/b> for 800 of 801 recipients: .*Left out: 1 in quarantine, 0 unreachable, 0 protected\./);

// Error: the gateway rejects a recipient whose domain cannot exist, and the playbook submits the rest.
const bad = play([mail(message, "user1@contoso.com"), mail(message, "user@xn--a.contoso.com")]);
assert.equal(bad.status, "Succeeded");
assert.match(comments(bad)[0], /1 email <b>accepted<\/b>.*Left out, since the gateway rejected them: 1 \(recipientNotAllowed\)\./);

// Retry: the same run is replayed.
const again = play(entities, runName);
assert.equal(comments(again)[0], first.replace(/Request [\w-]+\./, /Request [\w-]+\./.exec(comments(again)[0])[0]));
console.log("playbook ok: success, error, retry");
