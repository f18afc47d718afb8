// Rules for the playbooks: of ARM templates, the workflow definition language, Azure-Sentinel's gallery, and this
// project. `faults` returns each violation with its path.
import { ARM_FUNCTIONS, FUNCTIONS } from "./functions.mjs";
import { armExpression, calls, texts, workflowParts } from "./expression.mjs";
import { galleryFaults } from "./gallery.mjs";
import { secureDataFaults } from "./secure-data.mjs";

const TEMPLATE_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";
const WORKFLOW_SCHEMA = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#";
const TEMPLATE_MEMBERS = ["$schema", "contentVersion", "metadata", "parameters", "variables", "resources", "outputs"];
const PARAMETER_TYPES = { string: "string", int: "number", bool: "boolean", array: "object", object: "object" };
const API_VERSIONS = { "Microsoft.Logic/workflows": "2019-05-01", "Microsoft.Web/connections": "2016-06-01" };
const WORKFLOW_PARAMETER_TYPES = { String: "string", Int: "int", Bool: "bool", Array: "array", Object: "object" };
const STATUSES = ["Succeeded", "Failed", "Skipped", "TimedOut"];
const DURATION = /^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?$/;
/** Types of actions, each with the required and the optional members of its inputs. */
const ACTIONS = {
  ApiConnection: [["host", "method", "path"], ["body", "queries"]],
  ApiConnectionWebhook: [["host", "path", "body"], []],
  AppendToArrayVariable: [["name", "value"], []],
  Compose: null,
  Foreach: null,
  Http: [["method", "uri", "headers", "body", "authentication", "retryPolicy"], []],
  If: null,
  InitializeVariable: [["variables"], []],
  Query: [["from", "where"], []],
  Response: [["statusCode"], ["headers", "body"]],
  Select: [["from", "select"], []],
  SetVariable: [["name", "value"], []],
  Terminate: [["runStatus"], ["runError"]],
  Until: null,
  Wait: [["interval"], []],
};
/** Routes of the gateway that a playbook calls, and whether they submit a remediation. */
const ROUTES = { "/remediate": true, "/remediate/messages": true, "/remediate/status": false };
/** Types of actions that are loops. */
const LOOPS = ["Foreach", "Until"];
const ACTION_MEMBERS = ["type", "kind", "description", "runAfter", "inputs", "limit", "operationOptions", "runtimeConfiguration", "expression", "actions", "else", "foreach"];
/** Maximum length of an expression in Logic Apps, in characters. */
const MAX_EXPRESSION = 8192;
/** Maximum length of a comment in Microsoft Sentinel, in characters. */
const MAX_COMMENT = 30_000;
/** Maximum number of iterations of an Until loop. */
const MAX_ROUNDS = 5000;
/** Words that claim more than the acceptance of a remediation. */
const CLAIMS = /\b(deleted|done|removed|purged|remediated successfully)\b/i;

const literal = (node) => (node?.kind === "literal" ? node.value : undefined);
const namesIn = (all, name) => all.filter((call) => call.name === name).map((call) => literal(call.args[0]));

export function faults(template) {
  const found = [];
  const fault = (path, what) => found.push(`${path || "/"}: ${what}`);
  const workflow = template.resources?.find((resource) => resource.type === "Microsoft.Logic/workflows");
  templateFaults(template, fault);
  galleryFaults(template, fault);
  if (workflow) workflowFaults(template, workflow, fault);
  else fault("/resources", "no workflow");
  return found;
}

// ARM

