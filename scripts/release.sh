#!/bin/sh
# Builds the archives of a release into dist, twice, and fails when the two differ. Usage: release.sh VERSION SBOM-PROGRAM
# The archives depend on the commit and the Go version alone: no path, time, user or cgo of the machine is in them.
set -eu
version=$1
sbom=$2
case $version in
v[0-9]*.[0-9]*.[0-9]*) ;;
*) echo "release.sh: $version is not a version; use one such as v0.1.0" >&2; exit 2 ;;
esac
export CGO_ENABLED=0 GOFLAGS=-trimpath GOTOOLCHAIN=local
rm -rf dist && mkdir dist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# archive DIR OS ARCH builds one archive into a directory.
archive() {
	at=$work/stage
	rm -rf "$at" && mkdir -p "$at"
	GOOS=$2 GOARCH=$3 go build -tags webpage -buildvcs=false -ldflags="-s -w -buildid= -X github.com/redis-gitops/redis-gitops/internal/cli.version=${version#v}" -o "$at/redis-gitops" ./cmd/redis-gitops
	cp LICENSE README.md "$at/"
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -C "$at" -cf - LICENSE README.md redis-gitops | gzip -n -9 > "$1/redis-gitops_${version#v}_$2_$3.tar.gz"
}

for round in first second; do
	mkdir "$work/$round"
	export GOCACHE="$work/cache-$round" # each round builds everything anew
	for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do
		archive "$work/$round" "${target%/*}" "${target#*/}"
	done
done
for file in "$work"/first/*; do
	cmp "$file" "$work/second/$(basename "$file")" || { echo "release.sh: $(basename "$file") is not reproducible" >&2; exit 1; }
done
cp "$work"/first/* dist/
$sbom app -json -licenses -main cmd/redis-gitops -output dist/redis-gitops.cdx.json .
cd dist
sha256sum ./*.tar.gz | sed 's| \./| |' > SHA256SUMS
