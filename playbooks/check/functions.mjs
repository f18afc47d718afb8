// Functions of the workflow language that the playbooks use. The interpreter evaluates all arguments first, including
// the arguments of `if`, because Logic Apps documents no other order.

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
/** Returns `value` if it has the expected type. Otherwise throws an error of the function `name`. */
const expectText = (name, value) => {
  if (typeof value !== "string") throw new Error(`${name} expects a text, not ${JSON.stringify(value)}`);
  return value;
};
const expectArray = (name, value) => {
  if (!Array.isArray(value)) throw new Error(`${name} expects an array, not ${JSON.stringify(value)}`);
  return value;
};
const expectInteger = (name, value) => {
  if (!Number.isInteger(value)) throw new Error(`${name} expects an integer, not ${JSON.stringify(value)}`);
  return value;
};
const expectBoolean = (name, value) => {
  if (typeof value !== "boolean") throw new Error(`${name} expects a boolean, not ${JSON.stringify(value)}`);
  return value;
};
const isInteger = (value) => /^[+-]?\d+$/.test(value) && Number.isSafeInteger(Number(value));
export const asText = (value) => (value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
export const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * name: [minimum and maximum number of arguments, implementation]. Functions without an implementation depend on the
 * run.
 */
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
  add: [2, 2, (a, b) => expectInteger("add", a) + expectInteger("add", b)],
  and: [1, 99, (...all) => all.map((value) => expectBoolean("and", value)).every(Boolean)],
  base64ToString: [1, 1, (value) => Buffer.from(expectText("base64ToString", value), "base64").toString("utf8")],
  chunk: [2, 2, (all, size) => {
    if (expectInteger("chunk", size) < 1) throw new Error("chunk expects a positive size");
    if (typeof all !== "string") expectArray("chunk", all);
    return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
  }],
  coalesce: [1, 99, (...all) => all.find((value) => value !== null && value !== undefined) ?? null],
  concat: [1, 99, (...all) => all.map(asText).join("")],
  contains: [2, 2, (within, what) => {
    if (typeof within === "string" || Array.isArray(within)) return within.includes(what);
    if (isObject(within)) return what in within;
    throw new Error(`contains expects a collection, not ${JSON.stringify(within)}`);
  }],
  createArray: [0, 99, (...all) => all],
  endsWith: [2, 2, (value, end) =>
    expectText("endsWith", value).toLowerCase().endsWith(expectText("endsWith", end).toLowerCase())],
  div: [2, 2, (a, b) => {
    if (expectInteger("div", b) === 0) throw new Error("div cannot divide by 0");
    return Math.trunc(expectInteger("div", a) / b);
  }],
  empty: [1, 1, (value) => value === null || value === undefined || (isObject(value) ? Object.keys(value).length === 0 : value.length === 0)],
  encodeURIComponent: [1, 1, (value) => encodeURIComponent(expectText("encodeURIComponent", value))],
  equals: [2, 2, (a, b) => equal(a, b)],
  first: [1, 1, (value) => value[0] ?? null],
  greater: [2, 2, (a, b) => expectInteger("greater", a) > expectInteger("greater", b)],
  if: [3, 3, (condition, then, otherwise) => (expectBoolean("if", condition) ? then : otherwise)],
  int: [1, 1, (value) => {
    if (!isInteger(asText(value))) throw new Error(`int expects an integer, not ${JSON.stringify(value)}`);
    return Number(value);
  }],
  intersection: [2, 2, (a, b) => {
    const others = new Set(expectArray("intersection", b).map((value) => JSON.stringify(value)));
    return expectArray("intersection", a).filter((value) => others.has(JSON.stringify(value)));
  }],
  isInt: [1, 1, (value) => isInteger(expectText("isInt", value))],
  join: [2, 2, (all, separator) => expectArray("join", all).map(asText).join(separator)],
  json: [1, 1, (value) => JSON.parse(expectText("json", value))],
  last: [1, 1, (value) => value.at(-1) ?? null],
  length: [1, 1, (value) => {
    if (typeof value !== "string" && !Array.isArray(value)) throw new Error(`length expects a text or an array, not ${JSON.stringify(value)}`);
    return value.length;
  }],
  lessOrEquals: [2, 2, (a, b) => expectInteger("lessOrEquals", a) <= expectInteger("lessOrEquals", b)],
  max: [1, 1, (all) => {
    if (expectArray("max", all).length === 0) throw new Error("max expects one item at least");
    return Math.max(...all.map((value) => expectInteger("max", value)));
  }],
  min: [2, 2, (a, b) => Math.min(expectInteger("min", a), expectInteger("min", b))],
  mul: [2, 2, (a, b) => expectInteger("mul", a) * expectInteger("mul", b)],
  not: [1, 1, (value) => !expectBoolean("not", value)],
  or: [1, 99, (...all) => all.map((value) => expectBoolean("or", value)).some(Boolean)],
  range: [2, 2, (start, count) => Array.from({ length: expectInteger("range", count) }, (_, at) => expectInteger("range", start) + at)],
  replace: [3, 3, (value, from, to) => expectText("replace", value).replaceAll(from, to)],
  setProperty: [3, 3, (object, name, value) => {
    if (!isObject(object)) throw new Error(`setProperty expects an object, not ${JSON.stringify(object)}`);
    return { ...object, [expectText("setProperty", name)]: value };
  }],
  skip: [2, 2, (all, count) => {
    // Logic Apps does not document a result beyond the end, so the playbooks must not depend on it.
    if (expectInteger("skip", count) < 0 || count > expectArray("skip", all).length) throw new Error(`skip cannot skip ${count} of ${all.length} items`);
    return all.slice(count);
  }],
  split: [2, 2, (value, separator) => expectText("split", value).split(expectText("split", separator))],
  startsWith: [2, 2, (value, start) => expectText("startsWith", value).toLowerCase().startsWith(expectText("startsWith", start).toLowerCase())],
  string: [1, 1, asText],
  sub: [2, 2, (a, b) => expectInteger("sub", a) - expectInteger("sub", b)],
  substring: [3, 3, (value, start, count) => {
    if (expectInteger("substring", start) + expectInteger("substring", count) > expectText("substring", value).length) throw new Error("substring reaches beyond the end");
    return value.slice(start, start + count);
  }],
  take: [2, 2, (value, count) => value.slice(0, expectInteger("take", count))],
  toLower: [1, 1, (value) => expectText("toLower", value).toLowerCase()],
  trim: [1, 1, (value) => expectText("trim", value).trim()],
  union: [2, 2, (a, b) => [...new Map([...expectArray("union", a), ...expectArray("union", b)].map((value) => [JSON.stringify(value), value])).values()]],
};

/** ARM functions that the templates use. */
export const ARM_FUNCTIONS = ["concat", "max", "parameters", "reference", "resourceGroup", "resourceId", "string", "toLower", "subscription", "subscriptionResourceId", "variables"];
