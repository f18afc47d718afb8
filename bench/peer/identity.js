// Authenticates a caller by a token of Entra ID or by an API key.

import { createRemoteJWKSet, customFetch, decodeJwt, errors, jwtVerify } from "jose";

import { Problem } from "./problem.js";

const SCOPE = "Remediation.Submit";
const MAX_TOKEN_BYTES = 16 * 1024;
const MAX_KEY_BYTES = 256;
const FORBIDDEN_HEADER_MEMBERS = ["crit", "jku", "jwk", "x5c", "x5u", "zip"];
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const BEARER = 'Bearer realm="remediation-gateway"';

function invalidCredentials(reason, challenge = BEARER) {
  return new Problem(
    "invalidCredentials",
    "The token or key is invalid. Send an API key of the gateway, or an Entra ID token for the gateway's audience, not for Microsoft Graph. Nothing was sent.",
    { headers: { "WWW-Authenticate": challenge }, reason },
  );
}

const invalidToken = (reason) =>
  invalidCredentials(`bearer token refused: ${reason}`, `${BEARER}, error="invalid_token"`);

/** Returns the caller that the request's credential identifies. */
export async function authenticate(config, headers) {
  const authorization = headers.get("authorization");
  // A form that was left empty is no credential.
  const apiKey = headers.get("x-api-key") || null;
  if (authorization === null && apiKey === null) {
    throw new Problem(
      "unauthenticated",
      "Send a bearer token of Entra ID for the gateway's audience, or an API key as X-API-Key or Basic.",
      { headers: { "WWW-Authenticate": BEARER }, reason: "no credentials" },
    );
  }
  if (authorization !== null && apiKey !== null) {
    throw new Problem("invalidRequest", "Send either Authorization or X-API-Key, not both.");
  }
  if (apiKey !== null) {
    return callerOfKey(config.callers, apiKey);
  }
  if (authorization.includes(",")) {
    throw new Problem("invalidRequest", "Authorization is given more than once.");
  }
  const [, scheme, credentials] = /^(\S+) +(.*)$/.exec(authorization.trim()) ?? [];
  switch (scheme?.toLowerCase()) {
    case "bearer":
      return callerOfToken(config, credentials);
    case "basic":
      return callerOfBasic(config.callers, credentials);
    default:
      throw invalidCredentials("an authorization scheme other than Bearer and Basic, or one without credentials");
  }
}

async function callerOfKey(callers, key) {
  const bytes = new TextEncoder().encode(key);
  if (bytes.length > MAX_KEY_BYTES) {
    throw invalidCredentials("unknown API key");
  }
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  let found;
  // Compares all keys, so that the duration reveals nothing.
  for (const caller of callers) {
    for (const known of caller.apiKeys) {
      if (crypto.subtle.timingSafeEqual(known, digest)) {
        found = caller;
      }
    }
  }
  if (!found) {
    throw invalidCredentials("unknown API key");
  }
  return found;
}

async function callerOfBasic(callers, credentials) {
  let decoded;
  try {
    decoded = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(credentials));
  } catch {
    throw invalidCredentials("malformed Basic credentials");
  }
  const colon = decoded.indexOf(":");
  if (colon < 0) {
    throw invalidCredentials("malformed Basic credentials");
  }
  const caller = await callerOfKey(callers, decoded.slice(colon + 1));
  if (caller.name !== decoded.slice(0, colon)) {
    throw invalidCredentials("the name in the Basic credentials is not the key owner's");
  }
  return caller;
}

async function callerOfToken(config, token) {
  const claims = await verify(config, token);
  const caller = config.callers.find((one) => one.objectId === claims.oid.toLowerCase());
  if (!caller) {
    throw new Problem("unknownCaller", "The token is valid, but its object id (oid) is not that of a caller here.");
  }
  const challenge = { headers: { "WWW-Authenticate": `${BEARER}, error="insufficient_scope"` } };
  if (!isApplication(claims)) {
    if (!(claims.scp ?? "").split(" ").includes(SCOPE)) {
      throw new Problem("unknownCaller", `The token is a user's and lacks the scope ${SCOPE}.`, challenge);
    }
  } else if (caller.role && !(claims.roles ?? []).includes(caller.role)) {
    throw new Problem("unknownCaller", "The token lacks the app role that this caller must have.", challenge);
  }
  return caller;
}

/** Claims that identify a person. An application's token has none of them. */
const PERSON_CLAIMS = ["upn", "unique_name", "preferred_username", "email", "name", "given_name", "family_name"];

