// Each link from one page of this repository to another leads to a file, and to a heading in it.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { files } from "../scripts/prose/markdown.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Returns the anchors of a page's headings: in lower case, with hyphens for spaces, and without punctuation. */
function anchors(path) {
  const text = readFileSync(join(root, path), "utf8").replaceAll(/^ *```[\s\S]*?^ *```/gm, "");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-"));
}

for (const page of files(root, [".md"])) {
  test(`each link of ${page} has a target`, () => {
    for (const [, link] of readFileSync(join(root, page), "utf8").matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^\w+:/.test(link)) continue;
      const [path, anchor] = link.split("#");
      const target = path ? join(dirname(page), path) : page;
      assert.ok(existsSync(join(root, target)), link);
      if (anchor === undefined) continue;
      assert.ok(statSync(join(root, target)).isFile() && anchors(target).includes(anchor), link);
    }
  });
}
