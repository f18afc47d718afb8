// `make key`: the key that is shown is the one whose hash is shown, and no two runs give the same.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const made = () => {
  const told = execFileSync(process.execPath, [fileURLToPath(new URL("key.mjs", import.meta.url))], { encoding: "utf8" });
  const [key] = /\brgw_[\w-]{43}$/m.exec(told) ?? assert.fail(told);
  const [, hash] = /^ {2}api_key_sha256 = \["([0-9a-f]{64})"\]$/m.exec(told) ?? assert.fail(told);
  return { key, hash };
};

test("a key comes with its SHA-256, in the form that CALLERS takes", () => {
  const keys = [made(), made()];
  for (const { key, hash } of keys) assert.equal(createHash("sha256").update(key).digest("hex"), hash);
  assert.notEqual(keys[0].key, keys[1].key);
});
