// The peer: the Worker that a good JavaScript developer would write for the measured cases.

import { Hono } from "hono";

import { configOf } from "./config.js";
import { parseTrackingLink } from "./graph.js";
import { authenticate } from "./identity.js";
import { readJson } from "./json.js";
import { graphRequest, payloadHash, readRemediation, sha256 } from "./payload.js";
import { checkPermissions } from "./permissions.js";
import { Problem } from "./problem.js";

export { Ledger } from "./ledger.js";

const MAX_BODY_BYTES = 2 * 1024 * 1024;
const REQUEST_DEADLINE = 90_000;
const ID = /^(?!.*(?:rgw_|rgk_|eyJ))[\w.{}-]{1,64}$/i;

const app = new Hono();

app.use(async (c, next) => {
  const began = Date.now();
  const requestId = crypto.randomUUID();
  const clientRequestId = idOrNull(c.req.header("client-request-id"));
  const entry = { requestId, clientRequestId };
  c.set("context", { began, requestId, clientRequestId, entry });
  await next();
  const { quota } = c.get("context");
  // Sets them on the response itself, because each call of `c.header` would create a new response.
  const { headers } = c.res;
  if (quota) {
    headers.set("RateLimit-Policy", `"emails";q=${quota.limit};w=3600`);
    headers.set("RateLimit", `"emails";r=${quota.remaining}${quota.reset > 0 ? `;t=${quota.reset}` : ""}`);
  }
  headers.set("request-id", requestId);
  headers.set("Cache-Control", "no-store");
  headers.set("X-Content-Type-Options", "nosniff");
  if (clientRequestId) {
    headers.set("client-request-id", clientRequestId);
  }
  log({
    ...entry,
    status: c.res.status,
    durationMs: Date.now() - began,
    workflowRunId: idOrNull(c.req.header("x-ms-workflow-run-id")),
  });
});

app.get("/healthz", (c) => c.json({ status: "ok" }));
app.post("/remediate", remediate);
app.notFound((c) => respond(new Problem("notFound", "The gateway answers POST /remediate."), c));
app.onError(respond);

function respond(error, c) {
  const { began, requestId, clientRequestId, entry } = c.get("context");
  const reason = { reason: String(error) };
  const problem = error instanceof Problem ? error : new Problem("internal", "The gateway failed. A retry is safe.", reason);
  entry.code = problem.code;
  entry.reason = problem.message;
  const instance = entry.route;
  return problem.response({ instance, requestId, clientRequestId: clientRequestId ?? undefined, began });
}

async function remediate(c) {
  const { began, requestId, entry } = c.get("context");
  const { headers } = c.req.raw;
  entry.route = "/remediate";
  const url = new URL(c.req.url);
  requireHttps(url);
  checkContentHeaders(headers);
  const config = configOf(c.env);
  const caller = await authenticate(config, headers);
  entry.caller = caller.name;
  const key = idempotencyKey(headers.get("idempotency-key"));
  const remediation = readRemediation(readJson(await c.req.arrayBuffer()));
  const emails = remediation.analyzedEmails.length;
  entry.action = remediation.action;
  entry.emails = emails;
  checkPermissions(caller, remediation);
  const body = graphRequest(remediation);
  if (url.searchParams.get("validateOnly") === "true") {
    const { duplicatesRemoved } = remediation;
    return c.body(`{"status":"valid","emails":${emails},"duplicatesRemoved":${duplicatesRemoved},"request":${body}}`, 200, {
      "Content-Type": "application/json",
    });
  }

  const request = {
    key: key === null ? null : await sha256(key),
    payload: await payloadHash(remediation),
    emails,
    emailsPerHour: caller.maxEmailsPerHour,
    version: config.graphVersion,
    timeout: Math.max(0, REQUEST_DEADLINE - (Date.now() - began)),
    newerMember: remediation.action === "moveToQuarantine",
  };
  const { kind, result, replayed, quota } = await c.env.LEDGER.getByName(caller.name).submitOnce(request, body);
  c.get("context").quota = quota;
  entry.graphStatus = result?.graphStatus ?? null;
  entry.graphRequestId = result?.graphRequestId ?? null;
  if (kind !== "accepted") {
    throw problemOf(kind, quota, emails);
  }
  const { trackingUrl, bulkId, tenantId } = parseTrackingLink(result.location);
  Object.assign(entry, { replayed, duplicate: result.duplicate, bulkId });
  c.header("Location", result.location);
  if (replayed) {
    c.header("Idempotency-Replayed", "true");
  }
  const { duplicate, graphRequestId } = result;
  const acceptedAt = `${new Date(result.at).toISOString().slice(0, 19)}Z`;
  return c.json({ status: "accepted", duplicate, emails, acceptedAt, bulkId, tenantId, trackingUrl, requestId, graphRequestId }, 202);
}

