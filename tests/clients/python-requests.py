"""Python's `requests`, as a script of an operations team uses it. Run by `make clients` and `make test`."""

import os
import uuid

import requests

GATEWAY, SANDBOX = os.environ["GATEWAY_URL"], os.environ["SANDBOX_URL"]

session = requests.Session()
session.headers["X-API-Key"] = os.environ["API_KEY"]


def remediate(message_id, key=None):
    body = {
        "displayName": "Clean up Phish email",
        "description": "Delete email",
        "severity": "medium",
        "action": "softDelete",
        "remediateSendersCopy": False,
        "analyzedEmails": [{"networkMessageId": message_id, "recipientEmailAddress": "hannah.jarvis@contoso.com"}],
    }
    return session.post(f"{GATEWAY}/remediate", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})


def remediations_at_graph():
    recorded = requests.get(f"{SANDBOX}/sandbox/requests").json()
    return len([one for one in recorded if one["endpoint"] == "remediate"])


# Success: 202, whose Location requests does not follow.
first = remediate(str(uuid.uuid4()))
assert first.status_code == 202, first.text
assert first.headers["Location"].startswith("https://security.microsoft.com/"), first.headers
assert first.json()["trackingUrl"].startswith("https://security.microsoft.com/"), first.text

# Error: raise_for_status names the status only, and the body names the cause.
bad = remediate("AAMkAGI2THVSAAA=")
try:
    bad.raise_for_status()
except requests.HTTPError as error:
    problem = error.response.json()
    assert problem["errors"][0]["pointer"] == "/analyzedEmails/0/networkMessageId", problem
    assert "must be a GUID" in problem["error"]["message"], problem
else:
    raise AssertionError("a bad remediation was accepted")

# Retry: the same key and payload again is replayed, and Graph gets the remediation once.
before, message_id, key = remediations_at_graph(), str(uuid.uuid4()), str(uuid.uuid4())
first, again = remediate(message_id, key), remediate(message_id, key)
assert (first.status_code, again.status_code) == (202, 202), (first.text, again.text)
assert again.headers["Idempotency-Replayed"] == "true", again.headers
assert again.headers["Location"] == first.headers["Location"], again.headers
assert remediations_at_graph() == before + 1

print("requests", requests.__version__, "ok: success, error, retry")
