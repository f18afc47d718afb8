// What costs less on JavaScript's side. Each call from WebAssembly is a crossing and each text that crosses is converted, so what belongs
// together crosses in one piece: headers as one text, bodies as bytes, a whole exchange as one promise. No rule of the gateway's is in here.

import { __wbg_reset_state, begin, interrupted, otherFormat, unanswered } from "./index.js";

// ---- The module: it is called through `enter`, by what is in here and by entry.js; but for the finalizers of what it has given away ----

/** Counts the instances of the module. A trap, which is what a panic ends in, ends one: nothing is unwound, so its memory cannot be trusted. */
export let instance = 0;
let isLost = false;
let isInside = false;
begin();

/** Calls into the module, which is started anew where it was lost. Never from within: what the module calls in here calls it later, or not at all. */
export function enter(call) {
  // The platform ends an execution that takes too long at once: no `catch` and no `finally` ran then, and the module stands where it was stopped.
  if (isInside) lose({ name: "an execution was terminated" });
  if (isLost) {
    __wbg_reset_state();
    begin();
    isLost = false;
  }
  isInside = true;
  try {
    return call();
  } catch (error) {
    // Any other error is that of the one call, and left the module as an `Err` does. One that has passed through the module itself is as a trap.
    if (error instanceof WebAssembly.RuntimeError || interrupted()) lose(error);
    throw error;
  } finally {
    isInside = false;
  }
}

function lose(error) {
  const what = error instanceof WebAssembly.RuntimeError ? error.message : error?.name;
  log(JSON.stringify({ code: "internal", reason: `the module was lost, and starts anew: ${what}` }));
  isLost = true;
  instance += 1;
  // Whoever waits for it would wait for ever.
  for (const { fail } of promises.values()) fail(error);
  promises.clear();
}

/** `call` for a promise or a timer to make, as long as the instance lives that it is of. */
function callback(call) {
  const own = instance;
  return (...values) => {
    const deliver = () => {
      // Once more: it may turn out only now that the instance was ended.
      enter(() => {
        if (own === instance) call(...values);
      });
    };
    if (own !== instance) return;
    try {
      deliver();
    } catch {
      // A trap has ended the instance, and nobody else is to hear of it. After any other error somebody in the module still waits.
      if (own !== instance) return;
      try {
        deliver();
      } catch (error) {
        if (own === instance) lose(error);
      }
    }
  };
}

// ---- Promises: tasks.rs ----

export function follow(promise, id, settle) {
  promise.then(
    callback((value) => settle(id, true, value)),
    callback((error) => settle(id, false, error)),
  );
}

/** How each promise of a task's is settled. */
const promises = new Map();

export function promised(id) {
  return new Promise((keep, fail) => promises.set(id, { keep, fail }));
}

export function keep(id, value) {
  promises.get(id).keep(value);
  promises.delete(id);
}

export function fail(id, error) {
  promises.get(id).fail(error);
  promises.delete(id);
}

// ---- Timers: timers.rs ----

/** Where no timer is to be had, what else ends the wait has to. */
export function setTimer(call, wait) {
  const timer = { isCleared: false };
  const goesOff = callback(() => {
    if (!timer.isCleared) call();
  });
  try {
    timer.handle = setTimeout(goesOff, wait);
    return timer;
  } catch {
    return null;
  }
}

export function clearTimer(timer) {
  // What it would call goes with this, in the module.
  timer.isCleared = true;
  try {
    clearTimeout(timer.handle);
  } catch {
    // It is of another object, whose timer may still go off.
  }
}

// ---- Requests and responses ----

