// Counts the calls between JavaScript and the Wasm in both directions, and reads the size of the Wasm's memory. This
// module must be imported before the Worker, which instantiates the Wasm when it loads.

const calls = {};
let memory;
let references;

const countCalls = (kind, name, callee) =>
  typeof callee === "function"
    ? function (...values) {
        const key = `${kind} ${name}`;
        calls[key] = (calls[key] ?? 0) + 1;
        return callee.apply(this, values);
      }
    : callee;

const countAllCalls = (kind, functions) =>
  Object.fromEntries(Object.entries(functions).map(([name, callee]) => [name, countCalls(kind, name, callee)]));

const { Instance } = WebAssembly;
WebAssembly.Instance = function (module, imports) {
  const counted = Object.entries(imports).map(([name, functions]) => [name, countAllCalls("import", functions)]);
  const { exports } = new Instance(module, Object.fromEntries(counted));
  memory = exports.memory;
  references = exports.__wbindgen_externrefs;
  return { exports: countAllCalls("export", exports) };
};

/** Returns the number of calls by name since the last call of this function. */
export function takeCalls() {
  const taken = { ...calls };
  for (const name of Object.keys(calls)) {
    delete calls[name];
  }
  return taken;
}

/** Returns the Wasm's memory in bytes, and the length of its table of JavaScript references. Neither ever shrinks. */
export const wasmSizes = () => ({ bytes: memory.buffer.byteLength, references: references.length });
