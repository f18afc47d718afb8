import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { crc32, inflateRawSync, inflateSync } from "node:zlib";

import SwaggerParser from "@apidevtools/swagger-parser";
import Ajv from "ajv";

import { placeholderFaults, propertiesFaults, swaggerFaults } from "./check.mjs";
import { BRAND, draw, SIZE } from "./icon.mjs";
import { prefixOf, solutionFiles } from "./publish.mjs";
import { zip } from "./zip.mjs";

const here = (path) => new URL(path, import.meta.url);
const read = (path) => readFileSync(here(path), "utf8");
const swagger = JSON.parse(read("apiDefinition.swagger.json"));
const properties = JSON.parse(read("apiProperties.json"));
const operation = swagger.paths["/remediate"].post;
const wholeMessagesOperation = swagger.paths["/remediate/messages"].post;
const statusOperation = swagger.paths["/remediate/status"].post;
const { RemediationRequest, WholeMessagesRequest, WholeMessagesAnswer, LeftOut, StatusRequest, StatusAnswer, StatusItem, AnalyzedEmail, RemediationAnswer, Problem, PayloadError, GraphError } = swagger.definitions;

/** Error codes of the connector's operations, by status. */
const CODES = {
  400: ["invalidJson", "invalidPayload", "invalidRequest", "graphRefused"],
  401: ["unauthenticated", "invalidCredentials"],
  403: ["httpsRequired", "unknownCaller", "actionNotAllowed", "sendersCopyNotAllowed", "wholeMessagesNotAllowed", "recipientNotAllowed", "recipientProtected", "tooManyEmails", "tooManyRecipients"],
  404: ["messageNotFound"],
  409: ["inProgress", "nothingToRemediate", "graphConflict"],
  413: ["payloadTooLarge"],
  415: ["unsupportedMediaType"],
  422: ["idempotencyKeyReused"],
  429: ["tooManyRequests", "quotaExceeded", "graphThrottled"],
  500: ["misconfigured", "internal"],
  502: ["graphCredentialRejected", "graphPermissionMissing", "graphError"],
  503: ["stopped", "ledgerUnavailable", "graphUnavailable"],
  504: ["graphTimeout"],
};
const codesWithout = (excluded) =>
  Object.fromEntries(
    Object.entries(CODES)
      .map(([status, codes]) => [status, codes.filter((code) => !excluded.includes(code))])
      .filter(([, codes]) => codes.length > 0),
  );
/** Codes of `/remediate/messages` only. */
const WHOLE_MESSAGES_CODES = ["wholeMessagesNotAllowed", "tooManyRecipients", "messageNotFound", "nothingToRemediate"];
/** Codes that `/remediate/status` cannot return: the codes of the ledger and of the emergency stop. */
const NON_STATUS_CODES = ["inProgress", "graphConflict", "idempotencyKeyReused", "quotaExceeded", "stopped", "ledgerUnavailable"];
/** Operations, each with the codes of its errors and the definition of its success. */
const OPERATIONS = [
  [operation, codesWithout(WHOLE_MESSAGES_CODES), "RemediationAnswer"],
  [wholeMessagesOperation, codesWithout(["recipientProtected"]), "WholeMessagesAnswer"],
  [statusOperation, codesWithout([...WHOLE_MESSAGES_CODES, ...NON_STATUS_CODES]), "StatusAnswer"],
];