function templateFaults(template, fault) {
  if (template.$schema !== TEMPLATE_SCHEMA) fault("/$schema", "is not that of a deployment template");
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(template.contentVersion)) fault("/contentVersion", "is not four numbers");
  for (const member of Object.keys(template)) if (!TEMPLATE_MEMBERS.includes(member)) fault(`/${member}`, "is unknown");

  const parameters = template.parameters ?? {};
  const variables = template.variables ?? {};
  for (const [name, parameter] of Object.entries(parameters)) {
    const path = `/parameters/${name}`;
    const type = PARAMETER_TYPES[parameter.type];
    if (!type) fault(path, "has an unknown type, or one for secrets, of which a playbook needs none");
    if (!/\.$/.test(parameter.metadata?.description ?? "")) fault(path, "has no description that ends with a period");
    const value = parameter.defaultValue;
    if (value !== undefined && typeof value !== type) fault(path, "has a default of another type");
    if (value !== undefined && parameter.allowedValues && !parameter.allowedValues.includes(value)) fault(path, "has a default that is not allowed");
    if (parameter.type === "array" && value !== undefined && !Array.isArray(value)) fault(path, "has a default of another type");
  }

  const used = { parameters: new Set(), variables: new Set() };
  for (const [path, text] of texts(template)) {
    let expression;
    try {
      expression = armExpression(text);
    } catch (error) {
      fault(path, `is not an ARM expression: ${error.message}`);
      continue;
    }
    if (!expression) continue;
    for (const call of calls(expression)) {
      if (!ARM_FUNCTIONS.includes(call.name)) fault(path, `calls the unknown function ${call.name}`);
      if (call.name === "reference" && !path.startsWith("/outputs/")) fault(path, "calls reference outside of the outputs");
      if (!(call.name in used)) continue;
      const name = literal(call.args[0]);
      used[call.name].add(name);
      const declared = call.name === "parameters" ? parameters : variables;
      if (!Object.hasOwn(declared, name)) fault(path, `names ${call.name}('${name}'), which is not declared`);
    }
  }
  for (const name of Object.keys(parameters)) if (!used.parameters.has(name)) fault(`/parameters/${name}`, "is not used");
  for (const name of Object.keys(variables)) if (!used.variables.has(name)) fault(`/variables/${name}`, "is not used");

  const ids = template.resources.map((resource) => `[resourceId('${resource.type}', ${resource.name.slice(1, -1)})]`);
  template.resources.forEach((resource, index) => {
    const path = `/resources/${index}`;
    if (API_VERSIONS[resource.type] !== resource.apiVersion) fault(path, `is ${resource.type} in ${resource.apiVersion}, which was not checked`);
    if (!armExpression(resource.name)) fault(`${path}/name`, "is fixed, so that the template could be deployed once");
    if (ids.indexOf(ids[index]) !== index) fault(`${path}/name`, "is that of another resource");
    for (const id of resource.dependsOn ?? []) if (!ids.includes(id)) fault(`${path}/dependsOn`, `names ${id}, which is not in the template`);
  });

  for (const name of ["principalId", "callerTable"]) if (!template.outputs?.[name]) fault("/outputs", `lacks ${name}`);
  for (const [name, output] of Object.entries(template.outputs ?? {})) {
    if (output.type !== "string") fault(`/outputs/${name}`, "is not a string");
    if (!/\.$/.test(output.metadata?.description ?? "")) fault(`/outputs/${name}`, "has no description that ends with a period");
  }
  for (const [path, text] of texts(template.outputs ?? {}, "/outputs")) {
    if (/list(CallbackUrl|Keys|Secrets)|[?&]sig=|secure/i.test(text)) fault(path, "gives a secret away");
  }
  for (const [path, text] of texts(template)) {
    if (/[?&]sig=|client_?secret|password|rgw_/i.test(text)) fault(path, "holds a secret, or a place for one");
  }
}

// The workflow

