package redact

import (
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// oneValue is a value behind a directive or flag: in quotes, or a word of which a quote may be left.
const oneValue = `"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["']?[^\s"',\]]+`

var (
	// passwordKey is a key whose value is a password, whatever it looks like.
	passwordKey = lazyregexp.New(`(?i)passw(or)?d|passphrase|requirepass|(master|primary)auth|auth[-_]?pass|sentinel[-_]?pass|`+
		`(^|[-_.])(pass|pwd|pw)($|[-_.])|authorization|bearer|dockerconfigjson|redis(cli)?_auth|connection[-_]?string`, "pass", "auth", "pw", "bearer", "dockerconfigjson", "connection")
	// camelPassword is the same where a capital parts the words.
	camelPassword = lazyregexp.New(`[a-z](Pass|Pwd|PW|Pw)($|[A-Z])`)
	// secretKey is a key whose value, or what is below it, is mostly secret.
	secretKey = lazyregexp.New(`(?i)token|secret|credential|cred(s)?$|(api|access|private|signing|encryption)[-_]?key|(^|[-_.])auth$`, "token", "secret", "cred", "key", "auth")
	// reference is a key that says where a secret is and holds none.
	reference = lazyregexp.New(`(?i)(secrets?|(secret|passw(or)?d|pass|token|credentials?|auth|cert)[-_]?(name|path|ref|refs|keyref|key|keys|file|files|filename|dir|store|storeref|selector|from|mount|mounts|volume|volumes|type|kind))$`, "secret", "pass", "token", "credential", "auth", "cert")
	// ownSecret is a key that ends as a reference does and holds a secret all the same.
	ownSecret = lazyregexp.New(`(?i)(client|app|application|jwt|shared|session|cookie|hmac|signing|webhook|api|consumer|encryption|oauth|oidc|saml)[-_]?secrets?$|(^|[-_.])passw(or)?d$`, "secret", "passw")
	// setting is a key about a secret that says how it is treated.
	setting = lazyregexp.New(`(?i)(enabled|seconds|ttl|length|size|interval|period|days|count|policy|expiry|expiration|rotation|automount\w*|usepassword|optional|required|create|generate|mode)$`)
	// objectName is what the name of a Secret, of a key in one, or of a file can be.
	objectName = lazyregexp.New(`^[a-z0-9]([-a-z0-9._]*[a-z0-9])?$`)
	filePath   = lazyregexp.New(`^(\.{0,2}|~)(/[\w.-]+)+/?$`)
	// holdsNone is a value that says where the secret comes from, or that there is none.
	holdsNone = lazyregexp.New(`^(true|false|yes|no|on|off|null|none|~|""|''|\{\}|\[\]|\$\([\w.-]+\)|\$\{[\w.-]+\}|\$[A-Z_][A-Z0-9_]*|<[\w -]+>|\*\*\*)$`)
	// authMethod is what our own values and configuration write for auth.
	authMethod = lazyregexp.New(`^(none|existing|sealed|external|existing:[a-z0-9.-]+)$`)
	quantity   = lazyregexp.New(`^[0-9]+(\.[0-9]+)?([a-zA-Z]{1,2}|ms)?$`)

	// directive is a word before a secret, in redis.conf, in arguments and in the lines of other tools.
	directive = lazyregexp.New(`(?i)(?:^|[\s"'\[,;(=-])(?:requirepass|masterauth|primaryauth|sentinel-pass|tls-key-file-pass|tls-client-key-file-pass|(?:sentinel\s+)?auth-pass\s+[^\s"',]+|--pass|--password|--auth|bearer|basic)["']?[\s,=:]+(`+oneValue+`)`, "pass", "auth", "bearer", "basic")
	// argument is what redis-cli and servers take after a short flag or command, where case matters.
	argument = lazyregexp.New(`(?:redis-cli|valkey-cli|keydb-cli)\b[^|;&\n]*?\s-a\s*(`+oneValue+`)|(?:^|[\s"'\[,;])AUTH["']?[\s,]+["']?(?:[^\s"',\]]+["']?[\s,]+["']?)??([^\s"',\]]+)["']?\s*(?:$|[;|&\]#])`, "-cli", "auth")
	// assignment is password=VALUE or password: VALUE inside of a text.
	assignment = lazyregexp.New(`(?i)([\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|(?:api|access|private)[-_]?key|requirepass|masterauth|redis(?:cli)?_auth)[\w.-]*|\b(?:pass|pwd|pw)\b)["']?\s*[:=]\s*("[^"]*"|'[^']*'|[^\s"',;&#]+)`, "pass", "secret", "token", "credential", "key", "auth", "pw")
	// aclRule is a password of a line of an ACL: the plain text or its SHA-256.
	aclRule = lazyregexp.New(`[\s"'\[,]([>#<!][^\s"',\]]+)`)
	aclLine = lazyregexp.New(`(?i)(^|[\s"'\[,])(user|setuser)["']?[\s,]`, "user")
	// loginAction is a login of a URL that a template fills in.
	loginAction = lazyregexp.New(`://[^\s"'@/{]*(\{\{[^}]*\}\}[^\s"'@/]*)@`)
	// flag is an argument of its own whose value is the next one. A word without dashes has to be a directive of Redis: lists of names
	// have "password" too.
	flag = lazyregexp.New(`(?i)^--?[\w-]*(passw(or)?d|passphrase|token|secret)$|^(--?[\w-]*)?(requirepass|masterauth|primaryauth|auth-pass|sentinel-pass)$|^(-a|--pass|--auth|AUTH)$`, "pass", "token", "secret", "auth", "-a")
	// schemaKeyword is a keyword of JSON Schema, or of CRDs, that holds no value of the property it describes; default, const, enum and
	// examples do.
	schemaKeyword = lazyregexp.New(`^(\$(schema|id|ref|anchor|comment)|title|description|type|format|pattern|required|nullable|deprecated|` +
		`(min|max|exclusiveMin|exclusiveMax)(imum|Length|Items|Properties)?|multipleOf|uniqueItems|readOnly|writeOnly|content(Encoding|MediaType)|x-kubernetes-[a-z-]+)$`)
	// fallback is the text that a template takes for a missing value, or puts into a variable.
	fallback = lazyregexp.New("(?:default|coalesce|:?=|ternary|b64enc|quote|print|printf)\\s*\\(?\\s*(\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)")
)

// ourWords are nouns of our own messages, of Kubernetes and of Redis, which a password may be and which tell nothing.
var ourWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`redis valkey sentinel master replica slave primary password passwd secret secrets token auth default
		true false null none admin user username root operator service deployment application cluster memory wrong user value values file name
		namespace port host data string number list mapping object limits requests spec kind chart template image version config
		required error warning info line key keys yaml helm kustomize write read set add remove give path text existing sealed external`) {
		m[w] = true
	}
	return m
}()

