// `make start`: starts the sandbox and the gateway on this machine, sends Graph's documented example through both,
// follows its status until it is settled, and then serves requests.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { STATUS_CODES } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const HOST = "127.0.0.1";
const GATEWAY = { name: "gateway", port: 8787 };
const SANDBOX = { name: "sandbox", port: 8788 };
const EXAMPLE = "tests/seed-example.json";
const START_MS = 60_000;
const RESPONSE_MS = 100_000; // Above the gateway's own budget of 90 s.
const GRACE_MS = 5_000;
const EFFECT_MS = 1_500; // How long after the acceptance the sandbox shows the effect.
const POLL_MS = 500; // A caller would wait for `Retry-After`, which is minutes. The sandbox is faster than Microsoft.
const SETTLED_MS = 30_000;

const url = (server, path) => `http://${HOST}:${server.port}${path}`;
const scratch = mkdtempSync(join(tmpdir(), "remediation-gateway-"));
const children = [];
let ending;

/** Ends every child and the processes that it started, then this process. */
function end(code, message) {
  ending ??= (async () => {
    if (message) console.error(`\nerror: ${message}`);
    for (const child of children) signal(child, "SIGTERM");
    await Promise.race([Promise.all(children.map((child) => child.gone)), sleep(GRACE_MS)]);
    for (const child of children) signal(child, "SIGKILL");
    rmSync(scratch, { recursive: true, force: true });
    process.exit(code);
  })();
  return ending;
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch {
    // The group has no process any more.
  }
}

