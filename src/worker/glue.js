// Functions that the Wasm module imports. Every call from Wasm converts its arguments, so each function passes all
// parts of a request, a response or a row in one call. The heads of requests and responses have the form of HTTP/1.1:
// one line, then a line `name: value` for each header.

import { wake } from "./index.js";
import { wrapCallback } from "./recovery.js";

/** Passes the outcome of a promise to the future that waits for it: see promise.rs. */
function report(promiseId, promise) {
  promise.then(
    wrapCallback((value) => wake(promiseId, true, value)),
    wrapCallback((error) => wake(promiseId, false, error)),
  );
}

// ---- Timers ----

/** Returns null if the platform refuses the timer. */
export function setTimer(call, wait) {
  const timer = { isCleared: false };
  const fire = wrapCallback(() => {
    if (!timer.isCleared) call();
  });
  try {
    timer.handle = setTimeout(fire, wait);
    return timer;
  } catch {
    return null;
  }
}

export function clearTimer(timer) {
  // The module drops the function that the timer would call.
  timer.isCleared = true;
  try {
    clearTimeout(timer.handle);
  } catch {
    // The timer belongs to another object, and can still fire.
  }
}

// ---- Requests and responses ----

/** The request headers that incoming.rs reads. */
const READ_HEADERS = [
  "authorization",
  "x-api-key",
  "content-type",
  "content-length",
  "content-encoding",
  "x-ms-transfer-mode",
  "client-request-id",
  "prefer",
  "idempotency-key",
  "x-ms-workflow-run-id",
  "cf-connecting-ip",
];

/** A line for each of `names` that the headers have. No header contains a line break. */
function headerLines(headers, names) {
  let text = "";
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null) text += `\n${name}: ${value}`;
  }
  return text;
}

/** Parses lines `name: value`. */
function parseHeaders(lines) {
  const headers = {};
  for (const line of lines) {
    const end = line.indexOf(": ");
    headers[line.slice(0, end)] = line.slice(end + 2);
  }
  return headers;
}

const encoder = new TextEncoder();

/** The head of a request, as UTF-8. */
export function head({ method, url, headers }) {
  return encoder.encode(`${method} ${url}${headerLines(headers, READ_HEADERS)}`);
}

/** Reads a body of a declared length. */
export function readBody(promiseId, message) {
  report(promiseId, readAll(message));
}

async function readAll(message) {
  return new Uint8Array(await message.arrayBuffer());
}

/** Reads a body. The result is null if there are more than `cap` bytes. */
export function readBodyUpToCap(promiseId, message, cap) {
  report(promiseId, readUpTo(message, cap));
}

/** Size of the first buffer for a body, in bytes: most bodies are smaller. */
const FIRST_BUFFER = 16 * 1024;

/**
 * Cancels the rest of a body that is too large. Each read fills the rest of one buffer, which grows as needed. So the
 * body exists once, and never as a list of its chunks beside the whole.
 */
async function readUpTo(message, cap) {
  const reader = message.body?.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(FIRST_BUFFER);
  let length = 0;
  for (let done = !reader; !done; ) {
    if (length === buffer.byteLength) buffer = buffer.transfer(Math.min(2 * length, cap + 1));
    const next = await reader.read(new Uint8Array(buffer, length));
    ({ done } = next);
    ({ buffer } = next.value);
    length += next.value.byteLength;
    if (length > cap) {
      reader.cancel().catch(() => {});
      return null;
    }
  }
  return new Uint8Array(buffer, 0, length);
}

/**
 * Number of compressed bytes per write. Deflate expands a byte to at most 1,032 bytes, so the output of a write has
 * about 1 MiB at most.
 */
const SLICE = 1024;

/**
 * Decompresses `body`, one gzip member. Resolves with null if there are more than `cap` bytes. Rejects with a text if
 * other bytes follow the member, and with an error if the member is truncated or damaged.
 *
 * A `DecompressionStream` decompresses each write immediately, even if there is no reader: 1 MiB could become 1 GiB. So
 * this function writes a slice only after it has read the output of the previous slice.
 */
