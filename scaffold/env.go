package scaffold

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// envItem is an item of an env list, taken apart into its comment and its mapping.
type envItem struct {
	comment string // whole lines
	mapping string // the item without its dash, still aligned: "  { name: A, value: b }\n"
}

func newEnvItem(text string) envItem {
	var it envItem
	for _, l := range strings.SplitAfter(text, "\n") {
		if it.mapping == "" && (isComment(l) || strings.TrimSpace(l) == "") {
			it.comment += l
			continue
		}
		it.mapping += l
	}
	it.mapping = strings.Replace(it.mapping, "- ", "  ", 1)
	return it
}

func (it envItem) text() string {
	return it.comment + strings.Replace(it.mapping, "  ", "- ", 1)
}

func (it envItem) get(key string) string {
	var m map[string]any
	if yaml.Unmarshal([]byte(it.mapping), &m) != nil {
		return ""
	}
	s, _ := m[key].(string)
	return s
}

func (it *envItem) set(key, value string) error {
	out, _, err := yamledit.SetScalar([]byte(it.mapping), []string{key}, quoteLike(it.mapping, it.get(key), value))
	if err != nil {
		return err
	}
	it.mapping = string(out)
	return nil
}

// quoteLike writes value with double quotes where old had them or where the value needs them inside a flow mapping.
func quoteLike(text, old, value string) string {
	if strings.Contains(text, `"`+old+`"`) || strings.ContainsAny(value, "{}[],:&*#?|<>=!%@$'\"") {
		return doubleQuoted(value)
	}
	return value
}

// doubleQuoted writes a string that has no control characters in double quotes.
func doubleQuoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// envRequest is what decides how the env entries of a generator's example are written.
type envRequest struct {
	suffix    string            // "-cache"
	namespace string            // "" when unknown
	local     bool              // hosts name no namespace
	names     map[string]string // names that the user wants: REDIS_URL to CACHE_URL
	secret    string            // the Secret of the password, or ""
	secretKey string            // its key

	passwordName string // of the entry with the password; "" is REDIS_PASSWORD

	ownSecret   string            // the Secret of the operator, which the example names
	tls         bool              // clients connect with TLS
	sentinelKey string            // the key of the Secret with the password of the sentinels, or ""
	urls        map[string]string // URLs of the example to replace, such as one that lists another number of sentinels
}

