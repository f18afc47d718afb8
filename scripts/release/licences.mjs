// Collects the licence texts of the crates that are compiled into a release.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i;
const FILE_SYSTEM = { readdir: readdirSync, read: (path) => readFileSync(path, "utf8") };

/**
 * Returns the registry crates that are linked into the crates `roots`, without crates for builds and tests. The first
 * argument is the output of `cargo metadata`.
 */
export function linkedCrates({ packages, resolve }, roots) {
  const byId = new Map(packages.map((each) => [each.id, each]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const found = new Set();
  const visit = (id) => {
    if (found.has(id)) return;
    found.add(id);
    const edges = nodes.get(id).deps.filter(({ dep_kinds: kinds }) => kinds.some(({ kind }) => kind === null));
    for (const { pkg } of edges) visit(pkg);
  };
  for (const name of roots) visit(packages.find((each) => each.name === name && each.source === null).id);
  const key = ({ name, version }) => `${name}@${version}`;
  return [...found]
    .map((id) => byId.get(id))
    .filter(({ source }) => source !== null)
    .toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

/**
 * Returns one text with the licences of `crates`. Crates with the same licence text share it. A crate without a licence
 * text must permit Apache-2.0. `apache` is that licence's text.
 */
export function licences(crates, apache, { readdir, read } = FILE_SYSTEM) {
  const texts = new Map();
  for (const crate of crates) {
    const folder = dirname(crate.manifest_path);
    const included = readdir(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
      .map(({ name }) => read(join(folder, name)))
      .toSorted();
    const offersApache = /\bApache-2\.0\b/.test(crate.license ?? "") && !/\bAND\b/.test(crate.license);
    if (included.length === 0 && !offersApache) throw new Error(`${crate.name} ${crate.version} (${crate.license}) has no licence text`);
    for (const text of included.length > 0 ? included : [apache]) {
      const words = text.trim().split(/\s+/).join(" ");
      const entry = texts.get(words) ?? { text: text.replaceAll("\r\n", "\n").trim(), crates: [] };
      entry.crates.push(`${crate.name} ${crate.version} (${crate.license ?? "see the text"})`);
      texts.set(words, entry);
    }
  }
  const rule = "=".repeat(80);
  return [...texts.values()].map(({ text, crates: users }) => `${rule}\n${users.join("\n")}\n${rule}\n\n${text}\n`).join("\n");
}
