// What costs less on JavaScript's side. Each call from WebAssembly is a crossing and each text that crosses is converted, so what belongs
// together crosses in one piece: headers as one text, bodies as bytes. No rule of the gateway's is in here.

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

// The platform's own wraps the callback anew each time and costs about 10 µs. Errors go where it would send them: a trap must reach the
// listener that has the module started anew.
const settled = Promise.resolve();
globalThis.queueMicrotask = (callback) => {
  settled.then(() => {
    try {
      callback();
    } catch (error) {
      reportError(error);
    }
  });
};

/** One line for each of `names`: empty where the header is absent, otherwise "=" and its value. No header holds a line break. */
function lines(headers, names) {
  let text = "";
  for (const name of names) {
    const value = headers.get(name);
    text += value === null ? "\n" : `\n=${value}`;
  }
  return text;
}

/** What `lines` made, the other way: names and values in turn. */
function object(text) {
  const parts = text.split("\n");
  const headers = {};
  for (let index = 0; index + 1 < parts.length; index += 2) headers[parts[index]] = parts[index + 1];
  return headers;
}

/** Method, URL and headers. */
export function read(request) {
  return `${request.method}\n${request.url}${lines(request.headers, READ)}`;
}

/** `body` is a view of the module's memory, which goes on changing. */
export function respond(status, headers, body) {
  return new Response(body.length === 0 ? null : body.slice(), { status, headers: object(headers) });
}

export function send(url, method, headers, body, signal) {
  return fetch(url, { method, headers: object(headers), body: body?.slice(), redirect: "manual", signal });
}

/** The values of the headers `names`, in their order. */
export function received(response, names) {
  return lines(response.headers, names.split("\n")).slice(1);
}

/** Sends `order` to the object named `name`, and gives the bytes of its answer. It is given up after `patience` milliseconds. */
export async function settle(namespace, name, order, patience) {
  let timer;
  const lost = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the ledger did not answer")), patience);
  });
  const settled = async () => {
    // The host is of no account: the namespace and the name address the object.
    const response = await namespace.getByName(name).fetch("https://ledger/", { method: "POST", body: order.slice() });
    if (!response.ok) throw new Error(`the ledger answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
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
