// What a caller probably meant.

const BODY = ["displayName", "description", "severity", "action", "remediateSendersCopy", "analyzedEmails"];
const ITEM = ["networkMessageId", "recipientEmailAddress"];
const MAX_MISSPELLINGS = 2;

const SEEN_IN_THE_WILD = {
  remediationaction: 'unknown member; did you mean "action"?',
  analyzedemailidentifiers: 'unknown member; did you mean "analyzedEmails"?',
  emailids: 'unknown member; did you mean "analyzedEmails"?',
  remediateby: "unknown member with no equivalent: Graph itself records the application that asks; leave it out",
  approverupn: "unknown member of an older revision with no equivalent today; leave it out",
  id: 'unknown member; each item of "analyzedEmails" names an email by "networkMessageId" and "recipientEmailAddress"',
  recipientemailaddresses:
    'unknown member; send one item of "analyzedEmails" per recipient, each with "recipientEmailAddress"',
};

const listed = (names) => names.map((name) => `"${name}"`).join(", ");

export function unknownMember(path, name) {
  const seen = SEEN_IN_THE_WILD[name.toLowerCase()];
  if (seen) {
    return seen;
  }
  const isItem = path.length > 1;
  const [here, elsewhere] = isItem ? [ITEM, BODY] : [BODY, ITEM];
  const right = nearest(name, here);
  if (right) {
    return `unknown member; did you mean "${right}"?`;
  }
  const misplaced = nearest(name, elsewhere);
  if (misplaced) {
    const place = isItem ? "at the top of the body, not in an item" : 'in each item of "analyzedEmails"';
    return `unknown member here; "${misplaced}" belongs ${place}`;
  }
  return `unknown member; the members here are ${listed(here)}`;
}

export function notInEnum(text, members) {
  if (text.toLowerCase() === "unknownfuturevalue") {
    return `"unknownFutureValue" is a placeholder for members to come and never a request; it must be one of ${listed(members)}`;
  }
  const right = nearest(text, members);
  return `must be one of ${listed(members)}${right ? `; did you mean "${right}"?` : ""}`;
}

function nearest(text, candidates) {
  const longest = Math.max(...candidates.map((candidate) => candidate.length));
  if (text.length > longest + MAX_MISSPELLINGS) {
    return undefined;
  }
  let best;
  let least = MAX_MISSPELLINGS + 1;
  for (const candidate of candidates) {
    const misspellings = distance(text.toLowerCase(), candidate.toLowerCase());
    if (misspellings < least) {
      [best, least] = [candidate, misspellings];
    }
  }
  return best;
}

/** Letters added, left out, changed or exchanged with their neighbour. */
function distance(a, b) {
  let [before, last] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}
