// Tests of the checks and the contents of `make release`. The tools that list the crates and packages run only in
// `make release` itself.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";

import { differences, pack, withSums } from "./release/archive.mjs";
import { contents } from "./release/contents.mjs";
import { licences, linkedCrates } from "./release/licences.mjs";
import { git, root, releaseErrors, versionOf } from "./release/ready.mjs";
import { merge, validationErrors } from "./release/sbom.mjs";

const folder = mkdtempSync(join(tmpdir(), "release-"));
after(() => rmSync(folder, { recursive: true }));
const read = (path) => readFileSync(join(root, path));
const text = (path) => read(path).toString("utf8");
const version = versionOf(text);

describe("a release", () => {
  const json = (path, change) => {
    const value = JSON.parse(text(path));
    change(value);
    return JSON.stringify(value);
  };
  const contact = { name: "Northwind", url: "https://northwind.net", email: "security@northwind.net" };
  const metadata = (value, name) => value["x-ms-connector-metadata"].find(({ propertyName }) => propertyName === name);
  const readme = (path) => text(path).replaceAll(/githubusercontent\.com%2F\S+?%2Fplaybooks/g, "githubusercontent.com%2Fnorthwind%2Fgateway%2Fv1%2Fplaybooks");
  /** Changed files of this repository, with which a release is possible. */
  const releasableFiles = {
    "CHANGELOG.md": `# Changelog\n\n## [Unreleased]\n\n## [${version}] - 2026-12-01\n\n- Something.\n`,
    "SECURITY.md": text("SECURITY.md").replace(/<\S+@\S+>(?:\. That address is a placeholder\. The repository's owner replaces it before the first release)?/, "<security@northwind.net>"),
    "README.md": text("README.md").replace(", and it is not released", ""),
    "connector/apiDefinition.swagger.json": json("connector/apiDefinition.swagger.json", (value) => {
      value.info.contact = contact;
      for (const name of ["Website", "Privacy policy"]) metadata(value, name).propertyValue = "https://northwind.net";
    }),
    "connector/apiProperties.json": json("connector/apiProperties.json", (value) => (value.properties.publisher = "Northwind")),
    "playbooks/remediate-http/readme.md": readme("playbooks/remediate-http/readme.md"),
    "playbooks/remediate-incident/readme.md": readme("playbooks/remediate-incident/readme.md"),
  };
  const errorsOf = (files, tag) => releaseErrors((path) => files[path] ?? text(path), tag);

  test("is possible when each field is filled in", () => {
    assert.deepEqual(errorsOf(releasableFiles, `v${version}`), []);
  });

  const changed = (path, from, to) => ({ ...releasableFiles, [path]: releasableFiles[path].replace(from, to) });
  const withDefinition = (change) => {
    const value = JSON.parse(releasableFiles["connector/apiDefinition.swagger.json"]);
    change(value);
    return { ...releasableFiles, "connector/apiDefinition.swagger.json": JSON.stringify(value) };
  };
  const planted = {
    "the address for vulnerabilities is a placeholder": [changed("SECURITY.md", "security@northwind.net", "security@example.invalid"), /^SECURITY\.md: Report a vulnerability: security@example\.invalid is a placeholder/],
    "there is no address for vulnerabilities": [changed("SECURITY.md", "<security@northwind.net>", "us"), /^SECURITY\.md: Report a vulnerability: must name the address/],
    "the policy mentions a placeholder": [changed("SECURITY.md", "Report it privately", "That address is a placeholder. Report it privately"), /^SECURITY\.md: .*remove the sentence/],
    "the connector has no publisher": [{ ...releasableFiles, "connector/apiProperties.json": text("connector/apiProperties.json") }, /^connector: publisher: still has the example "Contoso"/],
    "the connector's contact has no name": [withDefinition(({ info }) => (info.contact.name = "Contoso")), /^connector: info\.contact\.name: /],
    "the connector's contact has no URL": [withDefinition(({ info }) => (info.contact.url = "https://contoso.com")), /^connector: info\.contact\.url: /],
    "the connector's contact has no email": [withDefinition(({ info }) => (info.contact.email = "security@contoso.com")), /^connector: info\.contact\.email: /],
    "the connector has no website": [withDefinition((value) => (metadata(value, "Website").propertyValue = "https://contoso.com")), /^connector: Website: /],
    "the connector has no privacy policy": [withDefinition((value) => (metadata(value, "Privacy policy").propertyValue = "https://contoso.com")), /^connector: Privacy policy: /],
    "a playbook's button has no repository": [{ ...releasableFiles, "playbooks/remediate-http/readme.md": text("playbooks/remediate-http/readme.md") }, /^playbooks\/remediate-http\/readme\.md: the button/],
    "the version has no date": [changed("CHANGELOG.md", "2026-12-01", "not released yet"), /^CHANGELOG\.md: ## \[.*\] must end with the date/],
    "the version is not in the changelog": [changed("CHANGELOG.md", `[${version}]`, "[9.9.9]"), /^CHANGELOG\.md: ## \[.*\] must end with the date/],
    "changes are not in the version": [changed("CHANGELOG.md", "[Unreleased]\n", "[Unreleased]\n\n- More.\n"), /^CHANGELOG\.md: ## \[Unreleased\] has entries/],
    "the README still says that nothing is released": [changed("README.md", "services", "services, and it is not released"), /^README\.md: remove/],
    "the package has another version": [{ ...releasableFiles, "package.json": json("package.json", (value) => (value.version = "9.9.9")) }, /^package\.json: version is 9\.9\.9/],
    "the package's lock file has another version": [{ ...releasableFiles, "package-lock.json": json("package-lock.json", (value) => (value.version = "9.9.9")) }, /^package-lock\.json: version is 9\.9\.9/],
    "the OpenAPI document has another version": [{ ...releasableFiles, "src/openapi.json": json("src/openapi.json", ({ info }) => (info.version = "9.9.9")) }, /^src\/openapi\.json: info\.version is 9\.9\.9/],
  };
  for (const [name, [files, expected]] of Object.entries(planted)) {
    test(`is rejected if ${name}`, () => {
      const found = errorsOf(files, `v${version}`);
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found[0], expected);
    });
  }

  test("is rejected if the tag is of another version", () => assert.match(errorsOf(releasableFiles, "v9.9.9").join(), /^Cargo\.toml: version is .*, but the tag is v9\.9\.9$/));
});

describe("the archive", () => {
  const files = { "b/two.txt": "2".repeat(513), "a.txt": "one", "c": Buffer.alloc(512, 3) };
  const archive = pack("gateway-1.0.0", files, 1_700_000_000);

  test("is the same for the same files in any order", () => {
    const reversed = Object.fromEntries(Object.entries(files).toReversed());
    assert.ok(archive.equals(pack("gateway-1.0.0", reversed, 1_700_000_000)));
  });

  test("is read by tar, with one time and no owner", () => {
    const path = join(folder, "archive.tar.gz");
    writeFileSync(path, archive);
    const listed = execFileSync("tar", ["-tvzf", path], { encoding: "utf8", env: { ...process.env, TZ: "UTC", LC_ALL: "C" } }).trimEnd().split("\n");
    assert.deepEqual(listed.map((line) => line.split(" ").at(-1)), ["a.txt", "b/two.txt", "c"].map((name) => `gateway-1.0.0/${name}`));
    for (const line of listed) assert.match(line, /^-rw-r--r-- +(?:0\/0|0 +0 +0) .*(?:2023-11-14 22:13|Nov 14 +2023)/);
    execFileSync("tar", ["-xzf", path, "-C", folder]);
    for (const [name, content] of Object.entries(files)) assert.ok(readFileSync(join(folder, "gateway-1.0.0", name)).equals(Buffer.from(content)), name);
  });

  test("lists the sum of each file", () => {
    const sum = createHash("sha256").update("one").digest("hex");
    assert.match(withSums(files).SHA256SUMS, new RegExp(`^${sum}  a\\.txt\n[0-9a-f]{64}  b/two\\.txt\n[0-9a-f]{64}  c\n$`));
  });

  test("rejects a name that is too long for the format", () => assert.throws(() => pack("x".repeat(90), { "long-name.txt": "" }, 0), /longer than the 100 bytes/));

  test("equals a rebuilt archive with another compression", () => {
    assert.deepEqual(differences(archive, archive), []);
    assert.deepEqual(differences(gzipSync(gunzipSync(archive), { level: 1 }), archive), []);
  });

  const packChanged = (change, seconds = 1_700_000_000) => pack("gateway-1.0.0", { ...files, ...change }, seconds);
  for (const [name, altered, expected] of [
    ["a changed file", packChanged({ "a.txt": "One" }), /^gateway-1\.0\.0\/a\.txt: [0-9a-f]{64} in the archive, [0-9a-f]{64} rebuilt$/],
    ["a further file", packChanged({ "d.txt": "" }), /^gateway-1\.0\.0\/d\.txt: only in the archive$/],
    ["a missing file", pack("gateway-1.0.0", { "a.txt": "one", c: files.c }, 1_700_000_000), /^gateway-1\.0\.0\/b\/two\.txt: not in the archive$/],
    ["another time", packChanged({}, 1_700_000_001), /the files are equal, but their order, time or owner differs/],
  ]) {
    test(`with ${name} differs from the rebuilt archive`, () => assert.match(differences(altered, archive).join(), expected));
  }
});

describe("the archive's files", () => {
  const tracked = git("ls-files", "-z").split("\0").filter(Boolean);
  const files = contents(tracked, read);

  test("include the operators' files, and neither tests nor sources", () => {
    for (const path of ["README.md", "SECURITY.md", "LICENSE-MIT", "docs/deploy.md", "docs/operate/lines.kql", "playbooks/remediate-incident/azuredeploy.json", "connector/apiProperties.json", "src/openapi.json", "scripts/deploy.mjs", "scripts/key.mjs", "wrangler.toml", "package.json", "package-lock.json", ".npmrc"]) {
      assert.ok(files[path], path);
    }
    assert.deepEqual(Object.keys(files).filter((path) => /\.test\.mjs$|\.rs$|^Makefile$|^Cargo|^\.github|^CONTRIBUTING|^bench/.test(path)), []);
  });

  test("install only the packages that deploy, and have no build command", () => {
    assert.match(files[".npmrc"], /^omit=dev$/m);
    assert.match(files[".npmrc"], /^ignore-scripts=true$/m);
    assert.match(files[".npmrc"], /^loglevel=error$/m);
    assert.deepEqual(Object.keys(JSON.parse(files["package.json"]).dependencies), ["wrangler"]);
    assert.doesNotMatch(files["wrangler.toml"], /\[build\]|make --no-print-directory/);
    // The rest is unchanged, such as the comment of the next table.
    const [before, build] = text("wrangler.toml").split("[build]\n");
    assert.equal(files["wrangler.toml"], before + build.slice(build.indexOf("\n\n") + 2));
  });

  test("link only to each other", () => {
    for (const [page, content] of Object.entries(files).filter(([path]) => path.endsWith(".md"))) {
      for (const [, link] of String(content).matchAll(/\]\(([^)#\s]+)/g)) {
        if (/^\w+:/.test(link)) continue;
        const target = join(page, "..", link).replace(/\/$/, "");
        assert.ok(Object.keys(files).some((path) => path === target || path.startsWith(`${target}/`)), `${page}: ${link}`);
      }
    }
    const pages = { "README.md": "[one\ntwo](src/lib.rs#x), [docs](docs/), [web](https://a.b), [policy](SECURITY.md#promises)", "docs/deploy.md": "", "SECURITY.md": "" };
    const packed = contents([...Object.keys(pages), "wrangler.toml"], (path) => Buffer.from(pages[path] ?? "[build]\n\n"));
    assert.equal(packed["README.md"], "one\ntwo, [docs](docs/), [web](https://a.b), [policy](SECURITY.md#promises)");
  });

  test("are rejected without exactly one table [build]", () => {
    assert.throws(() => contents(["wrangler.toml", ".npmrc"], (path) => Buffer.from(path === "wrangler.toml" ? "name = 1\n" : "")), /must have one table \[build\]/);
  });
});

describe("the licences", () => {
  const crate = (name, more) => ({ id: name, name, version: "1.0.0", license: "MIT OR Apache-2.0", source: "registry", manifest_path: `/crates/${name}/Cargo.toml`, ...more });
  const edge = (pkg, kind = null) => ({ pkg, dep_kinds: [{ kind, target: null }] });
  const metadata = {
    packages: [crate("gateway", { source: null }), crate("one"), crate("two"), crate("builds"), crate("tests")],
    resolve: {
      nodes: [
        { id: "gateway", deps: [edge("one"), edge("builds", "build"), edge("tests", "dev")] },
        { id: "one", deps: [edge("two")] },
        ...["two", "builds", "tests"].map((id) => ({ id, deps: [] })),
      ],
    },
  };
  const nameOf = ({ name }) => name;
  const fileSystemOf = (texts) => ({
    readdir: (path) => Object.keys(texts[path] ?? {}).map((name) => ({ name, isFile: () => true })),
    read: (path) => Object.entries(texts).flatMap(([at, each]) => Object.entries(each).filter(([name]) => join(at, name) === path))[0][1],
  });

  test("cover only crates that are compiled into the Worker", () => assert.deepEqual(linkedCrates(metadata, ["gateway"]).map(nameOf), ["one", "two"]));

  test("list crates with the same text once, whatever its line breaks", () => {
    const all = licences([crate("one"), crate("two")], "apache", fileSystemOf({ "/crates/one": { "LICENSE-MIT": "Be\nfree." }, "/crates/two": { COPYING: "Be free.\n", "lib.rs": "code" } }));
    assert.equal(all.match(/Be\s+free\./g).length, 1);
    assert.match(all, /one 1\.0\.0 \(MIT OR Apache-2\.0\)\ntwo 1\.0\.0 \(MIT OR Apache-2\.0\)/);
  });

  test("have a text for each crate, or the build fails", () => {
    assert.match(licences([crate("one")], "The Apache text", fileSystemOf({})), /one 1\.0\.0[^]*The Apache text/);
    for (const license of ["MIT", "MIT AND Apache-2.0", null]) assert.throws(() => licences([crate("one", { license })], "The Apache text", fileSystemOf({})), /^Error: one 1\.0\.0 .* has no licence text$/, license);
  });
});

describe("the SBOM", () => {
  const component = (ref, name, more) => ({ type: "library", "bom-ref": ref, name, version: "1.0.0", scope: "required", ...more });
  const registry = (name) => `registry+https://github.com/rust-lang/crates.io-index#${name}@1.0.0`;
  const localRef = (path) => `path+file:///home/someone/clone${path}`;
  const self = `${localRef("")}#remediation-gateway@${version}`;
  const check = `${localRef("/scripts/deploy-check")}#${version}`;
  const tools = [{ vendor: "CycloneDX", name: "tool", version: "1.0.0" }];
  const purl = "pkg:cargo/local@1.0.0?download_url=file://.";
  const mergeInput = (change = () => {}) => {
    const all = {
      version,
      commit: "0".repeat(40),
      seconds: 1_700_000_000,
      rust: "1.95.0",
      wasmBindgen: "0.2.129",
      packages: ["wrangler"],
      files: { "build/index.js": "x" },
      crates: [
        {
          metadata: { tools, component: component(self, "remediation-gateway", { purl }) },
          components: [component(registry("serde"), "serde"), component(registry("macros"), "macros", { scope: "excluded" })],
          dependencies: [{ ref: self, dependsOn: [registry("serde")] }, { ref: registry("serde"), dependsOn: [registry("macros")] }, { ref: registry("macros") }],
        },
        {
          metadata: { tools, component: component(check, "deploy-check", { purl }) },
          components: [component(self, "remediation-gateway", { purl }), component(registry("toml"), "toml"), component(registry("serde"), "serde")],
          dependencies: [{ ref: check, dependsOn: [self, registry("toml")] }, { ref: self, dependsOn: [registry("serde")] }, { ref: registry("toml") }, { ref: registry("serde") }],
        },
      ],
      npm: {
        metadata: { tools },
        components: [component("wrangler@4", "wrangler"), component("workerd@1", "workerd"), component("linter@1", "linter")],
        dependencies: [{ ref: "wrangler@4", dependsOn: ["workerd@1"] }, { ref: "workerd@1" }, { ref: "linter@1" }],
      },
    };
    change(all);
    return all;
  };

  test("is valid, and separates the Worker's components from the build's", async () => {
    const bill = merge(mergeInput());
    assert.equal(await validationErrors(bill), null);
    const { components, dependencies, metadata } = JSON.parse(bill);
    const scopes = Object.fromEntries(components.map(({ name, scope }) => [name, scope]));
    assert.deepEqual(scopes, { serde: "required", "rust-std": "required", macros: "excluded", toml: "excluded", "deploy-check": "excluded", wrangler: "excluded", workerd: "excluded", "wasm-bindgen-cli": "excluded" });
    const refs = new Set([...components.map((each) => each["bom-ref"]), metadata.component["bom-ref"]]);
    for (const { ref, dependsOn } of dependencies) for (const each of [ref, ...dependsOn]) assert.ok(refs.has(each), each);
    assert.equal(metadata.component.components[0].hashes[0].content, createHash("sha256").update("x").digest("hex"));
    assert.equal(metadata.timestamp, "2023-11-14T22:13:20.000Z");
  });

  test("contains no folder name of the build machine", () => assert.doesNotMatch(merge(mergeInput()), /file:|someone/));

  test("is rejected by the validator if it has an error", async () => {
    for (const [from, to] of [['"type": "library"', '"type": "libary"'], ['"scope": "required"', '"scope": "needed"'], ['"SHA-256"', '"SHA-257"'], ['"bomFormat": "CycloneDX",', ""]]) {
      const bill = merge(mergeInput());
      assert.ok(bill.includes(from), from);
      assert.notEqual(await validationErrors(bill.replace(from, to)), null, from);
    }
  });

  test("is rejected without a package that deploys", () => assert.throws(() => merge(mergeInput(({ npm }) => npm.components.shift())), /npm's bill lacks one of wrangler/));
});

describe("the build", () => {
  /** Folders of this and other machines that a compiler could write into the code. */
  const FOLDERS = ["/home/", "/Users/", "/root/", "C:\\Users\\", "/.cargo/", "/.rustup/", "registry/src/", root, homedir(), process.env.CARGO_HOME].filter((each) => each?.length > 1);
  const foldersIn = (bytes) => FOLDERS.filter((each) => bytes.includes(each));
  const built = ["build", "build/deploy-check"].flatMap((path) => readdirSync(join(root, path)).filter((name) => /\.(?:js|wasm)$/.test(name)).map((name) => join(path, name)));

  test("leaves no folder name of the build machine in its output", () => {
    assert.ok(["build/index_bg.wasm", "build/deploy-check/deploy_check_bg.wasm"].every((path) => built.includes(path)), "run `make build` and `make deploy` first");
    for (const path of built) assert.deepEqual(foldersIn(read(path)), [], path);
    // The paths are there, without the folders.
    assert.ok(read("build/index_bg.wasm").includes("crates/serde_json-"));
  });

  test("fails on a repeated key, of which esbuild only warns by default", () => {
    const [override] = /--log-override:\S+/.exec(text("scripts/build.sh"));
    const bundle = (...flags) => spawnSync(join(root, "node_modules/.bin/esbuild"), ["--bundle", "--format=esm", ...flags], { input: "export default { key: 1, key: 2 };", encoding: "utf8" });
    const { status, stderr } = bundle(override);
    assert.notEqual(status, 0);
    assert.match(stderr, /Duplicate key "key" in object literal/);
    assert.equal(bundle().status, 0);
  });

  test("is searched for the machine's folders at any offset", () => {
    for (const path of ["src/lib.rs/home/ci/.cargo/registry/src/index/serde/src/lib.rs", `x${join(root, "src/lib.rs")}`, "C:\\Users\\me\\lib.rs", "/Users/me/lib.rs"]) {
      assert.notDeepEqual(foldersIn(Buffer.from(path)), [], path);
    }
    assert.deepEqual(foldersIn(Buffer.from("src/lib.rs/rustc/0123/library/core/src/fmt/mod.rs crates/serde-1.0.0/src/lib.rs")), []);
  });
});
