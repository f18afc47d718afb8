// Parser for the expressions of ARM templates ("[…]") and workflow definitions ("@…", "@{…}"), and for texts that
// contain them.

const TOKEN = /\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|([A-Za-z_$][\w$]*)|(\?\[|\?\.|[()[\],.]))/y;

/** Parses one expression into `{kind: "literal" | "call" | "member", …}`. Throws if the expression is invalid. */
export function parse(text) {
  const tokens = [];
  for (TOKEN.lastIndex = 0; text.slice(TOKEN.lastIndex).trim() !== ""; ) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new Error(`unreadable at ${JSON.stringify(text.slice(at, at + 20))}`);
    tokens.push({ string: match[1], number: match[2], name: match[3], mark: match[4] });
  }
  let next = 0;
  const accept = (mark) => tokens[next]?.mark === mark && ++next;
  const expect = (mark) => {
    if (!accept(mark)) throw new Error(`${JSON.stringify(mark)} is missing`);
  };

  function primary() {
    const token = tokens[next++];
    if (token?.string !== undefined) return { kind: "literal", value: token.string.slice(1, -1).replaceAll("''", "'") };
    if (token?.number !== undefined) return { kind: "literal", value: Number(token.number) };
    if (token?.name === undefined) throw new Error("a value is missing");
    const constants = { true: true, false: false, null: null };
    if (tokens[next]?.mark !== "(") {
      if (token.name in constants) return { kind: "literal", value: constants[token.name] };
      throw new Error(`${token.name} is not called`);
    }
    expect("(");
    const args = [];
    while (!accept(")")) {
      if (args.length > 0) expect(",");
      args.push(expression());
    }
    return { kind: "call", name: token.name, args };
  }

  function expression() {
    let object = primary();
    for (;;) {
      const safe = ["?[", "?."].includes(tokens[next]?.mark);
      if (accept("[") || accept("?[")) {
        object = { kind: "member", object, safe, key: expression() };
        expect("]");
      } else if (accept(".") || accept("?.")) {
        const name = tokens[next++]?.name;
        if (name === undefined) throw new Error("a name is missing after a dot");
        object = { kind: "member", object, safe, key: { kind: "literal", value: name } };
      } else {
        return object;
      }
    }
  }

  const parsed = expression();
  if (next < tokens.length) throw new Error("something follows the expression");
  return parsed;
}

/** Returns the ARM expression in `text`, or null if `text` is plain. */
export function armExpression(text) {
  if (!text.startsWith("[") || !text.endsWith("]") || text.startsWith("[[")) return null;
  return parse(text.slice(1, -1));
}

const cache = new Map();

/**
 * Returns the parts of a text in a workflow: plain texts and expressions. If `isExpression` is true, the entire text is
 * an expression, and its value keeps its type.
 */
export function workflowParts(text) {
  if (!cache.has(text)) cache.set(text, readParts(text));
  return cache.get(text);
}

function readParts(text) {
  if (text.startsWith("@@")) return { isExpression: false, parts: [text.slice(1)] };
  if (text.startsWith("@") && !text.startsWith("@{")) return { isExpression: true, parts: [parse(text.slice(1))] };
  const parts = [];
  for (let rest = text; rest !== ""; ) {
    const start = rest.indexOf("@{");
    if (start !== 0) parts.push(start < 0 ? rest : rest.slice(0, start));
    if (start < 0) break;
    // The expression ends at the first brace outside of a quoted text.
    let quoted = false;
    let end = start + 2;
    for (; end < rest.length && (quoted || rest[end] !== "}"); end++) if (rest[end] === "'") quoted = !quoted;
    if (end === rest.length) throw new Error("@{ is not closed");
    parts.push(parse(rest.slice(start + 2, end)));
    rest = rest.slice(end + 1);
  }
  return { isExpression: false, parts };
}

/** Returns all calls in an expression, outermost first. */
export function calls(node) {
  if (node.kind === "call") return [node, ...node.args.flatMap(calls)];
  return node.kind === "member" ? [...calls(node.object), ...calls(node.key)] : [];
}

/** Yields all texts in a JSON value, each with its path. */
export function* texts(value, path = "") {
  if (typeof value === "string") yield [path, value];
  else if (value !== null && typeof value === "object") {
    for (const [key, member] of Object.entries(value)) yield* texts(member, `${path}/${key}`);
  }
}
