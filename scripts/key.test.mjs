// Tests `make key`: the printed hash is the hash of the printed key, and each run prints another key.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const makeKey = () => {
  const printed = execFileSync(process.execPath, [fileURLToPath(new URL("key.mjs", import.meta.url))], { encoding: "utf8" });
  const [key] = /\brgw_[\w-]{43}$/m.exec(printed) ?? assert.fail(printed);
  const [, hash] = /^ {2}api_key_sha256 = \["([0-9a-f]{64})"\]$/m.exec(printed) ?? assert.fail(printed);
  return { key, hash };
};

test("a key is printed with its SHA-256 in the format of CALLERS", () => {
  const keys = [makeKey(), makeKey()];
  for (const { key, hash } of keys) assert.equal(createHash("sha256").update(key).digest("hex"), hash);
  assert.notEqual(keys[0].key, keys[1].key);
});