// rewriteEnv makes the env entries of an example fit the request:
//   - With a suffix, names get it (REDIS_URL becomes REDIS_CACHE_URL), because a second REDIS_URL in one list would win or
//     lose by its place alone.
//   - .default.svc becomes the namespace that the application really has.
//   - With a Secret, the password's entry comes before the URL that uses it: Kubernetes expands $(NAME) only backwards.
//   - Where the sentinels ask for a password too, its entry comes before their URL.
func rewriteEnv(items []entry, r envRequest) ([]entry, error) {
	r.passwordName = cmp.Or(r.passwordName, "REDIS_PASSWORD")
	if err := checkEnv(items, r); err != nil {
		return nil, err
	}
	renamed := map[string]string{}
	for _, e := range items {
		renamed[e.key] = envName(e.key, r)
	}
	var out []entry
	var password, sentinelPassword string
	ask := func(name, key string) string {
		name = envName(name, r)
		out = append(out, entry{key: name, text: "- { name: " + name + ", valueFrom: { secretKeyRef: { name: " + r.secret + ", key: " + key + " } } }\n"})
		return name
	}
	listed := slices.ContainsFunc(items, func(e entry) bool { return e.key == "REDIS_SENTINEL_PASSWORD" })
	for _, e := range items {
		it := newEnvItem(e.text)
		value := it.get("value")
		if value == "" && r.secret != "" && r.ownSecret != "" {
			it.mapping = strings.Replace(it.mapping, "secretKeyRef: { name: "+r.ownSecret+",", "secretKeyRef: { name: "+r.secret+",", 1)
		}
		if value != "" {
			changed := reference.ReplaceAllStringFunc(value, func(ref string) string {
				if to, ok := renamed[ref[2:len(ref)-1]]; ok {
					return "$(" + to + ")"
				}
				return ref
			})
			if to := r.urls[changed]; to != "" {
				changed = to
			}
			switch {
			case r.local:
				changed = strings.ReplaceAll(changed, ".default.svc", "")
			case r.namespace != "" && r.namespace != "default":
				changed = strings.ReplaceAll(changed, ".default.svc", "."+r.namespace+".svc")
			}
			if to := r.urls[changed]; to != "" {
				changed = to
			}
			if r.secret != "" && plainRedisURL.MatchString(changed) {
				if password == "" {
					password = ask(r.passwordName, r.secretKey)
				}
				changed = strings.Replace(changed, "redis://", "redis://:$("+password+")@", 1)
			}
			if rest, plain := strings.CutPrefix(changed, "redis://"); plain && r.tls {
				changed = "rediss://" + rest
			}
			if r.sentinelKey != "" && !listed && strings.HasPrefix(changed, "redis-sentinel://") && sentinelPassword == "" {
				sentinelPassword = ask("REDIS_SENTINEL_PASSWORD", r.sentinelKey)
			}
			if changed != value {
				if err := it.set("value", changed); err != nil {
					return nil, err
				}
			}
		}
		name := e.key
		if to := renamed[e.key]; to != e.key && e.key != "" {
			if err := it.set("name", to); err != nil {
				return nil, err
			}
			name = to
		}
		out = append(out, entry{key: name, text: it.text()})
	}
	return out, nil
}

// checkEnv refuses names that the user asked for and that cannot be.
func checkEnv(items []entry, r envRequest) error {
	var problems finding.Problems
	var offered []string
	for _, e := range items {
		if e.key != "" {
			offered = append(offered, e.key)
		}
	}
	if r.secret != "" && !slices.Contains(offered, r.passwordName) {
		offered = append(offered, r.passwordName)
	}
	if r.sentinelKey != "" && !slices.Contains(offered, "REDIS_SENTINEL_PASSWORD") {
		offered = append(offered, "REDIS_SENTINEL_PASSWORD")
	}
	taken := map[string]string{}
	for _, from := range offered {
		to := envName(from, r)
		if first, ok := taken[to]; ok {
			problems = append(problems, finding.Errorf(finding.Position{File: "--env"}, "", "%s and %s would both be named %s; rename one of them", first, from, to))
		}
		taken[to] = from
	}
	for _, from := range sortedKeys(r.names) {
		switch to := r.names[from]; {
		case !slices.Contains(offered, from):
			problems = append(problems, finding.Errorf(finding.Position{File: "--env"}, "", "the generator has no environment variable %q; %s%s", from, finding.OneOf(offered), finding.DidYouMean(from, offered)))
		case !environmentName.MatchString(to):
			problems = append(problems, finding.Errorf(finding.Position{File: "--env"}, "", "invalid environment variable name %q; use letters, digits and _", to))
		}
	}
	return problems.Err()
}

var (
	environmentName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`) // what every shell can read

	reference     = lazyregexp.New(`\$\([A-Za-z0-9_]+\)`)
	plainRedisURL = lazyregexp.New(`^redis://[^@]*$`)
)

// envName returns the name of an env entry: the one the user chose, else the generator's with the suffix before its last word.
func envName(name string, r envRequest) string {
	if to, ok := r.names[name]; ok {
		return to
	}
	middle := strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(r.suffix, "-"), "-", "_"))
	if middle == "" || name == "" || strings.Contains("_"+name+"_", "_"+middle+"_") {
		return name
	}
	if i := strings.LastIndexByte(name, '_'); i > 0 {
		return name[:i] + "_" + middle + name[i:]
	}
	return name + "_" + middle
}
