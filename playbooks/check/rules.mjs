// Rules for the playbooks: of ARM templates, the workflow definition language, Azure-Sentinel's gallery, and this
// project. `faults` returns each violation with its path.
import { ARM_FUNCTIONS, FUNCTIONS } from "./functions.mjs";
import { armExpression, calls, texts, workflowParts } from "./expression.mjs";
import { checkGalleryRules } from "./gallery.mjs";
import { checkSecureData } from "./secure-data.mjs";

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
const EXCESSIVE_CLAIMS = /\b(deleted|done|removed|purged|remediated successfully)\b/i;

const literal = (node) => (node?.kind === "literal" ? node.value : undefined);
const namesIn = (all, name) => all.filter((call) => call.name === name).map((call) => literal(call.args[0]));

export function faults(template) {
  const found = [];
  const report = (path, what) => found.push(`${path || "/"}: ${what}`);
  const workflow = template.resources?.find((resource) => resource.type === "Microsoft.Logic/workflows");
  checkTemplate(template, report);
  checkGalleryRules(template, report);
  if (workflow) checkWorkflow(template, workflow, report);
  else report("/resources", "no workflow");
  return found;
}

// ARM

function checkTemplate(template, report) {
  if (template.$schema !== TEMPLATE_SCHEMA) report("/$schema", "is not that of a deployment template");
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(template.contentVersion)) report("/contentVersion", "is not four numbers");
  for (const member of Object.keys(template))
    if (!TEMPLATE_MEMBERS.includes(member)) report(`/${member}`, "is unknown");

  const parameters = template.parameters ?? {};
  const variables = template.variables ?? {};
  for (const [name, parameter] of Object.entries(parameters)) {
    const path = `/parameters/${name}`;
    const type = PARAMETER_TYPES[parameter.type];
    if (!type) report(path, "has an unknown type, or one for secrets, of which a playbook needs none");
    if (!/\.$/.test(parameter.metadata?.description ?? "")) report(path, "has no description that ends with a period");
    const value = parameter.defaultValue;
    if (value !== undefined && typeof value !== type) report(path, "has a default of another type");
    if (value !== undefined && parameter.allowedValues && !parameter.allowedValues.includes(value)) report(path, "has a default that is not allowed");
    if (parameter.type === "array" && value !== undefined && !Array.isArray(value)) report(path, "has a default of another type");
  }

  const used = { parameters: new Set(), variables: new Set() };
  for (const [path, text] of texts(template)) {
    let expression;
    try {
      expression = armExpression(text);
    } catch (error) {
      report(path, `is not an ARM expression: ${error.message}`);
      continue;
    }
    if (!expression) continue;
    for (const call of calls(expression)) {
      if (!ARM_FUNCTIONS.includes(call.name)) report(path, `calls the unknown function ${call.name}`);
      if (call.name === "reference" && !path.startsWith("/outputs/")) report(path, "calls reference outside of the outputs");
      if (!(call.name in used)) continue;
      const name = literal(call.args[0]);
      used[call.name].add(name);
      const declared = call.name === "parameters" ? parameters : variables;
      if (!Object.hasOwn(declared, name)) report(path, `names ${call.name}('${name}'), which is not declared`);
    }
  }
  for (const name of Object.keys(parameters)) if (!used.parameters.has(name)) report(`/parameters/${name}`, "is not used");
  for (const name of Object.keys(variables)) if (!used.variables.has(name)) report(`/variables/${name}`, "is not used");

  const ids = template.resources.map((resource) => `[resourceId('${resource.type}', ${resource.name.slice(1, -1)})]`);
  template.resources.forEach((resource, index) => {
    const path = `/resources/${index}`;
    if (API_VERSIONS[resource.type] !== resource.apiVersion) report(path, `is ${resource.type} in ${resource.apiVersion}, which was not checked`);
    if (!armExpression(resource.name)) report(`${path}/name`, "is fixed, so that the template could be deployed once");
    if (ids.indexOf(ids[index]) !== index) report(`${path}/name`, "is that of another resource");
    for (const id of resource.dependsOn ?? []) if (!ids.includes(id)) report(`${path}/dependsOn`, `names ${id}, which is not in the template`);
  });

  for (const name of ["principalId", "callerTable"]) if (!template.outputs?.[name]) report("/outputs", `lacks ${name}`);
  for (const [name, output] of Object.entries(template.outputs ?? {})) {
    if (output.type !== "string") report(`/outputs/${name}`, "is not a string");
    if (!/\.$/.test(output.metadata?.description ?? "")) report(`/outputs/${name}`, "has no description that ends with a period");
  }
  for (const [path, text] of texts(template.outputs ?? {}, "/outputs")) {
    if (/list(CallbackUrl|Keys|Secrets)|[?&]sig=|secure/i.test(text)) report(path, "gives a secret away");
  }
  for (const [path, text] of texts(template)) {
    if (/[?&]sig=|client_?secret|password|rgw_/i.test(text)) report(path, "holds a secret, or a place for one");
  }
}

