// Compares docs/threat-model.md with the code: each file, test and fuzz target that the page names exists.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { files } from "../scripts/prose/markdown.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path) => readFileSync(join(root, path), "utf8");
const rust = files(root, [".rs"]);
const functions = new Map(rust.map((file) => [file, new Set([...read(file).matchAll(/\bfn (\w+)/g)].map(([, name]) => name))]));

/** Returns whether one of the files below the path, or the file itself, has a function of this name. */
function hasFunction(path, name) {
  const below = rust.filter((file) => file === path || file === `${path}.rs` || file.startsWith(`${path}/`));
  return below.some((file) => functions.get(file).has(name));
}

/** Returns the file of a module of the crate, such as `tests::auth::keys`. An inline module is in its parent's file. */
function moduleFile(module) {
  const path = `src/${module.replaceAll("::", "/")}`;
  return [`${path}.rs`, `${path}/mod.rs`].find((file) => rust.includes(file))
    ?? (module.includes("::") ? moduleFile(module.replace(/::\w+$/, "")) : undefined);
}

/** Returns the names in a cell of the column "test", each with the place that the cell names before it. */
function namedTests(cell) {
  let module;
  let place;
  return [...cell.matchAll(/`([^`]+)`|"([^"]+)"/g)].flatMap(([, code, title]) => {
    if (title) return [{ place, title }];
    if (code.startsWith("cargo test -p ")) {
      place = `scripts/${code.split(" ").at(-1)}`;
    } else if (code.includes("::")) {
      const [, path, name] = /^(.*)::(\w+)$/.exec(code);
      module = path === "…" ? module : path;
      return name === "tests" ? [] : [{ place: moduleFile(module), name }];
    } else if (/^[\w.-]+(\/[\w.-]+)+$/.test(code)) {
      place = code;
    } else if (/^[a-z0-9]+(_[a-z0-9]+)+$/.test(code)) {
      return [{ place, name: code }];
    }
    return [];
  });
}

const page = read("docs/threat-model.md");
const tables = page.split("## How to read the tables")[1].split("\n## ").slice(1).join("\n");
const rows = tables.split("\n").filter((line) => /^\| (?!threat|---)/.test(line)).map((row) => row.slice(2, -2).split(" | "));

describe("the threat model", () => {
  test("names tests in each row", () => {
    assert.ok(rows.length > 50);
    for (const row of rows) assert.equal(row.length, 3, row.join(" | "));
  });

  test("names existing files", () => {
    for (const [, path] of page.matchAll(/`((?:src|scripts|docs|tests|fuzz|sandbox|bench|playbooks|connector)\/[\w./-]+)`/g)) {
      assert.ok(existsSync(join(root, path)) || rust.includes(`${path}.rs`) || path === "tests/file", path);
    }
  });

  test("names existing tests", () => {
    const named = rows.flatMap((row) => namedTests(row[2]));
    assert.ok(named.length > 150);
    for (const { place, name, title } of named) {
      assert.ok(place, name ?? title);
      if (name) assert.ok(hasFunction(place, name), `${place}: ${name}`);
      else assert.ok(read(place).includes(title.replace(/^… /, "")), `${place}: ${title}`);
    }
  });

  test("names existing fuzz targets", () => {
    for (const [, name] of page.matchAll(/fuzz target `(\w+)`/g)) assert.ok(existsSync(join(root, `fuzz/fuzz_targets/${name}.rs`)), name);
  });
});