// structural are keys whose values every manifest has; names in them are never secret.
var structural = map[string]bool{"apiVersion": true, "name": true, "namespace": true, "kind": true, "type": true, "immutable": true, "metadata": true}

// naming are keys whose values are names.
var naming = map[string]bool{
	"apiVersion": true, "kind": true, "name": true, "namespace": true, "secretName": true, "secretPath": true, "secretKey": true,
	"existingSecret": true, "claimName": true, "serviceName": true, "app": true, "app.kubernetes.io/name": true, "app.kubernetes.io/instance": true,
	"chart": true, "repoURL": true, "targetNamespace": true, "releaseName": true,
}

// benign are keys below a secret one that hold no secret.
var benign = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`name key namespace enabled optional kind apiVersion type create annotations
		labels path mountPath subPath readOnly refreshInterval defaultMode items mode method store property version conversionStrategy decodingStrategy
		metadataPolicy creationPolicy deletionPolicy target remoteRef secretStoreRef secretRef secretKeyRef configMapRef configMapKeyRef valueFrom
		fieldRef fieldPath username user sentinel length engine role provider server region scope group`) {
		m[w] = true
	}
	return m
}()

// labels are keys that name what the value beside them is.
var labels = map[string]bool{"name": true, "path": true, "key": true, "param": true, "parameter": true, "property": true, "variable": true}

