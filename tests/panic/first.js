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

function beforeCall() {
  made += 1;
  left -= 1;
  if (left === 0) {
    trap(`at call ${made}`);
  }
}

/** More than any allocator has. It ends in what every panic of Rust ends in here: the instruction `unreachable`, with nothing unwound. */
function trap(where) {
  console.log(`trapped ${where}`);
  exports.__wbindgen_malloc(0xffff_ffff, 1);
}

WebAssembly.Instance = function (module, imports) {
  for (const members of Object.values(imports)) {
    for (const [name, member] of Object.entries(members)) {
      if (typeof member === "function") {
        members[name] = (...values) => {
          beforeCall();
          return member(...values);
        };
      }
    }
  }
  const instance = new Instance(module, imports);
  exports = instance.exports;
  return instance;
};

// By its display name, a remediation traps as it is sent to Graph, or as Graph's answer arrives.
const { fetch } = globalThis;
globalThis.fetch = (url, init) => {
  const body = typeof init?.body === "string" ? init.body : new TextDecoder().decode(init?.body);
  if (body.includes('"trap before Graph"')) {
    trap("before Graph");
  }
  const answer = fetch(url, init);
  return body.includes('"trap after Graph"') ? answer.then((answer) => (trapAt(1), answer)) : answer;
};
