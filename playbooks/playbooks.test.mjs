import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import Ajv from "ajv";

import { armExpression, parse, workflowParts } from "./check/expression.mjs";
import { REPOSITORY_PLACEHOLDER, checkReadme } from "./check/gallery.mjs";
import { faults } from "./check/rules.mjs";
import { run } from "./check/run.mjs";
import { isUnpublished, withRepository } from "./publish.mjs";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const HTTP = "remediate-http";
const INCIDENT = "remediate-incident";
const templates = Object.fromEntries([HTTP, INCIDENT].map((name) => [name, JSON.parse(read(`${name}/azuredeploy.json`))]));
const workflowOf = (template) => template.resources.find((resource) => resource.type === "Microsoft.Logic/workflows");
const definitionOf = (template) => workflowOf(template).properties.definition;
const actionsOf = (template) => definitionOf(template).actions;
const emailsOf = (template) => actionsOf(template).Are_there_emails.actions;
const messagesOf = (template) => actionsOf(template).Are_there_messages.actions;
/** Returns the actions of one attempt to submit a batch. */
const attemptOf = (template) => emailsOf(template).For_each_batch.actions.For_each_attempt.actions.Is_attempt_due.actions;
const separateSubmissionOf = (template) => messagesOf(template).For_each_message_batch.actions.Submit_each_message;
const singleMessageOf = (template) =>
  separateSubmissionOf(template).actions.For_each_message.actions.Are_recipients_left.actions;
const statusOf = (template) => actionsOf(template).Is_status_wanted.actions;
const roundOf = (template) => statusOf(template).Until_settled.actions;
const statusRequestOf = (template) => roundOf(template).For_each_status.actions.Is_it_open.actions;

/** Returns the trigger and all actions of a definition, including nested ones, with their names. */
const operationsOf = (definition) => {
  const within = (actions) => Object.entries(actions ?? {}).flatMap(([name, action]) => [[name, action], ...within(action.actions), ...within(action.else?.actions)]);
  return [...Object.entries(definition.triggers), ...within(definition.actions)];
};

const connector = JSON.parse(read("../connector/apiDefinition.swagger.json"));
const ajv = new Ajv({ strict: false, allErrors: true, formats: { "date-time": true, uuid: true, email: true, int32: true, uri: true } });
const isRequest = ajv.compile({ ...connector.definitions.RemediationRequest, definitions: connector.definitions });
const isWholeMessagesRequest = ajv.compile({ ...connector.definitions.WholeMessagesRequest, definitions: connector.definitions });
const { acceptedAt, ...statusMembers } = connector.definitions.StatusRequest.properties;
// The gateway accepts null as an absent time. The connector does not, because OpenAPI 2.0 has no null.
const isStatusRequest = ajv.compile({ ...connector.definitions.StatusRequest, properties: { ...statusMembers, acceptedAt: { ...acceptedAt, type: ["string", "null"] } }, definitions: connector.definitions });

const PRINCIPAL = "aaaaaaaa-bbbb-cccc-1111-222222222222";
/** Returns the value of an output's ARM expression, for the ARM functions in `callerTable`. */
function evaluateOutput(expression, parameters) {
  const value = (node) => {
    if (node.kind === "literal") return node.value;
    if (node.kind === "member") return PRINCIPAL;
    if (node.name === "concat") return node.args.map(value).join("");
    if (node.name === "max") return Math.max(...node.args.map(value));
    if (node.name === "toLower") return value(node.args[0]).toLowerCase();
    // Azure writes a boolean as True or False.
    if (node.name === "string") return JSON.stringify(value(node.args[0])).replace(/^[tf]/, (first) => first.toUpperCase());
    return parameters[node.args[0].value];
  };
  return value(armExpression(expression));
}

describe("the templates", () => {
  for (const [name, template] of Object.entries(templates)) {
    test(`${name} keeps every rule`, () => assert.deepEqual(faults(template), []));

    const readme = read(`${name}/readme.md`);
    const readmeFaults = (text, found = []) => (checkReadme(text, name, template, (path, what) => found.push(`${path}: ${what}`)), found);

    test(`the guide of ${name} has what the gallery requires`, () => {
      assert.deepEqual(readmeFaults(readme), []);
      for (const [cut, expected] of [
        [`# ${template.metadata.title}`, /title/],
        [template.metadata.prerequisites[0], /lacks: A remediation/],
        [template.metadata.author.name, /lacks: The remediation/],
        ["https://aka.ms/deploytoazurebutton", /no Deploy to Azure button/],
        [`%2F${name}%2F`, /button that deploys/],
      ]) {
        assert.match(readmeFaults(readme.replaceAll(cut, "")).join("\n"), expected);
      }
    });

    test(`the guide of ${name} deploys with every required parameter`, () => {
      const [, command] = readme.split("```sh\n");
      assert.match(command, /--template-file azuredeploy\.json/);
      const given = [...command.matchAll(/(\w+)=/g)].map((match) => match[1]);
      const required = Object.keys(template.parameters).filter((key) => template.parameters[key].defaultValue === undefined);
      assert.deepEqual(required.filter((key) => !given.includes(key)), []);
      assert.deepEqual(given.filter((key) => !template.parameters[key]), []);
      for (const key of Object.keys(template.parameters)) assert.match(readme, new RegExp(`\`${key}\``));
    });

    // With tsv, the Azure CLI prints a text unchanged. The other formats escape its line breaks.
    const printsTable = (text) => text.split("```")[1]?.endsWith(" --query properties.outputs.callerTable.value --output tsv\n") ?? false;

    test(`the guide of ${name} prints a CALLERS table to paste, with only the required permissions`, () => {
      assert.ok(printsTable(readme));
      for (const [cut, rest] of [["--output tsv", "--output json"], [" --output tsv", ""], [".callerTable.value", ""], ["callerTable", "principalId"]]) assert.ok(!printsTable(readme.replaceAll(cut, rest)), cut);
      for (const RemediateSendersCopy of [false, true]) {
        const values = { PlaybookName: template.parameters.PlaybookName.defaultValue, Action: "softDelete", RecipientDomains: ["contoso.com", "*.fabrikam.com"], RemediateSendersCopy, RemediateMailClusters: RemediateSendersCopy, MaxEmailsPerCall: 1000, MaxRecipients: RemediateSendersCopy ? 2000 : 800 };
        const lines = evaluateOutput(template.outputs.callerTable.value, values).trimEnd().split("\n");
        assert.equal(lines.shift(), "[[env.production.vars.CALLERS]]");
        // TOML and JSON have the same syntax for strings, arrays of strings, booleans and integers.
        const table = Object.fromEntries(lines.map((line) => line.split(" = ")).map(([key, value]) => [key, JSON.parse(value)]));
        const expected = { name: values.PlaybookName, object_id: PRINCIPAL, actions: ["softDelete"], recipient_domains: values.RecipientDomains };
        assert.deepEqual(table, name === INCIDENT ? { ...expected, senders_copy: RemediateSendersCopy, whole_messages: RemediateSendersCopy, max_emails_per_request: RemediateSendersCopy ? 2000 : 1000 } : expected);
      }
    });
  }

  test("a button gets its repository once, and only a valid one", () => {
    const readme = read(`${HTTP}/readme.md`);
    const published = withRepository(readme, "contoso/gateway", "v1.0");
    assert.ok(!isUnpublished(published));
    assert.match(published, /githubusercontent\.com%2Fcontoso%2Fgateway%2Fv1\.0%2Fplaybooks%2Fremediate-http%2Fazuredeploy\.json\)/);
    assert.equal(withRepository(published, REPOSITORY_PLACEHOLDER, "main"), withRepository(readme, REPOSITORY_PLACEHOLDER, "main"));
    for (const [repository, reference] of [["contoso", "main"], ["a/b/c", "main"], ["a/b", "feature/x"], ["a/b", "%2F"]]) assert.throws(() => withRepository(readme, repository, reference));
  });

  test("actions and limits are the connector's", () => {
    const { action, severity, analyzedEmails, displayName, description } = connector.definitions.RemediationRequest.properties;
    const schema = definitionOf(templates[HTTP]).triggers.manual.inputs.schema;
    assert.deepEqual(schema.required, connector.definitions.RemediationRequest.required);
    assert.deepEqual(schema.properties.action.enum, action.enum);
    assert.deepEqual(schema.properties.severity.enum, severity.enum);
    assert.equal(schema.properties.analyzedEmails.maxItems, analyzedEmails.maxItems);
    const { Action, MaxEmailsPerCall, MaxRecipients } = templates[INCIDENT].parameters;
    assert.deepEqual(Action.allowedValues, action.enum);
    assert.equal(MaxEmailsPerCall.maxValue, analyzedEmails.maxItems);
    assert.equal(MaxRecipients.maxValue, connector.definitions.WholeMessagesRequest.properties.maxRecipients.maximum);
    assert.ok(actionsOf(templates[INCIDENT]).Remediation.inputs.displayName.endsWith(`, ${displayName.maxLength})}`));
    const { Request } = attemptOf(templates[INCIDENT]);
    const { Message_request } = messagesOf(templates[INCIDENT]).For_each_message_batch.actions;
    for (const { inputs } of [Request, Message_request]) assert.ok(inputs.includes(`, ${description.maxLength})), '`), inputs);
  });
});

