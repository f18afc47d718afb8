// Selects the files of the repository that a release has.

/** The files that operators need, without tests and sources. */
const INCLUDED = [
  /\.md$/,
  /^LICENSE-/,
  /^docs\/(?!.*\.test\.mjs$)/,
  /^playbooks\/[^/]+\/azuredeploy\.json$/,
  /^connector\/(?:api\w+(?:\.swagger)?\.json|icon\.png|(?:check|publish|zip)\.mjs)$/,
  /^src\/openapi\.json$/,
  /^scripts\/(?:deploy|key)\.mjs$/,
  /^(?:wrangler\.toml|package\.json|package-lock\.json|\.npmrc)$/,
];

/** Returns the released files of `tracked`, the paths of the repository. `read` returns the content of one. */
export function contents(tracked, read) {
  const files = Object.fromEntries(tracked.filter((path) => INCLUDED.some((each) => each.test(path))).map((path) => [path, read(path)]));
  // The archive has the built Worker, and no Makefile that could build it.
  files["wrangler.toml"] = withoutBuild(files["wrangler.toml"].toString("utf8"));
  // The packages for builds and tests stay out.
  files[".npmrc"] = `${files[".npmrc"]}omit=dev\n`;
  return files;
}

/** Returns `toml` without its table `[build]`. */
function withoutBuild(toml) {
  const table = /^\[build\]\n(?:(?!\[).*\n)*/gm;
  if (toml.match(table)?.length !== 1) throw new Error("wrangler.toml: needs one table [build]");
  return toml.replace(table, "");
}
