// The peer: the Worker that a good JavaScript developer would write for the gateway's contract.

import { Hono } from "hono";
import { getPathNoStrict } from "hono/utils/url";

import description from "../../src/openapi.json";
import { configOf } from "./config.js";
import { tracking } from "./graph.js";
import { identify } from "./identity.js";
import { readJson } from "./json.js";
import { fingerprint, graphRequest, readRemediation, sha256 } from "./payload.js";
import { Refusal } from "./problem.js";
import { checkRights } from "./rights.js";

export { Ledger } from "./ledger.js";

const MAX_BODY_BYTES = 2 * 1024 * 1024;
const BUDGET = 90_000;
const ID = /^(?!.*(?:rgw_|rgk_|eyJ))[\w.{}-]{1,64}$/i;

// As Graph's, the version exactly and the rest without regard to case: known versions are marked by capitals.
function getPath(request) {
  const path = getPathNoStrict(request);
  const version = /^\/(?:beta|v1\.0)\//.exec(path)?.[0] ?? "";
  return version.toUpperCase() + path.slice(version.length).toLowerCase();
}

const app = new Hono({ getPath });

app.use(async (c, next) => {
  const began = Date.now();
  const requestId = crypto.randomUUID();
  const clientRequestId = saneId(c.req.header("client-request-id"));
  const record = { requestId, clientRequestId };
  c.set("exchange", { began, requestId, clientRequestId, record });
  await next();
  const { quota } = c.get("exchange");
  // Those of the answer itself: `c.header` would make it anew for each.
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
  if (c.req.method === "POST") {
    log({
      ...record,
      status: c.res.status,
      durationMs: Date.now() - began,
      workflowRunId: saneId(c.req.header("x-ms-workflow-run-id")),
    });
  }
});

app.get("/healthz", (c) => c.json({ status: "ok" }));
app.get("/openapi.json", (c) => c.body(description, 200, { "Content-Type": "application/json" }));
for (const path of ["/healthz", "/openapi.json"]) {
  app.all(path, (c) => wrongMethod(c, path, "GET"));
}

const ROUTES = [
  ["/remediate", "/remediate"],
  ...["beta", "v1.0"].flatMap((version) =>
    ["remediate", "microsoft.graph.security.remediate"].map((action) => [
      `/${version.toUpperCase()}/security/collaboration/analyzedemails/${action}`,
      `/${version}/security/collaboration/analyzedEmails/remediate`,
      version,
    ]),
  ),
];
for (const [path, route, version] of ROUTES) {
  app.post(path, (c) => remediate(c, route, version));
  app.all(path, (c) => wrongMethod(c, route, "POST"));
}

app.notFound((c) =>
  refuse(
    new Refusal(
      "notFound",
      "The gateway answers POST /remediate, and POST to Microsoft Graph's own path of the action under /beta and /v1.0.",
    ),
    c,
  ),
);

app.onError(refuse);

function refuse(error, c) {
  const { began, requestId, clientRequestId, record } = c.get("exchange");
  const refusal = error instanceof Refusal ? error : new Refusal("internal", "The gateway failed. A retry is safe.", { reason: String(error) });
  const path = new URL(c.req.url).pathname;
  record.code = refusal.code;
  record.reason = refusal.message;
  const instance = record.route ? path : undefined;
  return refusal.answer({ instance, requestId, clientRequestId: clientRequestId ?? undefined, began });
}

async function remediate(c, route, version) {
  const { began, requestId, record } = c.get("exchange");
  const headers = c.req.raw.headers;
  record.route = route;
  httpsOnly(new URL(c.req.url));
  const length = declared(headers);
  const config = configOf(c.env);
  const caller = await identify(config, headers);
  record.caller = caller.name;
  const validateOnly = asksToValidateOnly(new URL(c.req.url).searchParams);
  const key = idempotencyKey(headers.get("idempotency-key"));
  if (config.stopped && !validateOnly) {
    throw stopped();
  }
  const remediation = readRemediation(readJson(await read(c.req.raw, length)));
  const emails = remediation.analyzedEmails.length;
  record.action = remediation.action;
  record.emails = emails;
  checkRights(caller, remediation);
  const body = graphRequest(remediation);
  if (validateOnly) {
    const { duplicatesRemoved } = remediation;
    return c.body(`{"status":"valid","emails":${emails},"duplicatesRemoved":${duplicatesRemoved},"request":${body}}`, 200, {
      "Content-Type": "application/json",
    });
  }

  const order = {
    key: key === null ? null : await sha256(key),
    payload: await fingerprint(remediation),
    emails,
    emailsPerHour: caller.maxEmailsPerHour,
    version: version ?? config.graphVersion,
    patience: Math.max(0, BUDGET - (Date.now() - began)),
    newerMember: remediation.action === "moveToQuarantine",
  };
  const settled = await settle(c.env, caller, order, body);
  const { kind, said, replayed } = settled;
  c.get("exchange").quota = settled.quota;
  record.graphStatus = said?.graphStatus ?? null;
  record.graphRequestId = said?.graphRequestId ?? null;
  if (kind !== "accepted") {
    throw refusalOf(settled, emails);
  }
  const { url, bulkId, tenantId } = tracking(said.location);
  Object.assign(record, { replayed, duplicate: said.duplicate, bulkId });
  c.header("Location", said.location);
  if (replayed) {
    c.header("Idempotency-Replayed", "true");
  }
  if (prefersMinimal(headers.get("prefer"))) {
    c.header("Preference-Applied", "return=minimal");
    return c.body(null, 202);
  }
  const answer = {
    status: "accepted",
    duplicate: said.duplicate,
    emails,
    acceptedAt: `${new Date(said.at).toISOString().slice(0, 19)}Z`,
    bulkId,
    tenantId,
    trackingUrl: url,
    requestId,
    graphRequestId: said.graphRequestId,
  };
  return c.body(JSON.stringify(answer), headers.has("x-ms-workflow-run-id") ? 200 : 202, {
    "Content-Type": "application/json",
  });
}