/** Returns whether a token is an application's: idtyp says so, or no claim in it is a user's. */
function isApplication({ idtyp, scp, sub, oid, ...others }) {
  if (scp !== undefined || idtyp !== undefined) {
    return idtyp === "app";
  }
  const namesPerson = PERSON_CLAIMS.some((claim) => claim in others);
  return typeof sub === "string" && sub.toLowerCase() === oid.toLowerCase() && !namesPerson;
}

async function verify(config, token) {
  if (config.audience.length === 0) {
    throw invalidToken("AUDIENCE is not configured");
  }
  if (token.length > MAX_TOKEN_BYTES) {
    throw invalidToken("the token is too large");
  }
  let issuer;
  try {
    issuer = issuersOf(config)[decodeJwt(token).iss];
  } catch (error) {
    throw invalidToken(error.code);
  }
  if (!issuer) {
    throw invalidToken("iss is not the tenant's issuer");
  }
  const { payload, protectedHeader } = await jwtVerify(token, issuer.keys, {
    algorithms: ["RS256"],
    issuer: issuer.name,
    audience: config.audience,
    clockTolerance: 300,
    requiredClaims: ["exp"],
  }).catch((error) => {
    throw verificationProblem(error);
  });
  const { typ } = protectedHeader;
  if ((typ !== undefined && typ.toUpperCase() !== "JWT") || FORBIDDEN_HEADER_MEMBERS.some((member) => member in protectedHeader)) {
    throw invalidToken("the header has a member that the gateway never accepts");
  }
  const isGuid = (claim) => typeof claim === "string" && GUID.test(claim);
  if (payload.ver !== issuer.version) {
    throw invalidToken("ver does not belong to the issuer");
  }
  if (!isGuid(payload.tid) || payload.tid.toLowerCase() !== config.tenantId) {
    throw invalidToken("tid is not the configured tenant");
  }
  // Only access tokens name the client.
  if (!isGuid(payload[issuer.client]) || !isGuid(payload.oid)) {
    throw invalidToken("the client's id or oid is missing or malformed");
  }
  if (payload.cnf !== undefined) {
    throw invalidToken("cnf binds the token to a key: not a bearer token");
  }
  const { scp, roles, idtyp } = payload;
  const isText = (value) => typeof value === "string";
  if ((idtyp !== undefined && !isText(idtyp)) || (idtyp === "app" && scp !== undefined)) {
    throw invalidToken("idtyp is malformed, or contradicts scp");
  }
  if ((scp !== undefined && !isText(scp)) || (roles !== undefined && !(Array.isArray(roles) && roles.every(isText)))) {
    throw invalidToken("scp or roles is malformed");
  }
  return payload;
}

/** Returns the problem for an error of jose: an invalid token, or a key that cannot be fetched. */
function verificationProblem(error) {
  // Keys roll, and one response may lag behind.
  const isKeyUnavailable = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSNoMatchingKey || error.code === "ERR_JOSE_GENERIC" || !(error instanceof errors.JOSEError);
  return isKeyUnavailable
    ? new Problem(
        "internal",
        "The key of Entra ID that the token names is not available now. Retry after the time in Retry-After. Nothing was sent.",
        { headers: { "Retry-After": "30" } },
      )
    : invalidToken(error.code);
}

let issuers;

/**
 * Returns the tenant's two issuers by name, each with its keys. Keys are fetched when they are needed, and at most
 * every 30 seconds for an unknown key.
 */
function issuersOf({ loginUrl, tenantId }) {
  issuers ??= Object.fromEntries(
    [
      { name: `https://sts.windows.net/${tenantId}/`, version: "1.0", client: "appid", path: "discovery/keys" },
      { name: `${loginUrl}/${tenantId}/v2.0`, version: "2.0", client: "azp", path: "discovery/v2.0/keys" },
    ].map(({ path, ...issuer }) => {
      const keys = createRemoteJWKSet(new URL(`${loginUrl}/${tenantId}/${path}`), {
        cooldownDuration: 30_000,
        cacheMaxAge: 3_600_000,
        timeoutDuration: 10_000,
        [customFetch]: (url, options) => fetchOwnKeys(url, options, issuer.name, tenantId),
      });
      return [issuer.name, { ...issuer, keys }];
    }),
  );
  return issuers;
}

/** Fetches a key set and leaves out the keys of other issuers. */
async function fetchOwnKeys(url, options, name, tenantId) {
  const response = await fetch(url, options);
  if (response.status !== 200) {
    return response;
  }
  const { keys } = await response.json();
  const isOwn = ({ issuer }) => issuer === undefined || issuer.replace("{tenantid}", tenantId) === name;
  return Response.json({ keys: keys.filter(isOwn) });
}