export function decompressBody(promiseId, body, cap) {
  report(promiseId, decompress(body, cap));
}

async function decompress(view, cap) {
  // The module's memory changes later.
  const body = view.slice();
  const { readable, writable } = new DecompressionStream("gzip");
  const reader = readable.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  let buffer = new ArrayBuffer(Math.min(cap + 1, 1032 * body.length));
  let length = 0;
  // A read takes all available bytes. It detaches the buffer, and returns it with the result.
  const read = () => {
    const next = reader.read(new Uint8Array(buffer, length));
    // If decompression fails, the write reports the error, so the read's error is ignored.
    next.catch(() => {});
    return next;
  };
  const isTooLarge = ({ value }) => {
    buffer = value.buffer;
    length += value.byteLength;
    if (length > cap) reader.cancel().catch(() => {});
    return length > cap;
  };
  try {
    let next = read();
    for (let at = 0; at < body.length; at += SLICE) {
      await writer.write(body.subarray(at, at + SLICE));
      const chunk = await valueIfReady(next);
      // A slice may produce no output yet.
      if (chunk === undefined) continue;
      if (isTooLarge(chunk)) return null;
      next = read();
    }
    await writer.close();
    for (let chunk = await next; ; chunk = await read()) {
      if (isTooLarge(chunk)) return null;
      if (chunk.done) return new Uint8Array(buffer, 0, length);
    }
  } catch (error) {
    // Only the message distinguishes trailing bytes from damage.
    throw error.message.startsWith("Trailing bytes") ? error.message : error;
  }
}

/** Returns the value of `promise`, or undefined if the promise is still pending after a timer of 0 ms. */
async function valueIfReady(promise) {
  let timer;
  const turn = new Promise((end) => {
    timer = setTimeout(end, 0);
  });
  try {
    return await Promise.race([promise, turn]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A response with these lines as headers. `body` is a view of the module's memory, which changes later. The headers are
 * a plain object, because a `Headers` object would cost 3 % of the CPU time of a request.
 */
export function newResponse(status, lines, body) {
  return new Response(body.length === 0 ? null : body.slice(), { status, headers: parseHeaders(lines.split("\n")) });
}

/**
 * Calls Microsoft. `head` is the head of the request, and `wanted` the names of the response headers to return.
 *
 * The result's `body` is undefined if it failed, if `isTooLarge` says that it exceeds `cap`, or if the call succeeded
 * and `skip` is set.
 */
export function callMicrosoft(promiseId, head, wanted, body, cap, skip, controller) {
  report(promiseId, fetchMicrosoft(head, wanted, body, cap, skip, controller));
}

async function fetchMicrosoft(head, wanted, view, cap, skip, { signal }) {
  // The module's memory changes later.
  const body = view?.slice();
  const [line, ...rest] = head.split("\n");
  const [method, url] = line.split(" ");
  const response = await fetch(url, { method, headers: parseHeaders(rest), body, redirect: "manual", signal });
  const result = { head: response.status + headerLines(response.headers, wanted === "" ? [] : wanted.split(" ")) };
  if (skip && response.ok) {
    // The cancellation is not awaited, because nothing reads the body.
    if (response.headers.get("content-length") !== "0") response.body?.cancel().catch(() => {});
    return result;
  }
  const read = await readUpTo(response, cap).catch(() => {});
  return { ...result, body: read ?? undefined, isTooLarge: read === null };
}

// ---- The environment ----

/**
 * A variable as JSON, or undefined if it is missing. A value that JSON cannot hold becomes an empty text. A value of
 * RATE_LIMITER becomes true if it is a binding.
 */
export function variable(env, name) {
  const value = env[name];
  if (name === "RATE_LIMITER" && value) return String(typeof value.limit === "function");
  return value === undefined ? undefined : JSON.stringify(value) ?? "";
}

/** Counts a request with `key` in the rate limiting binding. The result is whether the request is within the limit. */
export function countRequest(promiseId, env, key) {
  report(promiseId, count(env, key));
}

async function count(env, key) {
  return (await env.RATE_LIMITER.limit({ key })).success;
}

// ---- The ledger ----

/**
 * Sends a job to a caller's object and returns the object's response. If `jurisdiction` is defined, the object is in
 * that jurisdiction. The message is `head`, lines of text, and `body`, the work: see gateway/handover.rs. The call
 * fails after `timeout` milliseconds.
 *
 * The response must name `format` in the header `formatHeader`. The header stays in the caller's response: a new
 * response without it would cost about a tenth of a remediation's CPU time.
 *
 * If the call fails, the reason is the name of a `LedgerError`.
 */
export function sendToObject(promiseId, env, name, jurisdiction, head, body, format, formatHeader, timeout) {
  const message = new Uint8Array(head.length + body.length);
  message.set(head);
  message.set(body, head.length);
  report(promiseId, withTimeout(sendMessage(env, name, jurisdiction, message), format, formatHeader, timeout));
}

async function withTimeout(sent, format, formatHeader, timeout) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, timeout);
  });
  try {
    const response = await Promise.race([sent, late]);
    if (response.headers.get(formatHeader) === format) return response;
    response.body?.cancel().catch(() => {});
  } catch (error) {
    if (error?.overloaded) throw "Overloaded";
    if (error?.durableObjectReset) throw "Reset";
    throw error?.remote ? "Failed" : "Unreachable";
  } finally {
    clearTimeout(timer);
  }
  throw "OtherFormat";
}

