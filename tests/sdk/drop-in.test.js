// Microsoft's unmodified SDKs from npm with the gateway as their base URL. `tests/sdk.rs` starts the gateway and the
// sandbox, and runs this file.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { afterEach, beforeEach, describe, test } from "node:test";

import { AzureIdentityAuthenticationProvider } from "@microsoft/kiota-authentication-azure";
import { CompressionHandler, HeadersInspectionOptions, HttpClient, MiddlewareFactory } from "@microsoft/kiota-http-fetchlibrary";
import { JsonParseNodeFactory } from "@microsoft/kiota-serialization-json";
import { createGraphBetaServiceClient, extendGraphBetaServiceClient, GraphBetaRequestAdapter } from "@microsoft/msgraph-beta-sdk";
import { createODataErrorFromDiscriminatorValue as createBetaError } from "@microsoft/msgraph-beta-sdk/models/oDataErrors/index.js";
import * as betaModels from "@microsoft/msgraph-beta-sdk/models/security/index.js";
import { createGraphServiceClient, extendGraphServiceClient, GraphRequestAdapter } from "@microsoft/msgraph-sdk";
import { createODataErrorFromDiscriminatorValue } from "@microsoft/msgraph-sdk/models/oDataErrors/index.js";
import * as models from "@microsoft/msgraph-sdk/models/security/index.js";

import { security } from "./security.js";

const require = createRequire(import.meta.url);
const { Client } = require("@microsoft/microsoft-graph-client");
const { TokenCredentialAuthenticationProvider } = require("@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials");

const { GATEWAY_URL, SANDBOX_URL } = process.env;
const SCOPE = "api://remediation-gateway/.default";
const HOST = new URL(GATEWAY_URL).hostname;
/** Origin whose requests this file sends to the gateway, because the classic SDK sends its token over https only. */
const HTTPS_ORIGIN = "https://remediation-gateway.test";
const QUALIFIED = "security/collaboration/analyzedEmails/microsoft.graph.security.remediate";

const { RemediationActionObject, RemediationSeverityObject } = betaModels;

extendGraphServiceClient(security(createODataErrorFromDiscriminatorValue, models.serializeAnalyzedEmail));
extendGraphBetaServiceClient(security(createBetaError, betaModels.serializeAnalyzedEmail));

/** Substitute for `@azure/identity`: fetches a token from the sandbox for the requested scope. */
const credential = {
  async getToken(scopes) {
    assert.deepEqual([scopes].flat(), [SCOPE]);
    const response = await fetch(`${SANDBOX_URL}/sandbox/token`);
    const { access_token: token, expires_in: seconds } = await response.json();
    return { token, expiresOnTimestamp: Date.now() + seconds * 1000 };
  },
};
/** Credential with a token for Graph instead of the gateway, as if the scope had not been changed. */
const graphCredential = {
  async getToken() {
    const response = await fetch(`${SANDBOX_URL}/sandbox/token`, { method: "POST", body: JSON.stringify({ audience: "https://graph.microsoft.com" }) });
    return { token: (await response.json()).access_token, expiresOnTimestamp: Date.now() + 3600_000 };
  },
};

/** Returns a new remediation. For the same one, the gateway would replay the first response. */
const remediation = (more) => ({
  displayName: "Clean up Phish email",
  description: "Delete email",
  severity: RemediationSeverityObject.Medium,
  action: RemediationActionObject.SoftDelete,
  remediateSendersCopy: false,
  analyzedEmails: [
    { odataType: "#microsoft.graph.security.analyzedEmail", networkMessageId: randomUUID(), recipientEmailAddress: "hannah.jarvis@contoso.com" },
    { odataType: "#microsoft.graph.security.analyzedEmail", networkMessageId: randomUUID(), recipientEmailAddress: "preston.morales@contoso.com" },
  ],
  ...more,
});
/** Properties of an email in Graph's list, without the two that identify it. */
const LISTED = {
  "@odata.type": "#microsoft.graph.security.analyzedEmail",
  id: "73ca4154-58d8-43d0-a890-08dc18c52e6d-1311265001240363512-1",
  loggedDateTime: "2026-10-01T08:00:00Z",
  internetMessageId: "<a1@mail.fabrikam.com>",
  senderDetail: { fromAddress: "mallory@fabrikam.com" },
  subject: "Your invoice",
  directionality: "inbound",
  latestDelivery: { action: "delivered", location: "inbox" },
  attachmentsCount: 0,
  urls: [{ url: "https://fabrikam.com/x" }],
  urlsCount: 1,
  sizeInBytes: 4711,
  alertIds: [],
  threatTypes: ["phish"],
  authenticationDetails: { dmarc: "fail" },
};
/** Returns the remediation in JSON's form, which the classic SDK sends unchanged. */
const toJson = ({ analyzedEmails, ...rest }) => ({ ...rest, analyzedEmails: analyzedEmails.map(({ odataType, ...email }) => ({ "@odata.type": odataType, ...email })) });
/** Returns a remediation whose second message ID is invalid. */
const invalidRemediation = () => {
  const body = remediation();
  body.analyzedEmails[1].networkMessageId = "AAMkAGI2THVSAAA=";
  return body;
};

