// `node scripts/prose/figures.mjs`: prints the figures of every Markdown page that prose.test.mjs limits.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { files } from "./markdown.mjs";
import { measure } from "./measure.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = files(root, [".md"]).toSorted();
const print = (name, { median, long, wide, banned }) =>
  console.log(`${name.padEnd(42)} ${String(median).padStart(6)} ${String(long.length).padStart(5)} ${String(wide.length).padStart(5)} ${String(banned.length).padStart(6)}`);

console.log(`${"page".padEnd(42)} median  long  wide banned`);
for (const page of pages) print(page, measure(readFileSync(join(root, page), "utf8")));
print("all pages", measure(pages.map((page) => readFileSync(join(root, page), "utf8")).join("\n\n")));
