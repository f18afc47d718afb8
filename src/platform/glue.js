// What costs less on JavaScript's side. Each call from WebAssembly is a crossing and each text that crosses is converted, so what belongs
// together crosses in one piece: headers as one text, bodies as bytes, a whole exchange as one promise. No rule of the gateway's is in here.

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
];

// ---- Promises: tasks.rs ----

export function follow(promise, id, settle) {
  // A promise would swallow a trap; reported, it reaches the listener that has the module started anew.
  const settled = (kept, value) => {
    try {
      settle(id, kept, value);
    } catch (error) {
      reportError(error);
    }
  };
  promise.then(
    (value) => settled(true, value),
    (error) => settled(false, error),
  );
}

/** How each promise of a task's is settled. What a module that was lost has left here is replaced by the next, or stays. */
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

// ---- Requests and responses ----

/** One line for each of `names`: empty where the header is absent, otherwise "=" and its value. No header holds a line break. */
function lines(headers, names) {
  let text = "";
  for (const name of names) {
    const value = headers.get(name);
    text += value === null ? "\n" : `\n=${value}`;
  }
  return text;
}

/** Names and values in turn, a line each, as what `fetch` and `Response` take. */
function object(text) {
  const parts = text.split("\n");
  const headers = {};
  for (let index = 0; index + 1 < parts.length; index += 2) headers[parts[index]] = parts[index + 1];
  return headers;
}

const encoder = new TextEncoder();

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

/** `body` is a view of the module's memory, which goes on changing. */
export function respond(status, headers, body) {
  return new Response(body.length === 0 ? null : body.slice(), { status, headers: object(headers) });
}

/** Bytes between the object and the Worker. */
export function bytes(body) {
  return new Response(body.slice());
}

/**
 * Calls, and gives status and the headers `names` as one text, with the bytes of the body behind it. They are null where there are more than `cap`,
 * and undefined where they did not all come. Of a success, the text is all there is where its body is to be skipped.
 */
export async function send(url, method, headers, body, names, cap, skip, { signal }) {
  const response = await fetch(url, { method, headers: object(headers), body: body?.slice(), redirect: "manual", signal });
  const head = response.status + lines(response.headers, names.split("\n"));
  if (skip && response.ok) {
    // Nobody waits for the end of what is not read.
    if (response.headers.get("content-length") !== "0") response.body?.cancel().catch(() => {});
    return head;
  }
  return [head, await counted(response, cap).catch(() => {})];
}

// ---- The ledger ----

/** Sends `order` to the object named `name`, and gives the bytes of its answer. It is given up after `patience` milliseconds. */
export async function settle(env, binding, name, order, patience) {
  let timer;
  const lost = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the ledger did not answer")), patience);
  });
  const settled = async () => {
    // The host is of no account: the binding and the name address the object.
    const response = await env[binding].getByName(name).fetch("https://ledger/", { method: "POST", body: order.slice() });
    if (!response.ok) throw new Error(`the ledger answered ${response.status}`);
    return whole(response);
  };
  try {
    return await Promise.race([settled(), lost]);
  } finally {
    clearTimeout(timer);
  }
}

/** All rows of a query, each an array. Read at once: `values` may be views of the module's memory. */
export function rows(sql, query, ...values) {
  return [...sql.exec(query, ...values).raw()];
}

/** Runs a statement that gives no rows. */
export function run(sql, statement, ...values) {
  sql.exec(statement, ...values);
}

/** Sees to it that an alarm will come. One that is set stays. */
export async function keepAlarm(storage, wait) {
  if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + wait);
}

// ---- The rest ----

export function randomUuid() {
  return crypto.randomUUID();
}

export function log(line) {
  console.log(line);
}

export function logError(line) {
  console.error(line);
}

export function verify(algorithm, key, signature, message) {
  return crypto.subtle.verify(algorithm, key, signature, message);
}
