// Selects the files of the repository for a release.
import { dirname, normalize } from "node:path/posix";

/** Files that operators need, without sources, tests, and pages for contributors. */
const INCLUDED = [
  /^(?:README|CHANGELOG|SECURITY)\.md$/,
  /^LICENSE-/,
  /^docs\/(?!release\.md$|.*\.test\.mjs$)/,
  /^playbooks\/(?:[^/]+\/)?(?:readme\.md|azuredeploy\.json)$/,
  /^connector\/(?:readme\.md|api\w+(?:\.swagger)?\.json|icon\.png|(?:check|publish|zip)\.mjs)$/,
  /^src\/openapi\.json$/,
  /^scripts\/(?:deploy|key)\.mjs$/,
  /^(?:wrangler\.toml|package\.json|package-lock\.json|\.npmrc)$/,
];

/** Returns the released files of `tracked`, the paths of the repository. `read` returns the content of a path. */
export function contents(tracked, read) {
  const names = tracked.filter((path) => INCLUDED.some((each) => each.test(path)));
  const files = Object.fromEntries(names.map((path) => [path, read(path)]));
  for (const name of names) if (name.endsWith(".md")) files[name] = withoutDeadLinks(name, String(files[name]), names);
  // The archive has the built Worker, and no Makefile that could build it.
  files["wrangler.toml"] = withoutBuild(String(files["wrangler.toml"]));
  // npm omits the packages for builds and tests. `loglevel` hides its warning about an older Node, which does not
  // matter: npm installs a Node for wrangler.
  files[".npmrc"] = `${files[".npmrc"]}loglevel=error\nomit=dev\n`;
  return files;
}

/** Returns the text of `page`. Each link to a file that is not in the archive becomes its label. */
function withoutDeadLinks(page, text, names) {
  return text.replaceAll(/\[([^\]]*)\]\(([^)#\s]+)(?:#[^)\s]*)?\)/g, (link, label, path) => {
    const target = normalize(`${dirname(page)}/${path}`).replace(/\/$/, "");
    return /^\w+:/.test(path) || names.some((name) => name === target || name.startsWith(`${target}/`)) ? link : label;
  });
}

/** Returns `toml` without its table `[build]`. */
function withoutBuild(toml) {
  const table = /^\[build\]\n(?:.+\n)*\n/gm;
  if (toml.match(table)?.length !== 1) throw new Error("wrangler.toml must have one table [build]");
  return toml.replace(table, "");
}
