// What counts as a recipient's address: one plain `local@domain` that no two readers take for different domains.

const LETTERS = "A-Za-z0-9.#$&'*+\\-\\/=?^_`{|}~";
const LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const PLAIN = new RegExp(`^(?!.{0,63}@.{256})[${LETTERS}]+@(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);
/** Some reader resolves these to another address: encapsulated and encoded ones, rewritten senders, X.400. */
const INNER = /^IMCEA[^@]*-[^@]*@|^SRS[01][-=+]|^\/[^@]*=|=\?|\?=|&#|_x(?:0000)?0040_|@.*_x(?:[0-9a-f]{4}){1,2}_/i;

export const isAddress = (text) => PLAIN.test(text) && text.indexOf("@") <= 64 && !INNER.test(text);
