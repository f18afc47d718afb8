// Checks that this repository pins its dependencies: packages by their hash, tools by an exact version, actions by a
// commit. scripts/deny.sh checks the crates' licences and sources.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { load } from "js-yaml";

import { files } from "./prose/markdown.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path) => readFileSync(join(root, path), "utf8");
const yaml = (path) => load(read(path));

/** Returns the paths of the files of that name, below the root. */
const filesNamed = (name) => files(root, [name]).filter((path) => basename(path) === name);

const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

for (const path of filesNamed("package-lock.json")) {
  const folder = dirname(path);
  const lock = JSON.parse(read(path));
  const manifest = JSON.parse(read(join(folder, "package.json")));
  const packages = Object.entries(lock.packages).filter(([place]) => place !== "");

  describe(path, () => {
    test("pins each package by its hash, and names no registry host", () => {
      assert.equal(lock.lockfileVersion, 3);
      assert.ok(packages.length > 0);
      for (const [place, entry] of packages) {
        assert.match(place, /^(node_modules\/(@[\w.-]+\/)?[\w.-]+\/?)+$/);
        assert.match(entry.version, EXACT, place);
        assert.match(entry.integrity ?? "", /^sha512-[\w+/]{86}==$/, place);
        for (const member of ["resolved", "link", "inBundle"]) assert.equal(entry[member], undefined, `${place}: ${member}`);
      }
    });

    test("has exact versions", () => {
      for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
        for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
          assert.match(version, EXACT, name);
          assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name);
        }
      }
    });

    test("is installed without install scripts, and names no registry host", () => {
      const settings = read(join(folder, ".npmrc")).split("\n");
      for (const setting of ["ignore-scripts=true", "omit-lockfile-registry-resolved=true"]) assert.ok(settings.includes(setting), setting);
    });
  });
}

for (const path of filesNamed("Cargo.lock")) {
  test(`${path} pins each crate by its hash, and has only crates of crates.io`, () => {
    const crates = read(path).split("\n[[package]]\n").slice(1).filter((crate) => crate.includes("\nsource = "));
    assert.ok(crates.length > 0);
    for (const crate of crates) {
      assert.match(crate, /\nsource = "registry\+https:\/\/github\.com\/rust-lang\/crates\.io-index"\n/);
      assert.match(crate, /\nchecksum = "[0-9a-f]{64}"\n/);
    }
  });
}

describe("the tools", () => {
  test("of Rust have exact versions", () => {
    assert.match(/channel = "(.*)"/.exec(read("rust-toolchain.toml"))[1], EXACT);
    // The Makefile reads the version of the wasm-bindgen tool here.
    for (const crate of ["wasm-bindgen", "worker"]) assert.match(read("Cargo.toml"), new RegExp(`^${crate} = .*"=\\d+\\.\\d+\\.\\d+"`, "m"));
  });

  test("that the Makefile installs have exact versions", () => {
    const makefile = read("Makefile");
    const calls = (script) => [...makefile.matchAll(new RegExp(`scripts/${script}\\.sh "\\$\\(TOOLS\\)" (.*)`, "g"))].map(([, rest]) => rest);
    const value = (name) => new RegExp(`^${name} := (.*)$`, "m").exec(makefile)?.[1];
    const ofCargo = calls("cargo-tools").flatMap((crates) => crates.split(" "));
    const ofPython = calls("python").map((rest) => /^"\$\((\w+)\)"/.exec(rest)?.[1]);
    assert.ok(ofCargo.length > 0 && ofPython.length > 0);
    for (const crate of ofCargo) {
      const [, name] = /^[\w-]+@\$\(([A-Z_]+)\)$/.exec(crate) ?? assert.fail(crate);
      // The tool must have the version of the crate.
      if (name === "WASM_BINDGEN") assert.match(value(name), /^\$\(shell sed .*\^wasm-bindgen = .* Cargo\.toml\)$/);
      else assert.match(value(name), EXACT, name);
    }
    for (const name of ofPython) assert.match(value(name), /^[\w-]+==\d+\.\d+\.\d+$/, name);
  });
});

/** Jobs that may write. They run no code of this repository or of a package. */
const WRITERS = { "release publish": { attestations: "write", contents: "write", "id-token": "write" } };

