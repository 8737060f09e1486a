#!/bin/sh
# Shows the main job in a temporary repository: an application, a Redis for its jobs and one for its cache, and the diff.
set -eu
tool=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
show() {
	echo
	echo "\$ redis-gitops $*"
	"$tool" "$@"
}
git init -q .
show generate application shop
git add -A
show generate resource shop redis --profile queue
show generate resource shop redis --suffix cache --profile cache --set memory=1Gi --env REDIS_URL=CACHE_URL
echo
echo "\$ git diff applications/shop/values.yaml"
git --no-pager diff --no-color -- applications/shop/values.yaml
echo
echo "The template is applications/shop/templates/redis.yaml; a second run changes nothing:"
show generate resource shop redis --profile queue
show lint
show url shop
echo
echo "A wrong value is reported at its line:"
sed -i 's/memory: 256Mi/memory: 100MB/' applications/shop/values.yaml
show lint || echo "exit code $?"
