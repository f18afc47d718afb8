// Loads before the built Worker, and keeps a reference to the memory of its Wasm instance.

const { Instance } = WebAssembly;
let memory;

WebAssembly.Instance = function (module, imports) {
  const instance = new Instance(module, imports);
  memory = instance.exports.memory;
  return instance;
};

/** Collects the isolate's garbage, and returns the size of the memory in bytes. */
export function measureMemory() {
  gc();
  return memory.buffer.byteLength;
}
