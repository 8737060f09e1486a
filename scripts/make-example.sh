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

# An application without Helm, under the same policy.
run generate application reports --kustomize
run generate resource reports redis --profile cache --set memory=100Mi --auth external --store company-vault --set networkPolicy=redis-operator

# What the owners of this repository have decided about rules of strict mode.
cat >> "$dir/.redis-gitops.yaml" <<'END'

ignore:
  - rule: op/upstream-archived
    reason: the version is pinned, and the move to a fork is planned
    until: 2027-12-31
  - rule: data/no-backup
    path: applications/payments
    reason: Velero takes the volumes of every namespace; it is installed from another repository
END

# What `undo` needs is not part of a repository: Git ignores it.
rm -rf "$dir/.redis-gitops/journal"
