// Splits Markdown into sentences. Code blocks, tables, headings and link targets are left out.
import { readdirSync } from "node:fs";
import { join } from "node:path";

const SKIPPED_FOLDERS = [".git", ".wrangler", "build", "node_modules", "target"];

/** Returns the paths of the files below `root` whose names end in one of `endings`, without generated files. */
export function files(root, endings, folder = "") {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED_FOLDERS.includes(entry.name) ? [] : files(root, endings, path);
    return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
  });
}

/** Returns the text with empty lines instead of its fenced code blocks, so that line numbers remain correct. */
export function withoutFences(text) {
  return text.replaceAll(/^( *)```[\s\S]*?^\1```/gm, (block) => block.replaceAll(/[^\n]/g, ""));
}

/** Returns the paragraphs and list items of a page, each as one line, with `code` for inline code. */
function paragraphs(text) {
  const found = [];
  let open = false;
  for (const line of withoutFences(text).split("\n")) {
    const content = line.trim();
    const prose = content !== "" && !/^(#|\||<!--|\[[^\]]+\]:)/.test(content);
    const item = /^([-*]|\d+\.) +/.exec(content);
    if (prose && open && !item) found[found.length - 1] += ` ${content}`;
    else if (prose) found.push(content.slice(item?.[0].length ?? 0));
    open = prose;
  }
  return found.map((paragraph) =>
    paragraph
      .replaceAll(/`[^`]+`/g, "code")
      .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replaceAll(/<https?:[^>]*>/g, "link")
      .replaceAll(/[*_]{1,2}/g, ""),
  );
}

/** Returns the sentences of a page. */
export function sentences(text) {
  return paragraphs(text).flatMap((paragraph) =>
    paragraph.split(/(?<=[.!?][)"”]?)\s+(?=[A-Z0-9"“(]|code|link)/).filter((sentence) => countWords(sentence) > 0),
  );
}

/** Returns the number of words: runs of characters between spaces with at least one letter or digit. */
export function countWords(sentence) {
  return sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}