describe("the checker finds", () => {
  const planted = {
    "an unused parameter": [HTTP, (t) => (t.parameters.Extra = { type: "string", metadata: { description: "Unused." } }), /Extra: is not used/],
    "an undeclared parameter": [HTTP, (t) => delete t.parameters.GatewayHost, /parameters\('GatewayHost'\), which is not declared/],
    "an unused variable": [HTTP, (t) => (t.variables.x = "y"), /variables\/x: is not used/],
    "a parameter without description": [HTTP, (t) => delete t.parameters.CallerAudience.metadata, /no description/],
    "a parameter for a secret": [HTTP, (t) => (t.parameters.GatewayHost.type = "securestring"), /one for secrets/],
    "a default of another type": [INCIDENT, (t) => (t.parameters.ApprovalAbove.defaultValue = "10"), /default of another type/],
    "a default that is not allowed": [INCIDENT, (t) => (t.parameters.Action.defaultValue = "delete"), /default that is not allowed/],
    "a parameter of a different type from the workflow's": [INCIDENT, (t) => (t.parameters.MaxEmailsPerCall.type = "string"), /is given a string/],
    "an invalid ARM expression": [HTTP, (t) => (t.variables.workflowId = "[concat('a']"), /not an ARM expression/],
    "an unknown ARM function": [HTTP, (t) => (t.variables.workflowId = "[join('a')]"), /unknown function join/],
    "another API version": [INCIDENT, (t) => (t.resources[0].apiVersion = "2018-07-01-preview"), /was not checked/],
    "a missing dependency": [INCIDENT, (t) => workflowOf(t).dependsOn.pop(), /does not wait for the connection teams/],
    "a dependency on nothing": [INCIDENT, (t) => workflowOf(t).dependsOn.push("[resourceId('a/b', 'c')]"), /not in the template/],
    "a connection with keys": [INCIDENT, (t) => delete t.resources[0].properties.parameterValueType, /no managed identity on one of its sides/],
    "a connection that is not given": [INCIDENT, (t) => delete workflowOf(t).properties.parameters.$connections.value.teams, /connection teams, which is not given/],
    "no identity": [HTTP, (t) => delete workflowOf(t).identity, /no system-assigned managed identity/],
    "a secret in the outputs": [HTTP, (t) => (t.outputs.triggerUrl.value = "[listCallbackUrl(variables('workflowId'), '2019-05-01').value]"), /gives a secret away/],
    "a missing output": [HTTP, (t) => delete t.outputs.principalId, /lacks principalId/],
    "workflow outputs, which the run history shows": [HTTP, (t) => (definitionOf(t).outputs.x = { type: "String", value: "y" }), /would stand in the run history/],
    "a link with a signature that starts it": [HTTP, (t) => delete workflowOf(t).properties.accessControl.triggers.sasAuthenticationPolicy, /everyone who has the link/],
    "a start by any identity": [HTTP, (t) => workflowOf(t).properties.accessControl.triggers.openAuthenticationPolicies.policies.caller.claims.pop(), /whatever its oid/],
    "a pattern in the trigger's schema": [HTTP, (t) => (definitionOf(t).triggers.manual.inputs.schema.properties.action.pattern = "x"), /rejected by Azure/],
    "a second trigger": [HTTP, (t) => (definitionOf(t).triggers.other = definitionOf(t).triggers.manual), /more than one trigger/],
    "a workflow parameter without a value": [HTTP, (t) => delete workflowOf(t).properties.parameters.gatewayHost, /is given no value/],
    "a workflow parameter that is not declared": [HTTP, (t) => delete definitionOf(t).parameters.gatewayHost, /not declared/],
    "runAfter of nothing": [HTTP, (t) => (actionsOf(t).Answer.runAfter = { Nothing: ["Succeeded"] }), /runs after Nothing/],
    "runAfter across scopes": [INCIDENT, (t) => (actionsOf(t).Lines.runAfter = { Note_result: ["Succeeded"] }), /runs after Note_result, which is not beside it/],
    "an unknown status": [HTTP, (t) => (actionsOf(t).Answer.runAfter.Read_answer = ["Done"]), /unknown status/],
    "a cycle": [HTTP, (t) => (actionsOf(t).Remediate.runAfter = { Respond: ["Succeeded"] }), /runs after itself/],
    "an action that does not exist": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@outputs('Reed_answer')"), /Reed_answer, which does not exist/],
    "an action that runs later": [HTTP, (t) => (actionsOf(t).Read_answer.inputs = "@outputs('Answer')"), /Answer, which does not run before/],
    "an action in another branch": [INCIDENT, (t) => (actionsOf(t).Is_there_mail.else.actions.Comment_no_mail.inputs.body.message = "@{outputs('Approval_card')}"), /Approval_card, which does not run before/],
    "two actions of one name": [INCIDENT, (t) => (actionsOf(t).Answer = { type: "Compose", runAfter: { Results: ["Succeeded"] }, inputs: 1 }), /name of another action/],
    "an unknown function": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@jason('{}')"), /unknown function jason/],
    "a function with too few arguments": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@if(true, 1)"), /calls if with 2 arguments/],
    "an invalid expression": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@{json('{}'}"), /not an expression/],
    "an unknown type of action": [HTTP, (t) => (actionsOf(t).Answer.type = "Function"), /unknown type Function/],
    "an unknown input": [HTTP, (t) => (actionsOf(t).Remediate.inputs.url = "x"), /unknown input url/],
    "a variable that is not initialized": [INCIDENT, (t) => (actionsOf(t).Lines.inputs.from = "@variables('result')"), /variable result, which is not initialized/],
    "items outside of their loop": [INCIDENT, (t) => (emailsOf(t).Batches.inputs = "@items('For_each_batch')"), /items of For_each_batch, outside of it/],
    "an end inside of a loop": [INCIDENT, (t) => (emailsOf(t).For_each_batch.actions.End = { type: "Terminate", runAfter: {}, inputs: { runStatus: "Failed" } }), /from inside of a loop/],
    "a parallel loop that appends": [INCIDENT, (t) => delete emailsOf(t).For_each_batch.runtimeConfiguration, /loop that runs in parallel/],
    "a callback link in the history": [INCIDENT, (t) => delete actionsOf(t).Needs_approval.actions.Ask_in_Teams.runtimeConfiguration, /Ask_in_Teams.*link with a signature/],
    "a trigger's callback link in the history": [INCIDENT, (t) => delete definitionOf(t).triggers.Microsoft_Sentinel_incident.runtimeConfiguration, /triggers.*link with a signature/],
    "no call to the gateway": [HTTP, (t) => delete actionsOf(t).Remediate, /does not call the gateway/],
    "secure inputs of a loop": [INCIDENT, (t) => (emailsOf(t).For_each_batch.runtimeConfiguration.secureData = { properties: ["inputs"] }), /Foreach, for which Azure rejects secure inputs/],
    "secure outputs of a Compose": [INCIDENT, (t) => emailsOf(t).Batches.runtimeConfiguration.secureData.properties.push("outputs"), /Compose, for which Azure rejects secure outputs/],
    "recipients in a variable": [INCIDENT, (t) => (emailsOf(t).For_each_batch.actions.Note_result.inputs.value.line = "@{outputs('Batches')[0]}"), /Note_result.*cannot hide/],
    "the detail of an error in a variable": [INCIDENT, (t) => (emailsOf(t).For_each_batch.actions.Note_result.inputs.value.line = "@{outputs('Message_answer')?['detail']}"), /Note_result.*cannot hide/],
    "a member of the trigger in a variable": [INCIDENT, (t) => (emailsOf(t).For_each_batch.actions.Note_result.inputs.value.code = "@{triggerBody()?['status']}"), /Note_result.*cannot hide/],
    "recipients in a variable's initial value": [INCIDENT, (t) => (actionsOf(t).Results.inputs.variables[0].value = "@triggerBody()?['object']?['properties']?['relatedEntities']"), /Results.*cannot hide/],
    "a loop over recipients": [INCIDENT, (t) => (emailsOf(t).For_each_batch.foreach = "@outputs('Batches')"), /For_each_batch.*cannot hide/],
    "a condition on a recipient": [INCIDENT, (t) => (actionsOf(t).Is_there_mail.expression.or[0].greater[0] = "@first(body('Recipients'))"), /Is_there_mail.*cannot hide/],
    "the detail of an error in the run's error": [HTTP, (t) => (actionsOf(t).Was_it_accepted.else.actions.End_as_failed.inputs.runError.message = "@{outputs('Answer')?['detail']}"), /End_as_failed.*cannot hide/],
    "plain http": [HTTP, (t) => (actionsOf(t).Remediate.inputs.uri = "http://@{parameters('gatewayHost')}/remediate"), /over https/],
    "another audience": [HTTP, (t) => (actionsOf(t).Remediate.inputs.authentication.audience = "https://graph.microsoft.com"), /for the gateway's audience/],
    "an API key": [HTTP, (t) => (actionsOf(t).Remediate.inputs.headers["X-API-Key"] = "rgw_x"), /sends X-API-Key/],
    "the asynchronous pattern": [HTTP, (t) => delete actionsOf(t).Remediate.operationOptions, /poll the tracking link/],
    "no retry policy": [HTTP, (t) => (actionsOf(t).Remediate.inputs.retryPolicy = { type: "none" }), /no retry policy/],
    "no idempotency key": [HTTP, (t) => delete actionsOf(t).Remediate.inputs.headers["Idempotency-Key"], /no idempotency key/],
    "the same idempotency key for all batches": [INCIDENT, (t) => (attemptOf(t).Remediate.inputs.headers["Idempotency-Key"] = "@{workflow()['run']['name']}-Remediate"), /same idempotency key/],
    "a failure that no action reads": [INCIDENT, (t) => (attemptOf(t).Read_answer.runAfter.Remediate = ["Succeeded"]), /when it Failed/],
    "an expression that is too long": [HTTP, (t) => (actionsOf(t).Answer.inputs = `@json('${"x".repeat(8192)}')`), /more than 8192 characters/],
    "a word that claims more than acceptance": [INCIDENT, (t) => (actionsOf(t).Comment_outcome.inputs.body.message = "The emails were deleted."), /claims more/],
    "a timeout that is not a duration": [INCIDENT, (t) => (actionsOf(t).Needs_approval.actions.Ask_in_Teams.limit.timeout = "4 hours"), /not a duration/],
  };
  Object.assign(planted, {
    "a different title from the name": [HTTP, (t) => (t.metadata.title = "Remediation"), /title: is not the playbook's name/],
    "no description": [HTTP, (t) => delete t.metadata.description, /metadata\/description/],
    "an author without a name": [INCIDENT, (t) => (t.metadata.author.name = " "), /author\/name/],
    "an invalid lastUpdateTime": [HTTP, (t) => (t.metadata.lastUpdateTime = "2026-13-01T00:00:00Z"), /lastUpdateTime/],
    "release notes without a note": [HTTP, (t) => (t.metadata.releaseNotes[0].notes = []), /releaseNotes/],
    "release notes of another version": [HTTP, (t) => (t.metadata.releaseNotes.at(-1).version = "9.9"), /a different version/],
    "no tags": [HTTP, (t) => (t.metadata.tags = []), /metadata\/tags/],
    "an unknown tier of support": [HTTP, (t) => (t.metadata.support.tier = "best effort"), /support\/tier/],
    "a developer without a link": [HTTP, (t) => (t.metadata.support.tier = "developer"), /support\/link/],
    "an unknown entity": [INCIDENT, (t) => t.metadata.entities.push("email"), /names email/],
    "a condition that is not a boolean": [INCIDENT, (t) => (t.resources[1].condition = "[equals(parameters('Approval'), 'Teams')]"), /not a boolean/],
    "a maximum in a text": [INCIDENT, (t) => (t.parameters.ApprovalAbove.maxValue = "10000"), /not an integer/],
    "a default above the maximum": [INCIDENT, (t) => (t.parameters.ApprovalAbove.maxValue = 5), /outside its minimum and maximum/],
    "a comment that is too long": [INCIDENT, (t) => (actionsOf(t).Comment_outcome.inputs.body.message = "@take(join(body('Lines'), ''), 30001)"), /more than 30000 characters/],
    "a comment that is cut and continued": [INCIDENT, (t) => (actionsOf(t).Comment_outcome.inputs.body.message = "@{take('', 1)}@{outputs('Left_out')}"), /more than 30000 characters/],
    "one spelling of Idempotency-Key": [HTTP, (t) => (actionsOf(t).Remediate.inputs.headers["Idempotency-Key"] = "@coalesce(triggerOutputs()?['headers']?['Idempotency-Key'], concat(workflow()['run']['name'], '-Remediate'))"), /header Idempotency-Key, but not as idempotency-key/],
    "the other spelling of Idempotency-Key": [HTTP, (t) => (actionsOf(t).Remediate.inputs.headers["Idempotency-Key"] = "@coalesce(triggerOutputs()?['headers']?['idempotency-key'], concat(workflow()['run']['name'], '-Remediate'))"), /but not as Idempotency-Key/],
    "one spelling of Retry-After in the loop": [INCIDENT, (t) => (statusRequestOf(t).Note_status.inputs.value.retryAfter = "@int(coalesce(outputs('Status')?['headers']?['Retry-After'], '300'))"), /but not as retry-after/],
    "a loop without a limit": [INCIDENT, (t) => delete statusOf(t).Until_settled.limit, /no limit for its rounds/],
    "a loop without a limit of time": [INCIDENT, (t) => delete statusOf(t).Until_settled.limit.timeout, /no limit for its rounds/],
    "a condition on an action outside of the loop": [INCIDENT, (t) => (statusOf(t).Until_settled.expression = "@equals(length(body('Last_open')), 0)"), /Last_open, which does not run before/],
    "a request for the status that is retried": [INCIDENT, (t) => (statusRequestOf(t).Status.inputs.retryPolicy = attemptOf(t).Remediate.inputs.retryPolicy), /status other than once/],
    "a remediation in each round": [INCIDENT, (t) => (statusRequestOf(t).Status.inputs.uri = "https://@{parameters('gatewayHost')}/remediate"), /remediation in each round/],
    "a route that does not exist": [INCIDENT, (t) => (statusRequestOf(t).Status.inputs.uri = "https://@{parameters('gatewayHost')}/status"), /not the gateway's route/],
    "a variable that is set but not initialized": [INCIDENT, (t) => (roundOf(t).Reset_statuses.inputs.name = "status"), /variable status, which is not initialized/],
    "a variable that is set to itself": [INCIDENT, (t) => (statusOf(t).For_each_total.actions.Set_totals.inputs.value = "@variables('totals')"), /reads the variable that it changes/],
    "recipients among the positions": [INCIDENT, (t) => (emailsOf(t).For_each_batch.actions.Was_it_accepted.actions.For_each_group.actions.Note_group.inputs.value.positions = "@outputs('Batches')[0]"), /Note_group.*cannot hide/],
    "the open emails of a status in a variable": [INCIDENT, (t) => (statusRequestOf(t).Note_status.inputs.value.items = "@outputs('Status_answer')?['items']"), /Note_status.*cannot hide/],
    "one spelling of Retry-After": [HTTP, (t) => (actionsOf(t).Respond.inputs.headers = { "Retry-After": "@{outputs('Remediate')?['headers']?['Retry-After']}" }), /header Retry-After, but not as retry-after/],
  });

  // The gallery's rules, in each template and at each location.
  for (const name of [HTTP, INCIDENT]) {
    const plant = (what, change, expected) => (planted[`${what} of ${name}`] = [name, change, expected]);
    const { resources, parameters } = templates[name];
    for (const member of ["title", "description", "author", "lastUpdateTime", "releaseNotes", "prerequisites", "postDeployment", "support", "tags"]) {
      plant(`no ${member}`, (t) => delete t.metadata[member], new RegExp(`/metadata/${member}`));
    }
    plant("prerequisites in one text", (t) => (t.metadata.prerequisites = t.metadata.prerequisites.join(" ")), /prerequisites: is not an array/);
    for (const tag of ["hidden-SentinelTemplateName", "hidden-SentinelTemplateVersion"]) {
      plant(`no ${tag}`, (t) => delete workflowOf(t).tags[tag], new RegExp(`lacks ${tag}`));
    }
    resources.forEach(({ type }, index) => {
      for (const location of ["westeurope", "[parameters('Location')]", undefined]) {
        plant(`the location ${location} of resource ${index}`, (t) => (t.resources[index].location = location), new RegExp(`/resources/${index}/location: is not \\[resourceGroup`));
      }
      plant(`a name of resource ${index}`, (t) => (t.resources[index].name = "[concat('a', parameters('PlaybookName'))]"), /is not (a variable of the template|the parameter PlaybookName)/);
      if (type !== "Microsoft.Web/connections") return;
      plant(`no customParameterValues of resource ${index}`, (t) => delete t.resources[index].properties.customParameterValues, /customParameterValues/);
    });
    for (const [key, { minValue }] of Object.entries(parameters)) {
      if (minValue === undefined) continue;
      for (const member of ["minValue", "maxValue"]) plant(`no ${member} of ${key}`, (t) => delete t.parameters[key][member], new RegExp(`/${key}: .*but not both`));
    }
    for (const [path, { inputs }] of operationsOf(definitionOf(templates[name]))) {
      if (inputs?.path !== "/Incidents/Comment") continue;
      plant(`a comment of any length in ${path}`, (t) => (new Map(operationsOf(definitionOf(t))).get(path).inputs.body.message = "@join(body('Lines'), '')"), new RegExp(`/${path}: .*more than 30000 characters`));
    }
  }

  // Recipients in the run history: each trigger and action that hides properties, without one of them.
  for (const name of [HTTP, INCIDENT]) {
    for (const [path, operation] of operationsOf(definitionOf(templates[name]))) {
      for (const property of operation.runtimeConfiguration?.secureData?.properties ?? []) {
        planted[`${property} of ${path} of ${name} in the history`] = [
          name,
          (t) => {
            const planted = new Map(operationsOf(definitionOf(t))).get(path);
            planted.runtimeConfiguration.secureData.properties = planted.runtimeConfiguration.secureData.properties.filter((other) => other !== property);
          },
          new RegExp(`/${path}: leaves its ${property} in the run history`),
        ];
      }
    }
  }
  test("every trigger and action with recipients, in both playbooks", () => {
    const hiding = (name) => operationsOf(definitionOf(templates[name])).filter(([, operation]) => operation.runtimeConfiguration?.secureData).map(([path]) => path);
    assert.deepEqual(hiding(HTTP), ["manual", "Remediate", "Read_answer", "Answer", "Respond"]);
    const shown = operationsOf(definitionOf(templates[INCIDENT])).map(([path]) => path).filter((path) => !hiding(INCIDENT).includes(path));
    const withoutRecipients = [
      "Results", "Resent", "Recipients_left", "Positions", "Is_open", "Rejections", "Last_outcome", "Kept_positions", "Final_answer", "Tracking_link", "Statuses", "Seconds_to_wait", "Totals", "Domains", "Local_part_characters", "Domain_characters", "Id_characters", "Left_out", "Accepted_messages", "Covering_calls", "Accepted", "Not_accepted", "Incomplete", "Nothing_to_remediate", "Lines", "Codes",
      "Earlier_statuses", "Open_statuses", "Waits", "Last_open", "New_totals", "Status_codes",
    ];
    const cannotHide = [
      "Is_there_mail", "End_without_mail", "Needs_approval", "Is_it_approved", "End_without_approval", "Are_there_messages", "For_each_message_batch", "Submit_each_message", "Note_resent", "Reset_recipients_left", "For_each_message", "Are_recipients_left", "Note_message", "Set_recipients_left",
      "Note_unsent_message", "Note_messages", "Are_there_emails", "For_each_batch", "Reset_positions", "Reset_rejections", "Reset_open", "For_each_attempt", "Is_attempt_due",
      "Close", "Is_there_a_rest", "Note_rejection", "Set_positions", "Open", "Set_last_outcome",
      "Note_result", "Was_it_accepted", "For_each_group", "Note_group", "Is_status_wanted", "Until_settled", "Wait", "Reset_statuses", "For_each_status", "Is_it_open", "Note_status", "Keep_status", "Set_seconds_to_wait",
      "For_each_total", "Set_totals", "Was_all_accepted", "End_as_failed",
    ];
    assert.deepEqual(shown.toSorted(), [...withoutRecipients, ...cannotHide].toSorted());
  });

  for (const [what, [name, plant, expected]] of Object.entries(planted)) {
    test(what, () => {
      const template = structuredClone(templates[name]);
      plant(template);
      assert.ok(faults(template).some((fault) => expected.test(fault)), faults(template).join("\n"));
    });
  }

  test("an invalid expression", () => {
    for (const text of ["", "f(", "f)", "f(1 2)", "f()[1", "f().", "a", "'a", "f(,)", "f() g()"]) assert.throws(() => parse(text), undefined, text);
    assert.throws(() => workflowParts("a @{f() b"));
    assert.deepEqual(workflowParts("@@x").parts, ["@x"]);
    assert.deepEqual(workflowParts("a@{f('}')}b").parts, ["a", { kind: "call", name: "f", args: [{ kind: "literal", value: "}" }] }, "b"]);
  });
});

/** Returns the addresses in a test of the gateway's address rules: the first text of each row. */
function gatewayAddresses(name) {
  const body = read("../src/tests/remediation/corpus/addresses.rs").split(`fn ${name}() {`)[1].split("\n}\n")[0];
  // Converts Rust's escapes to JSON's.
  const text = (literal) => JSON.parse(`"${literal.replaceAll("\\0", "\\u0000").replaceAll("\\'", "'").replace(/\\u\{(\w+)\}/g, (_, code) => JSON.stringify(String.fromCodePoint(parseInt(code, 16))).slice(1, -1))}"`);
  return [...body.matchAll(/^ {8}\("((?:[^"\\]|\\.)*)", "/gm)].map((match) => text(match[1]));
}

// Responses of the gateway.

const TRACKING = "https://security.microsoft.com/action-center/history?filters=%7B%22bulkId%22:%5B%22b%22%5D%7D&tid=t";
const jsonResponse = (statusCode, body, type = "application/json") =>
  ({ statusCode, headers: { "Content-Type": type }, body });
const acceptedResponse = ({ body }) =>
  jsonResponse(200, { status: "accepted", duplicate: false, emails: body.analyzedEmails.length, bulkId: "b", tenantId: "t", trackingUrl: TRACKING, requestId: "r-1", graphRequestId: "g" });
const problemResponse = (statusCode, code, detail) =>
  jsonResponse(statusCode, { type: `urn:remediation-gateway:problem:${code}`, title: "…", status: statusCode, detail, requestId: "r-2", error: { code, message: detail, innerError: {} } }, "application/problem+json");
const loseConnection = () => {
  throw new Error("connection lost");
};
/** Returns the response with its body in the form that Logic Apps gives to an unknown content type. */
const withWrappedBody = (response) => ({ ...response, body: { "$content-type": response.headers["Content-Type"], "$content": Buffer.from(JSON.stringify(response.body)).toString("base64") } });

/** Returns the scenarios of remediate-http by name. Each is a function that fails if a template behaves differently. */
function httpScenarios(template) {
  const scenarios = {};
  const scenario = (name, check) => (scenarios[name] = check);
  const request = {
    displayName: "Clean up Phish email",
    description: "Delete email",
    severity: "medium",
    action: "softDelete",
    remediateSendersCopy: false,
    analyzedEmails: [{ networkMessageId: "73ca4154-58d8-43d0-a890-08dc18c52e6d", recipientEmailAddress: "hannah.jarvis@contoso.com" }],
  };
  const play = (gateway, headers = {}) =>
    run(definitionOf(template), {
      parameters: { gatewayHost: "gateway.example", gatewayAudience: "api://remediation-gateway" },
      trigger: { headers, body: request },
      gateway,
    });

  scenario("passes on the request unchanged, and returns the response", () => {
    const outcome = play(acceptedResponse);
    assert.equal(outcome.status, "Succeeded");
    assert.deepEqual(outcome.gatewayCalls, [
      {
        method: "POST",
        uri: "https://gateway.example/remediate",
        headers: { "Content-Type": "application/json", "Idempotency-Key": "08585287554177334956853859655CU00-Remediate" },
        body: request,
        authentication: { type: "ManagedServiceIdentity", audience: "api://remediation-gateway" },
      },
    ]);
    assert.ok(isRequest(outcome.gatewayCalls[0].body), JSON.stringify(isRequest.errors));
    assert.equal(outcome.response.statusCode, 200);
    assert.equal(outcome.response.body.trackingUrl, TRACKING);
  });

  scenario("passes on the caller's key, however HTTP spells the header", () => {
    for (const name of ["Idempotency-Key", "idempotency-key"]) {
      const [call] = play(acceptedResponse, { [name]: "ticket-4711" }).gatewayCalls;
      assert.equal(call.headers["Idempotency-Key"], "ticket-4711");
    }
  });

  scenario("passes on Retry-After, however HTTP spells the header", () => {
    for (const name of ["Retry-After", "retry-after"]) {
      const busy = problemResponse(503, "graphUnavailable", "…");
      const { headers, statusCode } = play(() => ({ ...busy, headers: { ...busy.headers, [name]: "30" } })).response;
      assert.equal(statusCode, 503);
      assert.deepEqual(headers, { "Content-Type": "application/json", "Retry-After": "30" });
    }
    assert.deepEqual(play(acceptedResponse).response.headers, { "Content-Type": "application/json" });
  });

  scenario("reads a response whose headers are in lower case", () => {
    const { statusCode, body } = acceptedResponse({ body: request });
    assert.equal(play(() => ({ statusCode, headers: { "content-type": "application/json" }, body })).status, "Succeeded");
  });

  for (const [statusCode, code, expected] of [
    [400, "invalidPayload", 400],
    [401, "invalidCredentials", 502],
    [403, "tooManyEmails", 403],
    [409, "inProgress", 409],
    [422, "idempotencyKeyReused", 422],
    [429, "quotaExceeded", 429],
    [500, "misconfigured", 502],
    [500, "internal", 502],
    [502, "graphError", 502],
    [503, "graphUnavailable", 503],
    [504, "graphTimeout", 504],
  ]) {
    scenario(`reports ${statusCode} ${code} to the caller, and ends as failed`, () => {
      for (const form of [(response) => response, withWrappedBody]) {
        const outcome = play(() => form(problemResponse(statusCode, code, "A detail.")));
        assert.equal(outcome.status, "Failed");
        assert.equal(outcome.error.code, code);
        assert.match(outcome.error.message, /Request r-2\.$/);
        assert.doesNotMatch(outcome.error.message, /detail/i);
        assert.equal(outcome.response.statusCode, expected);
        assert.equal(outcome.response.body.error.code, code);
        assert.equal(outcome.gatewayCalls.length, statusCode >= 429 ? 3 : 1);
        assert.deepEqual(outcome.failures, []);
      }
    });
  }

  scenario("accepts only a response of the gateway", () => {
    for (const gateway of [loseConnection, () => jsonResponse(200, "<html>", "text/html"), () => jsonResponse(200, {}), () => jsonResponse(530, "error code: 1016", "text/plain"), () => jsonResponse(503, "<html>", "text/html"), () => ({ statusCode: 502, headers: {}, body: null })]) {
      const outcome = play(gateway);
      assert.equal(outcome.status, "Failed");
      assert.equal(outcome.error.code, "gatewayUnreachable");
      assert.equal(outcome.response.statusCode, 502);
      assert.match(outcome.response.body.detail, /unknown/);
      assert.deepEqual(outcome.failures, []);
    }
  });

  scenario("succeeds if a retry succeeds", () => {
    const busy = problemResponse(503, "graphUnavailable", "…");
    const outcome = play((sent, attempt) => (attempt === 1 ? busy : acceptedResponse(sent)));
    assert.equal(outcome.status, "Succeeded");
    assert.equal(new Set(outcome.gatewayCalls.map((sent) => sent.headers["Idempotency-Key"])).size, 1);
  });
  return scenarios;
}

/** Returns the scenarios of remediate-incident by name, as for remediate-http. */
function incidentScenarios(template) {
  const scenarios = {};
  const scenario = (name, check) => (scenarios[name] = check);
  const guid = (number) => `73ca4154-58d8-43d0-a890-${number.toString(16).padStart(12, "0")}`;
  const mail = (number, recipient = `user${number}@contoso.com`, networkMessageId = guid(number)) => ({ kind: "MailMessage", properties: { networkMessageId, recipient, subject: "Invoice" } });
  const mails = (count) => Array.from({ length: count }, (_, number) => mail(number));
  const approve = { body: { data: { decision: "approve" }, submitActionId: "Approve", responder: { objectId: "AAAAAAAA-BBBB-cccc-1111-222222222222", displayName: "Hannah <b>" } } };
  const play = (
    relatedEntities,
    { gateway = acceptedResponse, answer = approve, parameters = {}, properties = {} } = {},
  ) =>
    run(definitionOf(template), {
      parameters: {
        $connections: { azuresentinel: { connectionId: "sentinel" }, teams: { connectionId: "teams" } },
        gatewayHost: "gateway.example",
        gatewayAudience: "api://remediation-gateway",
        recipientDomains: ["Contoso.com", "*.fabrikam.com"],
        action: "softDelete",
        remediateSendersCopy: false,
        remediateMailClusters: true,
        maxEmailsPerCall: 1000,
        maxRecipients: 1000,
        statusHours: 0,
        approval: "Teams",
        approvalAbove: 10,
        teamsGroupId: "group",
        teamsChannelId: "channel",
        approverObjectIds: [],
        ...parameters,
      },
      trigger: {
        headers: {},
        body: { object: { id: "/incidents/1", properties: { incidentNumber: 42, title: "Phish [here](https://evil.example)", severity: "High", incidentUrl: "https://portal.example/42", relatedEntities, ...properties } } },
      },
      gateway,
      connection: (name) => (name === "Ask_in_Teams" ? answer : undefined),
    });
  const comments = (outcome) => outcome.connectionCalls.filter(({ inputs }) => inputs.path === "/Incidents/Comment").map(({ inputs }) => inputs.body);

  scenario("sends all pairs in one call, and comments the tracking link", () => {
    const outcome = play([{ kind: "Account", properties: {} }, ...mails(3), mail(1, "USER1@contoso.com "), mail(3, "user0@contoso.com", guid(3).toUpperCase())]);
    assert.equal(outcome.status, "Succeeded");
    assert.deepEqual(outcome.failures, []);
    assert.equal(outcome.gatewayCalls.length, 1);
    const [{ body, headers }] = outcome.gatewayCalls;
    assert.ok(isRequest(body), JSON.stringify(isRequest.errors));
    assert.equal(headers["Idempotency-Key"], "08585287554177334956853859655CU00-Remediate-0-0");
    assert.equal(body.displayName, "Sentinel incident 42: Phish [here](https://evil.example)");
    assert.equal(body.severity, "high");
    assert.deepEqual(body.analyzedEmails.map((pair) => pair.recipientEmailAddress), ["user0@contoso.com", "user1@contoso.com", "user2@contoso.com", "user0@contoso.com"]);
    const [comment, ...more] = comments(outcome);
    assert.equal(more.length, 0);
    assert.equal(comment.incidentArmId, "/incidents/1");
    assert.match(comment.message, /softDelete for 4 emails in 3 mailboxes\.<\/p>/);
    assert.match(comment.message, /4 emails <b>accepted<\/b>: <a href="https:\/\/security\.microsoft\.com\/[^"<> {}]*&amp;tid=t">Action center<\/a>\. Request r-1\./);
    assert.doesNotMatch(comment.message, /deleted|done|left out/);
  });

  scenario("comments that Microsoft already had the remediation", () => {
    const outcome = play(mails(1), { gateway: (sent) => ((response) => ({ ...response, body: { ...response.body, duplicate: true } }))(acceptedResponse(sent)) });
    assert.match(comments(outcome)[0].message, /accepted<\/b> as a duplicate of an earlier remediation/);
  });

  const recipientsOf = (outcome, call = 0) => outcome.gatewayCalls[call].body.analyzedEmails.map((pair) => pair.recipientEmailAddress);

  scenario("leaves out what the gateway would reject, and comments how many and why, without an address", () => {
    const incomplete = [mail(2, null), mail(3, "user3@contoso.com", null), mail(4, ""), { kind: "MailMessage" }];
    const malformed = [mail(5, "nobody"), mail(6, "user6@contoso.com", "<id@mail>")];
    const outside = [mail(7, "user7@adatum.com")];
    const outcome = play([...mails(2), ...incomplete, ...malformed, ...outside]);
    assert.equal(outcome.status, "Succeeded");
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(recipientsOf(outcome), ["user0@contoso.com", "user1@contoso.com"]);
    const [{ message }] = comments(outcome);
    assert.match(message, /<p>Left out:<\/p><ul><li>mail messages without a network message ID or a recipient: 4<\/li><li>mail messages with a network message ID or an address that the playbook does not submit: 2<\/li><li>mail messages with a recipient outside the playbook's domains: 1<\/li><\/ul>$/);
    assert.doesNotMatch(message, /@/);
  });

  scenario("submits recipients in the playbook's domains and no others", () => {
    const inside = ["a@contoso.com", "a@CONTOSO.com", "a@fabrikam.com", "a@mail.fabrikam.com", "a@1.2.3.4.5.6.7.8.fabrikam.com", "a@xn--mnchen-3ya.fabrikam.com"];
    const outside = [
      "a@mail.contoso.com", "a@evilcontoso.com", "a@contoso.com.evil.example", "a@contoso.co", "a@evilfabrikam.com", "a@fabrikam.com.evil.example",
      "a@abrikam.com", "a@evil-fabrikam.com", "a@1.2.3.4.5.6.7.8.9.fabrikam.com",
    ];
    const outcome = play([...inside, ...outside].map((address, number) => mail(number, address)));
    assert.deepEqual(recipientsOf(outcome), inside.map((address) => address.toLowerCase()));
    assert.match(comments(outcome)[0].message, new RegExp(`<li>mail messages with a recipient outside the playbook's domains: ${outside.length}<`));
  });

  scenario("submits no address and no message ID that the gateway would reject", () => {
    const symbols = "!#$%&'*+-/=?^_`{|}~";
    const valid = ["a@contoso.com", "o'brien@contoso.com", "first+tag@contoso.com", "a_b-c#d$e&f*g^h`i{j|k}l~m@contoso.com", `${"l".repeat(64)}@contoso.com`, " a.b@contoso.com\n", "a@d--d.fabrikam.com", ".a@contoso.com", "a.@contoso.com", "a..b@contoso.com", "a@b_c.fabrikam.com", "a&b#c@contoso.com", "a_x0041_b@contoso.com", "srs0@contoso.com"];
    const rejected = [
      "contoso.com", "a%40contoso.com", "a\uff20contoso.com", "@contoso.com", "a@", "@", "a@contoso.com@contoso.com", "a@@contoso.com", '"a@evil.example"@contoso.com', '"a"@contoso.com',
      "Hannah <hannah@contoso.com>", "<hannah@contoso.com>", "mailto:hannah@contoso.com", "a@contoso.com,b@contoso.com", "a@contoso.com;b@contoso.com", "a b@contoso.com", "a@evil.example(@contoso.com)",
      "a%evil.example@contoso.com", "evil.example!a@contoso.com", "IMCEASMTP-a+40evil+2Eexample@contoso.com", "imceaex-_O=CONTOSO_CN=a@contoso.com", "=?utf-8?q?a=40evil.example?=@contoso.com",
      "/O=evil/@contoso.com", "a\\b@contoso.com", "a\tb@contoso.com", "a\r\nbcc@contoso.com", "a\0@contoso.com", "a\u202e@contoso.com", "\uff41@contoso.com", "j\u00f6rg@contoso.com", "\ud83d\ude00@contoso.com",
      `${"l".repeat(65)}@contoso.com`, "a@contoso.com.", "a@.fabrikam.com", "a@b..fabrikam.com", "a@-b.fabrikam.com", "a@b-.fabrikam.com", "a@.-b.fabrikam.com",
      "a@b_x002e_c.fabrikam.com", "a@b_X0040_c.fabrikam.com", "a@b_x3002_c.fabrikam.com", "a&#64evil.example@contoso.com", "a_x0040_evil.example@contoso.com", "a_X00000040_evil.example@contoso.com", "SRS0-a-b@contoso.com", "srs1+a@contoso.com", "a@localhost", "a@com", "a@[1.2.3.4]", "a@\u212abrikam.com", "a@fabri\u212aam.com", "a@b\u3002fabrikam.com", `a@${"d".repeat(64)}.fabrikam.com`, "a@*.fabrikam.com", `${symbols}@contoso.com`, `a@${symbols}.fabrikam.com`, 42,
    ];
    const ids = ["73ca4154-58d8-43d0-a890-08dc18c52e6", "73ca4154-58d8-43d0-a890-08dc18c52e6d0", "73ca415458d843d0a89008dc18c52e6d----", "73ca4154-58d8-43d0-a890-08dc18c52e6g", "{3ca4154-58d8-43d0-a890-08dc18c52e6}", "-3ca4154-58d8-43d0-a890008dc18c52e6d", "73ca4154-58d8-43d0a-890-08dc18c52e6d", "7"];
    const outcome = play([...valid, ...rejected].map((address, number) => mail(number, address)).concat(ids.map((id) => mail(0, "a@contoso.com", id))));
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(recipientsOf(outcome), valid.map((address) => address.trim().toLowerCase()));
    assert.ok(isRequest(outcome.gatewayCalls[0].body), JSON.stringify(isRequest.errors));
    assert.match(comments(outcome)[0].message, new RegExp(`an address that the playbook does not submit: ${rejected.length + ids.length}<`));
  });

  scenario("submits no address of the gateway's own tests that the gateway rejects", () => {
    const rejected = gatewayAddresses("invalid_address_is_rejected_with_a_reason").concat(gatewayAddresses("address_that_some_reader_resolves_to_another_domain_is_rejected"));
    assert.ok(rejected.length > 90 && rejected.includes("user_x0040_evil.example@contoso.com") && rejected.includes("a\r\nbcc@contoso.com"), `${rejected.length}`);
    // The playbook trims an address, and the rest is an address.
    const sent = rejected.filter((address) => address === address.trim());
    // Each domain that a configuration can name, so that no address is left out only because of its domain.
    const recipientDomains = sent.map((address) => address.split("@").at(-1)).filter((domain) => /^[\w-]+(\.[\w-]+)+$/.test(domain) && domain.length <= 63);
    const outcome = play([mail(0, "user@contoso.com"), ...sent.map((address, number) => mail(number + 1, address))], { parameters: { recipientDomains: [...recipientDomains, "*.contoso.com"] } });
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(recipientsOf(outcome), ["user@contoso.com"]);
  });

  scenario("asks for approval of what it submits, not of what it leaves out", () => {
    const outcome = play([...mails(10), ...Array.from({ length: 20 }, (_, number) => mail(number + 10, `user${number}@adatum.com`))]);
    assert.equal(outcome.connectionCalls[0].name, "Comment_outcome");
  });

  /** Rejects the addresses in `bad` like the gateway: one entry per cause, with at most 100 pointers. */
  const rejecting = (bad, { status = 403, code = "recipientNotAllowed" } = {}) => (sent) => {
    const all = sent.body.analyzedEmails.flatMap((pair, index) => (bad.includes(pair.recipientEmailAddress) ? [`/analyzedEmails/${index}/recipientEmailAddress`] : []));
    if (all.length === 0) return acceptedResponse(sent);
    const entry = (pointers, detail) => ({ pointer: pointers[0], detail, count: pointers.length, pointers });
    // The first address has two causes.
    const errors = [entry(all.slice(0, 100), "is not allowed"), entry(all.slice(0, 1), "is not allowed either")];
    const response = problemResponse(status, code, `${bad[0]} is not allowed. Nothing was sent.`);
    return { ...response, body: { ...response.body, errors } };
  };
  const user = (number) => `user${number}@contoso.com`;

  for (const [status, code] of [[403, "recipientNotAllowed"], [403, "recipientProtected"], [400, "invalidPayload"]]) {
    scenario(`submits the remaining emails if the gateway rejects recipients with ${status} ${code}`, () => {
      for (const form of [(response) => response, withWrappedBody]) {
        const outcome = play(mails(5), { gateway: (sent) => ((response) => (response.statusCode === 200 ? response : form(response)))(rejecting([user(1), user(3)], { status, code })(sent)) });
        assert.equal(outcome.status, "Succeeded");
        assert.deepEqual(outcome.failures, []);
        assert.equal(outcome.gatewayCalls.length, 2);
        assert.deepEqual(recipientsOf(outcome, 1), [user(0), user(2), user(4)]);
        assert.ok(isRequest(outcome.gatewayCalls[1].body), JSON.stringify(isRequest.errors));
        const keys = outcome.gatewayCalls.map(({ headers }) => headers["Idempotency-Key"]);
        assert.deepEqual(keys.map((key) => key.split("CU00-")[1]), ["Remediate-0-0", "Remediate-0-1"]);
        const [{ message }] = comments(outcome);
        assert.match(message, new RegExp(`<li>Call 1: 3 emails <b>accepted</b>.*Left out, since the gateway rejected them: 2 \\(${code}\\)\\.</li>`));
        assert.doesNotMatch(message, /@/);
      }
    });
  }

  scenario("submits the remaining emails until the gateway names no rejected email", () => {
    // More than the gateway names in a response.
    const bad = mails(120).map((_, number) => user(number));
    const outcome = play(mails(130), { parameters: { approvalAbove: 200 }, gateway: rejecting(bad) });
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(outcome.gatewayCalls.map(({ body }) => body.analyzedEmails.length), [130, 30, 10]);
    assert.deepEqual(recipientsOf(outcome, 2), mails(130).slice(120).map((_, number) => user(number + 120)));
    assert.equal(outcome.status, "Succeeded");
    assert.match(comments(outcome)[0].message, /<li>Call 1: 10 emails <b>accepted<\/b>.*Left out, since the gateway rejected them: 120 \(recipientNotAllowed\)\./);
    // A response names the first cause only.
    const causes = [rejecting([user(0)], { status: 400, code: "invalidPayload" }), rejecting([user(1)]), rejecting([user(2)], { code: "recipientProtected" })];
    const gateway = (sent) => causes.map((cause) => cause(sent)).find(({ statusCode }) => statusCode !== 200) ?? acceptedResponse(sent);
    const several = play(mails(5), { gateway });
    assert.deepEqual(several.gatewayCalls.map((_, call) => recipientsOf(several, call).length), [5, 4, 3, 2]);
    assert.equal(several.status, "Succeeded");
    assert.match(comments(several)[0].message, /2 emails <b>accepted<\/b>.* Left out, since the gateway rejected them: 3 \(invalidPayload recipientNotAllowed recipientProtected\)\.<\/li>/);
    assert.doesNotMatch(comments(several)[0].message, /@/);
  });

  scenario("submits a batch at most 11 times, and comments that the gateway rejected it", () => {
    const firstOf = (sent) => rejecting([sent.body.analyzedEmails[0].recipientEmailAddress])(sent);
    const outcome = play(mails(30), { parameters: { approvalAbove: 200 }, gateway: firstOf });
    assert.equal(outcome.gatewayCalls.length, 11);
    assert.equal(new Set(outcome.gatewayCalls.map(({ headers }) => headers["Idempotency-Key"])).size, 11);
    assert.equal(outcome.status, "Failed");
    assert.match(comments(outcome)[0].message, /<li>Call 1: 20 emails <b>not accepted<\/b>: recipientNotAllowed\..* Left out, since the gateway rejected them: 10 /);
    assert.doesNotMatch(comments(outcome)[0].message, /@/);
  });

  scenario("comments that the outcome of the rest is unknown if its response cannot be read", () => {
    for (const respond of [loseConnection, () => jsonResponse(200, "{", "application/json")]) {
      const outcome = play(mails(3), { gateway: (sent) => (sent.body.analyzedEmails.length === 3 ? rejecting([user(1)])(sent) : respond(sent)) });
      assert.equal(outcome.status, "Failed");
      assert.match(comments(outcome)[0].message, /Whether (the remediation was|they were) accepted is unknown/);
    }
  });

  scenario("submits nothing more when the gateway rejects every recipient, or something else", () => {
    const all = play(mails(2), { gateway: rejecting([user(0), user(1)]) });
    assert.equal(all.gatewayCalls.length, 1);
    assert.equal(all.status, "Failed");
    assert.match(comments(all)[0].message, /<li>Call 1: 2 emails <b>not accepted<\/b>: recipientNotAllowed\..*The gateway rejected each email\./);
    const pointers = [{ pointer: "/displayName", detail: "is blank" }, { pointer: "", detail: "…" }, {}];
    for (const [code, errors] of [["invalidPayload", pointers], ["invalidPayload", []], ["actionNotAllowed", undefined], ["graphRefused", [{ pointer: "/analyzedEmails/0" }]]]) {
      const outcome = play(mails(2), { gateway: () => ((response) => ({ ...response, body: { ...response.body, errors } }))(problemResponse(400, code, "…")) });
      assert.equal(outcome.gatewayCalls.length, 1, code);
      assert.match(comments(outcome)[0].message, new RegExp(`2 emails <b>not accepted</b>: ${code}\\.`));
    }
  });

  scenario("keeps the batches apart when the gateway rejects a recipient in one of them", () => {
    const outcome = play(mails(6), { parameters: { maxEmailsPerCall: 2 }, gateway: rejecting([user(0), user(4)]) });
    assert.deepEqual(outcome.gatewayCalls.map((_, call) => recipientsOf(outcome, call)), [[user(0), user(1)], [user(1)], [user(2), user(3)], [user(4), user(5)], [user(5)]]);
    assert.equal(outcome.status, "Succeeded");
    assert.match(comments(outcome)[0].message, /Call 1: 1 email <b>accepted.*Left out, .*: 1 .*Call 2: 2 emails <b>accepted(?:(?!Left out).)*Call 3: 1 email <b>accepted.*Left out, .*: 1 /);
  });

  scenario("sends nothing if there are no emails", () => {
    for (const entities of [[], undefined, [{ kind: "Ip", properties: {} }], [mail(1, null)], [mail(1, "user@adatum.com"), mail(2, "a b@contoso.com")]]) {
      const outcome = play(entities);
      assert.equal(outcome.status, "Succeeded");
      assert.equal(outcome.gatewayCalls.length, 0);
      assert.match(comments(outcome)[0].message, /nothing was sent/);
    }
  });

  scenario("asks for approval above the number of mailboxes, not of emails", () => {
    assert.equal(play(mails(10)).connectionCalls[0].name, "Comment_outcome");
    const oneMailbox = Array.from({ length: 11 }, (_, number) => mail(number, "user@contoso.com"));
    assert.equal(play(oneMailbox).connectionCalls[0].name, "Comment_outcome");
    const outcome = play(mails(11));
    const [{ name, inputs }] = outcome.connectionCalls;
    assert.equal(name, "Ask_in_Teams");
    assert.equal(inputs.body.body.recipient.channelId, "channel");
    const card = JSON.parse(inputs.body.body.messageBody);
    assert.deepEqual(card.body[1].facts.map((fact) => fact.value), ["42: Phish (here)(https://evil.example)", "softDelete", "11, in 11 mailboxes", "0, in up to 0 mailboxes", "left alone"]);
    assert.equal(outcome.gatewayCalls.length, 1);
    assert.match(comments(outcome)[0].message, /approved by Hannah &lt;b>/);
  });

  const answerOf = (objectId) => ({ parameters: { approverObjectIds: ["aaaaaaaa-bbbb-cccc-1111-222222222222"] }, answer: { body: { ...approve.body, responder: { objectId, displayName: "Preston" } } } });
  for (const [what, options, isSent, expected] of [
    ["an approval", {}, true],
    ["an approval by a listed approver", answerOf("AAAAAAAA-bbbb-cccc-1111-222222222222"), true],
    ["an approval by an unlisted approver", answerOf("bbbbbbbb-bbbb-cccc-1111-222222222222"), false, /answered by Preston/],
    ["an approval by an ID that is part of an approver's ID", answerOf("aaaaaaaa"), false, /answered by/],
    ["a yes without an approver's id", answerOf(null), false, /answered by/],
    ["a rejection", { answer: { body: { data: { decision: "reject" }, submitActionId: "Reject", responder: { displayName: "Preston" } } } }, false, /answered by Preston/],
    ["a response without a decision", { answer: { body: {} } }, false, /answered by someone unknown/],
    ["an approval request that times out", { answer: { status: "TimedOut" } }, false, /no answer in time/],
    ["a card that could not be posted", { answer: { status: "Failed" } }, false, /could not ask in Teams/],
  ]) {
    scenario(`${what} ${isSent ? "submits the emails" : "submits nothing"}`, () => {
      const outcome = play(mails(11), options);
      assert.equal(outcome.gatewayCalls.length, isSent ? 1 : 0);
      assert.equal(outcome.status, isSent ? "Succeeded" : "Cancelled");
      if (!isSent) assert.match(comments(outcome)[0].message, /nothing was sent.*was not approved/);
      if (expected) assert.match(comments(outcome)[0].message, expected);
    });
  }

  scenario("does not ask if no approval is configured, and needs neither team nor channel", () => {
    const outcome = play(mails(50), { parameters: { approval: "None", approvalAbove: 0, teamsGroupId: "", teamsChannelId: "" } });
    assert.deepEqual(outcome.connectionCalls.map(({ name }) => name), ["Comment_outcome"]);
    assert.equal(outcome.gatewayCalls.length, 1);
    assert.doesNotMatch(comments(outcome)[0].message, /approved/);
  });

  scenario("comments complete lines and counts the rest for every response of the gateway", () => {
    const long = "x".repeat(8192);
    const results = [
      (sent) => ((response) => ({ ...response, body: { ...response.body, requestId: long, trackingUrl: `https://security.microsoft.com/${"&".repeat(1000)}` } }))(acceptedResponse(sent)),
      (sent) => ((response) => ({ ...response, body: { ...response.body, trackingUrl: `https://security.microsoft.com/${"&".repeat(200)}`, duplicate: true } }))(acceptedResponse(sent)),
      () =>
        ((response) => ({ ...response, body: { ...response.body, requestId: long } }))(problemResponse(429, long, long)),
    ];
    const gateway = (sent) => results[Number(sent.headers["Idempotency-Key"].split("-").at(-2)) % 3](sent);
    const answer = { body: { ...approve.body, responder: { displayName: "&".repeat(10_000) } } };
    const outcome = play(mails(60), { gateway, answer, parameters: { maxEmailsPerCall: 1 } });
    const [{ message }] = comments(outcome);
    assert.ok(message.length < 30_000, `${message.length}`);
    assert.match(message, /<li>Further calls: 48\. All calls: accepted 40, not accepted 20\.<\/li><\/ul><p>Accepted means.*<\/p>$/);
    assert.equal(message.match(/<li>/g).length, 13);
    assert.match(comments(play(mails(1), { gateway: results[0] }))[0].message, /<b>accepted<\/b> \(the tracking link is too long for this comment\)\. Request x{100}\./);
  });

  scenario("makes several calls only above the limit, each with its own key", () => {
    const parameters = { approvalAbove: 10000, maxEmailsPerCall: 100 };
    assert.equal(play(mails(100), { parameters }).gatewayCalls.length, 1);
    const outcome = play(mails(250), { parameters });
    assert.deepEqual(outcome.gatewayCalls.map(({ body }) => body.analyzedEmails.length), [100, 100, 50]);
    assert.deepEqual(outcome.gatewayCalls.map(({ headers }) => headers["Idempotency-Key"].split("CU00-")[1]), ["Remediate-0-0", "Remediate-1-0", "Remediate-2-0"]);
    assert.equal(new Set(outcome.gatewayCalls.flatMap(({ body }) => body.analyzedEmails.map((pair) => pair.networkMessageId))).size, 250);
    assert.ok(outcome.gatewayCalls.every(({ body }) => isRequest(body)));
    assert.equal(comments(outcome).length, 1);
    assert.equal(comments(outcome)[0].message.match(/<li>/g).length, 3);
  });

  scenario("comments the error with the request's ID, and ends as failed", () => {
    for (const form of [(response) => response, withWrappedBody]) {
      const outcome = play(mails(1), { gateway: () => form(problemResponse(403, "recipientNotAllowed", "2 < 3 & nothing was sent.")) });
      assert.equal(outcome.status, "Failed");
      assert.match(outcome.error.message, /Calls not accepted in full: 1 of 1 \(recipientNotAllowed\)\./);
      assert.match(comments(outcome)[0].message, /1 email <b>not accepted<\/b>: recipientNotAllowed\. The gateway's log says why\. Request r-2\./);
      assert.deepEqual(outcome.failures, []);
    }
  });

  scenario("comments on each call if the gateway rejects some", () => {
    const outcome = play(mails(4), { parameters: { maxEmailsPerCall: 2 }, gateway: (sent) => (sent.headers["Idempotency-Key"].endsWith("-1-0") ? problemResponse(429, "quotaExceeded", "…") : acceptedResponse(sent)) });
    assert.equal(outcome.gatewayCalls.length, 1 + 5);
    assert.equal(outcome.status, "Failed");
    assert.match(comments(outcome)[0].message, /Call 2: 2 emails <b>not accepted<\/b>: quotaExceeded.*Call 1: 2 emails <b>accepted<\/b>: <a/);
  });

  scenario("comments that the outcome is unknown if the gateway does not respond", () => {
    const page = (statusCode) => () => jsonResponse(statusCode, "<html>", "text/html");
    for (const gateway of [loseConnection, page(200), page(502)]) {
      const outcome = play(mails(1), { gateway });
      assert.equal(outcome.status, "Failed");
      assert.match(comments(outcome)[0].message, /not accepted<\/b>: gatewayUnreachable\..*unknown/);
    }
    const malformed = play(mails(1), { gateway: () => jsonResponse(200, "{", "application/json") });
    assert.equal(malformed.status, "Failed");
    assert.match(comments(malformed)[0].message, /Calls whose answer the playbook could not read: 1\. Whether they were accepted is unknown/);
  });

  // Mail clusters and the status.

  const cluster = (networkMessageIds, properties = {}) => ({ kind: "MailCluster", properties: { networkMessageIds, mailCount: 800, ...properties } });
  const guids = (count) => Array.from({ length: count }, (_, number) => guid(number));
  const leftOut = { quarantine: 3, unreachable: 2, protected: 1 };
  const acceptedMessages = ({ body }) =>
    jsonResponse(200, { status: "accepted", duplicate: false, emails: 40 * body.networkMessageIds.length - 6, acceptedAt: "2026-11-27T09:00:00Z", recipientsFound: 40 * body.networkMessageIds.length, leftOut, messagesNotFound: body.networkMessageIds.includes(guid(44)) ? 2 : 0, bulkId: "b", tenantId: "t", trackingUrl: TRACKING, requestId: "r-3", graphRequestId: "g" });
  const timeOf = (sent) => `2026-11-27T09:30:0${sent.headers["Idempotency-Key"].split("-").at(-2)}Z`;
  const acceptedWithTime = (sent) => ((response) => ({ ...response, body: { ...response.body, acceptedAt: timeOf(sent) } }))(acceptedResponse(sent));
  const statusResponse = (counts, headers) => ({ body }) => {
    const all = { observed: 0, notYet: 0, unclear: 0, unreachable: 0, notFound: 0, ...(typeof counts === "function" ? counts(body) : counts) };
    const response = jsonResponse(200, { status: all.notYet > 0 ? "pending" : "settled", emails: body.analyzedEmails.length, ...all, items: body.analyzedEmails.map((pair) => ({ ...pair, state: "notYet", location: "inbox_folder" })), itemsOmitted: 0 });
    return { ...response, headers: { ...response.headers, ...headers } };
  };
  const settled = statusResponse((body) => ({ observed: body.analyzedEmails.length }));
  const pending = statusResponse((body) => ({ notYet: body.analyzedEmails.length }), { "Retry-After": "300" });
  /**
   * Returns a gateway with these responses. If `status` is an array, each request for the status gets the next one, and
   * after the last one the last again.
   */
  const gatewayOf = ({ remediate = acceptedWithTime, messages = acceptedMessages, status = settled } = {}) => {
    const statusResponses = [status].flat();
    return (sent) => {
      const route = new URL(sent.uri).pathname;
      const nextStatus = () => (statusResponses.length > 1 ? statusResponses.shift() : statusResponses[0]);
      if (route === "/remediate/status") return nextStatus()(sent);
      return { "/remediate": remediate, "/remediate/messages": messages }[route](sent);
    };
  };
  const callsTo = (outcome, route) => outcome.gatewayCalls.filter(({ uri }) => new URL(uri).pathname === route);
  const playWithStatus = (entities, status, parameters = {}) => play(entities, { gateway: gatewayOf({ status }), parameters: { statusHours: 4, ...parameters } });

  scenario("remediates the messages of mail clusters for all their recipients, 20 in a call", () => {
    const parameters = { approvalAbove: 10000, maxRecipients: 800 };
    const outcome = play([cluster(guids(30)), cluster(guids(45).map((id) => id.toUpperCase()))], { gateway: gatewayOf(), parameters });
    assert.equal(outcome.status, "Failed");
    assert.deepEqual(outcome.error, { code: "NotAccepted", message: "Calls not accepted in full: 1 of 3 (messageNotFound). The comment on the incident has the reasons." });
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(outcome.gatewayCalls, callsTo(outcome, "/remediate/messages"));
    assert.deepEqual(outcome.gatewayCalls.flatMap(({ body }) => body.networkMessageIds), guids(45));
    assert.deepEqual(outcome.gatewayCalls.map(({ body }) => body.networkMessageIds.length), [20, 20, 5]);
    assert.deepEqual(outcome.gatewayCalls.map(({ headers }) => headers["Idempotency-Key"].split("CU00-")[1]), ["Remediate_messages-0", "Remediate_messages-1", "Remediate_messages-2"]);
    for (const { body } of outcome.gatewayCalls) {
      assert.equal(body.maxRecipients, 800);
      assert.ok(isWholeMessagesRequest(body), JSON.stringify(isWholeMessagesRequest.errors));
    }
    const [{ message }, ...more] = comments(outcome);
    assert.equal(more.length, 0);
    assert.match(message, /softDelete for 45 messages of mail clusters\.<\/p>/);
    assert.match(message, /<li>Mail clusters, call 1: 20 messages <b>accepted<\/b> for 794 of 800 recipients: <a [^>]*>Action center<\/a>\. Left out: 3 in quarantine, 2 unreachable, 1 protected\. Request r-3\.<\/li>/);
    assert.match(message, /call 3: 5 messages <b>accepted<\/b> for 194 of 200 recipients: .* Messages not included, since Microsoft lists no recipient yet: 2\. The playbook submits them for the recipients that the incident names\. Run the playbook again after 30 minutes\. Request r-3\./);
    assert.equal(message.match(/Messages not included/g).length, 1);
    assert.match(message, /cannot read the status of mail clusters, since it does not know their recipients\.<\/p>$/);
  });

  scenario("submits a message once: with its mail cluster, or else by its mail messages", () => {
    const pairs = (outcome) => callsTo(outcome, "/remediate").flatMap(({ body }) => body.analyzedEmails.map((pair) => pair.networkMessageId));
    const entities = [cluster(guids(25)), ...mails(3), mail(24), mail(30)];
    const parameters = { approvalAbove: 10000 };
    const all = play(entities, { parameters, gateway: gatewayOf() });
    assert.equal(all.status, "Succeeded");
    assert.deepEqual(pairs(all), [guid(30)]);
    assert.deepEqual(all.gatewayCalls.map(({ uri }) => new URL(uri).pathname), ["/remediate/messages", "/remediate/messages", "/remediate"]);
    const none = play([cluster(guids(25)), ...mails(3)], { parameters, gateway: gatewayOf() });
    assert.deepEqual(pairs(none), []);
    assert.equal(none.status, "Succeeded");
    const first = play(entities, { parameters, gateway: gatewayOf({ messages: (sent) => (sent.body.networkMessageIds.length === 20 ? problemResponse(404, "messageNotFound", "…") : acceptedMessages(sent)) }) });
    assert.deepEqual(pairs(first), [guid(0), guid(1), guid(2), guid(30)]);
    assert.equal(first.status, "Failed");
    assert.match(first.error.message, /^Calls not accepted in full: 1 of 3 \(messageNotFound\)\./);
    const lostAll = play(entities, { parameters, gateway: gatewayOf({ messages: loseConnection }) });
    assert.deepEqual(pairs(lostAll), [guid(0), guid(1), guid(2), guid(24), guid(30)]);
    assert.match(comments(lostAll)[0].message, /Mail clusters, call 2: 5 messages <b>not accepted<\/b>: gatewayUnreachable\. Whether the remediation was accepted is unknown\. Request unknown\./);
  });

  /** Accepts messages whose number is not in `unlisted`, as if Microsoft listed 40 recipients of each. */
  const acceptingListed = (unlisted) => (sent) => {
    const listed = sent.body.networkMessageIds.filter((id) => !unlisted.includes(id)).length;
    if (listed === 0) return problemResponse(404, "messageNotFound", "Microsoft Graph lists no recipient of the messages. Nothing was sent.");
    const response = acceptedMessages(sent);
    return { ...response, body: { ...response.body, emails: 40 * listed - 6, recipientsFound: 40 * listed, messagesNotFound: sent.body.networkMessageIds.length - listed } };
  };
  const idsOf = (outcome, route) => callsTo(outcome, route).map(({ body }) => body.networkMessageIds ?? body.analyzedEmails.map((pair) => pair.networkMessageId));

  scenario("submits a mail message whose cluster was accepted without it", () => {
    const parameters = { approvalAbove: 10000 };
    const victim = mail(1, "victim@contoso.com");
    const outcome = play([cluster(guids(2)), victim], { parameters, gateway: gatewayOf({ messages: acceptingListed([guid(1)]) }) });
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(callsTo(outcome, "/remediate").map(({ body }) => body.analyzedEmails), [[{ networkMessageId: guid(1), recipientEmailAddress: "victim@contoso.com" }]]);
    assert.equal(outcome.status, "Failed");
    assert.equal(outcome.error.message, "Calls not accepted in full: 1 of 2 (messageNotFound). The comment on the incident has the reasons.");
    assert.match(comments(outcome)[0].message, /^.*Mail clusters, call 1: .*Messages not included, .*: 1\. .*<li>Call 1: 1 email <b>accepted<\/b>/);
  });

  scenario("submits the pairs that a cluster may have covered apart from all others", () => {
    const parameters = { approvalAbove: 10000, maxEmailsPerCall: 2 };
    const entities = [cluster(guids(25)), mail(0), mail(1), mail(2), mail(24), mail(30), mail(31), mail(32)];
    const outcome = play(entities, { parameters, gateway: gatewayOf({ messages: acceptingListed([guid(1)]) }) });
    assert.deepEqual(idsOf(outcome, "/remediate"), [[guid(30), guid(31)], [guid(32)], [guid(0), guid(1)], [guid(2)]]);
    assert.match(outcome.error.message, /^Calls not accepted in full: 1 of 6 /);
    assert.doesNotMatch(comments(outcome)[0].message, /could not read the answer/);
  });

  /** Rejects each call with one of these messages, and accepts the others for one recipient per message. */
  const rejectingCallsWith = (bad, response = () => problemResponse(403, "recipientNotAllowed", "1 recipient, such as a@adatum.com. Nothing was sent.")) => (sent) => {
    if (sent.body.networkMessageIds.some((id) => bad.includes(id))) return response(sent);
    return jsonResponse(200, { ...acceptedMessages(sent).body, emails: sent.body.networkMessageIds.length, recipientsFound: sent.body.networkMessageIds.length });
  };

  scenario("submits each message of a cluster alone if one of them makes the gateway reject the call", () => {
    for (const [status, code] of [[403, "recipientNotAllowed"], [403, "tooManyRecipients"], [400, "graphRefused"], [409, "graphConflict"], [502, "graphError"], [504, "graphTimeout"]]) {
      for (const form of [(response) => response, withWrappedBody]) {
        const detail = status < 500 && code.startsWith("graph") ? "Graph did not accept the remediation." : "a@adatum.com. Nothing was sent.";
        const messages = rejectingCallsWith([guid(7)], () => form(problemResponse(status, code, detail)));
        const gateway = gatewayOf({ messages });
        const outcome = play([cluster(guids(25)), mail(6), mail(7), mail(30)], { parameters: { approvalAbove: 10000 }, gateway });
        assert.deepEqual(outcome.failures, []);
        const calls = callsTo(outcome, "/remediate/messages");
        const keys = [...new Set(calls.map(({ headers }) => headers["Idempotency-Key"].split("CU00-")[1]))];
        assert.deepEqual(keys, ["Remediate_messages-0", ...guids(20).map((_, number) => `Remediate_message-0-${number}`), "Remediate_messages-1"]);
        const single = calls.filter(({ headers }) => headers["Idempotency-Key"].includes("Remediate_message-"));
        assert.deepEqual([...new Set(single.flatMap(({ body }) => body.networkMessageIds))], guids(20));
        for (const { body } of single)
          assert.ok(isWholeMessagesRequest(body), JSON.stringify(isWholeMessagesRequest.errors));
        // The message that is held up is submitted for the recipient that the incident names.
        assert.deepEqual(idsOf(outcome, "/remediate"), [[guid(7), guid(30)]]);
        assert.equal(outcome.status, "Failed");
        assert.equal(outcome.error.message, `Calls not accepted in full: 1 of 22 (${code}). The comment on the incident has the reasons.`);
        const [{ message }] = comments(outcome);
        assert.match(message, new RegExp(`<ul><li>Mail clusters, call 1, message 8 alone: <b>not accepted</b>: ${code}\\..* Request r-2\\.</li><li>Mail clusters, call 1, message 1 alone: <b>accepted</b> for 1 of 1 recipients: <a `));
        assert.match(message, /Further calls: 10\. All calls: accepted 21, not accepted 1\./);
        assert.doesNotMatch(message, /@|could not read the answer/);
      }
    }
  });

  scenario("submits no message alone after another error, or after a call with one message", () => {
    for (const [status, code] of [[403, "wholeMessagesNotAllowed"], [401, "invalidCredentials"], [404, "messageNotFound"], [409, "nothingToRemediate"], [429, "quotaExceeded"], [503, "stopped"]]) {
      const outcome = play([cluster(guids(3))], { parameters: { approvalAbove: 1000 }, gateway: gatewayOf({ messages: () => problemResponse(status, code, "Nothing was sent.") }) });
      assert.deepEqual([...new Set(outcome.gatewayCalls.map(({ headers }) => headers["Idempotency-Key"].split("CU00-")[1]))], ["Remediate_messages-0"], code);
    }
    for (const [code, text] of [["recipientNotAllowed", "A recipient is outside the caller's domains."], ["tooManyRecipients", "The messages have more recipients than MaxRecipients."]]) {
      const one = play([cluster(guids(1))], { parameters: { approvalAbove: 1000 }, gateway: gatewayOf({ messages: () => problemResponse(403, code, "Nothing was sent.") }) });
      assert.equal(one.gatewayCalls.length, 1);
      assert.ok(comments(one)[0].message.includes(`1 message <b>not accepted</b>: ${code}. ${text} Request r-2.`), comments(one)[0].message);
    }
  });

  scenario("remediates no more recipients of a call than were approved, also with each message alone", () => {
    const sizes = [300, 500, 900, 200, 1, 1];
    const gateway = (unknown) => (sent) => {
      const { networkMessageIds, maxRecipients } = sent.body;
      const emails = networkMessageIds.reduce((sum, id) => sum + sizes[guids(6).indexOf(id)], 0);
      if (unknown === emails) return problemResponse(504, "graphTimeout", "Microsoft Graph did not respond in time. The outcome is unknown; it is safe to retry.");
      if (emails > maxRecipients)
        return problemResponse(403, "tooManyRecipients", `${emails} recipients. Nothing was sent.`);
      return jsonResponse(200, { ...acceptedMessages(sent).body, emails, recipientsFound: emails });
    };
    const single = (outcome) => outcome.gatewayCalls.slice(1).map(({ body }) => body.maxRecipients);
    const outcome = play([cluster(guids(6))], { parameters: { approvalAbove: 1000 }, gateway: gatewayOf({ messages: gateway() }) });
    assert.deepEqual(single(outcome), [1000, 700, 200, 200]);
    assert.match(outcome.error.message, /^Calls not accepted in full: 3 of 6 \(tooManyRecipients\)\./);
    assert.match(comments(outcome)[0].message, /message 3 alone: <b>not accepted<\/b>: tooManyRecipients\. The message has more recipients .*message 5 alone: <b>not sent<\/b>: tooManyRecipients\./);
    // After an unknown outcome, the rest may be in use.
    const unknown = play([cluster(guids(6))], { parameters: { approvalAbove: 1000 }, gateway: gatewayOf({ messages: gateway(500) }) });
    assert.deepEqual(single(unknown), [1000, 700, 700, 700]);
    assert.match(unknown.error.message, /^Calls not accepted in full: 5 of 6 \(graphTimeout tooManyRecipients\)\./);
    const malformed = (sent) => (sent.body.networkMessageIds[0] === guid(1) ? jsonResponse(200, "{", "application/json") : gateway()(sent));
    const unread = play([cluster(guids(6))], { parameters: { approvalAbove: 1000 }, gateway: gatewayOf({ messages: malformed }) });
    assert.deepEqual(single(unread), [1000, 700]);
    assert.match(comments(unread)[0].message, /<li>Calls whose answer the playbook could not read: 1\. Whether they were accepted is unknown\.<\/li>/);
  });

  scenario("comments why a mail cluster was not accepted, and which permission is missing", () => {
    for (const [status, code, text] of [
      [403, "wholeMessagesNotAllowed", "The caller's table at the gateway lacks whole_messages = true."],
      [404, "messageNotFound", "Microsoft lists no recipient of these messages yet. Run the playbook again later."],
      [403, "actionNotAllowed", "The gateway's log says why."],
    ]) {
      for (const form of [(response) => response, withWrappedBody]) {
        const outcome = play([cluster(guids(2))], { parameters: { approvalAbove: 1000 }, gateway: gatewayOf({ messages: () => form(problemResponse(status, code, "3 recipients, such as a@contoso.com")) }) });
        assert.equal(outcome.status, "Failed");
        assert.equal(outcome.error.code, "NotAccepted");
        assert.deepEqual(outcome.failures, []);
        const [{ message }] = comments(outcome);
        assert.ok(message.includes(`2 messages <b>not accepted</b>: ${code}. ${text} Request r-2.</li>`), message);
        assert.doesNotMatch(message, /@/);
      }
    }
  });

  scenario("does not fail if a mail cluster has nothing to remediate", () => {
    const messages = (sent) => (sent.body.networkMessageIds.includes(guid(0)) ? problemResponse(409, "nothingToRemediate", "…") : acceptedMessages(sent));
    const parameters = { approvalAbove: 10000 };
    const quarantined = play([cluster([guid(0)])], { gateway: gatewayOf({ messages }), parameters });
    assert.equal(quarantined.status, "Succeeded");
    assert.match(comments(quarantined)[0].message, /1 message <b>nothing to remediate<\/b>: nothingToRemediate\. Each recipient is in quarantine, unreachable or protected\. Request r-2\./);
    const both = play([cluster(guids(25)), mail(30)], { gateway: gatewayOf({ messages, remediate: () => problemResponse(400, "graphRefused", "…") }), parameters });
    assert.match(both.error.message, /^Calls not accepted in full: 1 of 3 \(graphRefused\)\./);
    const lines = [...comments(both)[0].message.matchAll(/<li>(.*?)<b>(.*?)<\/b>/g)].map((match) => match[2]);
    assert.deepEqual(lines, ["not accepted", "nothing to remediate", "accepted"]);
    const many = play([cluster(guids(400))], { gateway: gatewayOf({ messages }), parameters: { approvalAbove: 10000, maxRecipients: 100 } });
    assert.match(comments(many)[0].message, /All calls: accepted 19, not accepted 0, nothing to remediate 1\./);
  });

  scenario("leaves invalid message IDs out of mail clusters, and comments their number", () => {
    const invalidIds = [null, "", 42, {}, [[]], "no ID", `{${guid(1)}}`, guid(1).replaceAll("-", ""), `${guid(1)}0`, `${guid(1).slice(0, 35)}g`];
    const outcome = play([cluster(invalidIds), cluster(null), cluster(undefined), { kind: "MailCluster" }, cluster([]), cluster([guid(2)]), cluster(guid(3))], { gateway: gatewayOf(), parameters: { approvalAbove: 1000 } });
    assert.equal(outcome.status, "Succeeded");
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(outcome.gatewayCalls.map(({ body }) => body.networkMessageIds), [[guid(2), guid(3)]]);
    assert.match(comments(outcome)[0].message, /<li>mail clusters without a network message ID: 4<\/li><li>network message IDs of mail clusters that are not GUIDs: \d+<\/li><\/ul>$/);
    const nothing = play([cluster(invalidIds)], { gateway: gatewayOf() });
    assert.equal(nothing.gatewayCalls.length, 0);
    assert.match(comments(nothing)[0].message, /nothing was sent\. The incident has no mail message or mail cluster/);
  });

  scenario("ignores mail clusters if RemediateMailClusters is false", () => {
    const outcome = play([cluster(guids(2)), ...mails(2)], { gateway: gatewayOf(), parameters: { remediateMailClusters: false } });
    assert.equal(callsTo(outcome, "/remediate/messages").length, 0);
    assert.equal(recipientsOf(outcome).length, 2);
    assert.match(comments(outcome)[0].message, /<li>mail clusters, since RemediateMailClusters is off: 1<\/li>/);
  });

  scenario("asks for approval of the most mailboxes that a mail cluster can have", () => {
    const asks = (entities, parameters) => play(entities, { gateway: gatewayOf(), parameters }).connectionCalls[0].name === "Ask_in_Teams";
    assert.ok(asks([cluster([guid(1)])], { maxRecipients: 11 }));
    assert.ok(!asks([cluster([guid(1)])], { maxRecipients: 10 }));
    assert.ok(asks([cluster([guid(1)]), mail(1)], { maxRecipients: 10 }));
    assert.ok(asks([cluster(guids(21))], { maxRecipients: 10, approvalAbove: 19 }));
    assert.ok(!asks([cluster(guids(21))], { maxRecipients: 10, approvalAbove: 20 }));
    const { connectionCalls: [{ inputs }] } = play([cluster(guids(21)), ...mails(2)], { gateway: gatewayOf() });
    assert.deepEqual(JSON.parse(inputs.body.body.messageBody).body[1].facts.map((fact) => fact.value).slice(2, 4), ["2, in 2 mailboxes", "21, in up to 2000 mailboxes"]);
    const no = play([cluster(guids(2))], { gateway: gatewayOf(), answer: { status: "TimedOut" } });
    assert.equal(no.gatewayCalls.length, 0);
    assert.match(comments(no)[0].message, /softDelete for 2 messages of mail clusters was not approved/);
  });

  scenario("waits for the status, and adds a second comment without an address", () => {
    const outcome = playWithStatus(mails(3), [pending, statusResponse({ observed: 1, notYet: 2 }, { "Retry-After": "300" }), statusResponse({ observed: 2, unclear: 1 })]);
    assert.equal(outcome.status, "Succeeded");
    assert.deepEqual(outcome.failures, []);
    assert.deepEqual(outcome.waits, [300, 300, 300]);
    const asked = callsTo(outcome, "/remediate/status");
    assert.equal(asked.length, 3);
    for (const { headers, body } of asked) {
      assert.deepEqual(headers, { "Content-Type": "application/json" });
      assert.ok(isStatusRequest(body), JSON.stringify(isStatusRequest.errors));
      assert.equal(body.acceptedAt, "2026-11-27T09:30:00Z");
      assert.deepEqual(body.analyzedEmails, outcome.gatewayCalls[0].body.analyzedEmails);
      assert.equal(body.action, "softDelete");
    }
    const [first, second, ...more] = comments(outcome);
    assert.equal(more.length, 0);
    assert.match(first.message, /A second comment with the status follows within 4 hours\./);
    assert.equal(second.incidentArmId, "/incidents/1");
    assert.match(second.message, /status<\/b>: emails observed: 2 of 3, unclear: 1\.<\/p><ul><li>not yet: 0<\/li><li>unreachable: 0<\/li><li>not found: 0<\/li><\/ul>/);
    assert.doesNotMatch(second.message, /@|stopped asking|without a status|mail clusters/);
  });

  scenario("stops its requests after StatusHours, and comments it", () => {
    for (const [statusHours, rounds] of [[1, 12], [4, 48], [24, 288]]) {
      const outcome = playWithStatus(mails(2), pending, { statusHours });
      assert.equal(callsTo(outcome, "/remediate/status").length, rounds);
      assert.match(comments(outcome)[1].message, new RegExp(`emails observed: 0 of 2,.*not yet: 2.*stopped asking after ${statusHours} ${statusHours === 1 ? "hour" : "hours"}\\.`));
    }
    const never = playWithStatus(mails(2), pending, { statusHours: 0 });
    assert.deepEqual([never.gatewayCalls.length, never.waits.length, comments(never).length], [1, 0, 1]);
    assert.doesNotMatch(comments(never)[0].message, /second comment/);
  });

  scenario("waits as long as Retry-After says, between a minute and an hour", () => {
    for (const [headers, seconds] of [
      [{ "Retry-After": "900" }, 900], [{ "retry-after": "900" }, 900], [{ "Retry-After": "5" }, 60], [{ "Retry-After": "86400" }, 3600], [{ "Retry-After": "Fri, 27 Nov 2026 10:00:00 GMT" }, 300], [{}, 300],
    ]) {
      assert.deepEqual(playWithStatus(mails(1), [statusResponse({ notYet: 1 }, headers), settled]).waits, [300, seconds], JSON.stringify(headers));
      const busy = () => ((response) => ({ ...response, headers: { ...response.headers, ...headers } }))(problemResponse(429, "graphThrottled", "…"));
      assert.deepEqual(playWithStatus(mails(1), [busy, settled]).waits, [300, seconds], JSON.stringify(headers));
    }
    // The longest Retry-After of a round counts.
    const pendingFor = (seconds) => statusResponse({ notYet: 1 }, { "Retry-After": `${seconds}` });
    assert.deepEqual(playWithStatus(mails(60), [pendingFor(400), pendingFor(900), pendingFor(300), settled], { approvalAbove: 60 }).waits, [300, 900]);
  });

  scenario("requests the status of at most 20 messages at once, and only of open emails", () => {
    const outcome = playWithStatus(mails(45), [settled, pending, settled, settled], { approvalAbove: 45 });
    const asked = callsTo(outcome, "/remediate/status").map(({ body }) => body.analyzedEmails.map((pair) => pair.networkMessageId));
    assert.deepEqual(asked, [guids(20), guids(40).slice(20), guids(45).slice(40), guids(40).slice(20)]);
    assert.match(comments(outcome)[1].message, /emails observed: 45 of 45,/);
    const campaign = Array.from({ length: 50 }, (_, number) => mail(number % 2, `user${number}@contoso.com`));
    assert.equal(callsTo(playWithStatus(campaign, settled, { approvalAbove: 50 }), "/remediate/status").length, 1);
  });

  scenario("requests the status of each call with that call's emails and time", () => {
    const outcome = playWithStatus(mails(50), settled, { approvalAbove: 50, maxEmailsPerCall: 30 });
    const asked = callsTo(outcome, "/remediate/status").map(({ body }) => body);
    assert.deepEqual(asked.map(({ acceptedAt, analyzedEmails }) => [acceptedAt.at(-2), analyzedEmails.length]), [["0", 20], ["0", 10], ["1", 20]]);
    assert.deepEqual(asked.flatMap(({ analyzedEmails }) => analyzedEmails), outcome.gatewayCalls.slice(0, 2).flatMap(({ body }) => body.analyzedEmails));
    const old = play(mails(1), { gateway: gatewayOf({ remediate: acceptedResponse }), parameters: { statusHours: 4 } });
    assert.equal(callsTo(old, "/remediate/status")[0].body.acceptedAt, null);
  });

  scenario("requests the status of accepted emails only", () => {
    const gateway = gatewayOf({ remediate: (sent) => ((response) => (response.statusCode === 200 ? acceptedWithTime(sent) : response))(rejecting([user(1), user(3)])(sent)) });
    const oneMessage = Array.from({ length: 5 }, (_, number) => mail(0, user(number)));
    for (const emails of [mails(5), oneMessage]) {
      const outcome = play(emails, { gateway, parameters: { statusHours: 4 } });
      const [{ body }] = callsTo(outcome, "/remediate/status");
      assert.deepEqual(body.analyzedEmails, callsTo(outcome, "/remediate")[1].body.analyzedEmails);
      assert.match(comments(outcome)[1].message, /emails observed: 3 of 3,/);
    }
    const half = gatewayOf({ remediate: (sent) => (sent.headers["Idempotency-Key"].endsWith("-1-0") ? problemResponse(400, "graphRefused", "…") : acceptedWithTime(sent)) });
    const mixed = play(mails(4), { gateway: half, parameters: { statusHours: 4, maxEmailsPerCall: 2 } });
    assert.equal(mixed.status, "Failed");
    assert.match(comments(mixed)[1].message, /emails observed: 2 of 2,/);
    const none = play(mails(2), { gateway: gatewayOf({ remediate: () => problemResponse(400, "graphRefused", "…") }), parameters: { statusHours: 4 } });
    assert.deepEqual([callsTo(none, "/remediate/status").length, none.waits.length, comments(none).length, none.status], [0, 0, 1, "Failed"]);
    const clusters = play([cluster(guids(2)), mail(7)], { gateway: gatewayOf(), parameters: { statusHours: 4, approvalAbove: 2000 } });
    assert.match(comments(clusters)[1].message, /emails observed: 1 of 1,.*The recipients of mail clusters are not among these emails/);
  });

  scenario("repeats its requests while the gateway fails, and keeps earlier results", () => {
    const busy = () => problemResponse(503, "graphUnavailable", "…");
    const known = statusResponse({ observed: 1, notYet: 1 }, { "Retry-After": "300" });
    for (const failure of [busy, loseConnection, () => jsonResponse(200, "<html>", "text/html"), () => withWrappedBody(problemResponse(504, "graphTimeout", "…"))]) {
      const recovered = playWithStatus(mails(2), [failure, settled]);
      assert.equal(recovered.status, "Succeeded");
      assert.deepEqual(recovered.failures, []);
      assert.match(comments(recovered)[1].message, /emails observed: 2 of 2,.*not found: 0<\/li><\/ul>/);
      assert.match(comments(playWithStatus(mails(2), [known, failure]))[1].message, /emails observed: 1 of 2,.*not yet: 1.*not found: 0<\/li><\/ul>.*stopped asking/);
      assert.match(comments(playWithStatus(mails(2), failure))[1].message, /emails observed: 0 of 2,.*<li>without a status: 2 \((graphUnavailable|gatewayUnreachable|graphTimeout)\)/);
    }
    const permanentError = playWithStatus(mails(2), () => problemResponse(403, "recipientProtected", "a@contoso.com"));
    assert.equal(callsTo(permanentError, "/remediate/status").length, 1);
    assert.match(comments(permanentError)[1].message, /without a status: 2 \(recipientProtected\)\./);
  });

  scenario("limits the second comment for every response of the gateway", () => {
    const long = playWithStatus(mails(60), ({ body }) => problemResponse(500, `${body.analyzedEmails[0].networkMessageId} ${"x".repeat(40_000)}`, "…"), { approvalAbove: 60 });
    for (const { message } of comments(long)) assert.ok(message.length < 30_000, `${message.length}`);
    assert.equal(comments(long).length, 2);
  });

  scenario("keeps the gateway's limits for every title of an incident", () => {
    const outcome = play(mails(1), { properties: { title: "x".repeat(5000), incidentUrl: `https://portal.example/${"y".repeat(5000)}`, severity: "Informational" } });
    assert.ok(isRequest(outcome.gatewayCalls[0].body), JSON.stringify(isRequest.errors));
    assert.equal(outcome.gatewayCalls[0].body.severity, "low");
    assert.ok(isRequest(play(mails(1), { properties: { title: null, incidentUrl: null, severity: null } }).gatewayCalls[0].body));
  });
  return scenarios;
}

const scenariosOf = { [HTTP]: httpScenarios, [INCIDENT]: incidentScenarios };
for (const [name, template] of Object.entries(templates)) {
  describe(name, () => {
    for (const [what, check] of Object.entries(scenariosOf[name](template))) test(what, check);
  });
}

// These errors need the interpreter: `faults` accepts each of these templates.
describe("only the interpreter finds", () => {
  const replacing = (place, member, from, to) => (t) => {
    const holder = place(t);
    assert.ok(holder[member].includes(from), `${member} has no ${from}`);
    holder[member] = holder[member].replace(from, to);
  };
  const action = (name) => (t) => actionsOf(t)[name];
  const inputsOf = (name) => (t) => actionsOf(t)[name].inputs;
  const attemptAction = (name) => (t) => attemptOf(t)[name];
  const planted = {
    "a domain that only ends alike": [INCIDENT, replacing(inputsOf("Messages_in_domains"), "where", "concat('*.', join(skip(split(item()?['domain'], '.'), min(1,", "concat('*.', join(skip(split(item()?['domain'], 'm'), min(1,"), "submits recipients in the playbook's domains and no others"],
    "subdomains that are left out": [INCIDENT, (t) => (actionsOf(t).Messages_in_domains.inputs.where = "@contains(outputs('Domains'), item()?['domain'])"), "submits recipients in the playbook's domains and no others"],
    "letters whose lower case is ASCII": [INCIDENT, (t) => (actionsOf(t).Identifiers.inputs.select.recipient = actionsOf(t).Identifiers.inputs.select.recipient.replace("@trim(", "@toLower(trim(").concat(")")), "submits no address and no message ID that the gateway would reject"],
    "a character too many": [INCIDENT, replacing(action("Local_part_characters"), "inputs", "._-+", "._-+%"), "submits no address and no message ID that the gateway would reject"],
    "a local part of 65 characters": [INCIDENT, replacing(inputsOf("Well_formed_messages"), "where", "64)", "65)"), "submits no address and no message ID that the gateway would reject"],
    "a message ID without hyphens": [INCIDENT, replacing(inputsOf("Well_formed_messages"), "where", "equals(substring(item()?['paddedId'], 18, 1), '-'), ", ""), "submits no address and no message ID that the gateway would reject"],
    "mailboxes counted by email": [INCIDENT, (t) => (actionsOf(t).Mailboxes.inputs = "@body('Recipients')"), "asks for approval above the number of mailboxes, not of emails"],
    "pairs that repeat": [INCIDENT, (t) => (actionsOf(t).Unique_pairs.inputs = "@body('Pairs')"), "sends all pairs in one call, and comments the tracking link"],
    "an approval by any response": [INCIDENT, (t) => actionsOf(t).Needs_approval.actions.Is_it_approved.expression.and.splice(1, 1), "a rejection submits nothing"],
    "an approver by a part of the ID": [INCIDENT, (t) => { const { and } = actionsOf(t).Needs_approval.actions.Is_it_approved.expression; and[2].or[1].equals[0] = and[2].or[1].equals[0].replaceAll("concat('\"', ", "concat('', ").replace(", '\"'))", ", ''))"); }, "an approval by an ID that is part of an approver's ID submits nothing"],
    "no approval although Teams is configured": [INCIDENT, (t) => (actionsOf(t).Needs_approval.expression.and[0].equals[1] = "teams"), "asks for approval above the number of mailboxes, not of emails"],
    "emails kept by the wrong position": [INCIDENT, (t) => (attemptAction("Rejected_positions")(t).inputs.select = "@last(split(item(), '/'))"), "submits the remaining emails if the gateway rejects recipients with 403 recipientNotAllowed"],
    "the first pointer of each cause alone": [INCIDENT, (t) => (attemptAction("Rejected_pointers")(t).inputs.select = "@item()?['pointer']"), "submits the remaining emails if the gateway rejects recipients with 403 recipientNotAllowed"],
    "remaining emails that are not submitted": [INCIDENT, (t) => (attemptOf(t).Is_there_a_rest.actions.Open.inputs.value = false), "submits the remaining emails if the gateway rejects recipients with 400 invalidPayload"],
    "remaining emails that are submitted only once": [INCIDENT, (t) => (attemptOf(t).Is_there_a_rest.expression.and[2].greater[0] = 1), "submits the remaining emails until the gateway names no rejected email"],
    "a call that is repeated without end": [INCIDENT, (t) => (attemptOf(t).Is_there_a_rest.expression.and[2].greater[0] = 11), "submits a batch at most 11 times, and comments that the gateway rejected it"],
    "a batch that is sent twice": [INCIDENT, (t) => (attemptOf(t).Emails.inputs.select = "@outputs('Batches')[0][item()]"), "makes several calls only above the limit, each with its own key"],
    "a display name of any length": [INCIDENT, (t) => (actionsOf(t).Remediation.inputs.displayName = "Incident @{triggerBody()?['object']?['properties']?['title']}"), "keeps the gateway's limits for every title of an incident"],
    "a comment that is cut in the middle of a line": [INCIDENT, replacing((t) => actionsOf(t).Comment_outcome.inputs.body, "message", "take(body('Lines'), 12)", "body('Lines')"), "comments complete lines and counts the rest for every response of the gateway"],
    "21 messages in a call": [INCIDENT, replacing((t) => messagesOf(t).Message_batches, "inputs", ", 20)", ", 21)"), "remediates the messages of mail clusters for all their recipients, 20 in a call"],
    "mail clusters without a limit of recipients": [INCIDENT, replacing((t) => messagesOf(t).For_each_message_batch.actions.Message_request, "inputs", "parameters('maxRecipients')", "10000"), "remediates the messages of mail clusters for all their recipients, 20 in a call"],
    "a message that is submitted twice": [INCIDENT, (t) => (actionsOf(t).Open_pairs.inputs.where = "@not(empty(item()))"), "submits a message once: with its mail cluster, or else by its mail messages"],
    "a message that no call submits": [INCIDENT, replacing(inputsOf("Accepted_messages"), "where", "item()?['accepted']", "not(equals(item()?['call'], null))"), "submits a message once: with its mail cluster, or else by its mail messages"],
    "a message that counts as submitted although its cluster's call did not include it": [INCIDENT, (t) => (actionsOf(t).Covering_calls.inputs.where = "@not(equals(item()?['notFound'], null))"), "submits a mail message whose cluster was accepted without it"],
    "a duplicate that delays other pairs": [INCIDENT, (t) => (emailsOf(t).Batches.inputs = "@chunk(body('Open_pairs'), parameters('maxEmailsPerCall'))"), "submits the pairs that a cluster may have covered apart from all others"],
    "a cluster that one message blocks": [INCIDENT, replacing((t) => separateSubmissionOf(t).expression.and[1].equals, 0, "'recipientNotAllowed', ", ""), "submits each message of a cluster alone if one of them makes the gateway reject the call"],
    "more recipients than were approved": [INCIDENT, replacing((t) => singleMessageOf(t).Single_request, "inputs", "variables('recipientsLeft')", "parameters('maxRecipients')"), "remediates no more recipients of a call than were approved, also with each message alone"],
    "an unknown outcome that counts as a rejection": [INCIDENT, replacing((t) => singleMessageOf(t).New_recipients_left, "inputs", "0, variables('recipientsLeft'))))", "0, 0)))"), "remediates no more recipients of a call than were approved, also with each message alone"],
    "a cluster with unlisted messages as a success": [INCIDENT, (t) => actionsOf(t).Was_all_accepted.expression.and.pop(), "submits a mail message whose cluster was accepted without it"],
    "a missing permission that the comment does not name": [INCIDENT, replacing((t) => separateSubmissionOf(t).else.actions.Note_messages.inputs.value, "line", "wholeMessagesNotAllowed", "notAllowed"), "comments why a mail cluster was not accepted, and which permission is missing"],
    "a mail cluster without anything to remediate as a failure": [INCIDENT, (t) => (actionsOf(t).Nothing_to_remediate.inputs.where = "@equals(item()?['code'], 'nothing')"), "does not fail if a mail cluster has nothing to remediate"],
    "mail clusters that need no approval": [INCIDENT, (t) => (actionsOf(t).Needs_approval.expression.and[1].greater[0] = "@length(outputs('Mailboxes'))"), "asks for approval of the most mailboxes that a mail cluster can have"],
    "mail clusters that cannot be ignored": [INCIDENT, (t) => (actionsOf(t).Cluster_texts.inputs.from = "@body('Mail_clusters')"), "ignores mail clusters if RemediateMailClusters is false"],
    "a status of more than 20 messages": [INCIDENT, replacing((t) => emailsOf(t).For_each_batch.actions.Was_it_accepted.actions.Id_groups, "inputs", ", 20)", ", 45)"), "requests the status of at most 20 messages at once, and only of open emails"],
    "a status of what the gateway rejected": [INCIDENT, (t) => (emailsOf(t).For_each_batch.actions.Was_it_accepted.actions.For_each_group.actions.Group_positions.inputs.from = "@range(0, length(outputs('Batches')[items('For_each_batch')]))"), "requests the status of accepted emails only"],
    "a status without the time": [INCIDENT, replacing((t) => statusRequestOf(t).Status_request, "inputs", "items('For_each_status')['acceptedAt']", "null"), "waits for the status, and adds a second comment without an address"],
    "a wait that ignores Retry-After": [INCIDENT, (t) => (roundOf(t).Set_seconds_to_wait.inputs.value = 300), "waits as long as Retry-After says, between a minute and an hour"],
    "a failed request that discards earlier results": [INCIDENT, (t) => (statusRequestOf(t).Note_status.inputs.value.observed = "@coalesce(outputs('Status_answer')?['observed'], 0)"), "repeats its requests while the gateway fails, and keeps earlier results"],
    "a loop that the first settled request ends": [INCIDENT, (t) => (statusOf(t).Until_settled.expression = "@greater(length(variables('statuses')), length(body('Open_statuses')))"), "requests the status of at most 20 messages at once, and only of open emails"],
    "Teams that is asked although no approval is configured": [INCIDENT, (t) => (actionsOf(t).Needs_approval.expression.and[0].equals = ["@empty(parameters('approval'))", false]), "does not ask if no approval is configured, and needs neither team nor channel"],
    "an error that becomes a success": [HTTP, (t) => (actionsOf(t).Respond.inputs.statusCode = "@if(empty(outputs('Answer')), 502, 200)"), "reports 403 tooManyEmails to the caller, and ends as failed"],
    "503 as 502": [HTTP, replacing(inputsOf("Respond"), "statusCode", ", 503, 504", ", 504"), "reports 503 graphUnavailable to the caller, and ends as failed"],
    "504 as 502": [HTTP, replacing(inputsOf("Respond"), "statusCode", ", 503, 504", ", 503"), "reports 504 graphTimeout to the caller, and ends as failed"],
    "Retry-After that is lost": [HTTP, (t) => (actionsOf(t).Respond.inputs.headers = { "Content-Type": "application/json" }), "passes on Retry-After, however HTTP spells the header"],
    "a body in Base64": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@outputs('Read_answer')"), "reports 400 invalidPayload to the caller, and ends as failed"],
    "a page that counts as a response": [HTTP, replacing(action("Read_answer"), "inputs", "'json')", "'t')"), "accepts only a response of the gateway"],
    "a run that ends as succeeded": [HTTP, (t) => (actionsOf(t).Was_it_accepted.else.actions.End_as_failed.inputs.runStatus = "Succeeded"), "reports 429 quotaExceeded to the caller, and ends as failed"],
  };
  for (const [what, [name, plant, scenario]] of Object.entries(planted)) {
    test(what, () => {
      const template = structuredClone(templates[name]);
      plant(template);
      assert.deepEqual(faults(template), []);
      const check = scenariosOf[name](template)[scenario];
      assert.ok(check, `the scenario "${scenario}" is missing`);
      assert.throws(check);
    });
  }
});
