package helmcheck

import (
	"strings"
	"testing"

	"github.com/spf13/afero"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

const functionValues = `
text: hello world
empty: ""
int: 3
big: 1234567890
huge: 12345678901234567890
float: 1.5
round: 2.0
exp: 1e3
yesv: yes
quoted: "yes"
onv: on
octal: 0777
octal2: 0o17
hex: 0x1F
binary: 0b101
underscore: 1_000
date: 2024-01-02
time: 12:30:45
version: 1.10
nullv: ~
nothing:
tilde: "~"
map: { b: 2, a: 1, c: { d: [1, 2, { e: f }] } }
list: [3, 1, 2, 1]
words: [pear, apple, "fig"]
dicts:
  - { name: one, value: 1 }
  - { name: two, value: "2" }
multi: |
  line one
    line two
  line three
folded: >-
  folded
  text
anchored: &a { x: 1, y: 2 }
alias: *a
merged: { <<: *a, y: 3 }
1: int key
true: bool key
1.5: float key
tpl: "{{ .Values.text | upper }}-{{ .Release.Name }}"
tplDefine: "{{ define \"inner\" }}in{{ . }}{{ end }}{{ include \"inner\" 1 }}{{ template \"inner\" 2 }}"
special: "a: b # c 'd' \"e\" \\ \t é 世界 <&>"
trailing: "x\n\n"
json: '{"a":[1,2.5,"x",null,true],"b":{"c":1e10}}'
yamlText: "a: 1\nb: [x, y]\nc: yes\n"
toml: "a = 1\n[b]\nc = \"d\"\n"
global: { g: 1 }
`

// expressions are evaluated by Helm and by us: every function that templates have, with what is special about it.
const expressions = `
{{ .Values }}
{{ .Values.text }} {{ .Values.missing }} {{ .Values.nullv }} {{ .Values.nothing }}
{{ .Values.int }} {{ .Values.big }} {{ .Values.huge }} {{ .Values.float }} {{ .Values.round }} {{ .Values.exp }}
{{ .Values.yesv }} {{ .Values.quoted }} {{ .Values.onv }} {{ .Values.octal }} {{ .Values.octal2 }} {{ .Values.hex }} {{ .Values.binary }} {{ .Values.underscore }}
{{ .Values.date }} {{ .Values.time }} {{ .Values.version }} {{ .Values.tilde }}
{{ .Values.map }} {{ .Values.list }} {{ .Values.dicts }}
{{ .Values.multi }}|{{ .Values.folded }}|{{ .Values.special }}|{{ .Values.trailing }}
{{ .Values.alias }} {{ .Values.merged }} {{ index .Values "1" }} {{ index .Values "true" }} {{ index .Values "1.5" }}
{{ typeOf .Values.int }} {{ typeOf .Values.text }} {{ typeOf .Values.map }} {{ typeOf .Values.list }} {{ kindOf .Values.nullv }} {{ kindIs "map" .Values }}
{{ .Values.map.missing.deeper }}
{{ .Values.text.deeper }}
{{ index .Values.list 7 }}
{{ index .Values.map "x" }} {{ index .Values.dicts 1 "name" }}
{{ toYaml .Values }}
{{ toYaml .Values.map | nindent 2 }} {{ .Values.list | toYaml }} {{ toYaml .Values.special }} {{ toYaml .Values.multi }} {{ toYaml .Values.trailing }}
{{ toYaml nil }} {{ toYaml "yes" }} {{ toYaml "123" }} {{ toYaml 123 }} {{ toYaml 1e21 }} {{ toYaml .Values.huge }} {{ toYaml "" }} {{ toYaml (dict) }} {{ toYaml (list) }}
{{ toYamlPretty .Values.map }} {{ toYamlPretty .Values.dicts }}
{{ mustToYaml .Values.map }} {{ mustToJson .Values.map }} {{ mustToToml .Values.map }}
{{ toJson .Values }}
{{ toJson .Values.special }} {{ toPrettyJson .Values.map }} {{ toRawJson .Values.special }} {{ mustToPrettyJson .Values.list }} {{ mustToRawJson .Values.special }}
{{ toToml .Values.map }} {{ toToml .Values.dicts }} {{ toToml (dict "a" (dict "b" 1 "c" "x") "d" (list 1 2)) }}
{{ fromYaml .Values.yamlText }} {{ (fromYaml .Values.yamlText).b }} {{ fromYaml "- 1" }} {{ fromYaml "a: [" }} {{ fromYaml "" }}
{{ fromYamlArray "- 1\n- yes\n- a: 1" }} {{ fromYamlArray "a: 1" }}
{{ fromJson .Values.json }} {{ fromJson "[" }} {{ fromJsonArray "[1,\"a\",{\"b\":null}]" }} {{ fromJsonArray "{" }} {{ mustFromJson "{\"a\":1}" }}
{{ fromToml .Values.toml }} {{ fromToml "a = " }}
{{ include "named" . }} {{ include "named" (dict "Values" (dict "text" "x")) | upper }}
{{ include "nope" . }}
{{ template "named" . }}
{{ tpl .Values.tpl . }} {{ tpl "plain" . }} {{ tpl "{{ .x }}" (dict "x" 1) }} {{ tpl "{{ include \"named\" . }}" . }} {{ tpl "{{ .missing }}x" (dict) }}
{{ tpl .Values.tplDefine . }}
{{ tpl "{{ nope }}" . }}
{{ tpl "{{ tpl \"{{ .Values.int }}\" . }}" . }}
{{ tpl .Values.int . }}
{{ required "need" .Values.text }} {{ required "need" .Values.int }}
{{ required "need" .Values.empty }}
{{ required "need" .Values.missing }}
{{ fail "stop" }}
{{ lookup "v1" "Secret" "ns" "name" }} {{ getHostByName "localhost" }}
{{ default "d" .Values.empty }} {{ default "d" .Values.missing }} {{ .Values.text | default "d" }} {{ default 0 .Values.int }} {{ default "x" false }} {{ default "x" 0 }}
{{ empty .Values.empty }} {{ empty .Values.map }} {{ coalesce .Values.missing .Values.empty "c" }} {{ all 1 "a" }} {{ any 0 "" }} {{ compact (list 1 "" 2) }} {{ ternary "a" "b" true }} {{ true | ternary "a" "b" }}
{{ .Values.special | quote }} {{ .Values.special | squote }} {{ quote .Values.int .Values.missing }} {{ squote 1 }} {{ cat "a" 1 .Values.missing "b" }}
{{ trim "  x " }} {{ trimAll "$" "$5$" }} {{ trimSuffix "Gi" "1Gi" }} {{ trimPrefix "v" "v1" }} {{ upper "a" }} {{ lower "A" }} {{ title "ab cd" }} {{ untitle "Ab" }} {{ repeat 3 "ab" }} {{ substr 1 3 "abcd" }} {{ trunc 2 "abc" }} {{ trunc -2 "abc" }} {{ abbrev 5 "hello world" }} {{ abbrevboth 5 10 "1234 5678 9123" }} {{ initials "First Try" }} {{ nospace " a b " }} {{ swapcase "aB" }} {{ wrap 5 "hello wide world" }} {{ wrapWith 5 "|" "hello wide world" }} {{ plural "one" "many" 2 }}
{{ contains "b" "abc" }} {{ hasPrefix "a" "abc" }} {{ hasSuffix "c" "abc" }} {{ replace "a" "b" "banana" }} {{ snakecase "FirstName" }} {{ camelcase "http_server" }} {{ kebabcase "FirstName" }}
{{ indent 2 .Values.multi }}|{{ nindent 2 .Values.multi }}
{{ nindent -1 "a" }}
{{ printf "%d %s %v %5.2f %q %x %t" 3 "s" .Values.map 1.5 "q" 255 true }} {{ print 1 "a" 2 3 }} {{ println "a" 1 }} {{ printf "%d" .Values.int }} {{ printf "%v" .Values.missing }} {{ printf "%s" .Values.nullv }}
{{ join "," .Values.words }} {{ join "-" .Values.list }} {{ splitList "," "a,b" }} {{ split "," "a,b" }} {{ (split "," "a,b")._1 }} {{ splitn "," 2 "a,b,c" }} {{ sortAlpha .Values.words }} {{ toStrings .Values.list }}
{{ int "3" }} {{ int 3.7 }} {{ int64 .Values.big }} {{ float64 "1.5" }} {{ atoi "12" }} {{ int .Values.text }} {{ toDecimal "0777" }} {{ toString 1.0 }} {{ toString .Values.round }}
{{ add 1 2 3 }} {{ add .Values.int 1 }} {{ sub 5 2 }} {{ mul 2 3 4 }} {{ div 7 2 }} {{ mod 7 2 }} {{ add1 1 }} {{ addf 1.5 2 }} {{ subf 3 1.5 }} {{ mulf 1.049 100 }} {{ divf 7 2 }} {{ max 1 3 2 }} {{ min 1 3 2 }} {{ maxf 1.5 2 }} {{ minf 1.5 2 }} {{ floor 1.7 }} {{ ceil 1.2 }} {{ round 1.256 2 }} {{ biggest 1 2 }}
{{ div 1 0 }}
{{ until 4 }} {{ untilStep 0 10 3 }} {{ untilStep 5 0 -2 }} {{ seq 5 }} {{ seq 2 5 }} {{ seq 0 2 6 }} {{ seq 3 1 }} {{ until -2 }} {{ untilStep 0 5 0 }} {{ seq }} {{ seq 0 -2 -6 }}
{{ list 1 "a" nil }} {{ tuple 1 2 }} {{ first .Values.list }} {{ rest .Values.list }} {{ last .Values.list }} {{ initial .Values.list }} {{ append .Values.list 9 }} {{ prepend .Values.list 9 }} {{ concat .Values.list .Values.words }} {{ reverse .Values.list }} {{ uniq .Values.list }} {{ without .Values.list 1.0 }} {{ has 3.0 .Values.list }} {{ slice .Values.list 1 3 }} {{ chunk 2 .Values.list }} {{ mustAppend .Values.list 1 }} {{ push .Values.list 1 }}
{{ first (list) }} {{ mustFirst .Values.list }} {{ mustRest .Values.list }} {{ mustLast .Values.list }} {{ mustInitial .Values.list }} {{ mustReverse .Values.list }} {{ mustUniq .Values.list }} {{ mustWithout .Values.list 1 }} {{ mustHas 1 .Values.list }} {{ mustSlice .Values.list 1 }} {{ mustChunk 3 .Values.list }} {{ mustCompact .Values.list }} {{ mustPrepend .Values.list 0 }}
{{ dict "a" 1 "b" }} {{ get .Values.map "a" }} {{ get .Values.map "z" }} {{ hasKey .Values.map "a" }} {{ keys .Values.map | sortAlpha }} {{ values (dict "a" 1) }} {{ pick .Values.map "a" "b" }} {{ omit .Values.map "c" }} {{ pluck "name" (index .Values.dicts 0) (index .Values.dicts 1) }} {{ dig "c" "d" "x" .Values.map }} {{ dig "q" "d" "x" .Values.map }} {{ unset (dict "a" 1 "b" 2) "a" }}
{{ $d := dict "a" 1 }}{{ $_ := set $d "b" 2 }}{{ $d }} {{ set .Values.map "new" 1 }} {{ .Values.map }}
{{ merge (dict "a" 1) (dict "a" 2 "b" 3) }} {{ mergeOverwrite (dict "a" 1) (dict "a" 2 "b" 3) }} {{ mustMerge (dict) (dict "x" 1) }} {{ mustMergeOverwrite (dict "x" 2) (dict "x" 1) }} {{ deepCopy .Values.map }} {{ mustDeepCopy .Values.list }} {{ deepEqual (list 1) (list 1) }}
{{ b64enc "hello" }} {{ b64dec "aGVsbG8=" }} {{ b32enc "hello" }} {{ b32dec "NBSWY3DP" }} {{ sha1sum "a" }} {{ sha256sum "a" }} {{ sha512sum "a" }} {{ adler32sum "a" }} {{ b64dec "!" }}
{{ regexMatch "^a" "abc" }} {{ regexFind "b." "abc" }} {{ regexFindAll "[a-c]" "abcd" -1 }} {{ regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W" }} {{ regexReplaceAllLiteral "a" "banana" "$1" }} {{ regexSplit "z+" "pizza" -1 }} {{ regexQuoteMeta "1.2" }} {{ mustRegexMatch "a" "a" }} {{ mustRegexFind "a" "a" }} {{ mustRegexFindAll "a" "aa" 1 }} {{ mustRegexReplaceAll "a" "ba" "c" }} {{ mustRegexReplaceAllLiteral "a" "ba" "c" }} {{ mustRegexSplit "a" "bab" -1 }}
{{ mustRegexMatch "(" "a" }}
{{ regexMatch "(" "a" }}
{{ semver "1.2.3" }} {{ semverCompare ">=1.19-0" .Capabilities.KubeVersion.Version }} {{ semverCompare "^1.2" "1.3.0" }} {{ (semver "1.2.3-rc1").Prerelease }}
{{ base "a/b.c" }} {{ dir "a/b" }} {{ clean "a/../b" }} {{ ext "a.b" }} {{ isAbs "/a" }} {{ osBase "a/b" }} {{ osDir "a/b" }} {{ osExt "a.b" }} {{ osClean "a//b" }} {{ osIsAbs "a" }}
{{ urlParse "http://u:p@h:80/p?q=1#f" }} {{ urlJoin (dict "scheme" "http" "host" "h" "path" "/p") }} {{ urlquery "a b&c" }} {{ html "<a>" }} {{ js "'a'" }}
{{ date "2006-01-02" (toDate "2006-01-02" "2024-05-06") }} {{ dateInZone "2006-01-02" (toDate "2006-01-02" "2024-05-06") "UTC" }} {{ duration "95" }} {{ durationRound "2h10m5s" }} {{ unixEpoch (toDate "2006-01-02" "2024-05-06") }} {{ htmlDate 0 }} {{ now | unixEpoch }} {{ dateModify "-1h" (toDate "2006-01-02" "2024-05-06") | unixEpoch }} {{ mustDateModify "1h" (toDate "2006-01-02" "2024-05-06") | unixEpoch }}
{{ durationSeconds "1h" }} {{ durationMinutes 90 }} {{ durationHours "90m" }} {{ durationDays "48h" }} {{ durationWeeks "168h" }} {{ durationMilliseconds "1.5" }} {{ durationMicroseconds 1 }} {{ durationNanoseconds "2us" }} {{ durationRoundTo "2h13m" "30m" }} {{ durationTruncateTo "2h13m" 3600 }} {{ mustToDuration "5m" }} {{ durationSeconds "x" }} {{ durationRoundTo "1h" "x" }}
{{ mustToDuration "x" }}
{{ typeIs "string" "a" }} {{ typeIsLike "*string" "a" }} {{ hello }} {{ randAlphaNum 4 }} {{ uuidv4 }}
{{ eq 1 1 }} {{ eq .Values.int 3.0 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ and 1 0 }} {{ or 0 "x" }} {{ not 1 }} {{ len .Values.list }} {{ eq .Values.missing nil }}
{{ eq .Values.int 3 }}
{{ lt .Values.int 4 }}
{{ if and .Values.text (not .Values.empty) }}yes{{ else if .Values.int }}elif{{ else }}no{{ end }}
{{ range $k, $v := .Values.map }}{{ $k }}={{ $v }};{{ end }}{{ range $i, $v := .Values.list }}{{ $i }}:{{ . }},{{ else }}none{{ end }}{{ range .Values.missing }}x{{ else }}none{{ end }}{{ range 3 }}{{ . }}{{ end }}
{{ range .Values.list }}{{ if eq . 1.0 }}{{ continue }}{{ end }}{{ . }}{{ if eq . 2.0 }}{{ break }}{{ end }}{{ end }}
{{ with .Values.map }}{{ .a }}{{ $.Values.text }}{{ end }}{{ with .Values.empty }}x{{ else with .Values.int }}{{ . }}{{ else }}y{{ end }}
{{- /* comment */ -}}  x {{- " y " -}}  z
{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}
{{ block "b" .Values.int }}<{{ . }}>{{ end }}
{{ .Chart }} {{ .Chart.Name }} {{ .Chart.Version }} {{ .Chart.AppVersion }} {{ .Chart.Annotations }} {{ .Chart.Maintainers }} {{ .Chart.IsRoot }} {{ .Chart.Type }} {{ .Chart.Keywords }} {{ .Chart.missing }}
{{ .Release }} {{ .Release.Name }}-{{ .Release.Namespace }}-{{ .Release.IsInstall }}-{{ .Release.Revision }}
{{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion.Major }} {{ .Capabilities.KubeVersion.GitVersion }} {{ .Capabilities.APIVersions.Has "apps/v1" }} {{ .Capabilities.APIVersions.Has "x/v1" }} {{ .Capabilities.APIVersions }} {{ .Capabilities.HelmVersion.Version }}
{{ .Template.Name }} {{ .Template.BasePath }}
{{ .Files.Get "files/a.txt" }}|{{ .Files.Get "nope" }}|{{ .Files.Get "../x" }}|{{ .Files.Lines "files/a.txt" }}|{{ .Files.GetBytes "files/b.txt" | len }}
{{ (.Files.Glob "files/*").AsConfig }} {{ (.Files.Glob "**.txt").AsSecrets | nindent 2 }} {{ range $p, $b := .Files.Glob "files/{a,b}.txt" }}{{ $p }}={{ len $b }};{{ end }} {{ range $p, $_ := .Files }}{{ $p }} {{ end }}
{{ .Files.AsConfig }} {{ index .Files "files/a.txt" | len }}
{{ .Subcharts }} {{ .Nope }}
{{ nil }}
{{ .Values.text | nope }}
{{ if }}
{{ .Values.list.x }}
{{ "unclosed }}
{{ trimSuffix "x" .Values.missing }}
{{ trimSuffix "x" .Values.int }}
{{ mulf "x" 2 }} {{ mulf 0.75 "1.5" }} {{ floor "2.9" }} {{ int "0x10" }} {{ max 1.9 }}
<no value> {{ "<no value>" }} {{ include "novalue" . }} {{ include "novalue" . | len }} {{ tpl "<no value>" . | len }}
{{ env "HOME" }}
{{ .Values.missing | toString }} {{ .Values.missing | quote }} {{ .Values.nullv | toYaml }} {{ printf "%v" nil }}
`

// TestFunctions compares each expression alone, so that one that fails hides no other.
func TestFunctions(t *testing.T) {
	files := map[string]string{
		"Chart.yaml":              "apiVersion: v2\nname: c\nversion: 1.2.3\nappVersion: 1.10\nkeywords: [a, b]\nmaintainers:\n  - name: M\n    email: m@example.com\nannotations:\n  k: v\n  n: 1\ntype: application\n",
		"values.yaml":             functionValues,
		"files/a.txt":             "one\ntwo\n",
		"files/b.txt":             "b: 1",
		"README.md":               "# c\n",
		"templates/_named.tpl":    "{{ define \"named\" }}<{{ .Values.text }}>{{ end }}{{ define \"novalue\" }}{{ .Values.missing }}{{ end }}",
		"templates/sub/deep.yaml": "{{ define \"named\" }}overridden in a deeper folder{{ end }}",
	}
	failing, equal := 0, 0
	for _, expression := range strings.Split(strings.TrimSpace(expressions), "\n") {
		files["templates/t.yaml"] = expression
		var buffered []*archive.BufferedFile
		fsys := afero.NewMemMapFs()
		for name, text := range files {
			buffered = append(buffered, &archive.BufferedFile{Name: name, Data: []byte(text)})
			if err := afero.WriteFile(fsys, "c/"+name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c, err := loader.LoadFiles(buffered)
		if err != nil {
			t.Fatal(err)
		}
		want, helmErr := helmChart(c, "c")
		got, _, problems := ourChart(t, fsys, "c")
		switch {
		case helmErr != nil && len(problems) == 0:
			t.Errorf("%s: Helm fails and we give %q: %v", expression, got["c/templates/t.yaml"], helmErr)
		case helmErr != nil:
			failing++
			t.Logf("fails alike: %s: %s", expression, problems[0])
		case len(problems) > 0:
			t.Errorf("%s: we fail and Helm gives %q: %v", expression, want["c/templates/t.yaml"], problems)
		case got["c/templates/t.yaml"] != want["c/templates/t.yaml"]:
			t.Errorf("%s:\ngot  %q\nwant %q", expression, got["c/templates/t.yaml"], want["c/templates/t.yaml"])
		default:
			equal++
		}
	}
	t.Logf("%d expressions equal, %d failing alike", equal, failing)
}
