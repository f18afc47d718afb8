// Merges the CycloneDX bills of materials of cargo-cyclonedx and `npm sbom` into one.
import { createHash } from "node:crypto";

import { Spec, Validation } from "@cyclonedx/cyclonedx-library";

const NAME = "remediation-gateway";
const LICENCE = [{ expression: "MIT OR Apache-2.0" }];

/**
 * Returns the bill as JSON. Components in the Worker have the scope `required`, and components that build or deploy the
 * Worker have the scope `excluded`.
 *
 * `crates` are the bills of the Worker and of the check before a deployment. `npm` is the bill of all npm packages, and
 * `packages` names the npm packages that build or deploy.
 */
export function merge({ version, commit, seconds, crates, npm, packages, files, rust, wasmBindgen }) {
  const self = `${NAME}@${version}`;
  const [worker, check] = crates.map((bill) => withoutLocalPaths(bill, version));
  const tools = reachable(npm, npm.components.filter((each) => packages.includes(fullName(each))).map((each) => each["bom-ref"]));
  if (tools.roots.length < packages.length) throw new Error(`npm's bill lacks one of ${packages.join(", ")}`);

  const components = new Map();
  const add = (component, scope) => {
    const known = components.get(component["bom-ref"]);
    if (known === undefined || scope === "required") components.set(component["bom-ref"], { ...component, scope });
  };
  for (const each of worker.components) add(each, each.scope ?? "required");
  for (const each of [...check.components, check.metadata.component]) if (each["bom-ref"] !== self) add(each, "excluded");
  for (const { type, "bom-ref": ref, name, version: of, purl, licenses, hashes } of tools.components) {
    add({ type, "bom-ref": ref, name, version: of, licenses, hashes, purl }, "excluded");
  }
  add({ type: "library", "bom-ref": `rust-std@${rust}`, name: "rust-std", version: rust, licenses: LICENCE, purl: `pkg:generic/rust-std@${rust}` }, "required");
  add({ type: "application", "bom-ref": `wasm-bindgen-cli@${wasmBindgen}`, name: "wasm-bindgen-cli", version: wasmBindgen, licenses: LICENCE, purl: `pkg:cargo/wasm-bindgen-cli@${wasmBindgen}` }, "excluded");

  const edges = new Map();
  for (const { ref, dependsOn = [] } of [...worker.dependencies, ...check.dependencies, ...tools.dependencies]) {
    edges.set(ref, new Set([...(edges.get(ref) ?? []), ...dependsOn]));
  }
  for (const ref of [...tools.roots, `rust-std@${rust}`, `wasm-bindgen-cli@${wasmBindgen}`, check.metadata.component["bom-ref"]]) edges.get(self).add(ref);

  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      timestamp: new Date(seconds * 1000).toISOString(),
      // npm is not pinned, and its version would change the archive.
      tools: [...crates[0].metadata.tools, ...npm.metadata.tools.map(({ vendor, name }) => ({ vendor, name }))],
      component: {
        type: "application",
        "bom-ref": self,
        name: NAME,
        version,
        licenses: LICENCE,
        components: Object.entries(files).map(([name, data]) => ({ type: "file", name, hashes: [{ alg: "SHA-256", content: createHash("sha256").update(data).digest("hex") }] })),
      },
      properties: [{ name: `${NAME}:commit`, value: commit }],
    },
    components: sorted([...components.values()], (each) => each["bom-ref"]),
    dependencies: sorted([...edges], ([ref]) => ref).map(([ref, on]) => ({ ref, dependsOn: [...on].toSorted() })),
  };
  return `${JSON.stringify(bill, null, 1)}\n`;
}

/** Returns the errors that CycloneDX's validator finds in `bill`, or null. */
export const validationErrors = (bill) => new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(bill);

const sorted = (items, key) => items.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
const fullName = ({ group, name }) => (group ? `${group}/${name}` : name);

/** Returns a crate's bill without the paths of this machine. */
function withoutLocalPaths(bill, version) {
  const text = JSON.stringify(bill, (key, value) => (key === "purl" && /download_url=file:/.test(value) ? undefined : value));
  // A crate of this repository: path+file:///folder#name@version, or without the name if the folder has it.
  const names = text.replaceAll(/path\+file:[^"#]*?([\w-]+)#(?:([\w-]+)@)?[^"\s]+/g, (_, folder, name) => `${name ?? folder}@${version}`);
  return JSON.parse(names);
}

/** Returns the components of a bill that `roots` depend on, including `roots`, and their dependencies. */
function reachable({ components, dependencies }, roots) {
  const edges = new Map(dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  const found = new Set();
  const visit = (ref) => {
    if (found.has(ref)) return;
    found.add(ref);
    for (const next of edges.get(ref) ?? []) visit(next);
  };
  for (const root of roots) visit(root);
  return {
    roots,
    components: components.filter((each) => found.has(each["bom-ref"])),
    dependencies: dependencies.filter(({ ref }) => found.has(ref)),
  };
}