describe("the workflows", () => {
  const workflows = readdirSync(join(root, ".github/workflows")).map((name) => join(".github/workflows", name));

  for (const path of workflows) {
    const workflow = yaml(path);
    const jobs = Object.entries(workflow.jobs);
    const steps = jobs.flatMap(([, job]) => job.steps);

    test(`${path} pins each action to a commit, and names its version`, () => {
      const uses = [...read(path).matchAll(/^.*\buses:.*$/gm)].map(([line]) => line.trim());
      assert.equal(uses.length, steps.filter((step) => step.uses).length);
      for (const line of uses) assert.match(line, /^(- )?uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      // Each action has one commit. A second one was forgotten in an update.
      const commits = new Set(uses.map((line) => line.split("uses: ")[1]));
      assert.equal(new Set([...commits].map((action) => action.split("@")[0])).size, commits.size);
    });

    test(`${path} has read permission, and only a job without repository or package code may write`, () => {
      assert.deepEqual(workflow.permissions, { contents: "read" });
      assert.equal(workflow.on.pull_request_target, undefined);
      assert.equal(workflow.on.workflow_run, undefined);
      for (const [name, job] of jobs) {
        assert.equal(typeof job["timeout-minutes"], "number", name);
        const permissions = WRITERS[`${workflow.name} ${name}`];
        assert.deepEqual(job.permissions, permissions, name);
        if (permissions === undefined) continue;
        for (const { uses, run } of job.steps) assert.match(uses ?? run, /^(actions\/(download-artifact|attest-build-provenance)@|gh release create )/);
        // The environment names the people who must approve.
        assert.equal(typeof job.environment, "string");
      }
      for (const step of steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"))) assert.equal(step.with?.["persist-credentials"], false);
      assert.doesNotMatch(read(path), /secrets\./);
      // No command contains a text of others, such as the title of a pull request.
      for (const step of steps.filter(({ run }) => run)) assert.doesNotMatch(step.run, /\$\{\{/);
    });

    test(`${path} has an exact version of Node`, () => {
      for (const step of steps.filter(({ uses }) => uses?.startsWith("actions/setup-node@"))) assert.match(String(step.with["node-version"]), EXACT);
    });
  }

  test("run all tests for each change, and look for known vulnerabilities every week", () => {
    const { on, jobs } = yaml(".github/workflows/ci.yml");
    const commands = ({ steps }) => steps.map(({ run }) => run).filter(Boolean);
    assert.ok("push" in on && "pull_request" in on && on.schedule.length > 0);
    assert.deepEqual(commands(jobs.test), ["make test"]);
    assert.deepEqual(commands(jobs.audit), ["make audit"]);
    assert.equal(jobs.audit.if, undefined);
  });

  test("build a release for each version tag, compare it with a second build, and attest it", () => {
    const { on, jobs } = yaml(".github/workflows/release.yml");
    assert.deepEqual(on, { push: { tags: ["v*"] } });
    const [first, second] = jobs.build.steps.map(({ run }) => run).filter(Boolean);
    assert.match(first, /^make release TAG="\$GITHUB_REF_NAME"$/);
    assert.match(second, /^CARGO_HOME=\S+ make verify-release ARCHIVE=/);
    assert.ok(!jobs.build.steps.some(({ uses }) => uses?.startsWith("actions/cache@")), "a cache could contain code that the tag does not pin");
    assert.equal(jobs.publish.needs, "build");
    const attested = jobs.publish.steps.find(({ uses }) => uses?.startsWith("actions/attest-build-provenance@"));
    assert.equal(attested.with["subject-checksums"], "release/SHA256SUMS");
  });

  test("dependabot updates every lock file and the actions", () => {
    const { updates } = yaml(".github/dependabot.yml");
    const folders = (ecosystem) => updates.filter((update) => update["package-ecosystem"] === ecosystem).flatMap((update) => update.directories ?? update.directory).toSorted();
    const locked = (name) => filesNamed(name).map((path) => join("/", dirname(path))).toSorted();
    assert.deepEqual(folders("github-actions"), ["/"]);
    assert.deepEqual(folders("cargo"), locked("Cargo.lock"));
    assert.deepEqual(folders("npm"), locked("package-lock.json"));
  });
});

describe("the licence", () => {
  test("is the same in every file, and its texts exist", () => {
    const licence = "MIT OR Apache-2.0";
    assert.match(read("Cargo.toml"), new RegExp(`^license = "${licence}"$`, "m"));
    for (const path of filesNamed("package.json")) assert.equal(JSON.parse(read(path)).license, licence, path);
    assert.match(read("LICENSE-MIT"), /^MIT License\n\nCopyright \(c\) 2026 The remediation gateway authors\n/);
    assert.match(read("LICENSE-APACHE"), /^\s+Apache License\n\s+Version 2\.0, January 2004\n/);
    for (const path of ["LICENSE-MIT", "LICENSE-APACHE"]) assert.ok(read("README.md").includes(`](${path})`), path);
  });
});

test("the changelog has this version", () => {
  const version = /^version = "(.*)"$/m.exec(read("Cargo.toml"))[1];
  const [latest] = [...read("CHANGELOG.md").matchAll(/^## \[(.*?)\]/gm)].map((match) => match[1]).filter((name) => name !== "Unreleased");
  assert.equal(latest, version);
});
