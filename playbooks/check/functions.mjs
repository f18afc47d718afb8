// The functions of the workflow language that the playbooks use: how many arguments each takes, and what it gives. All arguments are
// evaluated first, also those of `if`: Logic Apps promises nothing else.

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const text = (name, value) => {
  if (typeof value !== "string") throw new Error(`${name} expects a text, not ${JSON.stringify(value)}`);
  return value;
};
const list = (name, value) => {
  if (!Array.isArray(value)) throw new Error(`${name} expects an array, not ${JSON.stringify(value)}`);
  return value;
};
const whole = (name, value) => {
  if (!Number.isInteger(value)) throw new Error(`${name} expects an integer, not ${JSON.stringify(value)}`);
  return value;
};
const truth = (name, value) => {
  if (typeof value !== "boolean") throw new Error(`${name} expects a boolean, not ${JSON.stringify(value)}`);
  return value;
};
export const asText = (value) => (value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
export const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** name: [fewest arguments, most arguments, meaning]. Functions without a meaning depend on the run. */
export const FUNCTIONS = {
  actions: [1, 1],
  body: [1, 1],
  items: [1, 1],
  item: [0, 0],
  listCallbackUrl: [0, 0],
  outputs: [1, 1],
  parameters: [1, 1],
  triggerBody: [0, 0],
  triggerOutputs: [0, 0],
  variables: [1, 1],
  workflow: [0, 0],
  add: [2, 2, (a, b) => whole("add", a) + whole("add", b)],
  and: [1, 99, (...all) => all.map((value) => truth("and", value)).every(Boolean)],
  base64ToString: [1, 1, (value) => Buffer.from(text("base64ToString", value), "base64").toString("utf8")],
  chunk: [2, 2, (all, size) => {
    if (whole("chunk", size) < 1) throw new Error("chunk expects a positive size");
    return Array.from({ length: Math.ceil(list("chunk", all).length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
  }],
  coalesce: [1, 99, (...all) => all.find((value) => value !== null && value !== undefined) ?? null],
  concat: [1, 99, (...all) => all.map(asText).join("")],
  contains: [2, 2, (within, what) => {
    if (typeof within === "string" || Array.isArray(within)) return within.includes(what);
    if (isObject(within)) return what in within;
    throw new Error(`contains expects a collection, not ${JSON.stringify(within)}`);
  }],
  createArray: [0, 99, (...all) => all],
  empty: [1, 1, (value) => value === null || value === undefined || (isObject(value) ? Object.keys(value).length === 0 : value.length === 0)],
  encodeURIComponent: [1, 1, (value) => encodeURIComponent(text("encodeURIComponent", value))],
  equals: [2, 2, (a, b) => equal(a, b)],
  greater: [2, 2, (a, b) => whole("greater", a) > whole("greater", b)],
  if: [3, 3, (condition, then, otherwise) => (truth("if", condition) ? then : otherwise)],
  join: [2, 2, (all, separator) => list("join", all).map(asText).join(separator)],
  json: [1, 1, (value) => JSON.parse(text("json", value))],
  length: [1, 1, (value) => {
    if (typeof value !== "string" && !Array.isArray(value)) throw new Error(`length expects a text or an array, not ${JSON.stringify(value)}`);
    return value.length;
  }],
  range: [2, 2, (start, count) => Array.from({ length: whole("range", count) }, (_, at) => whole("range", start) + at)],
  replace: [3, 3, (value, from, to) => text("replace", value).replaceAll(from, to)],
  string: [1, 1, asText],
  sub: [2, 2, (a, b) => whole("sub", a) - whole("sub", b)],
  take: [2, 2, (value, count) => value.slice(0, whole("take", count))],
  toLower: [1, 1, (value) => text("toLower", value).toLowerCase()],
  trim: [1, 1, (value) => text("trim", value).trim()],
  union: [2, 2, (a, b) => [...new Map([...list("union", a), ...list("union", b)].map((value) => [JSON.stringify(value), value])).values()]],
};

/** The functions of ARM that the templates use. */
export const ARM_FUNCTIONS = ["concat", "parameters", "reference", "resourceGroup", "resourceId", "string", "subscription", "subscriptionResourceId", "variables"];
