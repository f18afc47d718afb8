import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import Ajv from "ajv";

import { armExpression, parse, workflowParts } from "./check/expression.mjs";
import { faults } from "./check/rules.mjs";
import { run } from "./check/run.mjs";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const HTTP = "remediate-http";
const INCIDENT = "remediate-incident";
const templates = Object.fromEntries([HTTP, INCIDENT].map((name) => [name, JSON.parse(read(`${name}/azuredeploy.json`))]));
const workflowOf = (template) => template.resources.find((resource) => resource.type === "Microsoft.Logic/workflows");
const definitionOf = (template) => workflowOf(template).properties.definition;
const actionsOf = (template) => definitionOf(template).actions;

const connector = JSON.parse(read("../connector/apiDefinition.swagger.json"));
const ajv = new Ajv({ strict: false, allErrors: true, formats: { uuid: true, email: true, int32: true, uri: true } });
const isRequest = ajv.compile({ ...connector.definitions.RemediationRequest, definitions: connector.definitions });

describe("the templates", () => {
  for (const [name, template] of Object.entries(templates)) {
    test(`${name} keeps every rule`, () => assert.deepEqual(faults(template), []));

    test(`${name} is deployed as the readme says`, () => {
      const command = read("readme.md").split(`## ${name}`)[1].split("```")[1];
      assert.match(command, new RegExp(`--template-file ${name}/azuredeploy\\.json`));
      const given = [...command.matchAll(/(\w+)=/g)].map((match) => match[1]);
      const required = Object.entries(template.parameters).filter(([, parameter]) => parameter.defaultValue === undefined).map(([key]) => key);
      assert.deepEqual(given.toSorted(), required.toSorted());
    });

    test(`${name} grants nothing at the gateway that it does not need`, () => {
      const table = armExpression(template.outputs.callerTable.value).args.map((arg) => arg.value ?? "…").join("");
      assert.match(table, /^\[\[env\.production\.vars\.CALLERS\]\]\nname = "…"\nobject_id = "…"\nactions = \["(softDelete|…)"\]\nrecipient_domains = …\n(max_emails_per_request = …\n)?$/);
      assert.ok(template.outputs.callerTable.value.includes("recipient_domains = ', string(parameters('RecipientDomains'))"));
    });
  }

  test("actions and limits are the connector's", () => {
    const { action, severity, analyzedEmails, displayName, description } = connector.definitions.RemediationRequest.properties;
    const schema = definitionOf(templates[HTTP]).triggers.manual.inputs.schema;
    assert.deepEqual(schema.required, connector.definitions.RemediationRequest.required);
    assert.deepEqual(schema.properties.action.enum, action.enum);
    assert.deepEqual(schema.properties.severity.enum, severity.enum);
    assert.equal(schema.properties.analyzedEmails.maxItems, analyzedEmails.maxItems);
    const { Action, MaxEmailsPerCall } = templates[INCIDENT].parameters;
    assert.deepEqual(Action.allowedValues, action.enum);
    assert.equal(MaxEmailsPerCall.maxValue, analyzedEmails.maxItems);
    const { body } = actionsOf(templates[INCIDENT]).For_each_batch.actions.Remediate.inputs;
    assert.ok(body.displayName.endsWith(`, ${displayName.maxLength})}`));
    assert.ok(body.description.endsWith(`, ${description.maxLength})}`));
  });
});

