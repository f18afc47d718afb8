// `make start`: the sandbox and the gateway on this machine, Graph's documented example sent through both and followed until it is settled,
// and then at your service.
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
const ANSWER_MS = 100_000; // Above the gateway's own budget of 90 s.
const GRACE_MS = 5_000;
const EFFECT_MS = 1_500; // How long after the acceptance the sandbox shows the effect.
const POLL_MS = 500; // A caller waits for `Retry-After`, which is minutes: so long does Microsoft take, and not the sandbox.
const SETTLED_MS = 30_000;

const url = (server, path) => `http://${HOST}:${server.port}${path}`;
const scratch = mkdtempSync(join(tmpdir(), "remediation-gateway-"));
const children = [];
let ending;

/** Ends every child with all that it started, then this process. */
function end(code, message) {
  ending ??= (async () => {
    if (message) console.error(`\nerror: ${message}`);
    for (const child of children) signal(child, "SIGTERM");
    await Promise.race([Promise.all(children.map((child) => child.gone)), sleep(GRACE_MS)]);
    for (const child of children) signal(child, "SIGKILL");
    rmSync(scratch, { recursive: true, force: true });
    process.exit(code); // The leash finds nothing left to end.
  })();
  return ending;
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch {
    // Its group is empty already.
  }
}

