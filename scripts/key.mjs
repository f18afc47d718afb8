// Prints a new API key for a caller, and its SHA-256 for CALLERS. The gateway never holds the key itself.
import { createHash, randomBytes } from "node:crypto";

// A key of 256 random bits cannot be guessed, so a plain hash protects it. Scanners for leaked secrets recognise the
// prefix.
const key = `rgw_${randomBytes(32).toString("base64url")}`;
const hash = createHash("sha256").update(key).digest("hex");

console.log(`Give this key only to the caller (X-API-Key: …, or the password of Basic). It is not shown again:

  ${key}

Its SHA-256, for this caller's table in CALLERS (wrangler.toml):

  api_key_sha256 = ["${hash}"]

After a leak, replace the old hash. Otherwise, list both hashes until no client uses the old key.`);
