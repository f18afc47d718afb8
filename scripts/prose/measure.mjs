// Measures a Markdown page against the limits of rules.mjs.
import { sentences, withoutFences, countWords } from "./markdown.mjs";
import { BANNED, MAX_COLUMNS, MAX_WORDS } from "./rules.mjs";

/** Returns the banned words in a text, each with the line that has it. Inline code does not count: it can be a name. */
export function bannedWords(text) {
  return text.split("\n").flatMap((line, index) => {
    const prose = line.replaceAll(/`[^`]*`/g, "");
    return BANNED.filter(([pattern]) => pattern.test(prose)).map(([pattern, better]) => `line ${index + 1}: ${pattern.exec(prose)[0]} (write: ${better})`);
  });
}

/** Returns the line without link targets and inline code, which cannot be broken. */
function withoutUnbreakable(line) {
  return line.replaceAll(/\]\([^)]*\)/g, "]").replaceAll(/`[^`]*`/g, "``");
}

/** Returns a page's median sentence length, its long sentences, its wide lines and its banned words. */
export function measure(text) {
  const prose = withoutFences(text);
  const all = sentences(text);
  const lengths = all.map(countWords).toSorted((a, b) => a - b);
  return {
    median: lengths[Math.floor(lengths.length / 2)] ?? 0,
    long: all.filter((sentence) => countWords(sentence) > MAX_WORDS),
    wide: prose.split("\n").filter((line) => withoutUnbreakable(line).length > MAX_COLUMNS && !line.trim().startsWith("|")),
    banned: bannedWords(prose),
  };
}