/** Exchanges with the gateway, recorded below the SDKs. */
let exchanges = [];
const { fetch: send } = globalThis;
beforeEach(() => {
  exchanges = [];
  globalThis.fetch = async (input, init) => {
    const url = String(input).replace(HTTPS_ORIGIN, GATEWAY_URL);
    const response = await send(url, init);
    if (url.startsWith(GATEWAY_URL)) exchanges.push({ path: new URL(url).pathname, request: new Headers(init?.headers), response });
    return response;
  };
});
afterEach(() => { globalThis.fetch = send; });

const onlyExchange = () => {
  assert.equal(exchanges.length, 1);
  return exchanges[0];
};
/** Returns the requests to Graph since the last call of this function. */
async function takeGraphRequests() {
  const all = await (await send(`${SANDBOX_URL}/sandbox/requests`)).json();
  await send(`${SANDBOX_URL}/sandbox/requests`, { method: "DELETE" });
  return all.filter((one) => one.endpoint === "remediate");
}

/** Properties of `analyzedEmail` in Graph's documentation that no SDK has. */
const DOCUMENTED = ["attachmentsCount", "urlsCount"];
/** Properties of every model of the SDKs that are not Graph's. */
const MODEL_PROPERTIES = ["@odata.type", "backingStoreEnabled"];

test("the gateway accepts the properties that the SDKs and the documentation give an email, and no others", async () => {
  const { components } = await (await send(`${GATEWAY_URL}/openapi.json`)).json();
  const declared = [models, betaModels].flatMap(({ deserializeIntoAnalyzedEmail }) => Object.keys(deserializeIntoAnalyzedEmail({})));
  const expected = new Set([...declared, ...DOCUMENTED].filter((name) => !MODEL_PROPERTIES.includes(name)));
  assert.deepEqual(Object.keys(components.schemas.AnalyzedEmail.properties).sort(), [...expected].sort());
});

