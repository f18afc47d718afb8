// Comes before the built Worker and takes hold of its Wasm instance, so that a test can have it trap at any call that it makes to the outside.

const { Instance } = WebAssembly;

let exports;
/** How many more calls the instance makes until it traps; endless where it shall not. */
let left = Infinity;
/** How many calls were made since it was last told when to trap. */
let made = 0;

/** Whether it has trapped since then. If not, it no longer shall. */
export function hasTrapped() {
  const trapped = left <= 0;
  left = Infinity;
  return trapped;
}

/** Has the instance trap at its call of this number, counted from now. */
export function trapAt(call) {
  left = call;
  made = 0;
}

/** How many more calls of exports there are until one throws an error, which is no trap: the instance is not entered. */
let leftToThrow = Infinity;
/** Whether the next array is told to be longer than any can be, which Rust answers by a panic. */
let panicsNext = false;

export function throwAt(call) {
  leftToThrow = call;
}

/** Whether it has thrown since then. If not, it no longer shall. */
export function hasThrown() {
  const thrown = leftToThrow <= 0;
  leftToThrow = Infinity;
  return thrown;
}

export function panicNext() {
  panicsNext = true;
}

/** The exports, each of which may throw instead. The functions that manage memory are not exports of the gateway. */
function throwing(exports) {
  const entries = Object.entries(exports).map(([name, member]) => {
    const call = (...values) => {
      leftToThrow -= 1;
      if (leftToThrow === 0) {
        throw new TypeError("of one call, to someone@contoso.com");
      }
      return member(...values);
    };
    return [name, typeof member === "function" && !name.startsWith("__") ? call : member];
  });
  return Object.fromEntries(entries);
}

function beforeCall() {
  made += 1;
  left -= 1;
  if (left === 0) {
    trap();
  }
}

/** More than any allocator has. It ends in what every panic of Rust ends in here: the instruction `unreachable`, with nothing unwound. */
function trap() {
  console.log(`trapped at call ${made}`);
  exports.__wbindgen_malloc(0xffff_ffff, 1);
}

/** The same, each call counted. A module's own namespace takes no other members, so it is copied. */
function counted(members) {
  const entries = Object.entries(members).map(([name, member]) => {
    const call = (...values) => {
      beforeCall();
      if (panicsNext && name.includes("length")) {
        panicsNext = false;
        return 0xffff_ffff;
      }
      return member(...values);
    };
    return [name, typeof member === "function" ? call : member];
  });
  return Object.fromEntries(entries);
}

WebAssembly.Instance = function (module, imports) {
  const modules = Object.entries(imports).map(([name, members]) => [name, counted(members)]);
  const instance = new Instance(module, Object.fromEntries(modules));
  exports = instance.exports;
  return { exports: throwing(exports) };
};

// By its display name, a remediation traps as it is sent to Graph, or as Graph's answer arrives.
const { fetch } = globalThis;
globalThis.fetch = (url, init) => {
  const body = typeof init?.body === "string" ? init.body : new TextDecoder().decode(init?.body);
  if (body.includes('"trap before Graph"')) {
    trapAt(1);
    return new Promise(() => {});
  }
  const answer = fetch(url, init);
  return body.includes('"trap after Graph"') ? answer.then((answer) => (trapAt(1), answer)) : answer;
};
