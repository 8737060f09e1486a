#!/bin/sh
# Unpacks Redis and Valkey servers of several versions into a directory, each with the libraries that it was built for, and
# prints which there are and which are not: rdb-servers.sh DIRECTORY. Nothing is installed, and root is not needed. They come
# from the Debian suites of the mirror that this machine's apt uses, verified with its keyring. Without apt, those in PATH are
# used.
set -eu
dir=${1:?usage: rdb-servers.sh DIRECTORY}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
: >"$dir/missing"

# NAME SUITE PROGRAM
servers="redis-6.0 bullseye redis-server
redis-7.0 bookworm redis-server
redis-8.0 trixie redis-server
valkey-8.1 trixie valkey-server
valkey-9.1 forky valkey-server"

packages="redis-server redis-tools valkey-server valkey-tools libc6 libjemalloc2 liblzf1 liblua5.1-0 libssl1.1 libssl3 libssl3t64
libsystemd0 libatomic1 libgcc-s1 libstdc++6 zlib1g libzstd1 libcap2 lua-cjson lua-bitop libhiredis0.14 libhiredis1.1.0 liblz4-1
liblzma5 libgcrypt20 libgpg-error0"

# The first mirror of Debian among the sources of apt, of either form.
mirror() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
		sed -n 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p; s/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\)[[:space:]].*/\2/p' |
		grep '/debian/*$' | head -n 1
}

aptOf() { # SUITE COMMAND...
	of=$1
	shift
	command=$1
	shift
	"$command" -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/$of/parts" -o Dir::State="$dir/$of/state" \
		-o Dir::State::Lists="$dir/$of/lists" -o Dir::State::status="$dir/$of/status" -o Dir::Cache="$dir/$of/cache" -o APT::Sandbox::User="" \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::http::Timeout=30 -o Acquire::Retries=1 "$@"
}

# Unpacks all that a suite has of the packages, once.
unpack() { # SUITE
	of=$1
	[ ! -e "$dir/$of/done" ] || return 0
	command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || { echo "apt and dpkg are not here"; return 1; }
	from=$(mirror)
	[ -n "$from" ] || { echo "the sources of apt name no mirror of Debian"; return 1; }
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e "$keyring" ] || { echo "$keyring is missing"; return 1; }
	rm -rf "${dir:?}/$of"
	mkdir -p "$dir/$of/parts" "$dir/$of/lists/partial" "$dir/$of/state" "$dir/$of/cache/archives/partial" "$dir/$of/deb" "$dir/$of/root"
	: >"$dir/$of/status"
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$from" "$of" "$keyring" >"$dir/$of/parts/suite.sources"
	aptOf "$of" apt-get update >"$dir/$of/log" 2>&1 || { echo "apt-get update failed: $(tail -n 1 "$dir/$of/log")"; return 1; }
	# shellcheck disable=SC2086 # the list is meant to be split
	have=$(aptOf "$of" apt-cache policy $packages 2>/dev/null | sed -n '/^[a-z]/{s/:$//;h;}; /Candidate: [0-9]/{x;p;}')
	[ -n "$have" ] || { echo "the mirror has no suite $of"; return 1; }
	# shellcheck disable=SC2086 # the list is meant to be split
	(cd "$dir/$of/deb" && aptOf "$of" apt-get download $have) >"$dir/$of/log" 2>&1 || { echo "apt-get download failed: $(tail -n 1 "$dir/$of/log")"; return 1; }
	for p in "$dir/$of"/deb/*.deb; do
		dpkg-deb -x "$p" "$dir/$of/root" || return 1
	done
	rm -rf "$dir/$of/deb" "$dir/$of/lists" "$dir/$of/cache"
	: >"$dir/$of/done"
}

# A script that starts a server with its own loader and libraries.
launcher() { # NAME SUITE PROGRAM
	root="$dir/$2/root"
	loader=$(find "$root" -name 'ld-linux*.so.*' ! -type d | head -n 1)
	[ -n "$loader" ] || loader=$(find "$root" -name 'ld-[0-9]*.so' | head -n 1)
	[ -n "$loader" ] && [ -e "$root/usr/bin/$3" ] || return 1
	libraries=$(find "$root" -name 'libc.so.6' -o -name 'libjemalloc.so.2' -o -name 'liblua5.1.so.0' -o -name 'libssl.so.*' | sed 's,/[^/]*$,,' | sort -u | paste -s -d : -)
	printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$loader" "$libraries" "$root/usr/bin/$3" >"$dir/$1"
	chmod +x "$dir/$1"
}

version() { "$1" --version 2>/dev/null | sed -n 's/.* v=\([0-9]*\.[0-9]*\)\..*/\1/p'; }

echo "$servers" | while read -r name suite program; do
	if [ -x "$dir/$name" ] && [ "$(version "$dir/$name")" = "${name#*-}" ]; then
		echo "$name: ready"
		continue
	fi
	rm -f "$dir/$name"
	inPath=$(command -v "$program" || true)
	if [ -n "$inPath" ] && [ "$(version "$inPath")" = "${name#*-}" ]; then
		ln -s "$inPath" "$dir/$name"
		echo "$name: in PATH"
		continue
	fi
	reason=""
	if reason=$(unpack "$suite" 2>&1) && launcher "$name" "$suite" "$program"; then
		found=$(version "$dir/$name")
		[ "$found" = "${name#*-}" ] && { echo "$name: from the suite $suite"; continue; }
		rm -f "$dir/$name"
		reason="the suite $suite has version ${found:-of another machine}"
	fi
	echo "$name: missing: ${reason:-the suite $suite does not have it}"
	echo "$name ${reason:-the suite $suite does not have it}" >>"$dir/missing"
done
