// Follows recipients through a workflow, and reports each action whose run history would show them.
//
// The trigger's outputs can hold recipients, and so can the outputs of each action that reads them. Azure documents
// which operations can hide their inputs and outputs ("Secure data in run history by using obfuscation"). These
// operations must hide them if they name such data at all. Other operations may use only a number or a boolean that was
// computed from such data, or a member of the gateway's response that holds no address.
import { calls, texts, workflowParts } from "./expression.mjs";

const BOTH = ["inputs", "outputs"];
/**
 * Properties that each type of trigger and action can hide. Hidden inputs of `Compose` and `Response` also hide the
 * outputs.
 */
const CAN_HIDE = {
  ApiConnection: BOTH,
  ApiConnectionWebhook: BOTH,
  Compose: ["inputs"],
  Http: BOTH,
  Query: BOTH,
  Request: BOTH,
  Response: ["inputs"],
  Select: BOTH,
};
/** Functions whose result is always numbers or a boolean. */
const COUNTING = [
  "and",
  "contains",
  "div",
  "empty",
  "endsWith",
  "equals",
  "greater",
  "int",
  "isInt",
  "length",
  "lessOrEquals",
  "not",
  "or",
  "range",
  "startsWith",
];
/**
 * Members that hold no address: outcome and numbers in the gateway's response, the decision on a card, and an action's
 * status.
 */
const ADDRESS_FREE = [
  "acceptedAt",
  "code",
  "decision",
  "duplicate",
  "emails",
  "messagesNotFound",
  "notFound",
  "notYet",
  "observed",
  "protected",
  "quarantine",
  "recipientsFound",
  "requestId",
  "Retry-After",
  "retry-after",
  "status",
  "statusCode",
  "submitActionId",
  "trackingUrl",
  "unclear",
  "unreachable",
];
/** Functions that read the results of an earlier action. */
const OUTPUTS = ["actions", "body", "outputs"];

/** Reports each violation. `actions` maps names to `{action, path, parents}`, and `trigger` is `{action, path}`. */
export function checkSecureData({ trigger, actions }, report) {
  const holders = new Set();
  const variables = new Set();

  /** Returns whether the value of `node` can hold a recipient. `context.item` is whether item() can. */
  function canHoldRecipient(node, context) {
    if (node.kind === "literal") return false;
    if (node.kind === "member") {
      const isAddressFree = OUTPUTS.includes(root(node).name) && ADDRESS_FREE.includes(node.key.value);
      return !isAddressFree && (canHoldRecipient(node.object, context) || canHoldRecipient(node.key, context));
    }
    if (COUNTING.includes(node.name)) return false;
    const [first] = node.args;
    if (node.name === "triggerBody" || node.name === "triggerOutputs") return true;
    if (OUTPUTS.includes(node.name)) return holders.has(first?.value);
    if (node.name === "variables") return variables.has(first?.value);
    if (node.name === "items") {
      const from = expressions(actions.get(first?.value)?.action.foreach);
      return from.some((node) => canHoldRecipient(node, { item: false }));
    }
    if (node.name === "item") return context.item;
    if (node.name === "if") return node.args.slice(1).some((arg) => canHoldRecipient(arg, context));
    return node.args.some((arg) => canHoldRecipient(arg, context));
  }

  /** Returns whether `node` names data that can hold recipients, even if only to count it. */
  const namesRecipients = (node, context) =>
    calls(node).some(({ name, args: [first] }) => {
      if (name === "triggerBody" || name === "triggerOutputs") return true;
      if (OUTPUTS.includes(name)) return holders.has(first?.value);
      return name === "item" && context.item;
    });

  const contextOf = ({ action }) => ({
    item: expressions(action.inputs?.from).some((node) => canHoldRecipient(node, { item: false })),
  });
  /** Returns the expressions that determine an action's outputs. A query's `where` only filters its items. */
  const outputsOf = (entry) => {
    const { type, inputs } = entry.action;
    if (type === "Query") return expressions(inputs.from);
    return type === "Select" ? expressions(inputs.select) : inputsOf(entry);
  };
  /** Returns the expressions that the run history shows as the action's inputs. */
  const inputsOf = ({ action }) =>
    expressions({ inputs: action.inputs, expression: action.expression, foreach: action.foreach });

  // An action can read the results of a later action, and a variable those of any action. So this loop repeats until it
  // finds no new one.
  for (let before = -1; before !== holders.size + variables.size;) {
    before = holders.size + variables.size;
    for (const [name, entry] of actions) {
      if (!outputsOf(entry).some((node) => canHoldRecipient(node, contextOf(entry)))) continue;
      holders.add(name);
      if (entry.action.inputs?.name) variables.add(entry.action.inputs.name);
      for (const variable of entry.action.inputs?.variables ?? []) variables.add(variable.name);
    }
    // The response of a service can quote the recipients that an action sent to it.
    for (const [name, entry] of actions) {
      const isCall = ["ApiConnection", "ApiConnectionWebhook", "Http"].includes(entry.action.type);
      if (isCall && inputsOf(entry).some((node) => namesRecipients(node, contextOf(entry)))) holders.add(name);
    }
  }

  const hiddenProperties = ({ action }) => action.runtimeConfiguration?.secureData?.properties ?? [];
  const checkHidden = (entry, properties) => {
    for (const property of properties.filter((property) => !hiddenProperties(entry).includes(property))) {
      report(entry.path, `leaves its ${property} in the run history, with recipients`);
    }
  };
  for (const entry of [trigger, ...actions.values()]) {
    const { type } = entry.action;
    for (const property of hiddenProperties(entry).filter((property) => !CAN_HIDE[type]?.includes(property))) {
      report(entry.path, `is of the type ${type}, for which Azure rejects secure ${property}`);
    }
  }
  checkHidden(trigger, CAN_HIDE[trigger.action.type] ?? BOTH);
  for (const entry of actions.values()) {
    const context = contextOf(entry);
    const properties = CAN_HIDE[entry.action.type];
    if (!properties) {
      if (inputsOf(entry).some((node) => canHoldRecipient(node, context))) {
        report(entry.path, `is of the type ${entry.action.type}, which cannot hide the recipients in its inputs`);
      }
    } else if (inputsOf(entry).some((node) => namesRecipients(node, context))) {
      checkHidden(entry, properties);
    }
  }
}

/** Returns the call at the start of a chain of members. */
const root = (node) => (node.kind === "member" ? root(node.object) : node);

/** Returns the expressions in a value. `faults` reports invalid ones. */
function expressions(value) {
  return [...texts(value)].flatMap(([, text]) => {
    try {
      return workflowParts(text).parts.filter((part) => typeof part !== "string");
    } catch {
      return [];
    }
  });
}
