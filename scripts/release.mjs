// Packs a release of the built Worker into build/release/: node scripts/release.mjs <path of cargo-cyclonedx>
//
// The archive's bytes depend only on the commit and on the pinned tools, so that others can build and compare it.
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pack, withSums } from "./release/archive.mjs";
import { contents } from "./release/contents.mjs";
import { licences, linkedCrates } from "./release/licences.mjs";
import { archiveName, git, root, versionOf } from "./release/ready.mjs";
import { merge, validationErrors } from "./release/sbom.mjs";

const [cyclonedx] = process.argv.slice(2);
const CRATES = ["remediation-gateway", "deploy-check"];
const TARGET = "wasm32-unknown-unknown";
/** npm packages that build the Worker. The `dependencies` deploy it, and the other packages are for tests. */
const BUILDERS = ["binaryen", "esbuild"];

const read = (path) => readFileSync(join(root, path));
const text = (path) => read(path).toString("utf8");
const run = (command, args, options) => execFileSync(command, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, ...options });
const version = versionOf(text);
const commit = git("rev-parse", "HEAD").trim();
const seconds = Number(git("log", "-1", "--format=%ct"));
const compiler = run("rustc", ["--version", "--verbose"]);
const sysroot = run("rustc", ["--print", "sysroot"]).trim();

/**
 * Returns the bill of materials of each crate in `CRATES`. cargo-cyclonedx writes next to the sources, so this function
 * gives it a copy of them.
 */
function crateBoms() {
  const folder = mkdtempSync(join(tmpdir(), "release-sbom-"));
  try {
    execFileSync("tar", ["-x", "-C", folder], { input: execFileSync("git", ["archive", commit], { cwd: root, maxBuffer: 1 << 28 }) });
    const options = ["--format", "json", "--spec-version", "1.5", "--target", TARGET, "--override-filename", "sbom", "--quiet"];
    run(cyclonedx, ["cyclonedx", ...options], { cwd: folder });
    return ["sbom.json", "scripts/deploy-check/sbom.json"].map((path) => JSON.parse(readFileSync(join(folder, path), "utf8")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const built = ["build/index.js", "build/index_bg.wasm", "build/deploy-check/deploy_check.js", "build/deploy-check/deploy_check_bg.wasm"];
const npm = JSON.parse(run("npm", ["sbom", "--package-lock-only", "--sbom-format", "cyclonedx"]));
const manifest = JSON.parse(text("package.json"));
const sbom = merge({
  version,
  commit,
  seconds,
  crates: crateBoms(),
  npm,
  packages: [...BUILDERS, ...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)],
  files: Object.fromEntries(built.map((path) => [path, read(path)])),
  rust: /^release: (.*)$/m.exec(compiler)[1],
  wasmBindgen: /^wasm-bindgen = .*"=([\d.]+)"/m.exec(text("Cargo.toml"))[1],
});
const errors = await validationErrors(sbom);
if (errors) throw new Error(`the SBOM is not valid CycloneDX: ${JSON.stringify(errors)}`);

const metadata = JSON.parse(run("cargo", ["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]));
const tracked = git("ls-files", "-z").split("\0").filter(Boolean);
const files = {
  ...contents(tracked, read),
  ...Object.fromEntries(built.map((path) => [path, read(path)])),
  "licences/crates.txt": licences(linkedCrates(metadata, CRATES), text("LICENSE-APACHE")),
  "licences/rust-library.html": readFileSync(join(sysroot, "share", "doc", "rust", "COPYRIGHT-library.html")),
  "sbom.cdx.json": sbom,
};

const output = join(root, "build", "release");
rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const released = {
  [archiveName(version)]: pack(`remediation-gateway-${version}`, withSums(files), seconds),
  [`remediation-gateway-${version}.cdx.json`]: sbom,
};
for (const [name, data] of Object.entries(withSums(released))) writeFileSync(join(output, name), data);
for (const [name, data] of Object.entries(released)) {
  console.log(`${createHash("sha256").update(data).digest("hex")}  build/release/${name}`);
}