/**
 * Minimum size in bytes of a message that is sent as a stream. Smaller messages stay in memory while their requests
 * wait: 256 messages of 64 KiB are 16 MiB.
 */
const MIN_STREAMED_BYTES = 64 * 1024;

/**
 * Sends a message. A `fetch` keeps the bytes of its body until the response arrives, and a suspended function keeps its
 * variables. Many waiting requests with large bodies would exhaust the isolate's memory. So a large body is a stream,
 * whose bytes are freed once they are read, and this function does not await the response.
 */
async function sendMessage(env, name, jurisdiction, message) {
  // The host has no meaning: the binding and the name address the object.
  const init = { method: "POST", body: message.length < MIN_STREAMED_BYTES ? message : new Response(message).body };
  const ledgers = jurisdiction === undefined ? env.LEDGER : env.LEDGER.jurisdiction(jurisdiction);
  return ledgers.getByName(name).fetch("https://ledger/", init);
}

/** The first row of a query, if there is one. `values` may be views of the module's memory. */
export function row(sql, query, ...values) {
  return sql.exec(query, ...values).toArray()[0];
}

/** All rows of a query. */
export function rows(sql, query, ...values) {
  return sql.exec(query, ...values).toArray();
}

/** Runs a statement without result rows, and returns the number of rows that it wrote. */
export function run(sql, statement, ...values) {
  return sql.exec(statement, ...values).rowsWritten;
}

/** Sets an alarm, unless one is set. */
export function ensureAlarm(promiseId, storage, wait) {
  report(promiseId, setAlarmIfNone(storage, wait));
}

async function setAlarmIfNone(storage, wait) {
  if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + wait);
}

// ---- Cryptography ----

/** RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), which with SHA-256 is RS256. */
const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

/** RSASSA-PSS (RFC 8017 section 8.1), which with SHA-256 and a salt as long as its digest, 32 bytes, is PS256. */
const PS256 = { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 };

export function importKey(promiseId, n, e) {
  report(promiseId, crypto.subtle.importKey("jwk", { kty: "RSA", alg: "RS256", n, e }, RS256, false, ["verify"]));
}

export function verify(promiseId, key, signature, message) {
  report(promiseId, crypto.subtle.verify(RS256, key, signature, message));
}

export function sign(promiseId, pkcs8, message) {
  report(promiseId, signMessage(crypto.subtle.importKey("pkcs8", pkcs8, PS256, false, ["sign"]), message.slice()));
}

async function signMessage(key, message) {
  return new Uint8Array(await crypto.subtle.sign(PS256, await key, message));
}

export function randomUuid() {
  return crypto.randomUUID();
}

export function log(line) {
  console.log(line);
}
