"""openapi-spec-validator, as a generator's user runs it first. Run by `make clients` and `make test`."""

import copy
import json
import os
import urllib.request
from importlib.metadata import version

from jsonschema.exceptions import ValidationError
from openapi_spec_validator import validate

GATEWAY = os.environ["GATEWAY_URL"]


def is_valid(document):
    try:
        validate(document)
    except ValidationError:
        return False
    return True


for path, openapi in [("/openapi.json", "3.1.1"), ("/openapi-3.0.json", "3.0.4")]:
    with urllib.request.urlopen(GATEWAY + path) as response:
        document = json.load(response)
    assert document["openapi"] == openapi, document["openapi"]
    validate(document)

    # Python has no Unicode classes, so its generators cannot read a pattern with one.
    planted = copy.deepcopy(document)
    planted["components"]["schemas"]["Remediation"]["properties"]["displayName"]["pattern"] = r"\p{L}"
    assert not is_valid(planted), f"the validator accepts a planted fault in {path}"

print("openapi-spec-validator", version("openapi-spec-validator"), "ok: OpenAPI 3.1 and 3.0")