describe("the definition", () => {
  test("is OpenAPI 2.0", () => SwaggerParser.validate(structuredClone(swagger)));

  test("keeps the rules of connectors", () => assert.deepEqual(swaggerFaults(swagger), []));

  test("is formatted with four spaces", () => {
    for (const name of ["apiDefinition.swagger.json", "apiProperties.json"]) {
      assert.equal(read(name), `${JSON.stringify(JSON.parse(read(name)), null, 4)}\n`, name);
    }
  });

  test("accepts and rejects the same requests as the gateway", () => {
    const ajv = new Ajv({ strict: false, formats: { uuid: true, email: true, int32: true, uri: true } });
    const isRequest = ajv.compile({ ...RemediationRequest, definitions: swagger.definitions });
    const email = { networkMessageId: "73ca4154-58d8-43d0-a890-08dc18c52e6d", recipientEmailAddress: "hannah.jarvis@contoso.com" };
    const request = { displayName: "Clean up Phish email", description: "Delete email", severity: "medium", action: "softDelete", remediateSendersCopy: false, analyzedEmails: [email] };
    assert.ok(isRequest(request), ajv.errorsText(isRequest.errors));
    assert.ok(isRequest({ ...request, displayName: "x".repeat(256), description: "é".repeat(1024), analyzedEmails: Array(10_000).fill(email) }));
    for (const wrong of [
      { displayName: "" },
      { displayName: " \n" },
      { displayName: "x".repeat(257) },
      { description: "x".repeat(1025) },
      { severity: "unknownFutureValue" },
      { action: "delete" },
      { remediateSendersCopy: null },
      { analyzedEmails: [] },
      { analyzedEmails: Array(10_001).fill(email) },
      { analyzedEmails: [{ ...email, networkMessageId: `{${email.networkMessageId}}` }] },
      { analyzedEmails: [{ ...email, recipientEmailAddress: "x".repeat(321) }] },
      { analyzedEmails: [{ networkMessageId: email.networkMessageId }] },
    ]) {
      assert.ok(!isRequest({ ...request, ...wrong }), JSON.stringify(wrong).slice(0, 100));
    }
    for (const member of RemediationRequest.required) assert.ok(!isRequest({ ...request, [member]: undefined }), member);
  });

  test("accepts messages with the other inputs of a remediation", () => {
    const { networkMessageIds, maxRecipients, receivedAfter, ...members } = WholeMessagesRequest.properties;
    const { analyzedEmails, ...others } = RemediationRequest.properties;
    assert.deepEqual(members, others);
    assert.deepEqual(WholeMessagesRequest.required, [...Object.keys(others), "networkMessageIds", "maxRecipients"]);
    const ajv = new Ajv({ strict: false, formats: { uuid: true, int32: true, "date-time": true } });
    const isRequest = ajv.compile({ ...WholeMessagesRequest, definitions: swagger.definitions });
    const id = "73ca4154-58d8-43d0-a890-08dc18c52e6d";
    const request = { displayName: "Clean up Phish email", description: "", severity: "medium", action: "softDelete", remediateSendersCopy: false, networkMessageIds: [id], maxRecipients: 1000 };
    assert.ok(isRequest(request), ajv.errorsText(isRequest.errors));
    assert.ok(isRequest({ ...request, networkMessageIds: Array(20).fill(id), maxRecipients: 10_000, receivedAfter: "2026-11-27T09:30:00Z" }));
    for (const wrong of [{ networkMessageIds: [] }, { networkMessageIds: Array(21).fill(id) }, { networkMessageIds: [`{${id}}`] }, { networkMessageIds: id }, { maxRecipients: 0 }, { maxRecipients: 10_001 }, { maxRecipients: undefined }, { maxRecipients: 1.5 }]) {
      assert.ok(!isRequest({ ...request, ...wrong }), JSON.stringify(wrong).slice(0, 100));
    }
  });

  test("accepts a status request with the inputs of the remediation", () => {
    const { acceptedAt, ...members } = StatusRequest.properties;
    assert.equal(acceptedAt.format, "date-time");
    assert.deepEqual(StatusRequest.required, RemediationRequest.required);
    const rules = (properties) => Object.entries(properties).map(([name, { description, ...rest }]) => [name, rest]);
    assert.deepEqual(rules(members), rules(RemediationRequest.properties));
  });
});