describe("the checker finds", () => {
  const planted = {
    "an unused parameter": [HTTP, (t) => (t.parameters.Extra = { type: "string", metadata: { description: "Unused." } }), /Extra: is not used/],
    "an undeclared parameter": [HTTP, (t) => delete t.parameters.GatewayHost, /parameters\('GatewayHost'\), which is not declared/],
    "an unused variable": [HTTP, (t) => (t.variables.x = "y"), /variables\/x: is not used/],
    "a parameter without description": [HTTP, (t) => delete t.parameters.Location.metadata, /no description/],
    "a parameter for a secret": [HTTP, (t) => (t.parameters.GatewayHost.type = "securestring"), /one for secrets/],
    "a default of another type": [INCIDENT, (t) => (t.parameters.ApprovalAbove.defaultValue = "10"), /default of another type/],
    "a default that is not allowed": [INCIDENT, (t) => (t.parameters.Action.defaultValue = "delete"), /default that is not allowed/],
    "a parameter of another type than the workflow's": [INCIDENT, (t) => (t.parameters.MaxEmailsPerCall.type = "string"), /is given a string/],
    "an ARM expression that is none": [HTTP, (t) => (t.variables.workflowId = "[concat('a']"), /no ARM expression/],
    "an unknown ARM function": [HTTP, (t) => (t.variables.workflowId = "[join('a')]"), /unknown function join/],
    "another API version": [INCIDENT, (t) => (t.resources[0].apiVersion = "2018-07-01-preview"), /was not checked/],
    "a missing dependency": [INCIDENT, (t) => workflowOf(t).dependsOn.pop(), /does not wait for the connection teams/],
    "a dependency on nothing": [INCIDENT, (t) => workflowOf(t).dependsOn.push("[resourceId('a/b', 'c')]"), /not in the template/],
    "a connection with keys": [INCIDENT, (t) => delete t.resources[0].properties.parameterValueType, /no managed identity on one of its sides/],
    "a connection that is not given": [INCIDENT, (t) => delete workflowOf(t).properties.parameters.$connections.value.teams, /connection teams, which is not given/],
    "no identity": [HTTP, (t) => delete workflowOf(t).identity, /no managed identity of its own/],
    "a secret in the outputs": [HTTP, (t) => (t.outputs.triggerUrl.value = "[listCallbackUrl(variables('workflowId'), '2019-05-01').value]"), /gives a secret away/],
    "a missing output": [HTTP, (t) => delete t.outputs.principalId, /lacks principalId/],
    "outputs of the workflow": [HTTP, (t) => (definitionOf(t).outputs.x = { type: "String", value: "y" }), /would stand in the run history/],
    "a link with a signature that starts it": [HTTP, (t) => delete workflowOf(t).properties.accessControl.triggers.sasAuthenticationPolicy, /whoever has the link/],
    "a start by any identity": [HTTP, (t) => workflowOf(t).properties.accessControl.triggers.openAuthenticationPolicies.policies.caller.claims.pop(), /whatever its oid/],
    "a pattern in the trigger's schema": [HTTP, (t) => (definitionOf(t).triggers.manual.inputs.schema.properties.action.pattern = "x"), /refused by Azure/],
    "a second trigger": [HTTP, (t) => (definitionOf(t).triggers.other = definitionOf(t).triggers.manual), /more than one trigger/],
    "a workflow parameter without a value": [HTTP, (t) => delete workflowOf(t).properties.parameters.gatewayHost, /is given no value/],
    "a workflow parameter that is not declared": [HTTP, (t) => delete definitionOf(t).parameters.gatewayHost, /not declared/],
    "runAfter of nothing": [HTTP, (t) => (actionsOf(t).Answer.runAfter = { Nothing: ["Succeeded"] }), /runs after Nothing/],
    "runAfter across scopes": [INCIDENT, (t) => (actionsOf(t).Lines.runAfter = { Note_result: ["Succeeded"] }), /runs after Note_result, which is not beside it/],
    "an unknown status": [HTTP, (t) => (actionsOf(t).Answer.runAfter.Read_answer = ["Done"]), /unknown status/],
    "a cycle": [HTTP, (t) => (actionsOf(t).Remediate.runAfter = { Respond: ["Succeeded"] }), /runs after itself/],
    "an action that does not exist": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@outputs('Reed_answer')"), /Reed_answer, which does not exist/],
    "an action that runs later": [HTTP, (t) => (actionsOf(t).Read_answer.inputs = "@outputs('Answer')"), /Answer, which does not run before/],
    "an action in a branch beside": [INCIDENT, (t) => (actionsOf(t).Is_there_mail.else.actions.Comment_no_mail.inputs.body.message = "@{outputs('Approval_card')}"), /Approval_card, which does not run before/],
    "two actions of one name": [INCIDENT, (t) => (actionsOf(t).Answer = { type: "Compose", runAfter: { Results: ["Succeeded"] }, inputs: 1 }), /name of another action/],
    "an unknown function": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@jason('{}')"), /unknown function jason/],
    "a function with too few arguments": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@if(true, 1)"), /calls if with 2 arguments/],
    "an expression that is none": [HTTP, (t) => (actionsOf(t).Answer.inputs = "@{json('{}'}"), /no expression/],
    "an unknown type of action": [HTTP, (t) => (actionsOf(t).Answer.type = "Function"), /unknown type Function/],
    "an unknown input": [HTTP, (t) => (actionsOf(t).Remediate.inputs.url = "x"), /unknown input url/],
    "a variable that is not initialized": [INCIDENT, (t) => (actionsOf(t).Lines.inputs.from = "@variables('result')"), /variable result, which is not initialized/],
    "items outside of their loop": [INCIDENT, (t) => (actionsOf(t).Batches.inputs = "@items('For_each_batch')"), /items of For_each_batch, outside of it/],
    "an end inside of a loop": [INCIDENT, (t) => (actionsOf(t).For_each_batch.actions.End = { type: "Terminate", runAfter: {}, inputs: { runStatus: "Failed" } }), /from inside of a loop/],
    "a parallel loop that appends": [INCIDENT, (t) => delete actionsOf(t).For_each_batch.runtimeConfiguration, /loop that runs in parallel/],
    "a callback link in the history": [INCIDENT, (t) => delete actionsOf(t).Needs_approval.actions.Ask_in_Teams.runtimeConfiguration, /Ask_in_Teams.*link with a signature/],
    "a trigger's callback link in the history": [INCIDENT, (t) => delete definitionOf(t).triggers.Microsoft_Sentinel_incident.runtimeConfiguration, /triggers.*link with a signature/],
    "the gateway's inputs in the history": [HTTP, (t) => delete actionsOf(t).Remediate.runtimeConfiguration, /leaves its inputs/],
    "plain http": [HTTP, (t) => (actionsOf(t).Remediate.inputs.uri = "http://@{parameters('gatewayHost')}/remediate"), /over https/],
    "another audience": [HTTP, (t) => (actionsOf(t).Remediate.inputs.authentication.audience = "https://graph.microsoft.com"), /for the gateway's audience/],
    "an API key": [HTTP, (t) => (actionsOf(t).Remediate.inputs.headers["X-API-Key"] = "rgw_x"), /sends X-API-Key/],
    "the asynchronous pattern": [HTTP, (t) => delete actionsOf(t).Remediate.operationOptions, /poll the tracking link/],
    "no retry policy": [HTTP, (t) => (actionsOf(t).Remediate.inputs.retryPolicy = { type: "none" }), /no retry policy/],
    "no idempotency key": [HTTP, (t) => delete actionsOf(t).Remediate.inputs.headers["Idempotency-Key"], /no idempotency key/],
    "one key for all batches": [INCIDENT, (t) => (actionsOf(t).For_each_batch.actions.Remediate.inputs.headers["Idempotency-Key"] = "@{workflow()['run']['name']}-Remediate"), /same idempotency key/],
    "a failure that nobody reads": [INCIDENT, (t) => (actionsOf(t).For_each_batch.actions.Read_answer.runAfter.Remediate = ["Succeeded"]), /when it Failed/],
    "a word that claims too much": [INCIDENT, (t) => (actionsOf(t).Comment_outcome.inputs.body.message = "The emails were deleted."), /claims more/],
    "a timeout that is no duration": [INCIDENT, (t) => (actionsOf(t).Needs_approval.actions.Ask_in_Teams.limit.timeout = "4 hours"), /no duration/],
  };
  for (const [what, [name, plant, expected]] of Object.entries(planted)) {
    test(what, () => {
      const template = structuredClone(templates[name]);
      plant(template);
      assert.ok(faults(template).some((fault) => expected.test(fault)), faults(template).join("\n"));
    });
  }

  test("what is no expression", () => {
    for (const text of ["", "f(", "f)", "f(1 2)", "f()[1", "f().", "a", "'a", "f(,)", "f() g()"]) assert.throws(() => parse(text), undefined, text);
    assert.throws(() => workflowParts("a @{f() b"));
    assert.deepEqual(workflowParts("@@x").parts, ["@x"]);
    assert.deepEqual(workflowParts("a@{f('}')}b").parts, ["a", { kind: "call", name: "f", args: [{ kind: "literal", value: "}" }] }, "b"]);
  });
});

// What the gateway answers.

const TRACKING = "https://security.microsoft.com/action-center/history?filters=%7B%22bulkId%22:%5B%22b%22%5D%7D&tid=t";
const json = (statusCode, body, type = "application/json") => ({ statusCode, headers: { "Content-Type": type }, body });
const accepted = ({ body }) =>
  json(200, { status: "accepted", duplicate: false, emails: body.analyzedEmails.length, bulkId: "b", tenantId: "t", trackingUrl: TRACKING, requestId: "r-1", graphRequestId: "g" });
const refused = (statusCode, code, detail) =>
  json(statusCode, { type: `urn:remediation-gateway:problem:${code}`, title: "…", status: statusCode, detail, requestId: "r-2", error: { code, message: detail, innerError: {} } }, "application/problem+json");
const lost = () => {
  throw new Error("connection lost");
};
/** The same answer with its body as Logic Apps hands on a type that it does not know. */
const wrapped = (answer) => ({ ...answer, body: { "$content-type": answer.headers["Content-Type"], "$content": Buffer.from(JSON.stringify(answer.body)).toString("base64") } });

describe("remediate-http", () => {
  const request = {
    displayName: "Clean up Phish email",
    description: "Delete email",
    severity: "medium",
    action: "softDelete",
    remediateSendersCopy: false,
    analyzedEmails: [{ networkMessageId: "73ca4154-58d8-43d0-a890-08dc18c52e6d", recipientEmailAddress: "hannah.jarvis@contoso.com" }],
  };
  const play = (gateway, headers = {}) =>
    run(definitionOf(templates[HTTP]), {
      parameters: { gatewayHost: "gateway.example", gatewayAudience: "api://remediation-gateway" },
      trigger: { headers, body: request },
      gateway,
    });

  test("hands the request on as it is, and the answer back", () => {
    const outcome = play(accepted);
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

  test("lets the caller's own key count", () => {
    assert.equal(play(accepted, { "Idempotency-Key": "ticket-4711" }).gatewayCalls[0].headers["Idempotency-Key"], "ticket-4711");
  });

  for (const [statusCode, code, expected] of [
    [400, "invalidPayload", 400],
    [401, "invalidCredentials", 502],
    [403, "tooManyEmails", 403],
    [409, "inProgress", 409],
    [422, "idempotencyKeyReused", 422],
    [429, "quotaExceeded", 429],
    [500, "misconfigured", 502],
    [504, "graphTimeout", 502],
  ]) {
    test(`tells the caller of ${statusCode} ${code}, and ends as failed`, () => {
      for (const form of [(answer) => answer, wrapped]) {
        const outcome = play(() => form(refused(statusCode, code, "A detail.")));
        assert.equal(outcome.status, "Failed");
        assert.deepEqual(outcome.error, { code, message: "A detail. Request r-2." });
        assert.equal(outcome.response.statusCode, expected);
        assert.equal(outcome.response.body.error.code, code);
        assert.equal(outcome.gatewayCalls.length, statusCode >= 429 ? 3 : 1);
        assert.deepEqual(outcome.failures, []);
      }
    });
  }

  test("does not take anything else for an answer", () => {
    for (const gateway of [lost, () => json(200, "<html>", "text/html"), () => json(200, {}), () => json(530, "error code: 1016", "text/plain"), () => ({ statusCode: 502, headers: {}, body: null })]) {
      const outcome = play(gateway);
      assert.equal(outcome.status, "Failed");
      assert.equal(outcome.error.code, "gatewayUnreachable");
      assert.equal(outcome.response.statusCode, 502);
      assert.match(outcome.response.body.detail, /unknown/);
      assert.deepEqual(outcome.failures, []);
    }
  });

  test("is played faithfully: a retry that succeeds counts", () => {
    const outcome = play((sent, attempt) => (attempt === 1 ? refused(503, "graphUnavailable", "…") : accepted(sent)));
    assert.equal(outcome.status, "Succeeded");
    assert.equal(new Set(outcome.gatewayCalls.map((sent) => sent.headers["Idempotency-Key"])).size, 1);
  });
});

describe("remediate-incident", () => {
  const guid = (number) => `73ca4154-58d8-43d0-a890-${number.toString(16).padStart(12, "0")}`;
  const mail = (number, recipient = `user${number}@contoso.com`, networkMessageId = guid(number)) => ({ kind: "MailMessage", properties: { networkMessageId, recipient, subject: "Invoice" } });
  const mails = (count) => Array.from({ length: count }, (_, number) => mail(number));
  const approve = { body: { data: { decision: "approve" }, submitActionId: "Approve", responder: { objectId: "AAAAAAAA-BBBB-cccc-1111-222222222222", displayName: "Hannah <b>" } } };
  const play = (relatedEntities, { gateway = accepted, answer = approve, parameters = {}, properties = {} } = {}) =>
    run(definitionOf(templates[INCIDENT]), {
      parameters: {
        $connections: { azuresentinel: { connectionId: "sentinel" }, teams: { connectionId: "teams" } },
        gatewayHost: "gateway.example",
        gatewayAudience: "api://remediation-gateway",
        action: "softDelete",
        remediateSendersCopy: false,
        maxEmailsPerCall: 1000,
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

  test("sends all pairs in one call, and comments the tracking link", () => {
    const outcome = play([{ kind: "Account", properties: {} }, ...mails(3), mail(1, "USER1@contoso.com "), mail(3, "user0@contoso.com", guid(3).toUpperCase())]);
    assert.equal(outcome.status, "Succeeded");
    assert.deepEqual(outcome.failures, []);
    assert.equal(outcome.gatewayCalls.length, 1);
    const [{ body, headers }] = outcome.gatewayCalls;
    assert.ok(isRequest(body), JSON.stringify(isRequest.errors));
    assert.equal(headers["Idempotency-Key"], "08585287554177334956853859655CU00-Remediate-0");
    assert.equal(body.displayName, "Sentinel incident 42: Phish [here](https://evil.example)");
    assert.equal(body.severity, "high");
    assert.deepEqual(body.analyzedEmails.map((pair) => pair.recipientEmailAddress), ["user0@contoso.com", "user1@contoso.com", "user2@contoso.com", "user0@contoso.com"]);
    const [comment, ...more] = comments(outcome);
    assert.equal(more.length, 0);
    assert.equal(comment.incidentArmId, "/incidents/1");
    assert.match(comment.message, /softDelete for 4 emails in 3 mailboxes\.<\/p>/);
    assert.match(comment.message, /4 emails <b>accepted<\/b>: <a href="https:\/\/security\.microsoft\.com\/[^"<> {}]*&amp;tid=t">action center<\/a>\. Request r-1\./);
    assert.doesNotMatch(comment.message, /deleted|done|left out/);
  });

  test("says that Microsoft had it already", () => {
    const outcome = play(mails(1), { gateway: (sent) => ((answer) => ({ ...answer, body: { ...answer.body, duplicate: true } }))(accepted(sent)) });
    assert.match(comments(outcome)[0].message, /accepted<\/b>, which Microsoft had already/);
  });

  test("leaves out what the gateway would refuse, and says so", () => {
    const outcome = play([...mails(2), mail(2, null), mail(3, "user3@contoso.com", null), mail(4, ""), mail(5, "nobody"), mail(6, "user6@contoso.com", "<id@mail>"), { kind: "MailMessage" }]);
    assert.equal(outcome.gatewayCalls[0].body.analyzedEmails.length, 2);
    assert.match(comments(outcome)[0].message, /6 of 8 mail messages were left out/);
  });

  test("sends nothing where there is nothing to send", () => {
    for (const entities of [[], undefined, [{ kind: "Ip", properties: {} }], [mail(1, null)]]) {
      const outcome = play(entities);
      assert.equal(outcome.status, "Succeeded");
      assert.equal(outcome.gatewayCalls.length, 0);
      assert.match(comments(outcome)[0].message, /nothing was sent/);
    }
  });

  test("asks above the number of mailboxes, not of emails", () => {
    assert.equal(play(mails(10)).connectionCalls[0].name, "Comment_outcome");
    const oneMailbox = Array.from({ length: 11 }, (_, number) => mail(number, "user@contoso.com"));
    assert.equal(play(oneMailbox).connectionCalls[0].name, "Comment_outcome");
    const outcome = play(mails(11));
    const [{ name, inputs }] = outcome.connectionCalls;
    assert.equal(name, "Ask_in_Teams");
    assert.equal(inputs.body.body.recipient.channelId, "channel");
    const card = JSON.parse(inputs.body.body.messageBody);
    assert.deepEqual(card.body[1].facts.map((fact) => fact.value), ["42: Phish (here)(https://evil.example)", "softDelete", "11", "11", "left alone"]);
    assert.equal(outcome.gatewayCalls.length, 1);
    assert.match(comments(outcome)[0].message, /approved by Hannah &lt;b>/);
  });

  const by = (objectId) => ({ parameters: { approverObjectIds: ["aaaaaaaa-bbbb-cccc-1111-222222222222"] }, answer: { body: { ...approve.body, responder: { objectId, displayName: "Preston" } } } });
  for (const [what, options, isSent, told] of [
    ["a yes", {}, true],
    ["a yes of a named approver", by("AAAAAAAA-bbbb-cccc-1111-222222222222"), true],
    ["a yes of someone else", by("bbbbbbbb-bbbb-cccc-1111-222222222222"), false, /answered by Preston/],
    ["a yes of a part of an approver's id", by("aaaaaaaa"), false, /answered by/],
    ["a yes of nobody", by(null), false, /answered by/],
    ["a no", { answer: { body: { data: { decision: "refuse" }, submitActionId: "Refuse", responder: { displayName: "Preston" } } } }, false, /answered by Preston/],
    ["an answer without a decision", { answer: { body: {} } }, false, /answered by someone unknown/],
    ["no answer in time", { answer: { status: "TimedOut" } }, false, /no answer in time/],
    ["a card that could not be posted", { answer: { status: "Failed" } }, false, /could not be posted/],
  ]) {
    test(`${what} ${isSent ? "sends" : "sends nothing"}`, () => {
      const outcome = play(mails(11), options);
      assert.equal(outcome.gatewayCalls.length, isSent ? 1 : 0);
      assert.equal(outcome.status, isSent ? "Succeeded" : "Cancelled");
      if (!isSent) assert.match(comments(outcome)[0].message, /nothing was sent.*was not approved/);
      if (told) assert.match(comments(outcome)[0].message, told);
    });
  }

  test("makes several calls only above the limit, each with its own key", () => {
    assert.equal(play(mails(1000), { parameters: { approvalAbove: 10000 } }).gatewayCalls.length, 1);
    const outcome = play(mails(2500), { parameters: { approvalAbove: 10000 } });
    assert.deepEqual(outcome.gatewayCalls.map(({ body }) => body.analyzedEmails.length), [1000, 1000, 500]);
    assert.deepEqual(outcome.gatewayCalls.map(({ headers }) => headers["Idempotency-Key"].slice(-11)), ["Remediate-0", "Remediate-1", "Remediate-2"]);
    assert.ok(outcome.gatewayCalls.every(({ body }) => isRequest(body)));
    assert.equal(comments(outcome).length, 1);
    assert.equal(comments(outcome)[0].message.match(/<li>/g).length, 3);
  });

  test("comments which fault it was, with the request's id, and ends as failed", () => {
    for (const form of [(answer) => answer, wrapped]) {
      const outcome = play(mails(1), { gateway: () => form(refused(403, "recipientNotAllowed", "2 < 3 & nothing was sent.")) });
      assert.equal(outcome.status, "Failed");
      assert.match(outcome.error.message, /1 of 1 calls were not accepted: recipientNotAllowed\./);
      assert.match(comments(outcome)[0].message, /1 emails <b>not accepted<\/b>: recipientNotAllowed\. 2 &lt; 3 &amp; nothing was sent\. Request r-2\./);
      assert.deepEqual(outcome.failures, []);
    }
  });

  test("tells of each call where some are refused", () => {
    const outcome = play(mails(4), { parameters: { maxEmailsPerCall: 2 }, gateway: (sent) => (sent.headers["Idempotency-Key"].endsWith("-1") ? refused(429, "quotaExceeded", "…") : accepted(sent)) });
    assert.equal(outcome.gatewayCalls.length, 1 + 5);
    assert.equal(outcome.status, "Failed");
    assert.match(comments(outcome)[0].message, /accepted<\/b>: <a.*not accepted<\/b>: quotaExceeded/);
  });

  test("does not say more than it knows where the gateway does not answer", () => {
    for (const gateway of [lost, () => json(200, "<html>", "text/html"), () => json(502, "<html>", "text/html")]) {
      const outcome = play(mails(1), { gateway });
      assert.equal(outcome.status, "Failed");
      assert.match(comments(outcome)[0].message, /not accepted<\/b>: gatewayUnreachable\..*unknown/);
    }
    const malformed = play(mails(1), { gateway: () => json(200, "{", "application/json") });
    assert.equal(malformed.status, "Failed");
    assert.match(comments(malformed)[0].message, /Whether they were accepted is unknown/);
  });

  test("keeps the gateway's limits whatever the incident is called", () => {
    const outcome = play(mails(1), { properties: { title: "x".repeat(5000), incidentUrl: `https://portal.example/${"y".repeat(5000)}`, severity: "Informational" } });
    assert.ok(isRequest(outcome.gatewayCalls[0].body), JSON.stringify(isRequest.errors));
    assert.equal(outcome.gatewayCalls[0].body.severity, "low");
    assert.ok(isRequest(play(mails(1), { properties: { title: null, incidentUrl: null, severity: null } }).gatewayCalls[0].body));
  });
});