for (const [version, Adapter, create, { createAnalyzedEmailFromDiscriminatorValue }] of [
  ["v1.0", GraphRequestAdapter, createGraphServiceClient, models],
  ["beta", GraphBetaRequestAdapter, createGraphBetaServiceClient, betaModels],
]) {
  const adapter = (from = credential, hosts = [HOST], httpClient = undefined) => {
    const provider = new AzureIdentityAuthenticationProvider(from, [SCOPE], undefined, new Set(hosts));
    const sdkAdapter = new Adapter(provider, undefined, undefined, httpClient);
    sdkAdapter.baseUrl = `${GATEWAY_URL}/${version}`;
    return sdkAdapter;
  };
  const remediate = (...from) => create(adapter(...from)).security.collaboration.analyzedEmails.microsoftGraphSecurityRemediate;

  describe(`the typed SDK, ${version}`, () => {
    beforeEach(takeGraphRequests);

    test("its remediation is accepted", async () => {
      const body = remediation();
      const headers = new HeadersInspectionOptions({ inspectResponseHeaders: true });
      await remediate().post(body, { options: [headers] });
      const { path, request, response } = onlyExchange();
      assert.equal(path, `/${version}/${QUALIFIED}`);
      assert.equal(response.status, 202, "and its Location is not followed");
      assert.match([...headers.getResponseHeaders().get("location")][0], /^https:\/\/security\.microsoft\.com\/action-center\/history\?filters=/);
      assert.equal(response.headers.get("client-request-id"), request.get("client-request-id"));

      const [sent, ...others] = await takeGraphRequests();
      assert.deepEqual(others, []);
      assert.ok(sent.path.startsWith(`/${version}/`));
      assert.deepEqual(JSON.parse(sent.body).analyzedEmails, body.analyzedEmails.map(({ odataType, ...email }) => email));
    });

    test("emails from Graph's list are accepted, and only their pairs are sent", async () => {
      const pair = { networkMessageId: randomUUID(), recipientEmailAddress: "hannah.jarvis@contoso.com" };
      const listed = JSON.stringify({ ...LISTED, ...pair });
      const email = new JsonParseNodeFactory().getRootParseNode("application/json", new TextEncoder().encode(listed).buffer).getObjectValue(createAnalyzedEmailFromDiscriminatorValue);
      assert.equal(email.subject, LISTED.subject);
      await remediate().post(remediation({ analyzedEmails: [email] }));
      assert.equal(onlyExchange().response.status, 202);
      const [sent] = await takeGraphRequests();
      assert.deepEqual(JSON.parse(sent.body).analyzedEmails, [pair]);
    });

    test("an invalid remediation is a typed error with our code and message", async () => {
      await assert.rejects(remediate().post(invalidRemediation()), (error) => {
        assert.equal(error.responseStatusCode, 400);
        assert.equal(error.errorEscaped.code, "invalidPayload");
        assert.match(error.errorEscaped.message, /^The payload has an error\. Nothing was sent\. \/analyzedEmails\/1\/networkMessageId: /);
        assert.equal(error.errorEscaped.innerError.requestId, onlyExchange().response.headers.get("request-id"));
        return true;
      });
      assert.deepEqual(await takeGraphRequests(), []);
    });

    test("a host that is not allowed sends no token, and no sign-in begins", async () => {
      await assert.rejects(remediate(credential, ["graph.microsoft.com"]).post(remediation()), (error) => {
        assert.equal(error.responseStatusCode, 401);
        assert.equal(error.errorEscaped.code, "unauthenticated");
        return true;
      });
      const { request, response } = onlyExchange();
      assert.equal(request.get("authorization"), null);
      assert.equal(response.headers.get("www-authenticate"), 'Bearer realm="remediation-gateway"');
    });

    test("a token for Graph is rejected once, without a claims challenge", async () => {
      await assert.rejects(remediate(graphCredential).post(remediation()), (error) => {
        assert.equal(error.errorEscaped.code, "invalidCredentials");
        assert.match(error.errorEscaped.message, /for the gateway's audience, not for Microsoft Graph/);
        return true;
      });
      assert.doesNotMatch(onlyExchange().response.headers.get("www-authenticate"), /claims=/);
    });

    test("a body that it compresses is accepted at once", async () => {
      const middlewares = MiddlewareFactory.getPerformanceMiddlewares((url, init) => globalThis.fetch(url, init));
      assert.ok(middlewares.some((one) => one instanceof CompressionHandler));
      await remediate(credential, [HOST], new HttpClient(undefined, ...middlewares)).post(remediation());
      assert.deepEqual(exchanges.map(({ response }) => response.status), [202]);
      assert.equal((await takeGraphRequests()).length, 1);
    });

    test("a throttled request is retried, and is accepted", async () => {
      // One response more than the gateway retries.
      await send(`${SANDBOX_URL}/sandbox/next`, { method: "POST", body: JSON.stringify({ endpoint: "remediate", status: 429, headers: { "Retry-After": "0" }, times: 3 }) });
      await remediate().post(remediation());
      assert.deepEqual(exchanges.map(({ response }) => response.status), [429, 202]);
      assert.equal(exchanges[1].request.get("retry-attempt"), "1");
      assert.equal(exchanges[1].request.get("client-request-id"), exchanges[0].request.get("client-request-id"));
      assert.equal((await takeGraphRequests()).length, 4);
    });
  });
}

describe("the classic SDK", () => {
  const client = (from = credential) =>
    Client.initWithMiddleware({ authProvider: new TokenCredentialAuthenticationProvider(from, { scopes: [SCOPE] }), baseUrl: HTTPS_ORIGIN, customHosts: new Set([new URL(HTTPS_ORIGIN).hostname]) });
  beforeEach(takeGraphRequests);

  for (const version of ["beta", "v1.0"]) {
    for (const name of ["remediate", "microsoft.graph.security.remediate"]) {
      const action = (...from) => client(...from).api(`/security/collaboration/analyzedEmails/${name}`).version(version);

      test(`${version}, ${name}: its remediation is accepted`, async () => {
        const accepted = await action().post(toJson(remediation()));
        assert.equal(accepted.status, "accepted");
        assert.equal(accepted.emails, 2);
        const { path, request, response } = onlyExchange();
        assert.equal(path, `/${version}/security/collaboration/analyzedEmails/${name}`);
        assert.equal(response.status, 202);
        assert.ok(request.get("client-request-id"));
        assert.equal(response.headers.get("client-request-id"), request.get("client-request-id"));
        const [sent] = await takeGraphRequests();
        assert.ok(sent.path.startsWith(`/${version}/`));
      });

      test(`${version}, ${name}: an invalid remediation is an error with our code and message`, async () => {
        await assert.rejects(action().post(toJson(invalidRemediation())), (error) => {
          assert.equal(error.constructor.name, "GraphError");
          assert.equal(error.statusCode, 400);
          assert.equal(error.code, "invalidPayload");
          assert.match(error.message, /^The payload has an error\. Nothing was sent\. \/analyzedEmails\/1\/networkMessageId: /);
          assert.equal(error.requestId, onlyExchange().response.headers.get("request-id"));
          return true;
        });
      });
    }
  }

  test("a token for Graph is rejected once", async () => {
    await assert.rejects(client(graphCredential).api("/security/collaboration/analyzedEmails/remediate").version("beta").post(toJson(remediation())), { code: "invalidCredentials", statusCode: 401 });
    assert.doesNotMatch(onlyExchange().response.headers.get("www-authenticate"), /claims=/);
  });
});
