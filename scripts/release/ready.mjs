// Rejects a release with placeholders, a version without a date, or uncommitted changes:
// node scripts/release/ready.mjs [<tag>]
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { PLACEHOLDER, PUBLISHER_FIELDS, placeholderFaults } from "../../connector/check.mjs";
import { isUnpublished } from "../../playbooks/publish.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });

/** Returns the name of a version's archive. */
export const archiveName = (version) => `remediation-gateway-${version}.tar.gz`;

/** Returns the version of the workspace. */
export const versionOf = (read) => /^version = "(.*)"$/m.exec(read("Cargo.toml"))[1];

/**
 * Returns an error for each field with a value that must not be released, and its correction. `read` returns the text
 * of a file. `tag` is the tag of the release, if there is one.
 */
export function releaseErrors(read, tag) {
  const version = versionOf(read);
  const found = [];
  const reject = (path, reason) => found.push(`${path}: ${reason}`);

  if (tag && tag !== `v${version}`) reject("Cargo.toml", `version is ${version}, but the tag is ${tag}`);
  for (const [path, field, other] of [
    ["src/openapi.json", "info.version", JSON.parse(read("src/openapi.json")).info.version],
    ["package.json", "version", JSON.parse(read("package.json")).version],
    ["package-lock.json", "version", JSON.parse(read("package-lock.json")).version],
  ]) {
    if (other !== version) reject(path, `${field} is ${other}. Write ${version}.`);
  }

  const changes = read("CHANGELOG.md");
  const entry = new RegExp(`^## \\[${version.replaceAll(".", "\\.")}\\](.*)$`, "m").exec(changes);
  if (!/^ - \d{4}-\d\d-\d\d$/.test(entry?.[1] ?? "")) reject("CHANGELOG.md", `## [${version}] must end with the date of the release: - YYYY-MM-DD`);
  const unreleased = changes.split(/^## /m).find((section) => section.startsWith("[Unreleased]")) ?? "";
  if (unreleased.includes("\n- ")) reject("CHANGELOG.md", `## [Unreleased] has entries. Move them to ## [${version}].`);

  const report = read("SECURITY.md").split(/^## /m).find((section) => section.startsWith("Report a vulnerability")) ?? "";
  const contact = /<([^>\s]+@[^>\s]+)>/.exec(report)?.[1];
  if (contact === undefined) reject("SECURITY.md", "Report a vulnerability: must name the address that receives reports, as <name@domain>");
  else if (PLACEHOLDER.test(contact)) reject("SECURITY.md", `Report a vulnerability: ${contact} is a placeholder. Write the address that receives reports.`);
  if (/placeholder/i.test(report)) reject("SECURITY.md", "Report a vulnerability: remove the sentence about the placeholder");

  if (read("README.md").includes("it is not released")) reject("README.md", 'remove "it is not released"');

  const [definition, properties] = ["apiDefinition.swagger.json", "apiProperties.json"].map((name) => JSON.parse(read(`connector/${name}`)));
  for (const placeholder of placeholderFaults(definition, properties, PUBLISHER_FIELDS)) {
    reject("connector", placeholder);
  }
  for (const folder of ["remediate-http", "remediate-incident"]) {
    const path = `playbooks/${folder}/readme.md`;
    if (isUnpublished(read(path))) reject(path, `the button has no repository. Run: node playbooks/publish.mjs <owner>/<repository> v${version}`);
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [tag] = process.argv.slice(2);
  const found = releaseErrors((path) => readFileSync(join(root, path), "utf8"), tag);
  const changed = git("status", "--porcelain").trimEnd();
  if (changed) found.push(`git: commit or remove these changes first:\n${changed.replaceAll(/^/gm, "    ")}`);
  if (found.length > 0) {
    console.error(`error: nothing was released. Correct these:\n${found.map((each) => `  ${each}`).join("\n")}`);
    process.exit(1);
  }
}