/** Starts a program in a process group of its own, so that what it starts itself ends with it. */
function start(server, command, args, env) {
  const child = spawn(command, args, {
    detached: true,
    // Not this make's flags: wrangler calls make again when a source changes.
    env: { ...process.env, MAKEFLAGS: undefined, MAKELEVEL: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.gone = new Promise((resolve) => child.once("close", resolve));
  child.once("error", (error) => end(1, `the ${server.name} could not be started: ${error.message}`));
  child.once("exit", (code, by) => {
    if (!ending) show(server);
    end(1, `the ${server.name} ended by itself (${by ?? code})`);
  });
  // Held back until the example is through, unless it is needed to explain a failure.
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

function show(server) {
  print(server, (server.output ?? []).join(""));
  server.output = undefined;
}

/** When this process is killed, nothing of it runs any more: a pipe closes, and a shell that waits for that ends the children. */
function leash() {
  const groups = children.map((child) => `-${child.pid}`);
  const script = 'cat; scratch=$1; shift; kill -s TERM -- "$@"; sleep 1; kill -s KILL -- "$@"; rm -rf "$scratch"';
  const options = { detached: true, stdio: ["pipe", "ignore", "ignore"] };
  spawn("/bin/sh", ["-c", script, "leash", scratch, ...groups], options).unref();
}

async function mustBeFree(server) {
  const taken = await new Promise((resolve) => {
    const socket = connect(server.port, HOST, () => resolve(true)).on("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
  if (taken) await end(1, `port ${server.port}, which the ${server.name} needs, is in use on ${HOST}: is another \`make start\` running?`);
}

async function untilAnswers(server, path) {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && !ending) {
    const answer = await fetch(url(server, path), { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    await sleep(100);
  }
  if (ending) return ending;
  show(server);
  await end(1, `the ${server.name} did not answer within ${START_MS / 1000} s`);
}

function indented(text, mark) {
  return text.trimEnd().split("\n").map((line) => `${mark} ${line}`.trimEnd()).join("\n");
}

/** Sends Graph's documented example as a playbook would, and shows what went over the wire on both sides. */
async function sendExample() {
  const { access_token: token } = await (await fetch(url(SANDBOX, "/sandbox/token"))).json();
  const body = readFileSync(EXAMPLE, "utf8");
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  await seedMailboxes(JSON.parse(body));

  console.log("\nGraph's documented example, to the gateway:\n");
  console.log(indented(`POST ${url(GATEWAY, "/remediate")}\nAuthorization: Bearer …\nContent-Type: application/json\n\n${body}`, ">"));
  const answer = await fetch(url(GATEWAY, "/remediate"), {
    method: "POST",
    headers,
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const text = await answer.text();
  const lines = [...answer.headers].map(([name, value]) => `${name === "location" ? "Location" : name}: ${value}`);
  console.log("\nThe response:\n");
  console.log(indented(`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}\n${lines.join("\n")}\n\n${pretty(text)}`, "<"));

  const received = await (await fetch(url(SANDBOX, "/sandbox/requests"))).json();
  const toGraph = received.filter((request) => request.path.toLowerCase().includes("/analyzedemails"));
  console.log("\nWhat the sandbox received as Graph:\n");
  for (const request of toGraph) console.log(indented(`${request.method} ${request.path}\n\n${pretty(request.body)}`, "|"));
  if (toGraph.length === 0) console.log("| nothing");

  if (answer.status !== 202) {
    show(GATEWAY);
    show(SANDBOX);
    await end(1, `the example came back as ${answer.status}, not as 202`);
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
  const answer = await fetch(url(SANDBOX, "/sandbox/messages"), { method: "POST", body: JSON.stringify({ messages }) });
  if (!answer.ok) await end(1, `the sandbox took no messages: ${answer.status}`);
}

/** Asks for the status of a remediation until it is settled, and shows the first and the last response. */
async function followStatus(headers, request) {
  const deadline = Date.now() + SETTLED_MS;
  for (let shown; Date.now() < deadline; await sleep(POLL_MS)) {
    const options = { method: "POST", headers, body: JSON.stringify(request), signal: AbortSignal.timeout(ANSWER_MS) };
    const answer = await fetch(url(GATEWAY, "/remediate/status"), options);
    const text = await answer.text();
    const { status } = answer.ok ? JSON.parse(text) : {};
    if (status !== shown || !answer.ok) {
      console.log(`\nIts status, from POST ${url(GATEWAY, "/remediate/status")} with the same body and acceptedAt:\n`);
      console.log(indented(`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}\n\n${pretty(text)}`, "<"));
    }
    if (status === "settled") return;
    if (!answer.ok) break;
    shown = status;
  }
  show(GATEWAY);
  show(SANDBOX);
  await end(1, `the status of the example was not settled within ${SETTLED_MS / 1000} s`);
}

function pretty(text) {
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
  await mustBeFree(GATEWAY);
  await mustBeFree(SANDBOX);

  // Good for this run alone, and in no argument list: those are for everyone on the machine to read.
  const secret = randomBytes(30).toString("base64url");
  const secrets = join(scratch, "secrets.env");
  writeFileSync(secrets, `CLIENT_SECRET=${secret}\n`, { mode: 0o600 });

  console.log(`==> starting the sandbox on ${HOST}:${SANDBOX.port} and the gateway on ${HOST}:${GATEWAY.port}`);
  start(SANDBOX, "cargo", ["run", "--quiet", "--locked", "--package", "sandbox", "--", "--listen", `${HOST}:${SANDBOX.port}`], {
    SANDBOX_CLIENT_SECRET: secret,
  });
  const state = join(scratch, "state"); // A new one, as the sandbox's is: otherwise the ledger would replay the last run.
  const wrangler = ["dev", "--local", "--ip", HOST, "--port", String(GATEWAY.port), "--env-file", secrets, "--persist-to", state];
  // Any free port for the inspector: its usual one is that of every Node debugger.
  start(GATEWAY, "node_modules/.bin/wrangler", [...wrangler, "--inspector-port", "0", "--show-interactive-dev-session=false"], {
    // Nothing but loopback: no telemetry, no look for updates (they come with the banner), no sample of the edge's metadata.
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG_PATH: join(scratch, "logs"),
    WRANGLER_REGISTRY_PATH: join(scratch, "registry"),
  });
  leash();

  await untilAnswers(SANDBOX, "/sandbox/requests");
  await untilAnswers(GATEWAY, "/healthz");
  await sendExample();

  console.log(`
Serving until stopped (Ctrl-C). To call it yourself:

  token=$(curl -s ${url(SANDBOX, "/sandbox/token")} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -i ${url(GATEWAY, "/remediate")} -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d @${EXAMPLE}
`);
  SANDBOX.output = GATEWAY.output = undefined;
} catch (error) {
  if (!ending) {
    show(SANDBOX);
    show(GATEWAY);
  }
  await end(1, error.message);
}
