#!/usr/bin/env bash
# `az rest` of the Azure CLI, as an operator's script uses it. Run by `make clients` beside a gateway. AZ is its path.
set -euo pipefail

# The CLI must neither request a sign-in nor send telemetry.
AZURE_CONFIG_DIR=$(mktemp -d)
export AZURE_CONFIG_DIR AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_ONLY_SHOW_ERRORS=true
trap 'rm -rf "$AZURE_CONFIG_DIR"' EXIT

id() { python3 -c 'import uuid; print(uuid.uuid4())'; }

# Usage: remediate MESSAGE_ID KEY
remediate() {
    "$AZ" rest --method post --url "$GATEWAY_URL/remediate" --skip-authorization-header \
        --headers "Content-Type=application/json" "X-API-Key=$API_KEY" "Idempotency-Key=$2" \
        --body '{"displayName": "Clean up Phish email", "description": "Delete email", "severity": "medium",
            "action": "softDelete", "remediateSendersCopy": false, "analyzedEmails": [
            {"networkMessageId": "'"$1"'", "recipientEmailAddress": "hannah.jarvis@contoso.com"}]}'
}

fail() {
    printf 'error: az rest: %s\n%s\n' "$1" "$2" >&2
    exit 1
}

message=$(id) key=$(id)
first=$(remediate "$message" "$key")
[[ $first == *'"status": "accepted"'* && $first == *'"trackingUrl": "https://security.microsoft.com/'* ]] || fail "no success" "$first"

# The CLI prints the response's body as its error.
if error=$(remediate AAMkAGI2THVSAAA= "$(id)" 2>&1); then fail "a bad remediation was accepted" "$error"; fi
[[ $error == *'/analyzedEmails/0/networkMessageId'* && $error == *'must be a GUID'* ]] || fail "the error does not name the cause" "$error"

# A replay has the link of the first response.
link() { python3 -c 'import json, sys; print(json.load(sys.stdin)["trackingUrl"])'; }
again=$(remediate "$message" "$key")
[[ $(link <<<"$again") == "$(link <<<"$first")" ]] || fail "the retry was not replayed" "$again"

printf 'az rest ok: success, error, retry (%s)\n' "$("$AZ" version --query '"azure-cli"' --output tsv)"
