"""Microsoft's Python SDK, unmodified, with its base URL set to the gateway, and its own `remediate` request builder.

Its installation takes minutes, so `make test` leaves it out. `make python-sdk` runs it beside a gateway and a sandbox.
"""

import asyncio
import json
import os
import urllib.request
import uuid

from azure.core.credentials import AccessToken
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.security.analyzed_email import AnalyzedEmail
from msgraph.generated.models.security.remediation_action import RemediationAction
from msgraph.generated.models.security.remediation_severity import RemediationSeverity
from msgraph.generated.security.collaboration.analyzed_emails.microsoft_graph_security_remediate.remediate_post_request_body import (
    RemediatePostRequestBody,
)

GATEWAY, SANDBOX = os.environ["GATEWAY_URL"], os.environ["SANDBOX_URL"]
SCOPE = "api://remediation-gateway/.default"


def sandbox(path, body=None, method=None):
    """Sends a request to the sandbox, and returns the JSON of the response."""
    request = urllib.request.Request(SANDBOX + path, data=body and json.dumps(body).encode(), method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


class Credential:
    """Substitute for `azure.identity`: fetches a token from the sandbox for the requested scope."""

    def get_token(self, *scopes, **_):
        assert list(scopes) == [SCOPE], scopes
        # The token of the development caller.
        token = sandbox("/sandbox/token")
        return AccessToken(token["access_token"], 2**31)


def client(version):
    provider = AzureIdentityAuthenticationProvider(Credential(), scopes=[SCOPE], allowed_hosts=["127.0.0.1"])
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{GATEWAY}/{version}"
    return GraphServiceClient(request_adapter=adapter)


def remediation(message_id):
    return RemediatePostRequestBody(
        display_name="Clean up Phish email",
        description="Delete email",
        severity=RemediationSeverity.Medium,
        action=RemediationAction.SoftDelete,
        remediate_senders_copy=False,
        analyzed_emails=[AnalyzedEmail(network_message_id=message_id, recipient_email_address="hannah.jarvis@contoso.com")],
    )


async def main():
    for version in ["v1.0", "beta"]:
        remediate = client(version).security.collaboration.analyzed_emails.microsoft_graph_security_remediate
        message_id = str(uuid.uuid4())
        await remediate.post(remediation(message_id))
        sent = [one for one in sandbox("/sandbox/requests") if one["endpoint"] == "remediate"][-1]
        assert sent["path"].startswith(f"/{version}/"), sent["path"]
        assert json.loads(sent["body"])["analyzedEmails"][0]["networkMessageId"] == message_id
        try:
            await remediate.post(remediation("AAMkAGI2THVSAAA="))
        except ODataError as refused:
            assert refused.response_status_code == 400
            assert refused.error.code == "invalidPayload"
            assert "/analyzedEmails/0/networkMessageId" in refused.error.message, refused.error.message
        else:
            raise AssertionError("a bad remediation was accepted")
        print(f"ok: {version}")


asyncio.run(main())
