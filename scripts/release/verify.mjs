// Builds the commit of this checkout in another folder, and compares the release with an archive:
// node scripts/release/verify.mjs <archive>
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { differences } from "./archive.mjs";
import { archiveName, git, root, versionOf } from "./ready.mjs";

const [path] = process.argv.slice(2);
if (!path) {
  console.error("usage: make verify-release ARCHIVE=<file>");
  process.exit(1);
}
if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
  console.error(`error: ${path} is not a file`);
  process.exit(1);
}
const archive = readFileSync(resolve(path));
const folder = mkdtempSync(join(tmpdir(), "verify-release-"));
try {
  const clone = join(folder, "clone");
  git("clone", "--quiet", "--no-local", root, clone);
  // The flags of an outer `make` are not for this `make`.
  const { MAKEFLAGS, MAKELEVEL, MFLAGS, CARGO_TARGET_DIR, ...env } = process.env;
  const { status } = spawnSync("make", ["--no-print-directory", "release"], { cwd: clone, stdio: "inherit", env });
  if (status === 0) compare(clone);
  else process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Reports whether the release that was built in `clone` equals the archive. */
function compare(clone) {
  const version = versionOf((name) => readFileSync(join(clone, name), "utf8"));
  const rebuilt = readFileSync(join(clone, "build", "release", archiveName(version)));
  const found = differences(archive, rebuilt);
  if (found.length === 0) {
    const sum = createHash("sha256").update(archive).digest("hex");
    console.log(`==> ${path} is the release of ${git("rev-parse", "HEAD").trim()}. Its SHA-256 is ${sum}.`);
    return;
  }
  console.error(`error: ${path} is not the release of this commit:\n${found.map((each) => `  ${each}`).join("\n")}`);
  process.exitCode = 1;
}
