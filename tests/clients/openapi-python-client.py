"""Clients that openapi-python-client generates from the gateway's documents. Run by `make clients`."""

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
GENERATOR = Path(sys.executable).with_name("openapi-python-client")


def generate(document, package, folder):
    command = [GENERATOR, "generate", "--url", GATEWAY + document, "--output-path", Path(folder, package)]
    # The generator formats its output with ruff, and finds it on the path.
    path = os.pathsep.join([str(GENERATOR.parent), os.environ["PATH"]])
    run = subprocess.run(
        [*command, "--meta", "none", "--fail-on-warning"], capture_output=True, text=True, env={**os.environ, "PATH": path}
    )
    assert run.returncode == 0, run.stdout + run.stderr
    sys.path.insert(0, folder)
    names = ["", ".models", ".api.remediation.remediate"]
    return [importlib.import_module(package + name) for name in names]


def check(sdk, models, operation):
    with urllib.request.urlopen(f"{SANDBOX}/sandbox/token") as response:
        token = json.load(response)["access_token"]
    with_key = sdk.AuthenticatedClient(GATEWAY, token=os.environ["API_KEY"], prefix="", auth_header_name="X-API-Key")
    with_token = sdk.AuthenticatedClient(GATEWAY, token=token)

    def remediate(client, message_id, key, recipient="hannah.jarvis@contoso.com"):
        remediation = models.Remediation(
            display_name="Clean up Phish email",
            description="Delete email",
            severity=models.Severity.MEDIUM,
            action=models.Action.SOFTDELETE,
            remediate_senders_copy=False,
            analyzed_emails=[models.AnalyzedEmail(network_message_id=message_id, recipient_email_address=recipient)],
        )
        return operation.sync_detailed(client=client, body=remediation, idempotency_key=key)

    # Success, with an API key.
    message_id, key = uuid.uuid4(), str(uuid.uuid4())
    first = remediate(with_key, message_id, key)
    assert (first.status_code, type(first.parsed)) == (202, models.Accepted), first
    assert first.parsed.tracking_url.startswith("https://security.microsoft.com/"), first
    assert "Idempotency-Replayed" not in first.headers, first

    # Error: the client returns it, and raises nothing.
    bad = remediate(with_key, uuid.uuid4(), str(uuid.uuid4()), "SRS0=a=b=contoso.com=hannah.jarvis@contoso.com")
    assert (bad.status_code, type(bad.parsed)) == (400, models.Problem), bad
    assert bad.parsed.error.code == "invalidPayload", bad
    assert bad.parsed.errors[0].pointer == "/analyzedEmails/0/recipientEmailAddress", bad
    assert "Nothing was sent." in bad.parsed.error.message, bad

    # Retry, with a token of the same caller.
    again = remediate(with_token, message_id, key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true"), again
    assert again.parsed.tracking_url == first.parsed.tracking_url, again


for document, package in [("/openapi.json", "gateway_from_3_1"), ("/openapi-3.0.json", "gateway_from_3_0")]:
    with tempfile.TemporaryDirectory() as folder:
        check(*generate(document, package, folder))

print("openapi-python-client", version("openapi-python-client"), "ok: success, error, retry, from OpenAPI 3.1 and 3.0")
