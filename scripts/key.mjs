// Prints a new API key for a caller, and the SHA-256 of it that goes into CALLERS. The gateway never holds the key itself.
import { createHash, randomBytes } from "node:crypto";

// 256 bits: past guessing, so that a plain hash is enough to keep. The prefix is for scanners that look for leaked secrets.
const key = `rgw_${randomBytes(32).toString("base64url")}`;
const hash = createHash("sha256").update(key).digest("hex");

console.log(`The key, for the caller alone (X-API-Key: …, or the password of Basic). It is shown only now:

  ${key}

Its SHA-256, for this caller's table in CALLERS (wrangler.toml):

  api_key_sha256 = ["${hash}"]

To rotate, list the old and the new hash together, and drop the old one when nobody uses it any more.`);