function workflowFaults(template, workflow, fault) {
  const at = `/resources/${template.resources.indexOf(workflow)}`;
  const { definition, parameters: given = {}, accessControl } = workflow.properties;
  const path = `${at}/properties/definition`;
  if (workflow.identity?.type !== "SystemAssigned") fault(at, "has no system-assigned managed identity");
  if (definition.$schema !== WORKFLOW_SCHEMA) fault(`${path}/$schema`, "is not that of a workflow definition");
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(definition.contentVersion)) fault(`${path}/contentVersion`, "is not four numbers");
  if (Object.keys(definition.outputs ?? {}).length > 0) fault(`${path}/outputs`, "would stand in the run history");

  const [triggerName, ...more] = Object.keys(definition.triggers);
  if (more.length > 0) fault(`${path}/triggers`, "has more than one trigger");
  const trigger = definition.triggers[triggerName];
  if (trigger.type === "Request") {
    const triggers = accessControl?.triggers;
    if (triggers?.sasAuthenticationPolicy?.state !== "Disabled") fault(at, "starts for everyone who has the link");
    const policies = Object.values(triggers?.openAuthenticationPolicies?.policies ?? {});
    for (const policy of policies) {
      for (const name of ["iss", "aud", "oid"]) {
        if (!policy.claims.some((claim) => claim.name === name && claim.value)) fault(at, `lets in a token whatever its ${name}`);
      }
    }
    if (policies.length === 0) fault(at, "has no policy for who may start it");
    for (const [key, member] of members(trigger.inputs.schema, `${path}/triggers/${triggerName}/inputs/schema`)) {
      if (/\/(pattern|patternProperties)$/.test(key) && !key.endsWith("/properties/pattern")) fault(key, `is rejected by Azure in a trigger's schema: ${member}`);
    }
  }

  // Each parameter is declared, given and used.
  const used = new Set();
  for (const [name, parameter] of Object.entries(definition.parameters ?? {})) {
    if (!(parameter.type in WORKFLOW_PARAMETER_TYPES)) fault(`${path}/parameters/${name}`, "has an unknown type");
    if (!Object.hasOwn(given, name)) fault(`${path}/parameters/${name}`, "is given no value");
    const from = /^\[parameters\('(\w+)'\)\]$/.exec(given[name]?.value)?.[1];
    const fromType = template.parameters[from]?.type;
    if (fromType && fromType !== WORKFLOW_PARAMETER_TYPES[parameter.type]) fault(`${path}/parameters/${name}`, `is given a ${fromType}`);
  }
  for (const name of Object.keys(given)) if (!definition.parameters?.[name]) fault(`${at}/properties/parameters/${name}`, "is not declared");

  // Connections.
  const connections = given.$connections?.value ?? {};
  for (const [name, connection] of Object.entries(connections)) {
    if (!workflow.dependsOn?.includes(connection.connectionId)) fault(at, `does not wait for the connection ${name}`);
  }
  for (const resource of template.resources.filter((resource) => resource.type === "Microsoft.Web/connections")) {
    const id = `[resourceId('${resource.type}', ${resource.name.slice(1, -1)})]`;
    const user = Object.values(connections).find((connection) => connection.connectionId === id);
    if (!user) fault(at, `does not use the connection ${resource.name}`);
    else if (user.id !== resource.properties.api.id) fault(at, `takes the connection ${resource.name} for one of another service`);
    const isManaged = user?.connectionProperties?.authentication?.type === "ManagedServiceIdentity";
    if (isManaged !== (resource.properties.parameterValueType === "Alternative")) fault(at, `${resource.name} has no managed identity on one of its sides`);
  }

  // All actions, including nested ones: name -> {action, path, scope, parents}.
  const actions = new Map();
  const collect = (scope, scopePath, parents) => {
    for (const [name, action] of Object.entries(scope ?? {})) {
      const actionPath = `${scopePath}/${name}`;
      if (actions.has(name)) fault(actionPath, "has the name of another action");
      if (!/^[\w()-]{1,80}$/.test(name)) fault(actionPath, "has a name that Logic Apps rejects");
      actions.set(name, { name, action, path: actionPath, scope, parents });
      collect(action.actions, `${actionPath}/actions`, [...parents, name]);
      collect(action.else?.actions, `${actionPath}/else/actions`, [...parents, name]);
    }
  };
  collect(definition.actions, `${path}/actions`, []);
  const inLoop = (entry, types = LOOPS) => entry.parents.filter((parent) => types.includes(actions.get(parent).action.type));
  const nested = (entry) => [...actions.values()].filter((other) => other.parents.includes(entry.name));

  for (const entry of actions.values()) runAfterFaults(entry, fault);

  /**
   * Returns the names of the actions that have ended when `entry` starts: the actions before it and before its parents,
   * and the actions inside them.
   */
  const before = (entry, seen = new Set()) => {
    for (const name of Object.keys(entry.action.runAfter ?? {})) {
      const earlier = entry.scope[name] && actions.get(name);
      if (!earlier || seen.has(name)) continue;
      seen.add(name);
      for (const inner of nested(earlier)) seen.add(inner.name);
      before(earlier, seen);
    }
    for (const parent of entry.parents) before(actions.get(parent), seen);
    return seen;
  };
  const earlier = new Map();
  /** Returns whether the action `name` has ended when `entry` starts. Computes the names once for each action. */
  const runsBefore = (entry, name) => {
    if (!earlier.has(entry)) earlier.set(entry, before(entry));
    return earlier.get(entry).has(name);
  };

  /** Returns whether `inner` is inside the Until loop `entry`, whose condition can read it. */
  const isRepeated = ({ name, action }, inner) => action.type === "Until" && actions.get(inner).parents.includes(name);
  const variableNames = [...actions.values()].flatMap(({ action }) => (action.type === "InitializeVariable" ? action.inputs.variables.map(({ name }) => name) : []));

  const check = (value, valuePath, entry, secured) => {
    for (const [textPath, text] of texts(value, valuePath)) {
      if (CLAIMS.test(text)) fault(textPath, "claims more than accepted");
      if (text.length > MAX_EXPRESSION) fault(textPath, `has more than ${MAX_EXPRESSION} characters, which Logic Apps does not evaluate`);
      if (isArmExpression(text)) continue;
      let parts;
      try {
        ({ parts } = workflowParts(text));
      } catch (error) {
        fault(textPath, `is not an expression: ${error.message}`);
        continue;
      }
      const all = parts.filter((part) => typeof part !== "string").flatMap(calls);
      for (const name of headersIn(text)) {
        const canonical = name.replace(/(^|-)[a-z]/g, (first) => first.toUpperCase());
        for (const spelling of [canonical, name.toLowerCase()]) {
          if (!text.includes(`['headers']?['${spelling}']`)) fault(textPath, `reads the header ${name}, but not as ${spelling}: HTTP/2 spells it in lower case, HTTP/1.1 does not`);
        }
      }
      for (const call of all) {
        const [fewest, most] = FUNCTIONS[call.name] ?? [];
        if (fewest === undefined) fault(textPath, `calls the unknown function ${call.name}`);
        else if (call.args.length < fewest || call.args.length > most) fault(textPath, `calls ${call.name} with ${call.args.length} arguments`);
      }
      for (const name of namesIn(all, "parameters")) {
        used.add(name);
        if (!definition.parameters?.[name]) fault(textPath, `names the parameter ${name}, which is not declared`);
      }
      for (const node of parts.filter((part) => typeof part !== "string")) {
        for (const name of connectionsIn(node)) if (!connections[name]) fault(textPath, `names the connection ${name}, which is not given`);
      }
      for (const kind of ["body", "outputs", "actions"]) {
        for (const name of namesIn(all, kind)) {
          if (!actions.has(name)) fault(textPath, `names the action ${name}, which does not exist`);
          else if (!entry || !(runsBefore(entry, name) || isRepeated(entry, name))) fault(textPath, `names the action ${name}, which does not run before`);
        }
      }
      for (const name of namesIn(all, "variables")) {
        const declares = ([, other]) => other.action.type === "InitializeVariable" && other.action.inputs.variables.some((variable) => variable.name === name);
        const where = [...actions].find(declares)?.[0];
        if (!where) fault(textPath, `names the variable ${name}, which is not initialized`);
        else if (!runsBefore(entry, where)) fault(textPath, `names the variable ${name} before it is initialized`);
      }
      for (const name of namesIn(all, "items")) {
        if (!entry || !inLoop(entry, ["Foreach"]).includes(name)) fault(textPath, `names the items of ${name}, outside of it`);
      }
      if (all.some((call) => call.name === "item") && !["Query", "Select"].includes(entry?.action.type)) fault(textPath, "names item() outside of a query or selection");
      if (all.some((call) => call.name === "listCallbackUrl") && !secured) fault(textPath, "leaves a link with a signature in the run history");
    }
  };
  const isSecured = (holder) => holder.runtimeConfiguration?.secureData?.properties?.includes("inputs") ?? false;

  check(trigger.inputs, `${path}/triggers/${triggerName}/inputs`, null, isSecured(trigger));
  for (const entry of actions.values()) {
    const { action } = entry;
    check({ inputs: action.inputs, expression: action.expression, foreach: action.foreach, description: action.description }, entry.path, entry, isSecured(action));
    actionFaults(entry, { fault, actions, trigger, inLoop, variableNames });
  }
  for (const name of Object.keys(definition.parameters ?? {})) if (!used.has(name)) fault(`${path}/parameters/${name}`, "is not used");
  if (![...actions.values()].some((entry) => entry.action.type === "Http")) fault(path, "does not call the gateway");
  secureDataFaults({ trigger: { action: trigger, path: `${path}/triggers/${triggerName}` }, actions }, fault);
}

