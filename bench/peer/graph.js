// Towards Microsoft: the Worker's own token, and the call to Graph. What fails is a plain value, since it goes through the ledger.

const USER_AGENT = "remediation-gateway/0.1.0";
const SAFETY_MARGIN = 5 * 60_000;
const TOKEN_DEADLINE = 10_000;
const GRAPH_DEADLINE = 60_000;
const MAX_WAIT_SECONDS = 10;
const MAX_WAITS = 2;
const MAX_LIFETIME_SECONDS = 24 * 60 * 60;
const MAX_MESSAGE_LENGTH = 1000;
const ID = /^[\w.-]{1,100}$/;

/** Fetches with a deadline over the whole answer, of which `read` takes what it wants. */
async function exchange(url, init, deadline, read) {
  // `AbortSignal.timeout` would leave its timer behind, and an object may have 10,000 of them.
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), deadline);
  try {
    const answer = await fetch(url, { ...init, redirect: "manual", signal: controller.signal });
    return await read(answer);
  } catch {
    return { failure: controller.signal.aborted ? "deadline" : "connection" };
  } finally {
    clearTimeout(timer);
  }
}

function retryAfter(answer) {
  const seconds = answer.headers.get("retry-after")?.trim() ?? "";
  return /^\d+$/.test(seconds) ? Math.min(Number(seconds), 86_400) : undefined;
}

let cachedToken;

async function appToken(config, until) {
  if (cachedToken && Date.now() < cachedToken.usableUntil) {
    return cachedToken;
  }
  let fetched = await fetchToken(config, until);
  if (fetched.fault === "entraUnreachable" || fetched.fault === "entraUnavailable") {
    fetched = await fetchToken(config, until);
  }
  if (!fetched.fault) {
    cachedToken = fetched;
  }
  return fetched;
}

function fetchToken({ loginUrl, tenantId, clientId, clientSecret }, until) {
  const asked = Date.now();
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
  return exchange(url, init, Math.min(TOKEN_DEADLINE, until - asked), async (answer) => {
    const { status } = answer;
    if (status === 200) {
      const body = await answer.json().catch(() => ({}));
      const lifetime = Number(body.expires_in);
      const usable = body.token_type?.toLowerCase() === "bearer" && /^[\x21-\x7e]+$/.test(body.access_token);
      return usable && Number.isFinite(lifetime)
        ? { token: body.access_token, usableUntil: asked + Math.min(lifetime, MAX_LIFETIME_SECONDS) * 1000 - SAFETY_MARGIN }
        : { fault: "entraUnexpected" };
    }
    await answer.body?.cancel();
    if (status === 429) {
      return { fault: "entraThrottled", retryAfter: retryAfter(answer) };
    }
    if (status >= 500) {
      return { fault: "entraUnavailable", retryAfter: retryAfter(answer) };
    }
    return { fault: status >= 400 ? "entraRejected" : "entraUnexpected" };
  }).then((fetched) =>
    fetched.failure ? { fault: fetched.failure === "deadline" ? "entraTimeout" : "entraUnreachable" } : fetched,
  );
}

/**
 * Has Graph accept a remediation before `until`: what it said, or `{ fault, certain }`. Once more after a 401, and after a 429 or 503 that names a
 * short wait; nothing else is sent again.
 */
export async function submit(config, order, graphRequest, until) {
  let renewed = false;
  let waits = 0;
  for (;;) {
    const token = await appToken(config, until);
    if (token.fault) {
      return { ...token, certain: true };
    }
    const said = await send(config, order, token.token, graphRequest, until);
    if (said.fault === "graphCredentialRejected") {
      if (cachedToken === token) {
        cachedToken = undefined;
      }
      if (!renewed) {
        renewed = true;
        continue;
      }
    } else if (
      (said.fault === "graphThrottled" || said.fault === "graphUnavailable") &&
      said.retryAfter <= MAX_WAIT_SECONDS &&
      waits < MAX_WAITS &&
      Date.now() + said.retryAfter * 1000 < until
    ) {
      waits++;
      await new Promise((resolve) => setTimeout(resolve, said.retryAfter * 1000));
      continue;
    }
    return said;
  }
}

async function send({ graphUrl, tenantId }, { version, newerMember }, token, graphRequest, until) {
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
  const said = await exchange(url, init, Math.min(GRAPH_DEADLINE, until - Date.now()), async (answer) => {
    const { status, ok } = answer;
    const requestId = answer.headers.get("request-id");
    const graph = { graphStatus: status, graphRequestId: ID.test(requestId ?? "") ? requestId : null, at: Date.now() };
    const given = answer.headers.get("location") ?? "";
    const location = LINK.test(given) ? given : `https://security.microsoft.com/action-center/history?tid=${tenantId}`;
    if (ok) {
      // Nobody waits for the end of what is not read.
      answer.body?.cancel();
      return { ...graph, location, duplicate: false };
    }
    const body = await answer.text();
    if (status === 409 && namesDuplicate(body) && !couldBeQuoted(graphRequest)) {
      return { ...graph, location, duplicate: true };
    }
    return { ...graph, ...fault(status, body, answer) };
  });
  return said.failure ? { fault: said.failure === "deadline" ? "graphTimeout" : "graphUnreachable", certain: false } : said;
}

/** An absolute https URL of printable ASCII, without a user name. */
const LINK = /^(?=.{1,8192}$)https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d+)?(?:[/?#][!-~]*)?$/i;

/** Whether Graph's error object says that it has the remediation already. */
function namesDuplicate(body) {
  const { code, message } = errorObject(body);
  return [code, message].some((text) => typeof text === "string" && /duplicate remediation/i.test(text));
}

function errorObject(body) {
  try {
    return Object(JSON.parse(body)?.error);
  } catch {
    return {};
  }
}

/** Whether a text of the payload has the same words, so that Graph may be quoting it. */
function couldBeQuoted(graphRequest) {
  const { displayName, description, analyzedEmails } = JSON.parse(graphRequest);
  const texts = [displayName, description, ...analyzedEmails.map((email) => email.recipientEmailAddress)];
  return texts.some((text) => text.toLowerCase().replace(/[^a-z]/g, "").includes("duplicateremediation"));
}

function fault(status, body, answer) {
  switch (status) {
    case 400:
      return { fault: "graphRefused", certain: true, ...refused(body) };
    case 401:
      return { fault: "graphCredentialRejected", certain: true };
    case 403:
      return { fault: "graphPermissionMissing", certain: true };
    case 409:
      return { fault: namesDuplicate(body) ? "graphQuotingConflict" : "graphConflict", certain: true };
    case 429:
      return { fault: "graphThrottled", certain: true, retryAfter: retryAfter(answer) };
    case 503:
      return { fault: "graphUnavailable", certain: true, retryAfter: retryAfter(answer) };
    default:
      return { fault: "graphError", certain: status < 500 };
  }
}

function refused(body) {
  let error;
  try {
    ({ error } = JSON.parse(body));
  } catch {
    // Not JSON: it says nothing.
  }
  const code = ID.test(error?.code ?? "") ? error.code : "badRequest";
  const message = String(error?.message ?? "Microsoft Graph gave no message.");
  return { code, message: message.replace(/\p{Cc}/gu, "").slice(0, MAX_MESSAGE_LENGTH) };
}

/** What a tracking link says. */
export function tracking(location) {
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
  return { url, bulkId: isId(bulkId) ? bulkId : null, tenantId: isId(tenantId) ? tenantId : null };
}
