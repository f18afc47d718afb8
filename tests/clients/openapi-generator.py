"""Python clients that openapi-generator generates from the gateway's documents. Run by `make clients`."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from importlib.metadata import version
from pathlib import Path

GATEWAY, SANDBOX = os.environ["GATEWAY_URL"], os.environ["SANDBOX_URL"]
GENERATOR = Path(sys.executable).with_name("openapi-generator-cli")


def generate(document, package, folder):
    command = [GENERATOR, "generate", "--generator-name", "python", "--package-name", package]
    command += ["--input-spec", GATEWAY + document, "--output", folder]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    sys.path.insert(0, folder)
    return importlib.import_module(package)


def check(sdk):
    with urllib.request.urlopen(f"{SANDBOX}/sandbox/token") as response:
        token = json.load(response)["access_token"]
    with_key = sdk.Configuration(host=GATEWAY, api_key={"apiKey": os.environ["API_KEY"]})
    with_token = sdk.Configuration(host=GATEWAY, access_token=token)

    def remediate(configuration, message_id, key, recipient="hannah.jarvis@contoso.com"):
        email = sdk.AnalyzedEmail(network_message_id=message_id, recipient_email_address=recipient)
        remediation = sdk.Remediation(
            display_name="Clean up Phish email",
            description="Delete email",
            severity=sdk.Severity.MEDIUM,
            action=sdk.Action.SOFTDELETE,
            remediate_senders_copy=False,
            analyzed_emails=[email],
        )
        with sdk.ApiClient(configuration) as client:
            return sdk.RemediationApi(client).remediate_with_http_info(remediation, idempotency_key=key)

    # Success, with an API key.
    message_id, key = uuid.uuid4(), str(uuid.uuid4())
    first = remediate(with_key, message_id, key)
    accepted = first.data.actual_instance
    assert (first.status_code, type(accepted)) == (202, sdk.Accepted), first
    assert accepted.tracking_url.startswith("https://security.microsoft.com/"), accepted
    assert "Idempotency-Replayed" not in first.headers, first.headers

    # Error: the client validates the ID and the pattern, and the gateway rejects an address that the pattern allows.
    try:
        remediate(with_key, uuid.uuid4(), str(uuid.uuid4()), "SRS0=a=b=contoso.com=hannah.jarvis@contoso.com")
    except sdk.ApiException as error:
        assert (error.status, error.data.error.code) == (400, "invalidPayload"), error
        assert error.data.errors[0].pointer == "/analyzedEmails/0/recipientEmailAddress", error
        assert "Nothing was sent." in error.data.error.message, error
        assert error.data.error.message in str(error), error
    else:
        raise AssertionError("a bad remediation was accepted")

    # Retry, with a token of the same caller.
    again = remediate(with_token, message_id, key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true"), again
    assert again.data.actual_instance.tracking_url == accepted.tracking_url, again


for document, package in [("/openapi.json", "gateway_from_3_1"), ("/openapi-3.0.json", "gateway_from_3_0")]:
    with tempfile.TemporaryDirectory() as folder:
        check(generate(document, package, folder))

print("openapi-generator", version("openapi-generator-cli"), "ok: success, error, retry, from OpenAPI 3.1 and 3.0")