/** Returns whether ARM evaluates `text` before Logic Apps receives it. */
const isArmExpression = (text) => text.startsWith("[") && text.endsWith("]");

function* members(value, path) {
  if (value === null || typeof value !== "object") return;
  for (const [key, member] of Object.entries(value)) {
    yield [`${path}/${key}`, member];
    yield* members(member, `${path}/${key}`);
  }
}

/** Returns the names of the headers that an expression reads. */
const headersIn = (text) => [...text.matchAll(/\['headers'\]\?\['([\w-]+)'\]/g)].map((match) => match[1]);

/** Returns the x of each parameters('$connections')['x']. */
function connectionsIn(node) {
  if (node.kind === "call") return node.args.flatMap(connectionsIn);
  if (node.kind !== "member") return [];
  const isConnection = node.object.kind === "call" && node.object.name === "parameters" && literal(node.object.args[0]) === "$connections";
  return [...(isConnection ? [literal(node.key)] : []), ...connectionsIn(node.object), ...connectionsIn(node.key)];
}

function runAfterFaults({ name, action, path, scope }, fault) {
  if (action.runAfter === undefined) return fault(path, "has no runAfter");
  for (const [earlier, statuses] of Object.entries(action.runAfter)) {
    if (!Object.hasOwn(scope, earlier)) fault(path, `runs after ${earlier}, which is not beside it`);
    if (statuses.length === 0 || statuses.some((status) => !STATUSES.includes(status))) fault(path, `runs after ${earlier} with an unknown status`);
  }
  // A depth-first search: an action that reaches itself is in a cycle.
  const reaches = (from, seen) =>
    Object.keys(scope[from]?.runAfter ?? {}).some((earlier) => earlier === name || (!seen.has(earlier) && reaches(earlier, seen.add(earlier))));
  if (reaches(name, new Set())) fault(path, "runs after itself");
}

