// Calls to Microsoft: the Worker's own token, and the call to Graph. An error is a plain value, because it passes
// through the ledger.

const USER_AGENT = "remediation-gateway/0.1.0";
const SAFETY_MARGIN = 5 * 60_000;
const TOKEN_DEADLINE = 10_000;
const GRAPH_DEADLINE = 60_000;
const MAX_WAIT_SECONDS = 10;
const MAX_WAITS = 2;
const MAX_LIFETIME_SECONDS = 24 * 60 * 60;
const ID = /^[\w.-]{1,100}$/;

/** Fetches `url`. `timeout` includes the response, of which `read` returns the part that the caller needs. */
async function exchange(url, init, timeout, read) {
  // `AbortSignal.timeout` would leave its timer behind, and an object may have 10,000 of them.
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeout);
  try {
    const response = await fetch(url, { ...init, redirect: "manual", signal: controller.signal });
    return await read(response);
  } catch {
    return { error: "noResponse", certain: false };
  } finally {
    clearTimeout(timer);
  }
}

function retryAfter(response) {
  const seconds = response.headers.get("retry-after")?.trim() ?? "";
  return /^\d+$/.test(seconds) ? Math.min(Number(seconds), 86_400) : undefined;
}

let cachedToken;

async function appToken(config, deadline) {
  if (cachedToken && Date.now() < cachedToken.usableUntil) {
    return cachedToken;
  }
  const fetched = await fetchToken(config, deadline);
  if (!fetched.error) {
    cachedToken = fetched;
  }
  return fetched;
}

function fetchToken({ loginUrl, tenantId, clientId, clientSecret }, deadline) {
  const requestedAt = Date.now();
  const init = {
    method: "POST",
    headers: { Accept: "application/json", "User-Agent": USER_AGENT },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      scope: "https://graph.microsoft.com/.default",
      client_secret: clientSecret,
    }),
  };
  const url = `${loginUrl}/${tenantId}/oauth2/v2.0/token`;
  return exchange(url, init, Math.min(TOKEN_DEADLINE, deadline - requestedAt), async (response) => {
    const { status } = response;
    if (status === 200) {
      const body = await response.json().catch(() => ({}));
      const lifetime = Number(body.expires_in);
      const usable = body.token_type?.toLowerCase() === "bearer" && /^[\x21-\x7e]+$/.test(body.access_token);
      return usable && Number.isFinite(lifetime)
        ? { token: body.access_token, usableUntil: requestedAt + Math.min(lifetime, MAX_LIFETIME_SECONDS) * 1000 - SAFETY_MARGIN }
        : { error: "noToken" };
    }
    await response.body?.cancel();
    return { error: "noToken" };
  });
}

/**
 * Submits a remediation to Graph before `deadline`. Returns Graph's response, or `{ error, certain }`. Retries once
 * after a 401, and after a 429 or 503 that names a short wait. Other calls are not retried.
 */
export async function submit(config, request, graphRequest, deadline) {
  let renewed = false;
  let waits = 0;
  for (;;) {
    const token = await appToken(config, deadline);
    if (token.error) {
      return { ...token, certain: true };
    }
    const result = await send(config, request, token.token, graphRequest, deadline);
    if (result.error === "credentialRejected") {
      if (cachedToken === token) {
        cachedToken = undefined;
      }
      if (!renewed) {
        renewed = true;
        continue;
      }
    } else if (
      result.error === "unavailable" &&
      result.retryAfter <= MAX_WAIT_SECONDS &&
      waits < MAX_WAITS &&
      Date.now() + result.retryAfter * 1000 < deadline
    ) {
      waits++;
      await new Promise((resolve) => setTimeout(resolve, result.retryAfter * 1000));
      continue;
    }
    return result;
  }
}

async function send({ graphUrl, tenantId }, { version, newerMember }, token, graphRequest, deadline) {
  const headers = {
    Authorization: `Bearer ${token}`,
    "Content-Type": "application/json",
    Accept: "application/json",
    "client-request-id": crypto.randomUUID(),
    "User-Agent": USER_AGENT,
  };
  if (newerMember) {
    headers.Prefer = "include-unknown-enum-members";
  }
  const url = `${graphUrl}/${version}/security/collaboration/analyzedEmails/remediate`;
  const init = { method: "POST", headers, body: graphRequest };
  return exchange(url, init, Math.min(GRAPH_DEADLINE, deadline - Date.now()), async (response) => {
    const { status, ok } = response;
    const requestId = response.headers.get("request-id");
    const graph = { graphStatus: status, graphRequestId: ID.test(requestId ?? "") ? requestId : null, at: Date.now() };
    const given = response.headers.get("location") ?? "";
    const location = LINK.test(given) ? given : `https://security.microsoft.com/action-center/history?tid=${tenantId}`;
    if (ok) {
      // No code waits for the end of an unread body.
      response.body?.cancel();
      return { ...graph, location, duplicate: false };
    }
    const body = await response.text();
    if (status === 409 && namesDuplicate(body)) {
      return { ...graph, location, duplicate: true };
    }
    return { ...graph, ...submissionError(status, response) };
  });
}

/** An absolute https URL of printable ASCII, without a user name. */
const LINK = /^(?=.{1,8192}$)https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d+)?(?:[/?#][!-~]*)?$/i;

/** Returns whether Graph's error object says that Graph has the remediation already. */
function namesDuplicate(body) {
  try {
    const { code, message } = JSON.parse(body).error;
    return [code, message].some((text) => /duplicate remediation/i.test(text));
  } catch {
    return false;
  }
}

function submissionError(status, response) {
  switch (status) {
    case 401:
      return { error: "credentialRejected", certain: true };
    case 429:
    case 503:
      return { error: "unavailable", certain: true, retryAfter: retryAfter(response) };
    default:
      return { error: "error", certain: status < 500 };
  }
}

/** Returns the parts of a tracking link. */
export function parseTrackingLink(location) {
  const url = location.replace(/%(?![0-9a-f]{2})|[^\w\-.~:/?#@!$&'()*+,;=%]/giu, encodeURIComponent);
  const isId = (id) => typeof id === "string" && /^[\w.-]{1,64}$/.test(id);
  const parameters = URL.parse(url)?.searchParams;
  let bulkId;
  try {
    bulkId = [JSON.parse(parameters.get("filters")).bulkId].flat()[0];
  } catch {
    // It names none.
  }
  const tenantId = parameters?.get("tid");
  return { trackingUrl: url, bulkId: isId(bulkId) ? bulkId : null, tenantId: isId(tenantId) ? tenantId : null };
}