async function settle(env, caller, order, body) {
  try {
    return await env.LEDGER.getByName(caller.name).settle(order, body);
  } catch (error) {
    throw new Refusal(
      "internal",
      "The gateway's ledger could not be reached. Whether the remediation was sent is unknown; a retry is safe.",
      { reason: String(error) },
    );
  }
}

/** Plain HTTP is for loopback hosts. */
function httpsOnly({ protocol, hostname }) {
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && isLoopback)) {
    throw new Refusal(
      "httpsRequired",
      "The request came over plain HTTP. Use https, and rotate the credential, which is exposed. Nothing was sent.",
      { reason: "the request did not come over https" },
    );
  }
}

/** Size and type of the body as declared. */
function declared(headers) {
  if (headers.get("x-ms-transfer-mode")?.trim().toLowerCase() === "chunked") {
    throw new Refusal(
      "invalidRequest",
      'x-ms-transfer-mode: chunked is not supported. Turn off "Allow chunking" in the settings of the HTTP action.',
    );
  }
  if (!/^\s*identity\s*$/i.test(headers.get("content-encoding") ?? "identity")) {
    throw new Refusal("unsupportedMediaType", "Send the body without a Content-Encoding.");
  }
  const [essence, ...parameters] = (headers.get("content-type") ?? "").split(";").map((part) => part.trim().toLowerCase());
  if (essence !== "application/json") {
    throw new Refusal("unsupportedMediaType", "Send the body as Content-Type: application/json.");
  }
  const charsets = parameters.map((one) => /^charset\s*=\s*(.*)$/.exec(one)?.[1]).filter((charset) => charset !== undefined);
  if (charsets.some((charset) => charset.replaceAll('"', "") !== "utf-8")) {
    throw new Refusal("unsupportedMediaType", "Send the body in UTF-8.");
  }
  const length = headers.get("content-length");
  if (length === null) {
    return undefined;
  }
  if (!/^\d+$/.test(length)) {
    throw new Refusal("invalidRequest", "Content-Length is not a number.");
  }
  if (Number(length) > MAX_BODY_BYTES) {
    throw tooLarge();
  }
  return Number(length);
}

const stopped = () =>
  new Refusal(
    "stopped",
    "The operator of the gateway has stopped all remediations. Nothing was sent; a retry is safe, and is refused until the stop is lifted.",
    { headers: { "Retry-After": "300" } },
  );

const tooLarge = () => new Refusal("payloadTooLarge", `The body may have ${MAX_BODY_BYTES} bytes at most.`);

/** The body, counted as it comes where nobody has said how long it is. */
async function read(request, length) {
  if (length !== undefined || request.body === null) {
    return request.arrayBuffer();
  }
  const chunks = [];
  let total = 0;
  for await (const chunk of request.body) {
    total += chunk.length;
    if (total > MAX_BODY_BYTES) {
      throw tooLarge();
    }
    chunks.push(chunk);
  }
  return new Blob(chunks).arrayBuffer();
}

function asksToValidateOnly(parameters) {
  let asked;
  for (const [name, value] of parameters) {
    if (name.toLowerCase() === "validateonly") {
      if (asked !== undefined) {
        throw new Refusal("invalidRequest", "validateOnly is given more than once. Send it once. Nothing was sent.");
      }
      asked = value.toLowerCase();
      if (asked !== "true" && asked !== "false") {
        throw new Refusal("invalidRequest", "validateOnly must be true or false. Nothing was sent.");
      }
    } else if (resemblesValidateOnly(decodedFully(name), decodedFully(value))) {
      throw new Refusal(
        "invalidRequest",
        "A query parameter resembles validateOnly, or holds it in its value. Send ?validateOnly=true, or leave it out. Nothing was sent.",
      );
    }
  }
  return asked === "true";
}

const letters = (text) => text.toLowerCase().replace(/[^a-z]/g, "");

