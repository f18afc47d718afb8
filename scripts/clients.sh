#!/usr/bin/env bash
# Usage: clients.sh TOOLS CLIENT…
#
# Installs each missing client program in the folder TOOLS, and runs its test in tests/clients with a gateway and a
# sandbox.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$1
shift
beside() { cargo run --quiet --locked --package acceptance --example beside-gateway -- "$@"; }

for client in "$@"; do
    case $client in
        requests)
            environment=$(scripts/python.sh "$tools" requests==2.34.2)
            beside "$environment/bin/python" tests/clients/python-requests.py
            ;;
        playbook)
            beside node tests/clients/playbook.mjs
            ;;
        ansible)
            environment=$(scripts/python.sh "$tools" ansible-core==2.19.14)
            beside env LC_ALL=C.UTF-8 ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_INVENTORY_UNPARSED_WARNING=false \
                "$environment/bin/ansible-playbook" tests/clients/ansible.yml
            ;;
        az)
            environment=$(scripts/python.sh "$tools" azure-cli==2.91.0)
            beside env AZ="$environment/bin/az" tests/clients/az-rest.sh
            ;;
        node-red)
            folder=$(scripts/npm-tool.sh "$tools" node-red@5.0.7)
            beside node tests/clients/node-red.mjs "$folder"
            ;;
        n8n)
            # It needs Node 24. To compile all of its packages takes a quarter of an hour, and the HTTP node needs only one.
            node=$(scripts/npm-tool.sh "$tools" node@24.21.0)
            folder=$(scripts/npm-tool.sh "$tools" n8n@2.40.7 sqlite3)
            beside "$node/node_modules/node/bin/node" tests/clients/n8n.mjs "$folder"
            ;;
        *)
            printf 'error: there is no client %s: requests, playbook, ansible, az, node-red, n8n\n' "$client" >&2
            exit 1
            ;;
    esac
done