/** Starts a program in its own process group, so that a signal to the group also ends its children. */
function start(server, command, args, env) {
  const child = spawn(command, args, {
    detached: true,
    // wrangler calls make again when a source changes, and must not pass on the flags of the outer make.
    env: { ...process.env, MAKEFLAGS: undefined, MAKELEVEL: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.gone = new Promise((resolve) => child.once("close", resolve));
  child.once("error", (error) => end(1, `the ${server.name} could not be started: ${error.message}`));
  child.once("exit", (code, by) => {
    if (!ending) printKeptOutput(server);
    end(1, `the ${server.name} ended by itself (${by ?? code})`);
  });
  // Kept until the example has ended, unless it is needed to explain a failure.
  server.output = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => (server.output ? server.output.push(text) : print(server, text)));
  }
  if (child.pid) children.push(child);
  return child;
}

function print(server, text) {
  for (const line of text.split("\n")) if (line.trim()) console.log(`[${server.name}] ${line.trimEnd()}`);
}

function printKeptOutput(server) {
  print(server, (server.output ?? []).join(""));
  server.output = undefined;
}

/**
 * Starts a shell that ends the children if this process is killed: the shell waits until the pipe to this process
 * closes.
 */
function endChildrenIfKilled() {
  const groups = children.map((child) => `-${child.pid}`);
  const script = 'cat; scratch=$1; shift; kill -s TERM -- "$@"; sleep 1; kill -s KILL -- "$@"; rm -rf "$scratch"';
  const options = { detached: true, stdio: ["pipe", "ignore", "ignore"] };
  spawn("/bin/sh", ["-c", script, "end-children", scratch, ...groups], options).unref();
}

async function ensureFree(server) {
  const taken = await new Promise((resolve) => {
    const socket = connect(server.port, HOST, () => resolve(true)).on("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
  if (taken) await end(1, `port ${server.port}, which the ${server.name} needs, is in use on ${HOST}: is another \`make start\` running?`);
}

async function waitUntilReady(server, path) {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && !ending) {
    const response = await fetch(url(server, path), { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) return;
    await sleep(100);
  }
  if (ending) return ending;
  printKeptOutput(server);
  await end(1, `the ${server.name} did not respond within ${START_MS / 1000} s`);
}

function indent(text, mark) {
  return text.trimEnd().split("\n").map((line) => `${mark} ${line}`.trimEnd()).join("\n");
}

/** Sends Graph's documented example as a playbook would, and prints the requests and responses of both sides. */
async function sendExample() {
  const { access_token: token } = await (await fetch(url(SANDBOX, "/sandbox/token"))).json();
  const body = readFileSync(EXAMPLE, "utf8");
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  await seedMailboxes(JSON.parse(body));

  console.log("\nGraph's documented example, to the gateway:\n");
  console.log(indent(`POST ${url(GATEWAY, "/remediate")}\nAuthorization: Bearer …\nContent-Type: application/json\n\n${body}`, ">"));
  const response = await fetch(url(GATEWAY, "/remediate"), {
    method: "POST",
    headers,
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(RESPONSE_MS),
  });
  const text = await response.text();
  const lines = [...response.headers].map(([name, value]) => `${name === "location" ? "Location" : name}: ${value}`);
  console.log("\nThe response:\n");
  console.log(indent(`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}\n${lines.join("\n")}\n\n${formatJson(text)}`, "<"));

  const received = await (await fetch(url(SANDBOX, "/sandbox/requests"))).json();
  const toGraph = received.filter((request) => request.path.toLowerCase().includes("/analyzedemails"));
  console.log("\nThe requests to Graph that the sandbox received:\n");
  for (const request of toGraph) console.log(indent(`${request.method} ${request.path}\n\n${formatJson(request.body)}`, "|"));
  if (toGraph.length === 0) console.log("| nothing");

  if (response.status !== 202) {
    printKeptOutput(GATEWAY);
    printKeptOutput(SANDBOX);
    await end(1, `the response to the example is ${response.status}, not 202`);
  }
  await followStatus(headers, { ...JSON.parse(body), acceptedAt: JSON.parse(text).acceptedAt });
}

/** Puts the messages of a remediation into the sandbox's mailboxes. */
async function seedMailboxes({ analyzedEmails }) {
  const messages = analyzedEmails.map((email) => ({
    networkMessageId: email.networkMessageId,
    recipients: [email.recipientEmailAddress],
    effectAfterMs: EFFECT_MS,
  }));
  const response = await fetch(url(SANDBOX, "/sandbox/messages"), { method: "POST", body: JSON.stringify({ messages }) });
  if (!response.ok) await end(1, `the sandbox rejected the messages: ${response.status}`);
}

/** Requests the status of a remediation until it is settled, and prints each response with another status. */
async function followStatus(headers, request) {
  const deadline = Date.now() + SETTLED_MS;
  for (let shown; Date.now() < deadline; await sleep(POLL_MS)) {
    const options = { method: "POST", headers, body: JSON.stringify(request), signal: AbortSignal.timeout(RESPONSE_MS) };
    const response = await fetch(url(GATEWAY, "/remediate/status"), options);
    const text = await response.text();
    const { status } = response.ok ? JSON.parse(text) : {};
    if (status !== shown || !response.ok) {
      console.log(`\nIts status, from POST ${url(GATEWAY, "/remediate/status")} with the same body and acceptedAt:\n`);
      console.log(indent(`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}\n\n${formatJson(text)}`, "<"));
    }
    if (status === "settled") return;
    if (!response.ok) break;
    shown = status;
  }
  printKeptOutput(GATEWAY);
  printKeptOutput(SANDBOX);
  await end(1, `the status of the example was not settled within ${SETTLED_MS / 1000} s`);
}

function formatJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => end(0));
// If make itself is killed, no signal arrives.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && end(0), 1_000).unref();

try {
  await ensureFree(GATEWAY);
  await ensureFree(SANDBOX);

  // The secret is for this run only. It is in no argument list, because every user of the machine can read those.
  const secret = randomBytes(30).toString("base64url");
  const secrets = join(scratch, "secrets.env");
  writeFileSync(secrets, `CLIENT_SECRET=${secret}\n`, { mode: 0o600 });

  console.log(`==> starting the sandbox on ${HOST}:${SANDBOX.port} and the gateway on ${HOST}:${GATEWAY.port}`);
  start(SANDBOX, "cargo", ["run", "--quiet", "--locked", "--package", "sandbox", "--", "--listen", `${HOST}:${SANDBOX.port}`], {
    SANDBOX_CLIENT_SECRET: secret,
  });
  // A new state directory, because the sandbox starts empty, too. Otherwise the ledger would replay the last run.
  const state = join(scratch, "state");
  const wrangler = ["dev", "--local", "--ip", HOST, "--port", String(GATEWAY.port), "--env-file", secrets, "--persist-to", state];
  // Any free port for the inspector, because every Node debugger has the same default port.
  start(GATEWAY, "node_modules/.bin/wrangler", [...wrangler, "--inspector-port", "0", "--show-interactive-dev-session=false"], {
    // No connection except loopback: no telemetry, no check for updates (the banner does it), and no download of sample
    // request metadata.
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG_PATH: join(scratch, "logs"),
    WRANGLER_REGISTRY_PATH: join(scratch, "registry"),
  });
  endChildrenIfKilled();

  await waitUntilReady(SANDBOX, "/sandbox/requests");
  await waitUntilReady(GATEWAY, "/healthz");
  await sendExample();

  console.log(`
Serving until stopped (Ctrl-C). To call it yourself:

  token=$(curl -s ${url(SANDBOX, "/sandbox/token")} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -i ${url(GATEWAY, "/remediate")} -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d @${EXAMPLE}
`);
  SANDBOX.output = GATEWAY.output = undefined;
} catch (error) {
  if (!ending) {
    printKeptOutput(SANDBOX);
    printKeptOutput(GATEWAY);
  }
  await end(1, error.message);
}