function actionFaults(entry, { fault, actions, trigger, inLoop, variableNames }) {
  const { name, action, path, scope, parents } = entry;
  for (const member of Object.keys(action)) if (!ACTION_MEMBERS.includes(member)) fault(`${path}/${member}`, "is unknown");
  if (!Object.hasOwn(ACTIONS, action.type)) return fault(path, `is of the unknown type ${action.type}`);
  const rule = ACTIONS[action.type];
  if (rule) {
    for (const member of rule[0]) if (action.inputs?.[member] === undefined) fault(path, `lacks the input ${member}`);
    for (const member of Object.keys(action.inputs ?? {})) if (!rule.flat().includes(member)) fault(path, `has the unknown input ${member}`);
  }
  if (["If", ...LOOPS].includes(action.type) && action.actions === undefined) fault(path, "has no actions");
  if (action.type === "Until" && !(action.limit?.count <= MAX_ROUNDS && action.limit.timeout)) fault(path, "has no limit for its rounds and its time");
  if (action.type === "InitializeVariable" && parents.length > 0) fault(path, "initializes a variable inside of another action");
  if (action.type === "Terminate" && inLoop(entry).length > 0) fault(path, "ends the run from inside of a loop");
  if (action.type === "Response" && trigger.type !== "Request") fault(path, "responds, but the trigger takes no request");
  if (["AppendToArrayVariable", "SetVariable"].includes(action.type)) {
    if (!variableNames.includes(action.inputs.name)) fault(path, `changes the variable ${action.inputs.name}, which is not initialized`);
    if (JSON.stringify(action.inputs.value).includes(`variables('${action.inputs.name}')`)) fault(path, "reads the variable that it changes");
    const loops = inLoop(entry, ["Foreach"]).map((loop) => actions.get(loop).action);
    if (loops.some((loop) => loop.runtimeConfiguration?.concurrency?.repetitions !== 1)) fault(path, "changes a variable in a loop that runs in parallel");
  }
  const timeout = action.limit?.timeout;
  if (timeout !== undefined && !DURATION.test(timeout) && !/^\[(parameters\('\w+'\)|concat\('PT', string\(parameters\('\w+'\)\), 'H'\))\]$/.test(timeout)) fault(path, "has a timeout that is not a duration");
  if (action.type === "ApiConnection" && action.inputs?.path === "/Incidents/Comment") commentFaults(entry, fault);
  if (action.type === "Http") gatewayFaults(entry, { fault, inLoop, scope, name });
}