// The workflow

function checkWorkflow(template, workflow, report) {
  const at = `/resources/${template.resources.indexOf(workflow)}`;
  const { definition, parameters: given = {}, accessControl } = workflow.properties;
  const path = `${at}/properties/definition`;
  if (workflow.identity?.type !== "SystemAssigned") report(at, "has no system-assigned managed identity");
  if (definition.$schema !== WORKFLOW_SCHEMA) report(`${path}/$schema`, "is not that of a workflow definition");
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(definition.contentVersion)) report(`${path}/contentVersion`, "is not four numbers");
  if (Object.keys(definition.outputs ?? {}).length > 0) report(`${path}/outputs`, "would stand in the run history");

  const [triggerName, ...more] = Object.keys(definition.triggers);
  if (more.length > 0) report(`${path}/triggers`, "has more than one trigger");
  const trigger = definition.triggers[triggerName];
  if (trigger.type === "Request") {
    const triggers = accessControl?.triggers;
    if (triggers?.sasAuthenticationPolicy?.state !== "Disabled") report(at, "starts for everyone who has the link");
    const policies = Object.values(triggers?.openAuthenticationPolicies?.policies ?? {});
    for (const policy of policies) {
      for (const name of ["iss", "aud", "oid"]) {
        if (!policy.claims.some((claim) => claim.name === name && claim.value)) report(at, `lets in a token whatever its ${name}`);
      }
    }
    if (policies.length === 0) report(at, "has no policy for who may start it");
    for (const [key, member] of members(trigger.inputs.schema, `${path}/triggers/${triggerName}/inputs/schema`)) {
      if (/\/(pattern|patternProperties)$/.test(key) && !key.endsWith("/properties/pattern")) report(key, `is rejected by Azure in a trigger's schema: ${member}`);
    }
  }

  // Each parameter is declared, given and used.
  const used = new Set();
  for (const [name, parameter] of Object.entries(definition.parameters ?? {})) {
    if (!(parameter.type in WORKFLOW_PARAMETER_TYPES)) report(`${path}/parameters/${name}`, "has an unknown type");
    if (!Object.hasOwn(given, name)) report(`${path}/parameters/${name}`, "is given no value");
    const from = /^\[parameters\('(\w+)'\)\]$/.exec(given[name]?.value)?.[1];
    const fromType = template.parameters[from]?.type;
    if (fromType && fromType !== WORKFLOW_PARAMETER_TYPES[parameter.type]) report(`${path}/parameters/${name}`, `is given a ${fromType}`);
  }
  for (const name of Object.keys(given)) if (!definition.parameters?.[name]) report(`${at}/properties/parameters/${name}`, "is not declared");

  // Connections.
  const connections = given.$connections?.value ?? {};
  for (const [name, connection] of Object.entries(connections)) {
    if (!workflow.dependsOn?.includes(connection.connectionId)) report(at, `does not wait for the connection ${name}`);
  }
  for (const resource of template.resources.filter((resource) => resource.type === "Microsoft.Web/connections")) {
    const id = `[resourceId('${resource.type}', ${resource.name.slice(1, -1)})]`;
    const connection = Object.values(connections).find((connection) => connection.connectionId === id);
    if (!connection) report(at, `does not use the connection ${resource.name}`);
    else if (connection.id !== resource.properties.api.id) report(at, `takes the connection ${resource.name} for one of another service`);
    const isManaged = connection?.connectionProperties?.authentication?.type === "ManagedServiceIdentity";
    if (isManaged !== (resource.properties.parameterValueType === "Alternative")) report(at, `${resource.name} has no managed identity on one of its sides`);
  }

  // All actions, including nested ones: name -> {action, path, scope, parents}.
  const actions = new Map();
  const collect = (scope, scopePath, parents) => {
    for (const [name, action] of Object.entries(scope ?? {})) {
      const actionPath = `${scopePath}/${name}`;
      if (actions.has(name)) report(actionPath, "has the name of another action");
      if (!/^[\w()-]{1,80}$/.test(name)) report(actionPath, "has a name that Logic Apps rejects");
      actions.set(name, { name, action, path: actionPath, scope, parents });
      collect(action.actions, `${actionPath}/actions`, [...parents, name]);
      collect(action.else?.actions, `${actionPath}/else/actions`, [...parents, name]);
    }
  };
  collect(definition.actions, `${path}/actions`, []);
  const enclosingLoops = (entry, types = LOOPS) => entry.parents.filter((parent) => types.includes(actions.get(parent).action.type));
  const nested = (entry) => [...actions.values()].filter((other) => other.parents.includes(entry.name));

  for (const entry of actions.values()) checkRunAfter(entry, report);

  /**
   * Returns the names of the actions that have ended when `entry` starts: the actions before it and before its parents,
   * and the actions inside them.
   */
  const earlierActions = (entry, seen = new Set()) => {
    for (const name of Object.keys(entry.action.runAfter ?? {})) {
      const earlier = entry.scope[name] && actions.get(name);
      if (!earlier || seen.has(name)) continue;
      seen.add(name);
      for (const inner of nested(earlier)) seen.add(inner.name);
      earlierActions(earlier, seen);
    }
    for (const parent of entry.parents) earlierActions(actions.get(parent), seen);
    return seen;
  };
  const earlierByEntry = new Map();
  /** Returns whether the action `name` has ended when `entry` starts. Computes the names once for each action. */
  const runsBefore = (entry, name) => {
    if (!earlierByEntry.has(entry)) earlierByEntry.set(entry, earlierActions(entry));
    return earlierByEntry.get(entry).has(name);
  };

  /** Returns whether `inner` is inside the Until loop `entry`, whose condition can read it. */
  const isRepeated = ({ name, action }, inner) => action.type === "Until" && actions.get(inner).parents.includes(name);
  const variableNames = [...actions.values()].flatMap(({ action }) => (action.type === "InitializeVariable" ? action.inputs.variables.map(({ name }) => name) : []));

  const checkTexts = (value, valuePath, entry, secured) => {
    for (const [textPath, text] of texts(value, valuePath)) {
      if (EXCESSIVE_CLAIMS.test(text)) report(textPath, "claims more than accepted");
      if (text.length > MAX_EXPRESSION) report(textPath, `has more than ${MAX_EXPRESSION} characters, which Logic Apps does not evaluate`);
      if (isArmExpression(text)) continue;
      let parts;
      try {
        ({ parts } = workflowParts(text));
      } catch (error) {
        report(textPath, `is not an expression: ${error.message}`);
        continue;
      }
      const all = parts.filter((part) => typeof part !== "string").flatMap(calls);
      for (const name of headersIn(text)) {
        const canonical = name.replace(/(^|-)[a-z]/g, (first) => first.toUpperCase());
        for (const spelling of [canonical, name.toLowerCase()]) {
          if (!text.includes(`['headers']?['${spelling}']`)) report(textPath, `reads the header ${name}, but not as ${spelling}: HTTP/2 spells it in lower case, HTTP/1.1 does not`);
        }
      }
      for (const call of all) {
        const [fewest, most] = FUNCTIONS[call.name] ?? [];
        if (fewest === undefined) report(textPath, `calls the unknown function ${call.name}`);
        else if (call.args.length < fewest || call.args.length > most) report(textPath, `calls ${call.name} with ${call.args.length} arguments`);
      }
      for (const name of namesIn(all, "parameters")) {
        used.add(name);
        if (!definition.parameters?.[name]) report(textPath, `names the parameter ${name}, which is not declared`);
      }
      for (const node of parts.filter((part) => typeof part !== "string")) {
        for (const name of connectionsIn(node)) if (!connections[name]) report(textPath, `names the connection ${name}, which is not given`);
      }
      for (const kind of ["body", "outputs", "actions"]) {
        for (const name of namesIn(all, kind)) {
          if (!actions.has(name)) report(textPath, `names the action ${name}, which does not exist`);
          else if (!entry || !(runsBefore(entry, name) || isRepeated(entry, name))) report(textPath, `names the action ${name}, which does not run before`);
        }
      }
      for (const name of namesIn(all, "variables")) {
        const declares = ([, other]) => other.action.type === "InitializeVariable" && other.action.inputs.variables.some((variable) => variable.name === name);
        const where = [...actions].find(declares)?.[0];
        if (!where) report(textPath, `names the variable ${name}, which is not initialized`);
        else if (!runsBefore(entry, where)) report(textPath, `names the variable ${name} before it is initialized`);
      }
      for (const name of namesIn(all, "items")) {
        if (!entry || !enclosingLoops(entry, ["Foreach"]).includes(name)) report(textPath, `names the items of ${name}, outside of it`);
      }
      if (all.some((call) => call.name === "item") && !["Query", "Select"].includes(entry?.action.type)) report(textPath, "names item() outside of a query or selection");
      if (all.some((call) => call.name === "listCallbackUrl") && !secured) report(textPath, "leaves a link with a signature in the run history");
    }
  };
  const isSecured = (holder) => holder.runtimeConfiguration?.secureData?.properties?.includes("inputs") ?? false;

  checkTexts(trigger.inputs, `${path}/triggers/${triggerName}/inputs`, null, isSecured(trigger));
  for (const entry of actions.values()) {
    const { action } = entry;
    checkTexts({ inputs: action.inputs, expression: action.expression, foreach: action.foreach, description: action.description }, entry.path, entry, isSecured(action));
    checkAction(entry, { report, actions, trigger, enclosingLoops, variableNames });
  }
  for (const name of Object.keys(definition.parameters ?? {})) if (!used.has(name)) report(`${path}/parameters/${name}`, "is not used");
  if (![...actions.values()].some((entry) => entry.action.type === "Http")) report(path, "does not call the gateway");
  checkSecureData({ trigger: { action: trigger, path: `${path}/triggers/${triggerName}` }, actions }, report);
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