describe("the code's own figures", () => {
  const limits = read("../src/remediation/limits.rs");
  const constants = {};
  for (const [, name, formula] of limits.matchAll(/const (\w+): usize = ([^;]+);/g)) {
    constants[name] = formula.split("+").reduce((sum, term) => sum + (constants[term.trim()] ?? Number(term.trim().replaceAll("_", ""))), 0);
  }
  const thousands = (figure) => figure.toLocaleString("en-US");

  test("are the limits of the definition", () => {
    const { displayName, description, analyzedEmails } = RemediationRequest.properties;
    const { recipientEmailAddress } = AnalyzedEmail.properties;
    assert.equal(displayName.maxLength, constants.MAX_DISPLAY_NAME);
    assert.equal(description.maxLength, constants.MAX_DESCRIPTION);
    assert.equal(analyzedEmails.maxItems, constants.MAX_ANALYZED_EMAILS);
    assert.equal(recipientEmailAddress.maxLength, constants.MAX_ADDRESS);
    const { networkMessageIds, maxRecipients } = WholeMessagesRequest.properties;
    assert.equal(networkMessageIds.maxItems, constants.MAX_MESSAGES);
    assert.equal(maxRecipients.maximum, constants.MAX_ANALYZED_EMAILS);
    const perRequest = Number(/DEFAULT_EMAILS_PER_REQUEST: usize = ([\d_]+);/.exec(read("../src/config/callers.rs"))[1].replaceAll("_", ""));
    const maxItems = Number(/MAX_ITEMS: usize = (\d+);/.exec(read("../src/gateway/status.rs"))[1]);
    for (const [text, figure] of [
      [displayName.description, constants.MAX_DISPLAY_NAME],
      [description.description, constants.MAX_DESCRIPTION],
      [analyzedEmails.description, constants.MAX_ANALYZED_EMAILS],
      [analyzedEmails.description, perRequest],
      [recipientEmailAddress.description, constants.MAX_ADDRESS],
      [Problem.properties.errors.description, constants.MAX_ERRORS],
      [StatusRequest.properties.displayName.description, constants.MAX_DISPLAY_NAME],
      [StatusRequest.properties.description.description, constants.MAX_DESCRIPTION],
      [StatusRequest.properties.analyzedEmails.description, constants.MAX_ANALYZED_EMAILS],
      [StatusRequest.properties.analyzedEmails.description, constants.MAX_MESSAGES],
      [StatusRequest.properties.analyzedEmails.description, perRequest],
      [networkMessageIds.description, constants.MAX_MESSAGES],
      [maxRecipients.description, constants.MAX_ANALYZED_EMAILS],
      [maxRecipients.description, perRequest],
      [StatusAnswer.properties.items.description, maxItems],
      [PayloadError.properties.pointers.description, constants.MAX_POINTERS],
    ]) {
      assert.ok(text.includes(` ${thousands(figure)} `) || text.endsWith(` ${figure}.`), `${text} (${figure})`);
    }
    const idLength = Number(/MAX_ID_LENGTH: usize = (\d+);/.exec(read("../src/preconditions/correlation_id.rs"))[1]);
    assert.equal(operation.parameters.find(({ name }) => name === "client-request-id").maxLength, idLength);
    assert.match(read("../src/preconditions/content_headers.rs"), /MAX_BODY_BYTES: usize = 4 \* 1024 \* 1024;/);
    assert.match(operation.responses[413].description, / 4 MiB/);
  });

  test("are the enums of the definition", () => {
    const model = read("../src/remediation/model.rs");
    const names = (type) => [...model.split(`\n    ${type}:\n`)[1].split("\n}")[0].matchAll(/^    \w+ = "(\w+)";$/gm)].map((match) => match[1]);
    assert.deepEqual(RemediationRequest.properties.action.enum, names("Action"));
    assert.deepEqual(RemediationRequest.properties.severity.enum, names("Severity"));
  });

  const camelCase = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  /** Returns the JSON names of a struct's members, except flattened members. */
  const membersOf = (source, struct) => {
    const body = source.split(`struct ${struct}`)[1].split("\n}")[0].replace(/#\[serde\(flatten\)\]\n.*/, "");
    const renamed = body.replace(/#\[serde\(rename = "(\w+)"\)\]\n( +)(?:pub )?\w+:/g, "\n$2$1:");
    return [...renamed.matchAll(/^ +(?:pub )?(\w+):/gm)].map((match) => camelCase(match[1]));
  };

  test("are the members of a response", () => {
    const accepted = membersOf(read("../src/gateway/response.rs"), "AcceptedBody");
    const valid = [...read("../src/gateway/remediate.rs").match(/"status":"valid".*?"request"/)[0].matchAll(/"(\w+)":/g)].map((match) => match[1]).concat("request");
    assert.deepEqual(Object.keys(RemediationAnswer.properties).toSorted(), [...new Set([...accepted, ...valid])].toSorted());
    const model = read("../src/remediation/model.rs");
    const members = new Set([...accepted, ...membersOf(model, "Recipients"), ...membersOf(read("../src/gateway/messages.rs"), "ValidBody")]);
    assert.deepEqual(Object.keys(WholeMessagesAnswer.properties).toSorted(), [...members].toSorted());
    assert.deepEqual(Object.keys(LeftOut.properties), membersOf(model, "LeftOut"));
    for (const { properties } of [RemediationAnswer, WholeMessagesAnswer]) assert.deepEqual(properties.status.enum, ["accepted", "valid"]);
  });

  test("are the members of a status", () => {
    const source = read("../src/gateway/status.rs");
    const members = (type) => membersOf(source, type);
    const valid = [...source.match(/"status":"valid"[^#]*?"messages"/)[0].matchAll(/"(\w+)":/g)].map((match) => match[1]).concat("messages");
    assert.deepEqual(Object.keys(StatusAnswer.properties).toSorted(), [...new Set([...members("StatusBody"), ...membersOf(read("../src/status.rs"), "StateCounts"), ...valid])].toSorted());
    assert.deepEqual(Object.keys(StatusItem.properties), members("StatusItem"));
    const states = read("../src/status.rs").split("pub enum PairState {")[1].split("\n}")[0];
    const names = [...states.matchAll(/^ +([A-Z]\w+),/gm)].map((match) => match[1][0].toLowerCase() + match[1].slice(1));
    assert.deepEqual([...StatusItem.properties.state.enum, "observed"].toSorted(), names.toSorted());
    assert.deepEqual(StatusAnswer.properties.status.enum, ["settled", "pending", "valid"]);
  });

  test("are the problems of the definition", () => {
    const rows = [...read("../src/code.rs").matchAll(/^ +\w+ = (\d{3}) "(\w+)" "/gm)].map((match) => [Number(match[1]), match[2]]);
    // The connector's operations use only their own paths and methods.
    const known = rows.filter(([, code]) => !["notFound", "methodNotAllowed"].includes(code)).map(([status, code]) => `${status} ${code}`);
    const described = Object.entries(CODES).flatMap(([status, codes]) => codes.map((code) => `${status} ${code}`));
    assert.deepEqual(described.toSorted(), known.toSorted());
    assert.deepEqual(GraphError.properties.code.enum, Object.values(CODES).flat());
    for (const [{ responses }, codes, answer] of OPERATIONS) {
      const statuses = Object.keys(responses).filter((status) => status >= "400");
      assert.deepEqual(statuses, Object.keys(codes));
      for (const status of statuses) {
        const { description, schema } = responses[status];
        assert.ok(description.endsWith(`: ${codes[status].join(", ")}.`), description);
        assert.equal(schema.$ref, "#/definitions/Problem");
      }
      for (const status of ["200", "202"]) if (responses[status]) assert.equal(responses[status].schema.$ref, `#/definitions/${answer}`);
    }
  });

  test("are the ways to authenticate", () => {
    const schemes = swagger.securityDefinitions;
    assert.equal(schemes.api_key.name, "X-API-Key");
    const scope = /SCOPE: &str = "([\w.]+)"/.exec(read("../src/auth/mod.rs"))[1];
    assert.deepEqual(Object.keys(schemes["oauth2-auth"].scopes), [scope]);
    const audience = /^AUDIENCE = \["([^"]*)"/m.exec(read("../wrangler.toml"))[1];
    const { token } = properties.properties.connectionParameterSets.values[0].parameters;
    assert.equal(token.oAuthSettings.customParameters.resourceUri.value, audience);
  });
});

test("the properties keep the rules of connectors", () => assert.deepEqual(propertiesFaults(properties, swagger), []));

describe("the checker finds", () => {
  const operationOf = (s) => s.paths["/remediate"].post;
  const inputsOf = (s) => s.definitions.RemediationRequest.properties;
  const planted = {
    "a title with a word that is not allowed": [(s) => (s.info.title = "Remediation API"), /word API/],
    "a long title": [(s) => (s.info.title = "x".repeat(31)), /30 characters/],
    "a short description": [(s) => (s.info.description = "Remediates."), /30 to 500/],
    "a product in the description": [(s) => (s.info.description += " For Power Automate."), /names a Microsoft product/],
    "a placeholder for the version": [(s) => (s.info.version = "v1"), /no version/],
    "no contact": [(s) => delete s.info.contact, /has no name[^]*has no url[^]*has no email/],
    "plain http": [(s) => s.schemes.push("http"), /else than https/],
    "a URL for a host": [(s) => (s.host = "https://example.com"), /no host name/],
    "missing metadata": [(s) => s["x-ms-connector-metadata"].pop(), /not website/],
    "an unknown category": [(s) => (s["x-ms-connector-metadata"][2].propertyValue = "Cyber"), /bad Categories/],
    "an operationId in camel case": [(s) => (operationOf(s).operationId = "remediateEmails"), /Pascal case/],
    "an operationId with an underscore": [(s) => (operationOf(s).operationId = "Remediate_Emails"), /Pascal case/],
    "a summary with a period": [(s) => (operationOf(s).summary = "Remediate emails."), /no summary/],
    "a description without a period": [(s) => (inputsOf(s).action.description = "What happens"), /RemediationRequest.action: has no description/],
    "a description like the summary": [(s) => (inputsOf(s).action.description = "Action."), /says the same/],
    "no x-ms-summary": [(s) => delete inputsOf(s).action["x-ms-summary"], /has no x-ms-summary/],
    "an x-ms-summary in lower case": [(s) => (inputsOf(s).action["x-ms-summary"] = "the action"), /not in title case/],
    "a duplicate x-ms-summary": [(s) => (inputsOf(s).action["x-ms-summary"] = "Severity"), /of another member/],
    "no visibility": [(s) => delete inputsOf(s).action["x-ms-visibility"], /has no x-ms-visibility/],
    "an unknown visibility": [(s) => (operationOf(s)["x-ms-visibility"] = "loud"), /unknown visibility/],
    "a hidden input without a default": [(s) => (inputsOf(s).action["x-ms-visibility"] = "internal"), /hidden/],
    "an unknown extension": [(s) => (inputsOf(s).action["x-ms-sumary"] = "Action"), /may not have x-ms-sumary/],
    "an extension in the wrong place": [(s) => (operationOf(s)["x-ms-connector-metadata"] = []), /may not have x-ms-connector-metadata/],
    "an unknown format": [(s) => (inputsOf(s).action.format = "guid"), /unknown format/],
    "an enum without names": [(s) => inputsOf(s).action["x-ms-enum-values"].pop(), /no names for people/],
    "no explicit success": [(s) => ["200", "202"].forEach((status) => delete operationOf(s).responses[status]), /no explicit success/],
    "a default response": [
      (s) => (operationOf(s).responses.default = operationOf(s).responses[400]),
      /default response/,
    ],
    "a response without a schema": [(s) => delete operationOf(s).responses[429].schema, /429: has no schema/],
    "a definition that is not used": [(s) => (s.definitions.Extra = { type: "object", description: "Extra.", properties: {} }), /Extra: is not used/],
    "a required member that is not there": [(s) => s.definitions.Problem.required.push("code"), /requires code/],
  };
  for (const [what, [plant, expected]] of Object.entries(planted)) {
    test(what, () => {
      const copy = structuredClone(swagger);
      plant(copy);
      assert.match(swaggerFaults(copy).join("\n"), expected);
    });
  }
  const oauth = (p) => p.connectionParameterSets.values[0].parameters.token.oAuthSettings;
  const plantedProperties = {
    "a reserved brand colour": [(p) => (p.iconBrandColor = "#007EE5"), /or is reserved/],
    "no colour": [(p) => delete p.iconBrandColor, /not a colour/],
    "a stackOwner": [(p) => (p.stackOwner = "x"), /may not have stackOwner/],
    "a connection that can be shared": [(p) => (p.connectionParameterSets.values[1].metadata.allowSharing = true), /be shared/],
    "a key in clear text": [(p) => (p.connectionParameterSets.values[1].parameters.api_key.type = "string"), /shows a secret/],
    "a key without a security definition": [(p) => (p.connectionParameterSets.values[1].parameters = { key: p.connectionParameterSets.values[1].parameters.api_key }), /no security definition/],
    "any tenant": [(p) => (oauth(p).customParameters.tenantId.value = "common"), /any tenant/],
    "a token for Graph": [(p) => (oauth(p).customParameters.resourceUri.value = "https://graph.microsoft.com"), /token for Microsoft Graph/],
    "another scope": [(p) => (oauth(p).scopes = ["user_impersonation"]), /other scopes/],
    "a client secret": [(p) => (oauth(p).clientSecret = "x"), /holds a secret/],
    "a different publisher from the contact": [(p) => (p.publisher = "Fabrikam"), /not the name in the definition's contact/],
    "one redirect URL for all connectors": [(p) => (oauth(p).redirectMode = "Global"), /no redirect URL per connector/],
    "a fixed host": [(p) => delete p.policyTemplateInstances, /not the policy dynamichosturl alone/],
    "another policy": [(p) => (p.policyTemplateInstances[0].templateId = "routerequesttoendpoint"), /not the policy dynamichosturl alone/],
    "a second policy": [(p) => p.policyTemplateInstances.push({ templateId: "setheader", title: "X", parameters: {} }), /not the policy dynamichosturl alone/],
    "a host over http": [(p) => (p.policyTemplateInstances[0].parameters["x-ms-apimTemplateParameter.urlTemplate"] = "http://@connectionParameters('host')"), /over https/],
    "a host that may have a scheme": [(p) => (p.policyTemplateInstances[0].parameters["x-ms-apimTemplateParameter.urlTemplate"] = "@connectionParameters('host')"), /over https/],
    "a policy for some operations": [(p) => (p.policyTemplateInstances[0].parameters["x-ms-apimTemplate-operationName"] = ["RemediateEmails"]), /other parameters/],
    "a set without the host": [(p) => delete p.connectionParameterSets.values[1].parameters.host, /api-key.host: is not a required text/],
    "a host with a default": [(p) => (p.connectionParameterSets.values[0].parameters.host.defaultValue = "gateway.example"), /may not have defaultValue|entra-id.host: is not a required text/],
    "two sets of one name": [(p) => (p.connectionParameterSets.values[1].name = "entra-id"), /two sets/],
  };
  for (const [what, [plant, expected]] of Object.entries(plantedProperties)) {
    test(what, () => {
      const copy = structuredClone(properties);
      plant(copy.properties);
      assert.ok(propertiesFaults(copy, swagger).some((fault) => expected.test(fault)), propertiesFaults(copy, swagger).join("\n"));
    });
  }
  test("a document that is not OpenAPI 2.0", async () => {
    const copy = structuredClone(swagger);
    copy.paths["/remediate"].post.parameters[0].in = "cookie";
    await assert.rejects(SwaggerParser.validate(copy));
  });
});

test("the icon is the output of icon.mjs, 230 by 230, on the brand's colour", () => {
  const png = readFileSync(here("icon.png"));
  assert.equal(png.subarray(0, 8).toString("hex"), "89504e470d0a1a0a");
  assert.equal(png.toString("latin1", 12, 16), "IHDR");
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [230, 230]);
  assert.equal(SIZE, 230);
  assert.ok(png.length < 1024 * 1024);
  assert.equal(png.toString("latin1", 37, 41), "IDAT");
  const pixels = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  assert.ok(pixels.equals(draw()), "run node connector/icon.mjs");
  assert.deepEqual([...pixels.subarray(1, 4)], BRAND);
  assert.equal(`#${Buffer.from(BRAND).toString("hex")}`, properties.properties.iconBrandColor.toLowerCase());
});

describe("the solution", () => {
  /** Returns the connector with values instead of its examples. */
  const filledConnector = () => {
    const tenant = "9f4083cb-1ab2-4b3c-8f0e-6a7d5c2b1e90";
    const replace = (value, pairs) => JSON.parse(pairs.reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(value)));
    const pairs = [["00000000-0000-0000-0000-000000000000", tenant], ["api://remediation-gateway", `api://${tenant}`], ["Contoso", "Northwind & <Sons>"], ["contoso.com", "northwind.net"]];
    return [replace(swagger, pairs), replace(properties, pairs)];
  };

  test("is not packed while a field has an example", () => {
    const fields = ["publisher", "info.contact.name", "info.contact.url", "info.contact.email", "host", "Website", "Privacy policy", "authorizationUrl", "tokenUrl", "clientId", "tenantId", "resourceUri"];
    assert.deepEqual(placeholderFaults(swagger, properties).map((fault) => fault.split(":")[0]), fields);
    const [definition, settings] = filledConnector();
    definition.info.contact.name = settings.properties.publisher = "Northwind";
    assert.deepEqual(placeholderFaults(definition, settings), []);
    assert.deepEqual([...swaggerFaults(definition), ...propertiesFaults(settings, definition)], []);
    for (const example of ["", "Your Organization", "<publisher>", "[[publisher]]", "Fabrikam", "TODO", "security@mail.example", "https://example.com"]) {
      definition.info.contact.email = example;
      assert.deepEqual(placeholderFaults(definition, settings), [`info.contact.email: still has the example ${JSON.stringify(example)}`]);
    }
  });

  test("has the files that Dataverse exports for a connector", () => {
    const [definition, settings] = filledConnector();
    const files = solutionFiles(definition, settings, readFileSync(here("icon.png")));
    const [, , , ...parts] = Object.keys(files);
    assert.deepEqual(Object.keys(files).slice(0, 3), ["[Content_Types].xml", "solution.xml", "customizations.xml"]);
    assert.equal(parts.length, 5);
    for (const part of parts) assert.ok(files["customizations.xml"].includes(`>/${part}<`), part);
    const extensions = new Set(Object.keys(files).slice(1).map((name) => name.split(".").at(-1)));
    for (const extension of extensions) assert.ok(files["[Content_Types].xml"].includes(`Extension="${extension}"`), extension);
    const [, id] = /<connectorid>(.*)<\/connectorid>/.exec(files["customizations.xml"]);
    const [, name] = /<name>(.*)<\/name>/.exec(files["customizations.xml"]);
    assert.ok(files["solution.xml"].includes(`<RootComponent type="372" id="{${id}}" schemaName="${name}" behavior="0" />`));
    assert.match(files["solution.xml"], /description="Northwind &amp; &lt;Sons&gt;"/);
    assert.match(files["solution.xml"], /<EMailAddress>security@northwind\.net</);
    assert.ok(files["solution.xml"].includes(`<Version>${swagger.info.version}</Version>`));
    const part = (member) => JSON.parse(files[`Connector/${name}_${member}.json`]);
    assert.deepEqual(part("openapidefinition"), definition);
    assert.deepEqual(part("connectionparametersets"), settings.properties.connectionParameterSets);
    assert.deepEqual(part("policytemplateinstances"), settings.properties.policyTemplateInstances);
    assert.ok(!Object.values(files).some((content) => /clientSecret|securestring":/.test(content)));
  });

  test("has a prefix that Dataverse accepts", () => {
    for (const [publisher, prefix] of [["Northwind", "northwin"], ["3M", undefined], ["A. B. & Co", "abco"], ["Mscrm Partners", undefined]]) {
      if (prefix) assert.equal(prefixOf(publisher), prefix);
      else assert.throws(() => prefixOf(publisher), /no prefix/);
    }
  });

  test("is a reproducible archive of these files", () => {
    const files = { "[Content_Types].xml": "<Types/>", "Connector/\u00e9.json": "x".repeat(100_000), "empty": "", "icon.Png": readFileSync(here("icon.png")) };
    const archive = zip(files);
    assert.ok(archive.equals(zip(files)));
    // Reads the archive from its end, as the format requires.
    const end = archive.length - 22;
    assert.equal(archive.toString("latin1", end, end + 4), "PK\x05\x06");
    assert.equal(archive.readUInt16LE(end + 10), 4);
    const read = {};
    for (let at = archive.readUInt32LE(end + 16); at < end; ) {
      assert.equal(archive.toString("latin1", at, at + 4), "PK\x01\x02");
      const [sum, packed, size, length] = [archive.readUInt32LE(at + 16), archive.readUInt32LE(at + 20), archive.readUInt32LE(at + 24), archive.readUInt16LE(at + 28)];
      const start = archive.readUInt32LE(at + 42);
      const name = archive.toString("utf8", at + 46, at + 46 + length);
      assert.equal(archive.toString("latin1", start, start + 4), "PK\x03\x04");
      assert.ok(archive.subarray(start + 4, start + 30).equals(archive.subarray(at + 6, at + 32)), "both headers agree");
      const data = inflateRawSync(archive.subarray(start + 30 + length, start + 30 + length + packed));
      assert.deepEqual([data.length, crc32(data)], [size, sum]);
      read[name] = data;
      at += 46 + length;
    }
    assert.deepEqual(Object.keys(read), Object.keys(files));
    for (const [name, content] of Object.entries(files)) assert.ok(read[name].equals(Buffer.from(content)), name);
  });
});

describe("the readme", () => {
  const readme = read("readme.md");

  test("has the headings of Microsoft's template", () => {
    const headings = [...readme.matchAll(/^#{1,2} (.*)$/gm)].map((match) => match[1]);
    assert.deepEqual(headings, [
      swagger.info.title,
      `Publisher: ${properties.properties.publisher}`,
      "Prerequisites",
      "Supported Operations",
      "Obtaining Credentials",
      "Getting Started",
      "Known Issues and Limitations",
      "Frequently Asked Questions",
      "Deployment Instructions",
    ]);
  });

  test("documents each operation, input and field to fill in", () => {
    for (const [{ summary, operationId }] of OPERATIONS) {
      assert.ok(readme.includes(`### ${summary}`) && readme.includes(`\`${operationId}\``), summary);
    }
    for (const { properties } of [WholeMessagesRequest, StatusRequest]) {
      for (const { "x-ms-summary": label } of Object.values(properties)) assert.ok(readme.includes(label), label);
    }
    for (const state of StatusItem.properties.state.enum) assert.ok(readme.includes(`\`${state}\``), state);
    for (const { name, "x-ms-summary": label } of operation.parameters) if (name !== "body") assert.ok(readme.includes(label), label);
    for (const { "x-ms-summary": label } of Object.values(RemediationRequest.properties)) assert.ok(readme.includes(label), label);
    for (const action of RemediationRequest.properties.action.enum) assert.ok(readme.includes(`\`${action}\``), action);
    const instructions = readme.split("## Deployment Instructions")[1];
    for (const fault of placeholderFaults(swagger, properties)) {
      const field = fault.split(":")[0];
      assert.ok(instructions.includes(`\`${field}\``), field);
    }
    for (const set of properties.properties.connectionParameterSets.values) {
      for (const { uiDefinition } of Object.values(set.parameters)) assert.ok(readme.includes(uiDefinition.displayName), uiDefinition.displayName);
    }
    for (const command of ["pac auth create", "pac connector create", "pac connector update", "pac solution import", "node publish.mjs"]) assert.ok(instructions.includes(command), command);
  });
});
