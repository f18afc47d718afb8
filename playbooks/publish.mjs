// Writes the address of a public repository into the Deploy to Azure buttons:
// node playbooks/publish.mjs <owner>/<repository> [<branch or tag>]
//
// Without an argument it reports the buttons that still have the placeholder, and fails if there are any.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { REPOSITORY_PLACEHOLDER } from "./check/gallery.mjs";

export const READMES = ["remediate-http", "remediate-incident"].map(
  (folder) => new URL(`${folder}/readme.md`, import.meta.url),
);
const LINK = /(https%3A%2F%2Fraw\.githubusercontent\.com%2F)(\S+?)(%2Fplaybooks%2F)/g;

/** Returns `readme` with buttons that deploy the template of `repository`. */
export function withRepository(readme, repository, reference) {
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) throw new Error(`${repository} is not <owner>/<repository>`);
  if (!/^[\w.-]+$/.test(reference)) throw new Error(`${reference} is not a branch or tag without a slash`);
  return readme.replace(
    LINK,
    (_, before, _address, after) => `${before}${encodeURIComponent(`${repository}/${reference}`)}${after}`,
  );
}

/** Returns whether a button still has the placeholder. */
export const isUnpublished = (readme) => readme.includes(encodeURIComponent(REPOSITORY_PLACEHOLDER));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [repository, reference = "main"] = process.argv.slice(2);
  for (const readme of READMES) {
    const text = readFileSync(readme, "utf8");
    if (repository) writeFileSync(readme, withRepository(text, repository, reference));
    else if (isUnpublished(text)) {
      process.exitCode = 1;
      console.error(
        `${fileURLToPath(readme)}: the button has no repository. Run: node playbooks/publish.mjs <owner>/<repository> <tag>`,
      );
    }
  }
}
