// Tests deployments of a file outside the repository with wrangler, without the upload: `make deploy` in a checkout,
// and `npm run deploy` in a release archive without Rust programs on the path.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { contents } from "./release/contents.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "deploy-"));
after(() => rmSync(folder, { recursive: true }));
const configFolder = join(folder, "values");
const archive = join(folder, "archive");
mkdirSync(configFolder);

const VALUES = {
  "host name of the gateway": "gateway.contoso.com",
  "tenant id": "aaaabbbb-0000-cccc-1111-dddd2222eeee",
  "client id of the gateway": "00001111-aaaa-2222-bbbb-3333cccc4444",
  "client id of the API": "11112222-bbbb-3333-cccc-4444dddd5555",
  "object id of the playbook's managed identity": "aaaaaaaa-bbbb-cccc-1111-222222222222",
  "SHA-256 of the key, from make key": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "domain of the mailboxes": "contoso.com",
};
const fillIn = (text) => Object.entries(VALUES)
  .reduce((before, [name, value]) => before.replaceAll(`<${name}>`, value), text)
  .replaceAll("env.production", "env.staging");

/** Returns `text` with its example of a rate limiter. */
const withRateLimiter = (text) => text.replaceAll(/^# (\[\[env\.staging\.ratelimits\]\]|name = "RATE_LIMITER"|namespace_id = .*|simple = .*)$/gm, "$1");

/** Runs a program with `text` as its configuration, and returns its exit status and output. */
function deploy(text, { cwd, command, env, args = ["--dry-run"] }) {
  const config = join(configFolder, "gateway.toml");
  writeFileSync(config, text);
  const [program, ...rest] = command(config, args);
  // The flags of an outer `make` are not for this program.
  const { MAKEFLAGS, MAKELEVEL, MFLAGS, ...clean } = { ...process.env, ...env };
  const { status, stdout, stderr } = spawnSync(program, rest, { cwd, encoding: "utf8", env: clean });
  return { status, output: stdout + stderr };
}

/** Returns a folder for the path that has neither Rust programs nor make. */
function pathWithoutRust() {
  const tools = join(folder, "bin");
  mkdirSync(tools, { recursive: true });
  const programs = { node: process.execPath, npm: execFileSync("sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim(), sh: "/bin/sh" };
  for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(tools, name));
  return tools;
}

const checkout = {
  cwd: root,
  text: fillIn(readFileSync(join(root, "wrangler.toml"), "utf8")),
  command: (config, args) => ["make", "--no-print-directory", "deploy", `CONFIG=${config}`, "ENV=staging", `WRANGLER_FLAGS=${args.join(" ")}`],
};

/** Writes the files of a release, and links the packages of the checkout, which the same lock file pins. */
function unpackRelease() {
  const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
  const files = contents(tracked, (path) => readFileSync(join(root, path)));
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(archive, name)), { recursive: true });
    writeFileSync(join(archive, name), data);
  }
  for (const path of ["build/index.js", "build/index_bg.wasm", "build/deploy-check"]) cpSync(join(root, path), join(archive, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(archive, "node_modules"));
  return {
    cwd: archive,
    text: fillIn(files["wrangler.toml"]),
    command: (config, args) => ["npm", "run", "deploy", "--", "--config", config, "--env", "staging", ...args],
    env: { PATH: pathWithoutRust() },
  };
}

const release = unpackRelease();

for (const [name, installation] of Object.entries({ "make deploy CONFIG=… ENV=staging": checkout, "npm run deploy in a release archive": release })) {
  const { text } = installation;

  describe(name, () => {
    test("deploys the environment without a warning, and writes no file next to the configuration", () => {
      const { status, output } = deploy(withRateLimiter(text), installation);
      assert.equal(status, 0, output);
      assert.match(output, /env\.RATE_LIMITER \(600 requests\/60s\)/);
      assert.match(output, /gateway\.toml: the staging part has no mistake/);
      assert.match(output, /The value of CLIENT_SECRET is not in it/);
      assert.match(output, /env\.LEDGER \(Ledger\) .*Durable Object/);
      assert.match(output, /env\.GRAPH_URL \("https:\/\/graph\.microsoft\.com"\)/);
      assert.match(output, /--dry-run: exiting now/);
      assert.doesNotMatch(output, /warning/i);
      assert.deepEqual(readdirSync(configFolder), ["gateway.toml"]);
    });

    test("checks the file and the environment that wrangler then deploys", () => {
      const invalid = text.replace("[env.staging]\n", "[env.staging]\nworkers_dev = true\n");
      const { status, output } = deploy(invalid, installation);
      assert.notEqual(status, 0);
      assert.match(output, /\n {2}workers_dev: must be false/);
      assert.doesNotMatch(output, /Total Upload/);
    });

    test("rejects flags that change what was checked, also those for the file and the environment", () => {
      for (const flag of ["--var", "--env", "--config", "--config=other.toml", "-c"]) {
        const { status, output } = deploy(text, { ...installation, args: ["--dry-run", flag, "x"] });
        assert.notEqual(status, 0, flag);
        assert.match(output, new RegExp(`\\n {2}${flag.split("=")[0]}: would change what was checked`), flag);
        assert.doesNotMatch(output, /Total Upload/);
      }
    });

    test("names a missing file", () => {
      const { status, output } = deploy(text, { ...installation, command: (config, args) => installation.command(join(configFolder, "other.toml"), args) });
      assert.notEqual(status, 0);
      assert.match(output, /^error: nothing was deployed\. .*other\.toml: ENOENT/m);
    });
  });
}

test("a configuration with [build] is rejected in a release archive", () => {
  const { status, output } = deploy(checkout.text, release);
  assert.notEqual(status, 0);
  assert.match(output, /\n {2}build\.command: must not be there\. Remove \[build\]/);
});
