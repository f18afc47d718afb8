// Usage: remove-unused.mjs FOLDER FEATURES…: removes unused code from the output of wasm-bindgen in the folder.
//
// The Wasm exports every function that a crate offers to JavaScript, and each export keeps code and imports. This
// script bundles the JavaScript, keeps the exports that the bundle names, and removes the imports that the rest of the
// Wasm no longer calls. Those imports may name further exports, so the script repeats both until nothing changes.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";

const [folder, ...features] = process.argv.slice(2);
const glue = join(folder, "index.js");
const wasm = join(folder, "index_bg.wasm");
const graphFile = join(folder, "exports.json");

/** Returns the names of a module's exports and imports. */
function namesOf(bytes) {
  const module = new WebAssembly.Module(bytes);
  const names = (list) => list.map(({ name }) => name);
  return { exports: names(WebAssembly.Module.exports(module)), imports: new Set(names(WebAssembly.Module.imports(module))) };
}

// Removes one side effect of each class and marks the other one as pure, so that esbuild removes an unused class.
const markPure = (text) =>
  text.replaceAll(/^if \(Symbol\.dispose\) .*\n/gm, "").replaceAll(/: new FinalizationRegistry\(/g, ": /* @__PURE__ */ new FinalizationRegistry(");
writeFileSync(glue, markPure(readFileSync(glue, "utf8")));

for (let isChanged = true; isChanged; ) {
  const options = { bundle: true, format: "esm", target: "esnext", external: ["./index_bg.wasm"], write: false };
  const [{ text: bundle }] = buildSync({ ...options, entryPoints: [join(folder, "shim.js")] }).outputFiles;
  const kept = namesOf(readFileSync(wasm)).exports.filter((name) => new RegExp(`\\.${name}\\b`).test(bundle));
  const nodes = kept.map((name) => ({ name, export: name }));
  writeFileSync(graphFile, JSON.stringify([{ name: "JavaScript", root: true, reaches: kept }, ...nodes]));
  execFileSync("wasm-metadce", [...features, "--debuginfo", `--graph-file=${graphFile}`, wasm, `--output=${wasm}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });

  // A member of the object of imports, up to the next one or the end of the object.
  const { imports } = namesOf(readFileSync(wasm));
  const before = readFileSync(glue, "utf8");
  const after = before.replaceAll(/^ {8}(__wb\w+): [^]*?(?=^ {8}__wb\w+: |^ {4}\};)/gm, (member, name) => (imports.has(name) ? member : ""));
  writeFileSync(glue, after);
  isChanged = after !== before;
}
