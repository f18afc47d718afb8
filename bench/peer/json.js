// Parses JSON, and rejects an object that has a member twice.

import { Problem } from "./problem.js";

const MAX_DEPTH = 32;
const MAX_ECHO = 64;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const utf8 = new TextDecoder("utf-8", { fatal: true });

const invalidJson = (detail) => new Problem("invalidJson", `${detail} Nothing was sent.`);

/** Returns the JSON value of a body. Throws a problem if the body is invalid. */
export function readJson(bytes) {
  let text;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw invalidJson("The body is not UTF-8.");
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidJson("The body is not JSON.");
  }
  const { members, depth } = measure(text);
  if (depth > MAX_DEPTH) {
    throw invalidJson(`Objects and arrays are nested deeper than ${MAX_DEPTH} levels.`);
  }
  // `JSON.parse` keeps the last of two members of one name, so the value has fewer members than the text.
  if (members !== countMembers(value)) {
    throw invalidJson("A member is given twice in one object.");
  }
  return value;
}

/**
 * Returns the number of members and the depth of a valid JSON text. Outside of strings, each colon belongs to one
 * member.
 */
function measure(text) {
  let members = 0;
  let level = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case 0x3a: // :
        members++;
        break;
      case 0x7b: // {
      case 0x5b: // [
        level++;
        if (level > depth) {
          depth = level;
        }
        break;
      case 0x7d: // }
      case 0x5d: // ]
        level--;
        break;
    }
  }
  return { members, depth };
}

/** Returns the position of the quote that ends the string at `start`. */
function endOfString(text, start) {
  let at = start + 1;
  for (let code; (code = text.charCodeAt(at)) !== QUOTE; at++) {
    if (code === BACKSLASH) {
      at++;
    }
  }
  return at;
}

function countMembers(value) {
  if (typeof value !== "object" || value === null) {
    return 0;
  }
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      members += countMembers(item);
    }
    return members;
  }
  for (const name in value) {
    members += 1 + countMembers(value[name]);
  }
  return members;
}

/** Returns the JSON pointer (RFC 6901) of a path, with an excerpt of each long name. */
export function pointer(path) {
  return path.map((step) => `/${excerpt(String(step)).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function excerpt(text) {
  const characters = text.length > MAX_ECHO ? [...text] : text;
  const short = characters.length > MAX_ECHO ? `${characters.slice(0, MAX_ECHO - 1).join("")}…` : text;
  return short.replace(/[\p{Cc}\p{Cf}]/gu, "\ufffd");
}