/** The request headers that are read, in the order in which `incoming.rs` takes them. */
const READ = [
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

/** One line for each of `names`: empty where the header is absent, otherwise "=" and its value. No header holds a line break. */
function lines(headers, names) {
  let text = "";
  for (const name of names) {
    const value = headers.get(name);
    text += value === null ? "\n" : `\n=${value}`;
  }
  return text;
}

/** Names and values in turn, as what `fetch` and `Response` take. */
function object(parts) {
  const headers = {};
  for (let index = 0; index + 1 < parts.length; index += 2) headers[parts[index]] = parts[index + 1];
  return headers;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Method, URL and headers, as UTF-8: a token is long, and texts cross letter by letter. */
export function read(request) {
  return encoder.encode(`${request.method}\n${request.url}${lines(request.headers, READ)}`);
}

/** The bytes of a request's or a response's body, which comes in one piece. */
export async function whole(message) {
  return new Uint8Array(await message.arrayBuffer());
}

/** The bytes of a body, counted as they come. Where there are more than `cap`, null, and the rest is cancelled, so that nothing is received in vain. */
export async function counted(message, cap) {
  const chunks = [];
  let length = 0;
  const reader = message.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader.read()) {
    length += next.value.byteLength;
    if (length > cap) {
      reader.cancel().catch(() => {});
      return null;
    }
    chunks.push(next.value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** Bytes that are decompressed at a time. Deflate makes at most 1,032 bytes of one, so these become 1 MiB at most. */
const SLICE = 1024;

/**
 * Decompresses `body`, one gzip member. Gives null if there are more than `cap` bytes, and undefined if other bytes
 * follow the member. Fails if the member is truncated or damaged.
 *
 * A `DecompressionStream` decompresses each write at once, even if there is no reader: 1 MiB could become 1 GiB. So
 * this function writes a slice only after it has read what the slice before has become.
 */
export async function decompressed(body, cap) {
  const { readable, writable } = new DecompressionStream("gzip");
  const reader = readable.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  let buffer = new ArrayBuffer(Math.min(cap + 1, 1032 * body.length));
  let length = 0;
  // A read takes all that is there, and lends the buffer.
  const read = () => {
    const next = reader.read(new Uint8Array(buffer, length));
    // A write that fails is what counts.
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
      const chunk = await ifThere(next);
      // A slice may become nothing yet.
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
    // The platform has no other mark.
    if (error.message.startsWith("Trailing bytes")) return undefined;
    throw error;
  }
}

/** The value of `promise`, or undefined if the platform has done all that it can do at once and there is none. */
async function ifThere(promise) {
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

/** `body` is a view of the module's memory, which goes on changing. */
export function respond(status, headers, body) {
  return new Response(body.length === 0 ? null : body.slice(), { status, headers: object(headers.split("\n")) });
}

/**
 * Calls. `head` has three lines, the URL, the method, and the names of the answer's headers that are wanted, and behind them the request's headers. Gives
 * status and wanted headers as one text, with the bytes of the body behind it. They are null where there are more than `cap`, and undefined where they did
 * not all come. Of a success, the text is all there is where its body is to be skipped.
 */
export async function callMicrosoft(head, body, cap, skip, { signal }) {
  const [url, method, wanted, ...headers] = head.split("\n");
  const response = await fetch(url, { method, headers: object(headers), body: body?.slice(), redirect: "manual", signal });
  const said = response.status + lines(response.headers, wanted === "" ? [] : wanted.split(" "));
  if (skip && response.ok) {
    // Nobody waits for the end of what is not read.
    if (response.headers.get("content-length") !== "0") response.body?.cancel().catch(() => {});
    return said;
  }
  return [said, await counted(response, cap).catch(() => {})];
}

// ---- The ledger ----

/**
 * Sends a job to a caller's object and returns the object's response. If `jurisdiction` is defined, the object is in
 * that jurisdiction. The message is `head`, lines of text, and `body`, the body for Graph. The call fails after
 * `patience` milliseconds.
 *
 * The response must name, in the header `formatHeader`, the format that is the first line of `head`. The header stays in
 * the caller's response: to remove it, a new response would be needed, at a tenth of a remediation's CPU time.
 */
export async function pass(env, name, jurisdiction, head, body, formatHeader, patience) {
  // A view of the module's memory would not last.
  const lines = head.slice();
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(fail, patience);
  });
  try {
    const response = await Promise.race([send(env, name, jurisdiction, lines, body), late]);
    if (response.headers.get(formatHeader) === decoder.decode(lines.subarray(0, lines.indexOf(10)))) return response;
    response.body?.cancel().catch(() => {});
    return enter(() => otherFormat(lines));
  } catch (error) {
    // Not within the call that has come here.
    await null;
    const { overloaded, durableObjectReset, remote } = error ?? {};
    return enter(() => unanswered(lines, overloaded === true, durableObjectReset === true, remote === true));
  } finally {
    clearTimeout(timer);
  }
}

/** Size in bytes from which a message is a stream. Requests that wait hold smaller ones: 256 of them are 16 MiB. */
const STREAMED = 64 * 1024;

/**
 * Sends a message. A request holds the bytes of its body until its response comes, and a suspended function its
 * variables. Many large ones that wait would exhaust the memory of the isolate. So a large body is a stream, which is
 * gone once it is read, and this function ends at once. `body` is a view of the module's memory, which would not last.
 */
function send(env, name, jurisdiction, lines, body) {
  const message = new Uint8Array(lines.length + body.length);
  message.set(lines);
  message.set(body, lines.length);
  // The host has no meaning: the binding and the name address the object.
  const init = { method: "POST", body: message.length < STREAMED ? message : new Response(message).body };
  const ledgers = jurisdiction === undefined ? env.LEDGER : env.LEDGER.jurisdiction(jurisdiction);
  return ledgers.getByName(name).fetch("https://ledger/", init);
}

/** All rows of a query, each an array. Read at once: `values` may be views of the module's memory. */
export function rows(sql, query, ...values) {
  return [...sql.exec(query, ...values).raw()];
}

/** Runs a statement that gives no rows, and tells how many it wrote. */
export function run(sql, statement, ...values) {
  return sql.exec(statement, ...values).rowsWritten;
}

/** Sees to it that an alarm will come. One that is set stays. */
export async function keepAlarm(storage, wait) {
  if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + wait);
}

// ---- The rest ----

/** Whether one more request of `key` is within the limit of the rate limiting binding. */
export async function limit(env, key) {
  return (await env.RATE_LIMITER.limit({ key })).success;
}

export function randomUuid() {
  return crypto.randomUUID();
}

export function log(line) {
  console.log(line);
}

export function verify(algorithm, key, signature, message) {
  return crypto.subtle.verify(algorithm, key, signature, message);
}