function checkRunAfter({ name, action, path, scope }, report) {
  if (action.runAfter === undefined) return report(path, "has no runAfter");
  for (const [earlier, statuses] of Object.entries(action.runAfter)) {
    if (!Object.hasOwn(scope, earlier)) report(path, `runs after ${earlier}, which is not beside it`);
    if (statuses.length === 0 || statuses.some((status) => !STATUSES.includes(status))) report(path, `runs after ${earlier} with an unknown status`);
  }
  // A depth-first search: an action that reaches itself is in a cycle.
  const reaches = (from, seen) =>
    Object.keys(scope[from]?.runAfter ?? {}).some((earlier) => earlier === name || (!seen.has(earlier) && reaches(earlier, seen.add(earlier))));
  if (reaches(name, new Set())) report(path, "runs after itself");
}

function checkAction(entry, { report, actions, trigger, enclosingLoops, variableNames }) {
  const { name, action, path, scope, parents } = entry;
  for (const member of Object.keys(action)) if (!ACTION_MEMBERS.includes(member)) report(`${path}/${member}`, "is unknown");
  if (!Object.hasOwn(ACTIONS, action.type)) return report(path, `is of the unknown type ${action.type}`);
  const rule = ACTIONS[action.type];
  if (rule) {
    for (const member of rule[0]) if (action.inputs?.[member] === undefined) report(path, `lacks the input ${member}`);
    for (const member of Object.keys(action.inputs ?? {})) if (!rule.flat().includes(member)) report(path, `has the unknown input ${member}`);
  }
  if (["If", ...LOOPS].includes(action.type) && action.actions === undefined) report(path, "has no actions");
  if (action.type === "Until" && !(action.limit?.count <= MAX_ROUNDS && action.limit.timeout)) report(path, "has no limit for its rounds and its time");
  if (action.type === "InitializeVariable" && parents.length > 0) report(path, "initializes a variable inside of another action");
  if (action.type === "Terminate" && enclosingLoops(entry).length > 0)
    report(path, "ends the run from inside of a loop");
  if (action.type === "Response" && trigger.type !== "Request") report(path, "responds, but the trigger takes no request");
  if (["AppendToArrayVariable", "SetVariable"].includes(action.type)) {
    if (!variableNames.includes(action.inputs.name)) report(path, `changes the variable ${action.inputs.name}, which is not initialized`);
    if (JSON.stringify(action.inputs.value).includes(`variables('${action.inputs.name}')`)) report(path, "reads the variable that it changes");
    const loops = enclosingLoops(entry, ["Foreach"]).map((loop) => actions.get(loop).action);
    if (loops.some((loop) => loop.runtimeConfiguration?.concurrency?.repetitions !== 1)) report(path, "changes a variable in a loop that runs in parallel");
  }
  const timeout = action.limit?.timeout;
  if (timeout !== undefined && !DURATION.test(timeout) && !/^\[(parameters\('\w+'\)|concat\('PT', string\(parameters\('\w+'\)\), 'H'\))\]$/.test(timeout)) report(path, "has a timeout that is not a duration");
  if (action.type === "ApiConnection" && action.inputs?.path === "/Incidents/Comment") checkComment(entry, report);
  if (action.type === "Http") checkGatewayCall(entry, { report, enclosingLoops, scope, name });
}

