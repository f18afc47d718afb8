// Comes before the built Worker and takes hold of the memory of its Wasm instance.

const { Instance } = WebAssembly;
let memory;

WebAssembly.Instance = function (module, imports) {
  const instance = new Instance(module, imports);
  memory = instance.exports.memory;
  return instance;
};

/** How many bytes it has, once what is garbage in the isolate was collected: what counts from then on is held by something. */
export function collected() {
  gc();
  return memory.buffer.byteLength;
}
