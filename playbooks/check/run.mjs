// Interprets a workflow definition as Logic Apps does, as far as the playbooks use it. The test passes substitutes for
// the gateway and the connections.
import { asText, equal, FUNCTIONS } from "./functions.mjs";
import { workflowParts } from "./expression.mjs";

class Terminated extends Error {}

/** Number of retries if the action has no retry policy. */
const DEFAULT_RETRIES = 4;
/** Seconds of each unit of a wait. */
const SECONDS = { Second: 1, Minute: 60, Hour: 3600 };

/**
 * Executes one run, in which no time passes except in a wait.
 *
 * `parameters` are the workflow's parameters, and `trigger` is `{headers, body}`. `gateway(request)` returns
 * `{statusCode, headers, body}` or throws for a lost connection. `connection(name, inputs)` returns `{status, body}`.
 *
 * Returns the run's status and error, the response, each call to the gateway and to a connection, the seconds of each
 * wait, and the status of each action.
 */
export function run(definition, { parameters, trigger, runName = "08585287554177334956853859655CU00", workflowName = "playbook", gateway, connection }) {
  const outcome = { status: undefined, error: undefined, response: undefined, gatewayCalls: [], connectionCalls: [], waits: [], actions: {} };
  const variables = new Map();
  const results = new Map();
  const loopItems = new Map();
  let item;

  const runFunctions = {
    actions: (name) => results.get(name) ?? null,
    body: (name) => results.get(name)?.outputs?.body ?? null,
    item: () => item,
    items: (name) => loopItems.get(name),
    listCallbackUrl: () => "https://logic.example/callback?sig=callback",
    outputs: (name) => results.get(name)?.outputs ?? null,
    parameters: (name) => parameters[name],
    triggerBody: () => trigger.body ?? null,
    triggerOutputs: () => trigger,
    variables: (name) => variables.get(name),
    workflow: () => ({ name: workflowName, run: { name: runName } }),
  };

  function evaluate(node) {
    if (node.kind === "literal") return node.value;
    if (node.kind === "call") {
      const args = node.args.map(evaluate);
      return (FUNCTIONS[node.name][2] ?? runFunctions[node.name])(...args);
    }
    const object = evaluate(node.object);
    const key = evaluate(node.key);
    if (object === null || object === undefined) {
      if (node.safe) return null;
      throw new Error(`there is nothing to take ${JSON.stringify(key)} from`);
    }
    // Logic Apps rejects a property of a text or a number, with and without a question mark.
    if (typeof object !== "object") throw new Error(`${JSON.stringify(key)} cannot be taken from ${JSON.stringify(object)}`);
    if (!Object.hasOwn(object, key) && !node.safe) throw new Error(`there is no ${JSON.stringify(key)}`);
    return object[key] ?? null;
  }

  function resolve(value) {
    if (typeof value === "string") {
      const { isExpression, parts } = workflowParts(value);
      const values = parts.map((part) => (typeof part === "string" ? part : evaluate(part)));
      return isExpression ? values[0] : values.map(asText).join("");
    }
    if (Array.isArray(value)) return value.map(resolve);
    if (value !== null && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolve(member)]));
    return value;
  }

  /** Returns a copy as JSON, so that a recorded value cannot change. */
  const copy = (value) => JSON.parse(JSON.stringify(value ?? null));

  function evaluateCondition(expression) {
    const [[operator, operands]] = Object.entries(expression);
    if (operator === "and") return operands.every(evaluateCondition);
    if (operator === "or") return operands.some(evaluateCondition);
    const [left, right] = operands.map(resolve);
    return operator === "equals" ? equal(left, right) : FUNCTIONS[operator][2](left, right);
  }

  function resolveEach(from, member) {
    return from.map((value) => {
      item = value;
      return resolve(member);
    });
  }

  /** Calls the gateway with the action's retry policy. Returns the outputs, and whether the last attempt succeeded. */
  function callGateway(inputs) {
    const { retryPolicy = { count: DEFAULT_RETRIES }, ...request } = inputs;
    const retries = retryPolicy.type === "none" ? 0 : retryPolicy.count;
    for (let attempt = 0; ; attempt++) {
      let response = null;
      outcome.gatewayCalls.push(copy(request));
      try {
        response = gateway(copy(request), outcome.gatewayCalls.length);
      } catch {
        // The connection was lost.
      }
      const isTransient = !response || [408, 429].includes(response.statusCode) || response.statusCode >= 500;
      if (!isTransient || attempt === retries) {
        return { outputs: response && copy(response), succeeded: response !== null && response.statusCode < 400 };
      }
    }
  }

  const handlers = {
    InitializeVariable: ({ inputs }) => inputs.variables.forEach((variable) => variables.set(variable.name, copy(resolve(variable.value)))),
    SetVariable: ({ inputs }) => void variables.set(inputs.name, copy(resolve(inputs.value))),
    AppendToArrayVariable: ({ inputs }) => variables.get(inputs.name).push(copy(resolve(inputs.value))),
    Compose: ({ inputs }) => ({ outputs: copy(resolve(inputs)) }),
    Query: ({ inputs }) => {
      const from = resolve(inputs.from);
      const kept = resolveEach(from, inputs.where);
      return { outputs: { body: copy(from.filter((_, at) => kept[at] === true)) } };
    },
    Select: ({ inputs }) => ({ outputs: { body: copy(resolveEach(resolve(inputs.from), inputs.select)) } }),
    Http: ({ inputs }) => {
      const { outputs, succeeded } = callGateway(resolve(inputs));
      return { outputs, status: succeeded ? "Succeeded" : "Failed" };
    },
    ApiConnection: (action, name) => callConnection(action, name),
    ApiConnectionWebhook: (action, name) => callConnection(action, name),
    Response: ({ inputs }) => void (outcome.response = copy(resolve(inputs))),
    Terminate: ({ inputs }) => {
      const resolved = resolve(inputs);
      Object.assign(outcome, { status: resolved.runStatus, error: resolved.runError });
      throw new Terminated();
    },
    If: (action) => {
      const branches = [action.actions, action.else?.actions ?? {}];
      const [taken, other] = evaluateCondition(action.expression) ? branches : branches.toReversed();
      skipActions(other);
      return { status: runScope(taken) };
    },
    Wait: ({ inputs }) => {
      const { count, unit } = resolve(inputs.interval);
      outcome.waits.push(count * SECONDS[unit]);
    },
    Until: (action) => {
      const start = elapsed();
      const end = start + secondsOf(action.limit.timeout);
      let statuses = [];
      do statuses.push(runScope(action.actions));
      while (resolve(action.expression) !== true && statuses.length < action.limit.count && elapsed() < end);
      return { status: statuses.at(-1) };
    },
    Foreach: (action, name) => {
      const statuses = resolve(action.foreach).map((value) => {
        loopItems.set(name, value);
        return runScope(action.actions);
      });
      return { status: statuses.includes("Failed") ? "Failed" : "Succeeded" };
    },
  };

  const elapsed = () => outcome.waits.reduce((sum, seconds) => sum + seconds, 0);
  /** Returns the seconds of a limit: an ISO 8601 duration, or an ARM expression with a number of hours. */
  function secondsOf(limit) {
    const hours = /^\[concat\('PT', string\(parameters\('(\w)(\w+)'\)\), 'H'\)\]$/.exec(limit);
    const [, ...parts] = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$/.exec(hours ? `PT${parameters[hours[1].toLowerCase() + hours[2]]}H` : limit);
    return parts.reduce((sum, part, at) => sum + Number(part ?? 0) * [3600, 60, 1][at], 0);
  }

  function callConnection(action, name) {
    const inputs = copy(resolve(action.inputs));
    outcome.connectionCalls.push({ name, inputs });
    const { status = "Succeeded", body = null } = connection(name, inputs) ?? {};
    return { outputs: { body }, status };
  }

  /**
   * Marks the actions of a branch that does not run as skipped, and the actions inside them. Otherwise, a loop would
   * see results of an earlier iteration.
   */
  function skipActions(actions) {
    for (const [name, action] of Object.entries(actions ?? {})) {
      results.set(name, { name, status: "Skipped", outputs: null });
      outcome.actions[name] = "Skipped";
      skipActions(action.actions);
      skipActions(action.else?.actions);
    }
  }

  /** Runs the actions of a scope in the order of their runAfter, and returns the scope's status. */
  function runScope(actions) {
    for (const name of Object.keys(actions)) results.delete(name);
    const waiting = new Map(Object.entries(actions));
    while (waiting.size > 0) {
      const [name, action] = [...waiting].find(([, action]) => Object.keys(action.runAfter).every((earlier) => results.has(earlier)));
      waiting.delete(name);
      const isDue = Object.entries(action.runAfter).every(([earlier, statuses]) => statuses.includes(results.get(earlier).status));
      if (isDue) {
        results.set(name, runAction(name, action));
        outcome.actions[name] = results.get(name).status;
      } else {
        skipActions({ [name]: action });
      }
    }
    return [...Object.keys(actions)].some((name) => isFailedLeaf(name, actions)) ? "Failed" : "Succeeded";
  }

  /** Returns whether no action runs after this one, and it failed or was skipped because of a failure. */
  function isFailedLeaf(name, actions) {
    if (Object.values(actions).some((other) => Object.hasOwn(other.runAfter, name))) return false;
    const failed = (name) =>
      ["Failed", "TimedOut"].includes(results.get(name).status) ||
      (results.get(name).status === "Skipped" && Object.keys(actions[name].runAfter).some(failed));
    return failed(name);
  }

  function runAction(name, action) {
    try {
      const { outputs = null, status = "Succeeded" } = handlers[action.type](action, name) ?? {};
      return { name, status, outputs };
    } catch (error) {
      if (error instanceof Terminated) throw error;
      return { name, status: "Failed", outputs: null, error: { message: error.message } };
    }
  }

  try {
    outcome.status = runScope(definition.actions);
  } catch (error) {
    if (!(error instanceof Terminated)) throw error;
  }
  outcome.failures = [...results.values()].filter((result) => result.error).map((result) => `${result.name}: ${result.error.message}`);
  return outcome;
}
