// `make deploy` for an environment of a file outside the repository: all but the upload, with wrangler itself.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "deploy-"));
after(() => rmSync(folder, { recursive: true }));

const VALUES = {
  "host name of the gateway": "gateway.contoso.com",
  "tenant id": "aaaabbbb-0000-cccc-1111-dddd2222eeee",
  "client id of the gateway": "00001111-aaaa-2222-bbbb-3333cccc4444",
  "client id of the API": "11112222-bbbb-3333-cccc-4444dddd5555",
  "object id of the playbook's managed identity": "aaaaaaaa-bbbb-cccc-1111-222222222222",
  "SHA-256 of the key, from make key": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "domain of the mailboxes": "contoso.com",
};
const staging = Object.entries(VALUES)
  .reduce((text, [name, value]) => text.replaceAll(`<${name}>`, value), readFileSync(join(root, "wrangler.toml"), "utf8"))
  .replaceAll("env.production", "env.staging");

/** Runs `make deploy` with `text` as CONFIG, and returns how it ended and all that it printed. */
function deploy(text) {
  const config = join(folder, "gateway.toml");
  writeFileSync(config, text);
  const dry = ["--no-print-directory", "deploy", `CONFIG=${config}`, "ENV=staging", "WRANGLER_FLAGS=--dry-run"];
  // As from a shell, and not as from the `make` that runs the tests.
  const { MAKEFLAGS, MAKELEVEL, MFLAGS, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync("make", dry, { cwd: root, encoding: "utf8", env });
  return { status, output: stdout + stderr };
}

describe("make deploy CONFIG=… ENV=staging", () => {
  test("deploys that part, warns of nothing and leaves nothing beside the file", () => {
    const { status, output } = deploy(staging);
    assert.equal(status, 0, output);
    assert.match(output, /gateway\.toml: the staging part has no mistake/);
    assert.match(output, /env\.LEDGER \(Ledger\) .*Durable Object/);
    assert.match(output, /env\.GRAPH_URL \("https:\/\/graph\.microsoft\.com"\)/);
    assert.doesNotMatch(output, /warning/i);
    assert.deepEqual(readdirSync(folder), ["gateway.toml"]);
  });

  test("checks the file and the part that wrangler then deploys", () => {
    const { status, output } = deploy(staging.replace("[env.staging]\n", "[env.staging]\nworkers_dev = true\n"));
    assert.notEqual(status, 0);
    assert.match(output, /\n {2}workers_dev: must be false/);
    assert.doesNotMatch(output, /Total Upload/);
  });
});
