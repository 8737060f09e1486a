#!/bin/sh
# Installs the Debian packages that are named and whose command, or library, is missing. A machine without apt says what to install.
set -eu
missing=""
for tool in "$@"; do
	case $tool in
	python3-*) /usr/bin/python3 -c "import ${tool#python3-}" 2>/dev/null || missing="$missing $tool"; continue ;;
	ruby-*) ruby -e "require '${tool#ruby-}'" 2>/dev/null || missing="$missing $tool"; continue ;;
	nodejs) command=node ;;
	etcd-server) command=etcd ;;
	iproute2) command=ip ;;
	prometheus) command=promtool ;;
	*) command=$tool ;;
	esac
	command -v "$command" >/dev/null 2>&1 || missing="$missing $tool"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "please install:$missing" >&2
	exit 1
fi
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086 # the list is meant to be split
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