/** Reports a comment whose length depends on the incident. */
function checkComment({ action, path }, report) {
  try {
    const { isExpression, parts: [cut] } = workflowParts(action.inputs.body.message);
    if (isExpression && cut.kind === "call" && cut.name === "take" && literal(cut.args[1]) <= MAX_COMMENT) return;
  } catch {
    // The check of expressions reports this error.
  }
  report(path, `can write a comment of more than ${MAX_COMMENT} characters`);
}

/** Reports violations of the rules for a call to the gateway. */
function checkGatewayCall(entry, { report, enclosingLoops, scope, name }) {
  const { action, path } = entry;
  const { uri, method, headers = {}, authentication, retryPolicy } = action.inputs;
  const route = /^https:\/\/@\{parameters\('gatewayHost'\)\}(\/.*)$/.exec(uri)?.[1];
  if (!Object.hasOwn(ROUTES, route) || method !== "POST") report(path, "is not the gateway's route over https");
  if (authentication?.type !== "ManagedServiceIdentity" || authentication.audience !== "@parameters('gatewayAudience')") {
    report(path, "does not authenticate with the managed identity for the gateway's audience");
  }
  if (headers["Content-Type"] !== "application/json") report(path, "does not declare JSON");
  for (const header of Object.keys(headers)) if (/^(authorization|x-api-key|prefer)$/i.test(header)) report(path, `sends ${header}`);
  if (ROUTES[route] !== false) checkSubmission(entry, { report, enclosingLoops, name });
  else if (enclosingLoops(entry, ["Until"]).length === 0 || retryPolicy?.type !== "none") report(path, "asks for the status other than once in each round of a loop");
  if (action.operationOptions !== "DisableAsyncPattern") report(path, "would poll the tracking link");
  const reader = Object.values(scope).find((other) => other.runAfter?.[name]);
  for (const status of ["Succeeded", "Failed", "TimedOut"]) {
    if (!reader?.runAfter[name].includes(status)) report(path, `has no action that reads its response when it ${status}`);
  }
}

/** Reports violations of the rules for a submission: retries with the same idempotency key. */
function checkSubmission({ action, path, ...entry }, { report, enclosingLoops, name }) {
  const { headers = {}, retryPolicy } = action.inputs;
  const key = headers["Idempotency-Key"] ?? "";
  if (!key.includes("workflow()['run']['name']") || !key.includes(`-${name}`)) report(path, "has no idempotency key of the run and the action");
  for (const loop of enclosingLoops(entry, ["Foreach"])) if (!key.includes(`items('${loop}')`)) report(path, "has the same idempotency key for each item of the loop");
  if (enclosingLoops(entry, ["Until"]).length > 0) report(path, "sends a remediation in each round of a loop");
  const durations = [retryPolicy?.interval, retryPolicy?.minimumInterval, retryPolicy?.maximumInterval];
  const isRetried = retryPolicy?.type === "exponential" && retryPolicy.count >= 1 && retryPolicy.count <= 90 && durations.every((duration) => DURATION.test(duration));
  if (!isRetried) report(path, "has no retry policy, or one that Logic Apps rejects");
}