/** Reports a comment whose length depends on the incident. */
function commentFaults({ action, path }, fault) {
  try {
    const { isExpression, parts: [cut] } = workflowParts(action.inputs.body.message);
    if (isExpression && cut.kind === "call" && cut.name === "take" && literal(cut.args[1]) <= MAX_COMMENT) return;
  } catch {
    // The check of expressions reports this error.
  }
  fault(path, `can write a comment of more than ${MAX_COMMENT} characters`);
}

/** Reports violations of the rules for a call to the gateway. */
function gatewayFaults(entry, { fault, inLoop, scope, name }) {
  const { action, path } = entry;
  const { uri, method, headers = {}, authentication, retryPolicy } = action.inputs;
  const route = /^https:\/\/@\{parameters\('gatewayHost'\)\}(\/.*)$/.exec(uri)?.[1];
  if (!Object.hasOwn(ROUTES, route) || method !== "POST") fault(path, "is not the gateway's route over https");
  if (authentication?.type !== "ManagedServiceIdentity" || authentication.audience !== "@parameters('gatewayAudience')") {
    fault(path, "does not authenticate with the managed identity for the gateway's audience");
  }
  if (headers["Content-Type"] !== "application/json") fault(path, "does not declare JSON");
  for (const header of Object.keys(headers)) if (/^(authorization|x-api-key|prefer)$/i.test(header)) fault(path, `sends ${header}`);
  if (ROUTES[route] !== false) submissionFaults(entry, { fault, inLoop, name });
  else if (inLoop(entry, ["Until"]).length === 0 || retryPolicy?.type !== "none") fault(path, "asks for the status other than once in each round of a loop");
  if (action.operationOptions !== "DisableAsyncPattern") fault(path, "would poll the tracking link");
  const reader = Object.values(scope).find((other) => other.runAfter?.[name]);
  for (const status of ["Succeeded", "Failed", "TimedOut"]) {
    if (!reader?.runAfter[name].includes(status)) fault(path, `has no action that reads its response when it ${status}`);
  }
}

/** Reports violations of the rules for a submission: retries with the same idempotency key. */
function submissionFaults({ action, path, ...entry }, { fault, inLoop, name }) {
  const { headers = {}, retryPolicy } = action.inputs;
  const key = headers["Idempotency-Key"] ?? "";
  if (!key.includes("workflow()['run']['name']") || !key.includes(`-${name}`)) fault(path, "has no idempotency key of the run and the action");
  for (const loop of inLoop(entry, ["Foreach"])) if (!key.includes(`items('${loop}')`)) fault(path, "has the same idempotency key for each item of the loop");
  if (inLoop(entry, ["Until"]).length > 0) fault(path, "sends a remediation in each round of a loop");
  const durations = [retryPolicy?.interval, retryPolicy?.minimumInterval, retryPolicy?.maximumInterval];
  const isRetried = retryPolicy?.type === "exponential" && retryPolicy.count >= 1 && retryPolicy.count <= 90 && durations.every((duration) => DURATION.test(duration));
  if (!isRetried) fault(path, "has no retry policy, or one that Logic Apps rejects");
}