/** Rejects plain HTTP, except for loopback hosts. */
function requireHttps({ protocol, hostname }) {
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
  if (protocol !== "https:" && !isLoopback) {
    throw new Problem("httpsRequired", "The request came over plain HTTP. Use https. Nothing was sent.");
  }
}

function checkContentHeaders(headers) {
  const [essence, ...parameters] = (headers.get("content-type") ?? "").split(";").map((part) => part.trim().toLowerCase());
  const charsets = parameters.map((one) => /^charset\s*=\s*"?([^"]*)/.exec(one)?.[1]).filter((charset) => charset !== undefined);
  if (essence !== "application/json" || charsets.some((charset) => charset !== "utf-8") || headers.has("content-encoding")) {
    throw new Problem("unsupportedMediaType", "Send the body as Content-Type: application/json, in UTF-8. Nothing was sent.");
  }
  if (Number(headers.get("content-length")) > MAX_BODY_BYTES) {
    throw new Problem("payloadTooLarge", `The body may have ${MAX_BODY_BYTES} bytes at most. Nothing was sent.`);
  }
}

function idempotencyKey(header) {
  const key = header?.trim().replace(/^"(.*)"$/, "$1");
  if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new Problem("invalidRequest", "Idempotency-Key must be one key of 1 to 255 visible ASCII characters. Nothing was sent.");
  }
  return key ?? null;
}

const idOrNull = (id) => (ID.test(id ?? "") ? id : null);

/** Returns the problem for a remediation that the ledger did not accept. */
function problemOf(kind, quota, emails) {
  switch (kind) {
    case "inProgress":
      return new Problem("inProgress", "The same remediation is in progress. The outcome is unknown; it is safe to retry.", {
        headers: { "Retry-After": "30" },
      });
    case "keyReused":
      return new Problem(
        "idempotencyKeyReused",
        "The Idempotency-Key was used within the last 24 hours for another remediation. Nothing was sent.",
      );
    case "quotaExceeded":
      return new Problem(
        "quotaExceeded",
        `max_emails_per_hour of the caller is ${quota.limit}, the remaining quota is ${quota.remaining}, and the request has ${emails}. Nothing was sent.`,
        { headers: { "Retry-After": String(Math.max(1, quota.reset)) } },
      );
    default:
      return new Problem("graphError", "Microsoft Graph did not accept the remediation. It is safe to retry.");
  }
}

/** Writes one line per request, always with all members. */
function log(entry) {
  const line = {
    requestId: null,
    clientRequestId: null,
    caller: null,
    route: null,
    action: null,
    emails: null,
    status: null,
    code: null,
    reason: null,
    replayed: null,
    duplicate: null,
    bulkId: null,
    graphRequestId: null,
    graphStatus: null,
    durationMs: null,
    workflowRunId: null,
  };
  console.log(JSON.stringify({ ...line, ...entry }));
}

export default {
  fetch(request, env, context) {
    const response = Promise.resolve(app.fetch(request, env, context));
    // A caller that disconnects does not stop its line in the log.
    context.waitUntil(response);
    return response;
  },
};
