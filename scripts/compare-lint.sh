#!/bin/sh
# Compares what two builds of the tool find: sh scripts/compare-lint.sh OLD NEW DIRECTORY|ARCHIVE.txtar...
#
# Each directory is a repository, and so is each archive, without its want.txt. The exit code is 1 if a repository has another set of
# rule, file, line and column with NEW than with OLD; other differences of the JSON are reported, and do not count.
set -eu
if [ $# -lt 3 ]; then
	sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
old=$(realpath "$1") new=$(realpath "$2")
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

unpack() { # ARCHIVE DIRECTORY
	awk -v dir="$2" '
		/^-- .* --$/ {
			if (file != "") close(file)
			name = substr($0, 4, length($0) - 6)
			file = name == "want.txt" || name ~ /(^|\/)\.\.(\/|$)/ ? "" : dir "/" name
			parent = file
			if (sub(/\/[^\/]*$/, "", parent)) system("mkdir -p \"" parent "\"")
			next
		}
		file != "" { print > file }
	' "$1"
}

run() { # TOOL OUT: the exit code says whether there are findings, so it is a part of the answer
	code=0
	"$1" lint -C "$dir/repository" --format json="$2.json" --format compact="$2.txt" --strict --scope all --no-repo-code --fail-on never \
		>"$2.out" 2>&1 || code=$?
	echo "exit code $code" >>"$2.out"
	touch "$2.json" "$2.txt"
	# FILE:LINE:COLUMN: SEVERITY: MESSAGE [RULE]
	sed -n 's/^\(.*:[0-9]*:[0-9]*\): [a-z]*: .* \[\([^]]*\)\]$/\1 \2/p; s/^\([^:]*\): [a-z]*: .* \[\([^]]*\)\]$/\1 \2/p' "$2.txt" | sort -u >"$2.set"
}

differ=0 findings=0 repositories=0
for source in "$@"; do
	rm -rf "$dir/repository"
	mkdir "$dir/repository"
	case $source in
	*.txtar) unpack "$source" "$dir/repository" ;;
	*) cp -R "$source/." "$dir/repository" ;;
	esac
	mkdir -p "$dir/repository/.git" # the root, of which nothing is read
	run "$old" "$dir/old"
	run "$new" "$dir/new"
	repositories=$((repositories + 1))
	findings=$((findings + $(wc -l <"$dir/new.set")))
	if ! cmp -s "$dir/old.set" "$dir/new.set"; then
		differ=$((differ + 1))
		echo "$source: findings differ"
		diff "$dir/old.set" "$dir/new.set" || true
	elif ! cmp -s "$dir/old.json" "$dir/new.json"; then
		echo "$source: the same findings, other JSON"
	elif ! cmp -s "$dir/old.out" "$dir/new.out"; then
		echo "$source: the same report, another exit code or other output"
		diff "$dir/old.out" "$dir/new.out" || true
	fi
done
echo "$repositories repositories, $findings findings, $differ with other findings"
[ "$differ" = 0 ]