function resemblesValidateOnly(name, value) {
  const innerNames = value.split(/[&;?#]/).slice(1).map((inner) => inner.split("=")[0]);
  innerNames.push(...value.split("=").slice(0, -1));
  return (
    /valid|only|dryrun|whatif/.test(letters(name)) ||
    innerNames.some((inner) => /validat|validonly|dryrun|whatif/.test(letters(inner))) ||
    /validateonly|onlyvalidate/.test(letters(name + value))
  );
}

/** Decoded until no escape is left. */
function decodedFully(text) {
  const decoded = text.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
  return decoded === text ? text : decodedFully(decoded);
}

function idempotencyKey(header) {
  if (header === null) {
    return null;
  }
  const text = header.trim();
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text);
  const key = quoted ? quoted[1].replace(/\\(.)/g, "$1") : text.startsWith('"') ? "" : text;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new Refusal(
      "invalidRequest",
      "Idempotency-Key must be one key of 1 to 255 visible ASCII characters, quoted or bare.",
    );
  }
  return key;
}

function prefersMinimal(prefer) {
  const preferences = (prefer ?? "").split(",").map((one) => /^\s*return\s*=\s*"?([^";]*)/i.exec(one)?.[1]);
  return preferences.find((value) => value !== undefined)?.trim().toLowerCase() === "minimal";
}

const saneId = (id) => (ID.test(id ?? "") ? id : null);

function wrongMethod(c, route, method) {
  c.get("exchange").record.route = route;
  throw new Refusal("methodNotAllowed", `This path answers ${method} only.`, { headers: { Allow: method } });
}

/** Why a remediation that the ledger knows was not accepted. */
function refusalOf({ kind, quota, said }, emails) {
  switch (kind) {
    case "inProgress":
      return new Refusal(
        "inProgress",
        "The same remediation is in progress. Retry later. The outcome is unknown; it is safe to retry.",
        { headers: { "Retry-After": "30" } },
      );
    case "stopped":
      return stopped();
    case "keyReused":
      return new Refusal(
        "idempotencyKeyReused",
        "The Idempotency-Key was used within the last 24 hours for another remediation. Send a key of its own with each.",
      );
    case "quotaExceeded":
      return new Refusal(
        "quotaExceeded",
        `max_emails_per_hour of the caller is ${quota.limit}, of which ${quota.remaining} are left; the request has ${emails}. Nothing was sent.`,
        { headers: { "Retry-After": String(Math.max(1, quota.reset)) } },
      );
    default:
      return graphRefusal(said);
  }
}

function graphRefusal({ fault, retryAfter = 30, code, message }) {
  const later = { headers: { "Retry-After": String(retryAfter) } };
  const unknown = "Whether it accepted the remediation is unknown; a retry is safe.";
  switch (fault) {
    case "entraRejected":
    case "graphCredentialRejected":
      return new Refusal(
        "graphCredentialRejected",
        "Microsoft refused the gateway's own credential. The operator of the gateway finds the reason in its log.",
      );
    case "entraThrottled":
      return new Refusal("graphThrottled", "Entra ID is throttling. Nothing was sent to Graph; try again.", later);
    case "entraUnavailable":
    case "entraUnreachable":
      return new Refusal("graphUnavailable", "Entra ID is unavailable. Nothing was sent to Graph; try again.", later);
    case "entraTimeout":
      return new Refusal("graphTimeout", "Entra ID did not answer in time. Nothing was sent to Graph; a retry is safe.");
    case "entraUnexpected":
      return new Refusal("graphError", "Entra ID answered unexpectedly. Nothing was sent to Graph.");
    case "graphRefused":
      return new Refusal("graphRefused", `Microsoft Graph answered ${code}: ${message}`, { reason: `Graph refused: ${code}` });
    case "graphPermissionMissing":
      return new Refusal(
        "graphPermissionMissing",
        "Microsoft Graph denied the gateway. The operator of the gateway finds the reason in its log.",
      );
    case "graphQuotingConflict":
      return new Refusal(
        "graphConflict",
        `Microsoft Graph answered a conflict that may only quote the payload's own words "duplicate remediation". Take them out of displayName and description, and send it again. The outcome is unknown; it is safe to retry.`,
      );
    case "graphConflict":
      return new Refusal("graphConflict", "Microsoft Graph answered a conflict that is not a duplicate remediation.");
    case "graphThrottled":
      return new Refusal("graphThrottled", "Microsoft Graph is throttling. The remediation was not accepted; try again.", later);
    case "graphUnavailable":
      return new Refusal("graphUnavailable", "Microsoft Graph is unavailable. The remediation was not accepted; try again.", later);
    case "graphUnreachable":
      return new Refusal("graphUnavailable", `The connection to Microsoft Graph failed. ${unknown}`, later);
    case "graphTimeout":
      return new Refusal("graphTimeout", `Microsoft Graph did not answer in time. ${unknown}`);
    default:
      return new Refusal("graphError", `Microsoft Graph answered unexpectedly. ${unknown}`);
  }
}

/** One line for each POST, each with all of its members. */
function log(record) {
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
  console.log(JSON.stringify({ ...line, ...record }));
}

export default {
  fetch(request, env, context) {
    const answer = Promise.resolve(app.fetch(request, env, context));
    // A caller that disconnects does not stop its line in the log.
    context.waitUntil(answer);
    return answer;
  },
};
