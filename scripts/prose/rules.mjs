// Words and phrases that `make test` rejects in Markdown, error texts and comments, each with a better one.
export const BANNED = [
  [/\bmend(s|ed|ing)?\b/i, "fix, correct"],
  [/\bheed(s|ed)?\b/i, "read, follow"],
  [/\bin vain\b/i, "without success"],
  [/\bfor good\b/i, "permanently"],
  [/\b(be|is|are|was) had\b/i, "fetch"],
  [/\b(stand|stands|stood) for\b/i, "identify, emulate"],
  [/\bcomes? to be\b/i, "become"],
  [/\bspoil(s|ed|t)?\b/i, "corrupt"],
  [/\bsane\b/i, "valid"],
  [/\berrands?\b/i, "job"],
  [/\bnobody('s)?\b/i, "name the actor: no caller, unauthenticated"],
  [/\bwho(ever|soever)\b/i, "name the actor"],
  [/\bwhatever\b/i, "any"],
  [/\bbut for\b/i, "except"],
  [/\bin (the )?place of\b/i, "instead of"],
  [/\bof (its|their|his) own\b/i, "its own …"],
  [/\b(of|for) (a|the) caller's(?! \w)/i, "the caller's …"],
  [/\bon (its|their) way\b/i, "in flight"],
  [/\b(is|are) (told|asked)\b/i, "name the actor that tells or asks"],
];

/** Longest allowed sentence, in words. */
export const MAX_WORDS = 30;

/** Highest allowed median of a page's sentence lengths, in words. */
export const MAX_MEDIAN = 16;

/** Longest allowed line of Markdown outside tables, links and code, in characters. */
export const MAX_COLUMNS = 120;
