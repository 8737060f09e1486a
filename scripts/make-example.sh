#!/bin/sh
# Makes examples/devops-repo with the tool's own commands, into the folder that is named. Usage: make-example.sh TOOL FOLDER
set -eu
tool=$1
dir=$2
mkdir -p "$dir"
run() { "$tool" -C "$dir" "$@" >/dev/null; }
run init "$dir"

# A Rails application: jobs in one Redis, the cache in another.
run generate application shop
run generate deployment shop web --image registry.example.com/shop:1.4.2
run generate deployment shop sidekiq
run generate resource shop redis --profile queue --set memory=512Mi
run generate resource shop redis --suffix cache --profile cache --set memory=1Gi --env REDIS_URL=CACHE_URL --env SENTINEL_URL=CACHE_SENTINEL_URL

# An application under a strict security policy: a password from the secret store, and a NetworkPolicy.
run generate application payments
run generate deployment payments web --image registry.example.com/payments:2.0.1
run generate resource payments redis --profile store --auth external --store company-vault --set networkPolicy=redis-operator

# An application without Helm.
run generate application reports --kustomize
run generate resource reports redis --profile cache --set memory=100Mi
