// Limits the prose of this repository: sentence length, line length and banned words.
// `node scripts/prose/figures.mjs` prints the figures.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { files, sentences } from "./prose/markdown.mjs";
import { bannedWords, measure } from "./prose/measure.mjs";
import { MAX_COLUMNS, MAX_MEDIAN, MAX_WORDS } from "./prose/rules.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

describe("the checker", () => {
  test("finds a long sentence, a wide line and a banned word", () => {
    const words = Array.from({ length: MAX_WORDS + 1 }, () => "word").join(" ");
    const { median, long, wide, banned } = measure(`${words}.\n\nHe mends it.\n\n${"a ".repeat(MAX_COLUMNS / 2 + 1)}`);
    assert.deepEqual([long.length, wide.length, banned.length], [2, 2, 1]);
    assert.ok(median > MAX_MEDIAN);
  });

  test("reads sentences across lines, and skips code, tables and headings", () => {
    const page = "# A title\n\nOne sentence\nover two lines. Another one.\n\n- An item. `code` in it.\n\n| a | b |\n\n```sh\nmend it\n```\n";
    assert.deepEqual(sentences(page), ["One sentence over two lines.", "Another one.", "An item.", "code in it."]);
    assert.deepEqual(measure(page).banned, []);
  });
});

for (const page of files(root, [".md"])) {
  const { median, long, wide, banned } = measure(readFileSync(join(root, page), "utf8"));
  test(`the prose of ${page} keeps the limits`, () => {
    assert.deepEqual(long, [], `sentences above ${MAX_WORDS} words`);
    assert.ok(median <= MAX_MEDIAN, `the median sentence has ${median} words`);
    assert.deepEqual(wide, [], `lines above ${MAX_COLUMNS} characters`);
    assert.deepEqual(banned, []);
  });
}

// Most texts that a caller can see are in these two places.
for (const path of ["src/openapi.json", ...files(root, [".rs"]).filter((name) => /^src\/problem\//.test(name))]) {
  test(`the texts of ${path} have no banned word`, () => {
    const texts = (readFileSync(join(root, path), "utf8").match(/"(?:[^"\\]|\\.)*"/g) ?? []).join("\n");
    assert.deepEqual(bannedWords(texts), []);
  });
}

const COMMENTED = [".rs", ".mjs", ".js", ".sh", ".toml", ".yml", "Makefile"];

/** Returns the comments of a source, each on its line of the source, so that line numbers remain correct. */
function comments(source) {
  const lines = source.split("\n");
  return lines.map((line) => /(?:^|\s)(?:\/\/[/!]?|#|\*) (.*)$/.exec(line)?.[1] ?? "").join("\n");
}

test("the comments of a source are found in each form", () => {
  const source = "//! One\n/// Two\n// Three\nlet x = 1; // Four\n# Five\n * Six\nlet url = \"http://a\";";
  assert.equal(comments(source), "One\nTwo\nThree\nFour\nFive\nSix\n");
});

for (const path of files(root, COMMENTED).filter((name) => !name.startsWith("scripts/prose/"))) {
  test(`the comments of ${path} have no banned word`, () => {
    assert.deepEqual(bannedWords(comments(readFileSync(join(root, path), "utf8"))), []);
  });
}

for (const path of files(root, [".rs"])) {
  test(`the comments of ${path} name the actor first and fit the line length`, () => {
    const source = readFileSync(join(root, path), "utf8");
    const openings = comments(source).match(/(?:^|[.:] )(?:- )?(?:What|Who|Whoever|Whatever|Whose|Nobody)\b.*/gm) ?? [];
    const wide = source.split("\n").filter((line) => /^\s*\/\//.test(line) && line.length > MAX_COLUMNS);
    assert.deepEqual([...openings, ...wide], []);
  });
}

test("the README has at most 130 lines, and the emergency page fits one screen", () => {
  const lines = (path) => readFileSync(join(root, path), "utf8").trimEnd().split("\n").length;
  assert.ok(lines("README.md") <= 130);
  assert.ok(lines("docs/emergency.md") <= 50);
});

for (const page of files(root, [".md"]).filter((path) => path.startsWith("docs/"))) {
  test(`the first paragraph of ${page} names its readers`, () => {
    assert.match(readFileSync(join(root, page), "utf8"), /^# .+\n\nFor /);
  });
}
