package redact

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// canary is a part of every secret in these tests.
const canary = "CaNaRy"

// files has several files in one text: `== name` and then its lines.
func files(text string) map[string][]byte {
	out := map[string][]byte{}
	for part := range strings.SplitSeq(text, "\n== ") {
		name, body, ok := strings.Cut(strings.TrimPrefix(part, "== "), "\n")
		if ok {
			out[strings.TrimSpace(name)] = []byte(body + "\n")
		}
	}
	return out
}

// collect reads files as the commands do.
func collect(t *testing.T, text string) *Secrets {
	t.Helper()
	all := files(text)
	var names []string
	for name := range all {
		names = append(names, name)
	}
	var s Secrets
	s.AddFile(Collect(names, func(n string) ([]byte, bool) { b, ok := all[n]; return b, ok }, func(n string) *File { return Scan(n, all[n]) })...)
	return &s
}

// canaries returns every word of a text that has the canary in it.
func canaries(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	})
}

// TestScan plants secrets, words with the canary, in each location that a repository has. Each must be masked in what a library
// could quote of it, in every encoding, and on its own line. Words with PLAIN are no secrets and must stay.
func TestScan(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"secret", "== a.yaml\napiVersion: v1\nkind: Secret\nmetadata:\n  name: PLAIN-name\n  namespace: PLAIN-space\n  labels:\n    app: PLAIN-label\ndata:\n  x: " + base64.StdEncoding.EncodeToString([]byte("CaNaRy-b64-1")) + "\nstringData:\n  foo: CaNaRy-1\n  \"bar\": \"CaNaRy-2\"\n  multi: |\n    CaNaRy-3\n    other CaNaRy-4\n  folded: >-\n    CaNaRy-5\n  list: [CaNaRy-6, {a: CaNaRy-7}]\n"},
		{"kind below", "== a.yaml\nstringData:\n  foo: CaNaRy-1\ndata: {x: CaNaRy-2}\nkind: Secret\n"},
		{"list", "== a.yaml\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Secret\n    data:\n      a: CaNaRy-1\n  - kind: ConfigMap\n    data:\n      a: PLAIN-value\n"},
		{"json", "== a.json\n{\"apiVersion\": \"v1\", \"kind\": \"Secret\",\n \"metadata\": {\"name\": \"PLAIN-name\"},\n \"stringData\": {\"a\": \"CaNaRy-1\",\n \"b\": [\"CaNaRy-2\"]}}\n"},
		{"two documents", "== a.yaml\nkind: ConfigMap\ndata:\n  a: PLAIN-value\n---\nkind: Secret\nstringData:\n  a: CaNaRy-1\n--- # more\nkind: ConfigMap\ndata:\n  b: PLAIN-other\n"},
		{"generator", "== k/kustomization.yaml\nsecretGenerator:\n- name: PLAIN-name\n  literals:\n  - password=CaNaRy-1\n  - CaNaRy-2\n  - \"x=CaNaRy-3\"\n  envs: [a.env]\n  files:\n  - key=b.txt\n  - sub/c.txt\n== k/a.env\nX=CaNaRy-4\n== k/b.txt\nCaNaRy-5\n== k/sub/c.txt\nfoo CaNaRy-6\n"},
		{"schema", "== c/values.schema.json\n{\"properties\": {\"auth\": {\n \"anyOf\": [{\"enum\": [\n  \"\"\n ]}, {\"pattern\": \"^[PLAIN]$\", \"type\": \"PLAIN\"}],\n \"description\": \"PLAIN words\"},\n \"password\": {\"type\": \"PLAIN-string\", \"minLength\": 8, \"default\": \"CaNaRy-1\", \"enum\": [\"CaNaRy-2\"], \"anyOf\": [{\"const\": \"CaNaRy-3\"}], \"examples\": [\"CaNaRy-4\"]}},\n \"required\": [\"password\", \"PLAIN-key\"]}\n== crd.yaml\nproperties:\n  authPass:\n    description: PLAIN words\n    default: CaNaRy-5\n    properties:\n      key:\n        description: PLAIN more\n  token: CaNaRy-6\n  credentials: {value: CaNaRy-7}\n"},
		{"variables", "== a.yaml\nkeys: [REDIS_PASSWORD, PLAIN_URL, API_TOKEN]\nmore:\n- MAIL_SECRET\n- PLAIN_URL\nargs: [--redis-password, CaNaRy-1, config, set, requirepass, CaNaRy-2]\n"},
		{"generator flow", "== kustomization.yaml\nsecretGenerator: [{name: PLAIN-name, literals: [a=CaNaRy-1, CaNaRy-2]}]\n"},
		{"configMapGenerator", "== kustomization.yaml\nconfigMapGenerator:\n- name: x\n  literals:\n  - REDIS_PASSWORD=CaNaRy-1\n  - a=PLAIN-value\n"},
		{"values", "== values.yaml\nredis:\n  password: CaNaRy-1\n  authPass: 'CaNaRy-2'\n  existingSecret: PLAIN-secret\n  existingSecretPasswordKey: PLAIN-key\n  token: \"CaNaRy-3\" # was CaNaRy-3\n  url: redis://user:CaNaRy-4@PLAIN-host:6379/0\n  image: PLAIN-image\n  accessKey: CaNaRy-5\n  credentials: {user: PLAIN-user, pass: CaNaRy-6, foo: CaNaRy-7}\n  clientSecret: CaNaRy-8\n  password2:\n    wrong: CaNaRy-9\n    list: [CaNaRy-10]\n"},
		{"env", "== a.yaml\nkind: Deployment\nspec:\n  env:\n  - name: REDIS_PASSWORD\n    value: CaNaRy-1\n  - value: \"CaNaRy-2\"\n    name: API_TOKEN\n  - {name: DB_PASS, value: CaNaRy-3}\n  - name: URL\n    value: rediss://:CaNaRy-4@PLAIN-host\n  - name: MODE\n    value: PLAIN-value\n  - name: REDIS_PASSWORD\n    valueFrom: {secretKeyRef: {name: PLAIN-secret, key: PLAIN-key}}\n  args: [--requirepass, CaNaRy-5, \"--masterauth CaNaRy-6\", --port, \"PLAIN-port\"]\n  command:\n  - redis-server\n  - --requirepass\n  - CaNaRy-7\n  - sh\n  - -c\n  - redis-cli -h PLAIN-host -a CaNaRy-8 ping\n  - exec redis-server --requirepass \"CaNaRy-9\"\n"},
		{"redis.conf", "== a.yaml\nkind: ConfigMap\nmetadata:\n  name: PLAIN-name\ndata:\n  redis.conf: |\n    maxmemory PLAIN-100\n    requirepass CaNaRy-1\n    masterauth \"CaNaRy-2\"\n    user default on >CaNaRy-3 ~* +@all\n    user app on #CaNaRy-4 ~PLAIN:*\n    sentinel auth-pass PLAIN-master CaNaRy-5\n  other: \"requirepass CaNaRy-6\\n\"\n"},
		{"customConfig", "== a.yaml\nkind: RedisFailover\nspec:\n  redis:\n    customConfig:\n    - requirepass CaNaRy-1\n    - \"masterauth CaNaRy-2\"\n    - 'user default on >CaNaRy-3 +@all'\n    - [requirepass, CaNaRy-4]\n  sentinel:\n    customConfig: [sentinel auth-pass PLAIN-master CaNaRy-5, \"auth-pass PLAIN-master CaNaRy-6\"]\n  auth: CaNaRy-7\n"},
		{"wrong auth", "== a.yaml\nkind: RedisFailover\nspec:\n  auth: [CaNaRy-1, {x: CaNaRy-2}]\n---\nkind: RedisFailover\nspec:\n  auth:\n    secretPath: PLAIN-secret\n    foo: CaNaRy-3\n---\nkind: Redis\nspec: {auth: CaNaRy-4}\n---\nkind: Redis\nspec:\n  auth: {secretPath: \"CaNaRy-5!x\"}\n"},
		{"argo", "== a.yaml\nkind: Application\nspec:\n  source:\n    helm:\n      parameters:\n      - name: redis.password\n        value: CaNaRy-1\n      - {name: auth.token, value: CaNaRy-2}\n      - name: image.tag\n        value: PLAIN-tag\n      values: |\n        redis:\n          password: CaNaRy-3\n          x: PLAIN-x\n      valuesObject:\n        password: CaNaRy-4\n"},
		{"flux", "== a.yaml\nkind: HelmRelease\nspec:\n  values:\n    auth:\n      enabled: true\n      password: CaNaRy-1\n---\nkind: Kustomization\nspec:\n  postBuild:\n    substitute:\n      redis_password: CaNaRy-2\n      size: PLAIN-size\n"},
		{"template literals", "== c/templates/a.yaml\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}-PLAIN\nstringData:\n  a: CaNaRy-1\n  b: {{ \"CaNaRy-2\" | quote }}\n  c: {{ .Values.x | default \"CaNaRy-3\" }}\n  d: pre-CaNaRy-4-{{ .Values.y }}\n---\nkind: Deployment\nspec:\n  env:\n  - name: REDIS_PASSWORD\n    value: {{ default \"CaNaRy-5\" .Values.z }}\n"},
		{"flow to a Secret", "== c/Chart.yaml\nname: c\n== c/templates/a.yaml\n{{- with .Values.db }}\nkind: Secret\nstringData:\n  a: {{ .word }}\n  b: {{ index $.Values.other \"deep\" | quote }}\n{{- end }}\n{{- range $k, $v := .Values.all }}\n  {{ $k }}: {{ $v }}\n{{- end }}\n{{- $x := .Values.via }}\n  c: {{ $x }}\n  d: {{ include \"c.pw\" . }}\n{{ toYaml .Values.whole | indent 2 }}\n== c/templates/_h.tpl\n{{- define \"c.pw\" -}}{{ .Values.named }}{{- end -}}\n== c/values.yaml\ndb:\n  word: CaNaRy-1\n  host: PLAIN-host\nother: {deep: CaNaRy-2}\nall:\n  one: CaNaRy-3\n  two: CaNaRy-4\nvia: CaNaRy-5\nnamed: CaNaRy-6\nwhole:\n  k: CaNaRy-7\n== c/values-prod.yaml\ndb: {word: CaNaRy-8}\n== apps/a.yaml\nkind: Application\nspec:\n  source:\n    helm:\n      values: |\n        db:\n          word: CaNaRy-9\n      parameters:\n      - name: db.word\n        value: CaNaRy-10\n"},
		{"flow to an env entry", "== c/templates/a.yaml\nkind: Deployment\nspec:\n  env:\n  - name: REDIS_PASSWORD\n    value: {{ .Values.db.word | quote }}\n  - name: X\n    value: redis://:{{ .Values.db.inurl }}@host\n  customConfig:\n  - requirepass {{ .Values.db.conf }}\n== c/values.yaml\ndb:\n  word: CaNaRy-1\n  inurl: CaNaRy-2\n  conf: CaNaRy-3\n  free: PLAIN-free\n"},
		{"aliases", "== a.yaml\nx: &pw CaNaRy-1\npassword: *pw\ny: &creds\n  a: CaNaRy-2\nkindof: PLAIN-kind\n---\nkind: Secret\nstringData:\n  <<: *creds\n---\npassword: *CaNaRy-3\n---\npassword: &p CaNaRy-4\n"},
		{"comments", "== a.yaml\n# password: CaNaRy-1\nx: 1 # PLAIN-comment\n#   - requirepass CaNaRy-2\n# token=CaNaRy-3 see PLAIN-docs\n# the password is PLAIN-word\n"},
		{"suppression", "== a.yaml\nkind: RedisFailover\nmetadata:\n  annotations:\n    ignore.redis-gitops.io/auth.secret-not-found: PLAIN-reason\n    other.io/auth.secret: CaNaRy-1\n# redis-gitops:ignore auth/secret-not-found -- PLAIN-comment\n"},
		{"broken", "== a.yaml\nkind: Secret\nmetadata:\n  name: PLAIN-name\nstringData:\n  foo: CaNaRy-1\n bar: \"CaNaRy-2\n\tbaz: CaNaRy-3\n  : CaNaRy-4\n  foo CaNaRy-5\n"},
		{"broken indentation", "== a.yaml\napiVersion: v1\n kind: Secret\nstringdata:\n  foo: CaNaRy-1\nfoo:\n- CaNaRy-2\n"},
		{"broken flow", "== a.yaml\nkind: Secret\nstringData: {a: CaNaRy-1, b: [CaNaRy-2\n"},
		{"unclosed quote", "== values.yaml\npassword: \"CaNaRy-1\n  CaNaRy-2\nx: PLAIN-x\n"},
		{"multi-line plain", "== values.yaml\npassword: CaNaRy-1\n  CaNaRy-2\nx: PLAIN-x\n"},
		{"duplicate", "== values.yaml\npassword: CaNaRy-1\npassword: CaNaRy-2\n"},
		{"configuration", "== .redis-gitops.yaml\ndefaults:\n  auth: CaNaRy-1\n  password: CaNaRy-2\noperator:\n  name: PLAIN-operator\n"},
		{"patch", "== kustomization.yaml\npatches:\n- target: {kind: Secret}\n  patch: |\n    - op: replace\n      path: /stringData/foo\n      value: CaNaRy-1\n    - op: add\n      path: /spec/redis/password\n      value: CaNaRy-2\n    - op: add\n      path: /spec/x\n      value: PLAIN-x\n"},
		{"merge patch", "== kustomization.yaml\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: PLAIN-name}\n    stringData: {a: CaNaRy-1}\n"},
		{"sealed", "== a.yaml\nkind: SealedSecret\nspec:\n  encryptedData:\n    a: PLAIN-sealed\n  template:\n    metadata: {name: PLAIN-name}\n    data:\n      a: CaNaRy-1\n---\nkind: ExternalSecret\nspec:\n  data:\n  - secretKey: PLAIN-key\n    remoteRef: {key: PLAIN-remote, property: password}\n  target:\n    template:\n      data:\n        a: \"CaNaRy-2\"\n"},
		{"crlf and bom", "== a.yaml\n\ufeffkind: Secret\r\nstringData:\r\n  a: CaNaRy-1\r\n"},
		{"applied", "== a.yaml\nkind: ConfigMap\nmetadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {\"kind\": \"Secret\", \"stringData\": {\"a\": \"CaNaRy-1\"}}\n"},
		{"escapes", "== values.yaml\npassword: \"CaNaRy-1\\\"x\\\\y\"\ntoken: 'CaNaRy-2''z 1'\nurl: redis://:CaNaRy-3%2F@host\n"},
		{"a Secret's name in values", "== c/values.yaml\nresources:\n  redis:\n    auth: PLAIN-name\n== c/templates/a.yaml\nkind: RedisFailover\nspec:\n  {{- with .Values.resources.redis.auth }}\n  auth:\n    secretPath: {{ . | quote }}\n  {{- end }}\n"},
		{"references", "== values.yaml\npassword: $(PLAIN_VAR)\nauth: existing:PLAIN-secret\nimagePullSecrets: [PLAIN-pull]\nsecretName: PLAIN-secret\ntokenSecretRef: {name: PLAIN-ref, key: PLAIN-key}\npasswordFile: /run/PLAIN/file\nvolumes:\n- name: x\n  secret: {secretName: PLAIN-name, items: [{key: PLAIN-key, path: PLAIN-path}]}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.ReplaceAll(tt.text, "PLAIN", "plain")
			s := collect(t, text)
			text += " CaNaRy-b64-1"
			if tt.name != "secret" {
				text = strings.TrimSuffix(text, " CaNaRy-b64-1")
			}
			for _, word := range canaries(text) {
				if !strings.Contains(word, canary) {
					continue
				}
				for _, quoted := range []string{
					word, strconv.Quote(word), "x" + word + "y", url.QueryEscape(word), base64.StdEncoding.EncodeToString([]byte(word)),
					base64.StdEncoding.EncodeToString([]byte("user:" + word + "\n")), base64.URLEncoding.EncodeToString([]byte("x" + word)),
				} {
					if got := s.Text("it has " + quoted + " there"); strings.Contains(got, quoted) || strings.Contains(got, canary) {
						t.Errorf("%s is shown: %s", word, got)
					}
				}
			}
			for _, word := range canaries(text) {
				if strings.HasPrefix(word, "plain") && word != "plain" {
					if got := s.Foreign("it has " + word + " there"); !strings.Contains(got, word) {
						t.Errorf("%s is masked: %s", word, got)
					}
				}
			}
			for name, content := range files(text) {
				for i, line := range strings.Split(strings.TrimPrefix(string(content), "\ufeff"), "\n") {
					shown := Without(line, s.Hide(s.File(name), i+1, line))
					if strings.Contains(shown, canary) {
						t.Errorf("%s:%d shows %s", name, i+1, shown)
					}
					for _, word := range canaries(line) {
						if strings.HasPrefix(word, "plain") && !strings.Contains(shown, word) {
							t.Errorf("%s:%d hides %s: %s", name, i+1, word, shown)
						}
					}
				}
			}
		})
	}
}

// TestLong: files of one long line, or of many short ones, take a time in proportion to their length. In proportion to its square, one of
// these would not end before the time of all tests.
func TestLong(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes six seconds")
	}
	for _, part := range []string{
		`{"a":1},`, `{"kind":"Secret","a":1},`, `["x",`, `{"a":{"b":[`, `"password":"s3cr3t",`, `a: b #`, `{{ .Values.a }}`, `\"a\":`, `://u:p@h `,
		"'", `"`, `&a *a `, "- a\n", "password:\n- b\n", "a: |\n  b\n", "{\n", "kind: List\n", "--- \n", "items:\n- kind: Secret\n",
	} {
		for _, around := range []string{"%s", "[%s]", "a: %s"} {
			text := strings.Replace(around, "%s", strings.Repeat(part, 300_000/len(part)), 1)
			Scan("values.yaml", []byte(text), "a.b")
		}
	}
}
