// Clients that @hey-api/openapi-ts generates from the gateway's documents, and the validation of both documents. Run by
// `make clients` and `make test` beside a gateway.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import SwaggerParser from "@apidevtools/swagger-parser";
import { createClient } from "@hey-api/openapi-ts";

const { GATEWAY_URL, SANDBOX_URL, API_KEY } = process.env;
const DOCUMENTS = { "/openapi.json": "3.1.1", "/openapi-3.0.json": "3.0.4" };

for (const [path, version] of Object.entries(DOCUMENTS)) {
  test(`${path} is valid OpenAPI ${version}`, async () => {
    const document = await (await fetch(GATEWAY_URL + path)).json();
    assert.equal(document.openapi, version);
    await SwaggerParser.validate(structuredClone(document));
    delete document.info.version;
    await assert.rejects(SwaggerParser.validate(document), "the validator accepts a planted error");
  });
}

for (const [path, version] of Object.entries(DOCUMENTS)) {
  describe(`a client generated from OpenAPI ${version}`, () => {
    let folder, sdk, withKey, withToken;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "generated-client-"));
      await createClient({
        input: await (await fetch(GATEWAY_URL + path)).json(),
        output: join(folder, "client"),
        plugins: ["@hey-api/typescript", "@hey-api/sdk", "@hey-api/client-fetch"],
        logs: { level: "silent", file: false },
      });
      const bundle = join(folder, "client.mjs");
      const entry = join(folder, "client/sdk.gen.ts");
      await promisify(execFile)("esbuild", [entry, "--bundle", "--format=esm", "--platform=node", `--outfile=${bundle}`]);
      sdk = await import(pathToFileURL(bundle));
      const { access_token: token } = await (await fetch(`${SANDBOX_URL}/sandbox/token`)).json();
      // A client offers its credential to each security scheme of the document, and the gateway accepts one credential.
      withKey = { baseUrl: GATEWAY_URL, auth: ({ type }) => (type === "apiKey" ? API_KEY : undefined) };
      withToken = { baseUrl: GATEWAY_URL, auth: ({ scheme }) => (scheme === "bearer" ? token : undefined) };
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const body = (more) => ({
      displayName: "Clean up Phish email",
      description: "Delete email",
      severity: "medium",
      action: "softDelete",
      remediateSendersCopy: false,
      analyzedEmails: [{ networkMessageId: randomUUID(), recipientEmailAddress: "hannah.jarvis@contoso.com" }],
      ...more,
    });

    test("submits a remediation with an API key, and a retry with a token is replayed", async () => {
      const request = { body: body(), headers: { "Idempotency-Key": randomUUID() } };
      const first = await sdk.remediate({ ...withKey, ...request });
      assert.equal(first.response.status, 202, JSON.stringify(first.error));
      assert.equal(first.data.status, "accepted");
      assert.equal(first.response.headers.get("Idempotency-Replayed"), null);
      const retry = await sdk.remediate({ ...withToken, ...request });
      assert.equal(retry.response.status, 202);
      assert.equal(retry.response.headers.get("Idempotency-Replayed"), "true");
      assert.equal(retry.data.trackingUrl, first.data.trackingUrl);
    });

    test("validates a remediation without sending it", async () => {
      const { data, response } = await sdk.remediate({ ...withKey, body: body(), query: { validateOnly: true } });
      assert.equal(response.status, 200);
      assert.deepEqual([data.status, data.emails, data.request.remediateSendersCopy], ["valid", 1, false]);
    });

    test("reads the text of an error", async () => {
      const { error, response } = await sdk.remediate({ ...withToken, body: body({ severity: "grave" }) });
      assert.equal(response.status, 400);
      assert.equal(error.error.code, "invalidPayload");
      assert.equal(error.errors[0].pointer, "/severity");
      assert.match(error.error.message, /severity/);
    });
  });
}
