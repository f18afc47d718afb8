// Loads before the built Worker and wraps its Wasm instance, so that a test can trap the instance at any call that it
// makes.

const { Instance } = WebAssembly;

let exports;
/** Number of calls that the instance makes until it traps. */
let callsUntilTrap = Infinity;
/** Number of calls since the last {@link trapAt}. */
let callsMade = 0;

/** Returns whether the instance has trapped since the last {@link trapAt}, and cancels the trap. */
export function hasTrapped() {
  const trapped = callsUntilTrap <= 0;
  callsUntilTrap = Infinity;
  return trapped;
}

/** Makes the instance trap at its call with this number, counted from now. */
export function trapAt(call) {
  callsUntilTrap = call;
  callsMade = 0;
}

/** Number of calls of exports until one throws. The error is not a trap: the call never enters the instance. */
let callsUntilThrow = Infinity;
/** Whether the next length is larger than any array, so that the Rust code panics. */
let panicsNext = false;

/** Makes the call of an export with this number throw, counted from now. */
export function throwAt(call) {
  callsUntilThrow = call;
}

/** Returns whether an export has thrown since the last {@link throwAt}, and cancels the error. */
export function hasThrown() {
  const thrown = callsUntilThrow <= 0;
  callsUntilThrow = Infinity;
  return thrown;
}

/** Makes the Rust code panic at the next length that it reads. */
export function panicNext() {
  panicsNext = true;
}

/** Returns the exports, each of which can throw. The functions that manage memory are not wrapped. */
function wrapExports(exports) {
  const entries = Object.entries(exports).map(([name, member]) => {
    const call = (...values) => {
      callsUntilThrow -= 1;
      if (callsUntilThrow === 0) {
        throw new TypeError("of one call, to someone@contoso.com");
      }
      return member(...values);
    };
    return [name, typeof member === "function" && !name.startsWith("__") ? call : member];
  });
  return Object.fromEntries(entries);
}

function beforeCall() {
  callsMade += 1;
  callsUntilTrap -= 1;
  if (callsUntilTrap === 0) {
    trap();
  }
}

/**
 * Allocates more memory than exists. Like every Rust panic in this build, this ends in the instruction `unreachable`
 * without unwinding.
 */
function trap() {
  console.log(`trapped at call ${callsMade}`);
  exports.__wbindgen_malloc(0xffff_ffff, 1);
}

/** Returns a copy of an import namespace that counts each call. A namespace cannot be changed. */
function wrapImports(members) {
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
  const modules = Object.entries(imports).map(([name, members]) => [name, wrapImports(members)]);
  const instance = new Instance(module, Object.fromEntries(modules));
  exports = instance.exports;
  return { exports: wrapExports(exports) };
};

// The display name selects a trap when the remediation is sent to Graph, or when Graph's response arrives.
const { fetch } = globalThis;
globalThis.fetch = (url, init) => {
  const body = typeof init?.body === "string" ? init.body : new TextDecoder().decode(init?.body);
  if (body.includes('"trap before Graph"')) {
    trapAt(1);
    return new Promise(() => {});
  }
  const response = fetch(url, init);
  return body.includes('"trap after Graph"') ? response.then((value) => (trapAt(1), value)) : response;
};