// labelled are keys whose value is named by the key beside them.
var labelled = map[string]bool{"value": true, "newValue": true, "default": true, "val": true, "stringValue": true, "content": true}

// suppression begins the annotations that suppress a rule, such as one about Secrets (finding.SuppressionPrefix).
const suppression = "ignore.redis-gitops.io/"

// isSecretKey reports whether the value of a key is secret; strong is for one that is whatever it looks like.
func isSecretKey(key string) (secret, strong bool) {
	if !suspicious(key) || strings.HasPrefix(key, suppression) {
		return false, false
	}
	if setting.MatchString(key) {
		return false, false
	}
	if passwordKey.MatchString(key) || camelPassword.MatchString(key) {
		return true, !reference.MatchString(key) || ownSecret.MatchString(key)
	}
	return secretKey.MatchString(key), ownSecret.MatchString(key)
}

// none reports whether a value is empty, says where the secret comes from, or says that there is none.
func none(value string) bool { return value == "" || holdsNone.MatchString(value) }

// refers reports whether a value, of a key that may be a reference, names something.
func refers(key, value string) bool {
	return reference.MatchString(key) && !ownSecret.MatchString(key) && (objectName.MatchString(value) || filePath.MatchString(value) || strings.Contains(value, "{{") && strings.Contains(value, "}}"))
}

// suspicious is a fast first look for text that has one of the words above.
func suspicious(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] | 0x20 {
		case 'p':
			if fold(s[i:], "pass") || fold(s[i:], "pw") || fold(s[i:], "privat") {
				return true
			}
		case 'a':
			if fold(s[i:], "auth") || fold(s[i:], "access") || fold(s[i:], "api") {
				return true
			}
		case 's':
			if fold(s[i:], "secret") || fold(s[i:], "signing") || fold(s[i:], "setuser") {
				return true
			}
		case 't':
			if fold(s[i:], "token") {
				return true
			}
		case 'u':
			if fold(s[i:], "user") {
				return true
			}
		case 'c':
			if fold(s[i:], "cred") || fold(s[i:], "cli") || fold(s[i:], "connection") {
				return true
			}
		case 'd':
			if fold(s[i:], "dockerc") {
				return true
			}
		case 'b':
			if fold(s[i:], "bearer") || fold(s[i:], "basic") {
				return true
			}
		case 'e':
			if fold(s[i:], "encryption") {
				return true
			}
		}
	}
	return false
}

// fold reports whether s begins with a word of small letters, in any case.
func fold(s, word string) bool {
	if len(s) < len(word) {
		return false
	}
	for i := 0; i < len(word); i++ {
		if s[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// password returns the secret of a login.
func password(login string) string {
	if _, after, ok := strings.Cut(login, ":"); ok {
		return after
	}
	return login
}

// userinfo returns the logins of URLs in a text that hold a password or token. What names a variable holds none.
func userinfo(text string) []Span {
	var spans []Span
	for at := 0; ; {
		i := strings.Index(text[at:], "://")
		if i < 0 {
			return spans
		}
		from := at + i + 3
		at = from
		end := from
		for end < len(text) {
			if strings.HasPrefix(text[end:], "{{") {
				if n := strings.Index(text[end:], "}}"); n >= 0 {
					end += n + 2
					continue
				}
			}
			if strings.IndexByte(" \t\r\n\"'`<>", text[end]) >= 0 || strings.HasPrefix(text[end:], "://") {
				break
			}
			end++
		}
		host := strings.LastIndexByte(text[from:end], '@')
		if host <= 0 || strings.HasPrefix(text[from+host:], "@sha256:") {
			continue
		}
		login := text[from : from+host]
		_, password, both := strings.Cut(login, ":")
		if !both {
			password = login
		}
		if password == "" || holdsNone.MatchString(password) || strings.HasPrefix(password, "{{") && strings.HasSuffix(password, "}}") && strings.Count(password, "{{") == 1 || !both && login == "git" {
			continue
		}
		spans = append(spans, Span{from, from + host})
	}
}
