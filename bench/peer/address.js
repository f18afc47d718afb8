// What counts as a recipient's address: one plain `local@domain` that no two readers take for different domains.

const LETTERS = "A-Za-z0-9#$&'*+\\-\\/=?^_`{|}~";
/** Nearly every address there is, in one look. */
const PLAIN = new RegExp(
  `^(?!.{0,63}@.{256})[${LETTERS}]+(?:\\.[${LETTERS}]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)+(?!\\d+$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`,
);
/** Some reader resolves these to another address: encapsulated and encoded ones, rewritten senders, X.400. */
const INNER = /^IMCEA[^@]*-[^@]*@|^SRS[01][-=+]|^\/[^@]*=|=\?|\?=|&#|_x(?:0000)?0040_/i;
/** Letters beyond ASCII that are no variant of another one, and are seen. */
const FOREIGN =
  /^[\p{Alphabetic}--[\x00-\x7fªº\u{1d2c}-\u{1dbf}\u{2070}-\u{209f}\u{2100}-\u{218f}\u{2460}-\u{24ff}\u{f900}-\u{fdff}\u{fe70}-\u{feff}\u{ff00}-\u{ffef}\u{1d400}-\u{1d7ff}\u{1ee00}-\u{1eeff}\u{1f100}-\u{1f2ff}\u{2f800}-\u{2fa1f}\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{3164}]]$/v;

export function isAddress(text) {
  return (PLAIN.test(text) && text.indexOf("@") <= 64 && !INNER.test(text)) || isForeignAddress(text);
}

function isForeignAddress(text) {
  // eslint-disable-next-line no-control-regex -- ASCII alone has been judged already
  if (/^[\x00-\x7f]*$/.test(text)) {
    return false;
  }
  const parts = text.split("@");
  if (parts.length !== 2 || INNER.test(text)) {
    return false;
  }
  const [local, domain] = parts.map((part) => [...part]);
  const labels = parts[1].split(".");
  return (
    local.length >= 1 &&
    local.length <= 64 &&
    domain.length <= 255 &&
    parts[0].split(".").every((word) => word !== "" && [...word].every(isLocalCharacter)) &&
    labels.length >= 2 &&
    labels.every(isLabel) &&
    !/^\d+$/.test(labels.at(-1))
  );
}

const PLAIN_LOCAL_CHARACTER = new RegExp(`^[${LETTERS}]$`);

const isLocalCharacter = (character) => PLAIN_LOCAL_CHARACTER.test(character) || FOREIGN.test(character);

function isLabel(label) {
  const characters = [...label];
  return (
    characters.length >= 1 && characters.length <= 63 && !/^-|-$/.test(label) && characters.every(isDomainCharacter)
  );
}

function isDomainCharacter(character) {
  if (/^[A-Za-z0-9-]$/.test(character)) {
    return true;
  }
  // Not those that become ASCII when their case changes, nor those that readers map differently.
  const cases = character.toLowerCase() + character.toUpperCase();
  // eslint-disable-next-line no-control-regex
  return FOREIGN.test(character) && character !== "ς" && !/[\x00-\x7f]/.test(cases);
}
