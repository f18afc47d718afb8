// Validates a recipient's address: one plain `local@domain`, for which all mail systems find the same domain.

const LOCAL_PART_CHARACTERS = "A-Za-z0-9.#$&'*+\\-\\/=?^_`{|}~";
const LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const PLAIN = new RegExp(`^(?!.{0,63}@.{256})[${LOCAL_PART_CHARACTERS}]+@(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);
/** Addresses that some mail system resolves to another one: encapsulated, encoded, rewritten by SRS, and X.400. */
const CONTAINS_ADDRESS =
  /^IMCEA[^@]*-[^@]*@|^SRS[01][-=+]|^\/[^@]*=|=\?|\?=|&#|_x(?:0000)?0040_|@.*_x(?:[0-9a-f]{4}){1,2}_/i;

export const isAddress = (text) => PLAIN.test(text) && text.indexOf("@") <= 64 && !CONTAINS_ADDRESS.test(text);
