package render

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/sprig/v3"
	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// makeFunctions returns what templates may call: sprig's functions and Helm's, without what reads the machine or the network, with
// a fixed result for what depends on time or chance, and with bounds.
func (e *engine) makeFunctions() template.FuncMap {
	f := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv"} {
		delete(f, name)
	}
	// Not in Go's list of builtins for the parser, but they multiply text as others do.
	f["print"] = fmt.Sprint
	f["println"] = fmt.Sprintln
	f["html"] = template.HTMLEscaper
	f["js"] = template.JSEscaper
	f["urlquery"] = template.URLQueryEscaper
	maps.Copy(f, template.FuncMap{
		"toToml":        toTOML,
		"mustToToml":    func(v any) string { return must(toml.Marshal(v)) },
		"fromToml":      fromTOML,
		"toYaml":        toYAML,
		"mustToYaml":    func(v any) string { return strings.TrimSuffix(must(yaml.Marshal(v)), "\n") },
		"toYamlPretty":  toYAMLPretty,
		"fromYaml":      fromYAML,
		"fromYamlArray": fromYAMLArray,
		"toJson":        toJSON,
		"mustToJson":    func(v any) string { return must(json.Marshal(v)) },
		"fromJson":      fromJSON,
		"fromJsonArray": fromJSONArray,
		"lookup":        func(_, _, _, _ string) (map[string]any, error) { return map[string]any{}, nil },
		"getHostByName": func(string) string { return "" },
		"required":      required,
		"fail":          func(message string) (string, error) { return "", errors.New(message) },
		"include":       e.include,
		"tpl":           e.tpl,
	})
	maps.Copy(f, durations)
	maps.Copy(f, fixed)
	e.bound(f)
	return f
}

func must(text []byte, err error) string {
	if err != nil {
		panic(err) // text/template makes an error of it
	}
	return string(text)
}

func required(warning string, v any) (any, error) {
	if s, ok := v.(string); v == nil || ok && s == "" {
		return nil, errors.New(warning)
	}
	return v, nil
}

// The functions to and from YAML, JSON and TOML do not fail, as Helm's do not: they give nothing, or the error as data.

func toYAML(v any) string {
	text, err := yaml.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func toYAMLPretty(v any) string {
	var b bytes.Buffer
	encoder := yamlv3.NewEncoder(&b)
	encoder.SetIndent(2)
	if encoder.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func fromYAML(s string) map[string]any {
	m := map[string]any{}
	if err := yaml.Unmarshal([]byte(s), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func fromYAMLArray(s string) []any {
	list := []any{}
	if err := yaml.Unmarshal([]byte(s), &list); err != nil {
		return []any{err.Error()}
	}
	return list
}

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

func fromJSON(s string) map[string]any {
	m := map[string]any{}
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func fromJSONArray(s string) []any {
	list := []any{}
	if err := json.Unmarshal([]byte(s), &list); err != nil {
		return []any{err.Error()}
	}
	return list
}

func toTOML(v any) string {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(v); err != nil {
		return err.Error()
	}
	return b.String()
}

func fromTOML(s string) (map[string]any, error) {
	m := map[string]any{}
	if deepTOML(s) {
		return nil, errDeep
	}
	if err := toml.Unmarshal([]byte(s), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m, nil
}

// durations are Helm's functions over lengths of time; a number is one of seconds.
var durations = template.FuncMap{
	"mustToDuration": func(v any) time.Duration {
		d, err := duration(v)
		if err != nil {
			panic(err)
		}
		return d
	},
	"durationSeconds":      func(v any) float64 { return orZero(v).Seconds() },
	"durationMilliseconds": func(v any) int64 { return orZero(v).Milliseconds() },
	"durationMicroseconds": func(v any) int64 { return orZero(v).Microseconds() },
	"durationNanoseconds":  func(v any) int64 { return orZero(v).Nanoseconds() },
	"durationMinutes":      func(v any) float64 { return orZero(v).Minutes() },
	"durationHours":        func(v any) float64 { return orZero(v).Hours() },
	"durationDays":         func(v any) float64 { return orZero(v).Hours() / 24 },
	"durationWeeks":        func(v any) float64 { return orZero(v).Hours() / 24 / 7 },
	"durationRoundTo":      func(v, to any) time.Duration { return orZero(v).Round(orZero(to)) },
	"durationTruncateTo":   func(v, to any) time.Duration { return orZero(v).Truncate(orZero(to)) },
}

func orZero(v any) time.Duration {
	d, err := duration(v)
	if err != nil {
		return 0
	}
	return d
}

func duration(v any) (time.Duration, error) {
	seconds := func(n float64) (time.Duration, error) {
		if nanos := n * float64(time.Second); math.Abs(nanos) < math.MaxInt64 {
			return time.Duration(nanos), nil
		}
		return 0, fmt.Errorf("invalid duration of %v seconds", n)
	}
	switch v := v.(type) {
	case time.Duration:
		return v, nil
	case string:
		text := strings.TrimSpace(v)
		if d, err := time.ParseDuration(text); err == nil {
			return d, nil
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("invalid duration %q", v)
		}
		return seconds(n)
	}
	switch n := reflect.ValueOf(v); {
	case n.CanInt():
		if s := n.Int(); s <= math.MaxInt64/int64(time.Second) && s >= math.MinInt64/int64(time.Second) {
			return time.Duration(s) * time.Second, nil
		}
	case n.CanUint():
		if s := n.Uint(); s <= math.MaxInt64/uint64(time.Second) {
			return time.Duration(s) * time.Second, nil
		}
	case n.CanFloat():
		return seconds(n.Float())
	}
	return 0, fmt.Errorf("invalid duration %v", v)
}

// certificate has the fields of what sprig's functions for certificates give.
type certificate struct{ Cert, Key string }

const (
	placeholderCert = "-----BEGIN CERTIFICATE-----\nbWFkZSBieSB0aGUgY2hhcnQ=\n-----END CERTIFICATE-----\n"
	placeholderKey  = "-----BEGIN PRIVATE KEY-----\nbWFkZSBieSB0aGUgY2hhcnQ=\n-----END PRIVATE KEY-----\n"
)

// fixed replaces what depends on time and chance, so that the same repository always gives the same resources, and
// saves the time that making real keys takes.
var fixed = template.FuncMap{
	"now":            func() time.Time { return time.Unix(0, 0).UTC() },
	"ago":            func(any) string { return "0s" },
	"randAlphaNum":   func(n int) (string, error) { return placeholder('a', n) },
	"randAlpha":      func(n int) (string, error) { return placeholder('a', n) },
	"randAscii":      func(n int) (string, error) { return placeholder('a', n) },
	"randNumeric":    func(n int) (string, error) { return placeholder('1', n) },
	"randBytes":      func(n int) (string, error) { return placeholder('A', (n+2)/3*4) },
	"randInt":        func(low, _ int) int { return low },
	"shuffle":        func(s string) string { return s },
	"uuidv4":         func() string { return "00000000-0000-4000-8000-000000000000" },
	"bcrypt":         func(string) string { return "$2a$10$" + strings.Repeat("a", 53) },
	"htpasswd":       func(user, _ string) string { return user + ":$2a$10$" + strings.Repeat("a", 53) },
	"encryptAES":     func(_, _ string) (string, error) { return "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", nil },
	"genPrivateKey":  func(string) string { return placeholderKey },
	"derivePassword": func(_ uint32, _, _, _, _ string) string { return "Aaaa1aaaaaaaaa" },
	"genCA":          func(string, int) (certificate, error) { return certificate{placeholderCert, placeholderKey}, nil },
	"genCAWithKey": func(string, int, string) (certificate, error) {
		return certificate{placeholderCert, placeholderKey}, nil
	},
	"genSelfSignedCert": func(string, []any, []any, int) (certificate, error) {
		return certificate{placeholderCert, placeholderKey}, nil
	},
	"genSelfSignedCertWithKey": func(string, []any, []any, int, string) (certificate, error) {
		return certificate{placeholderCert, placeholderKey}, nil
	},
	"genSignedCert": func(string, []any, []any, int, certificate) (certificate, error) {
		return certificate{placeholderCert, placeholderKey}, nil
	},
	"genSignedCertWithKey": func(string, []any, []any, int, certificate, string) (certificate, error) {
		return certificate{placeholderCert, placeholderKey}, nil
	},
	"buildCustomCert": func(cert, key string) (certificate, error) { return certificate{cert, key}, nil },
}

func placeholder(c byte, n int) (string, error) {
	if err := count(n); err != nil {
		return "", err
	}
	return strings.Repeat(string(rune(c)), n), nil
}

// count refuses a list or text that one call would make too long.
func count(n int) error {
	if n < 0 || n > maxCount {
		return errStopped(fmt.Sprintf("stopped: list or string with %d elements exceeds the limit of %d", n, maxCount))
	}
	return nil
}

// product refuses a text of a times b bytes that is too long, without making it.
func product(a, b int) error {
	if a > 0 && b > maxOutput/a {
		return errStopped(fmt.Sprintf("stopped: string over %d MiB", maxOutput>>20))
	}
	return nil
}

var wideVerb = lazyregexp.New(`%[^%a-zA-Z]*([0-9]{4,}|\*)`)

// bound puts limits around every function that makes text or lists: a template is a program that a stranger may have
// written, and text/template does not count what its functions use.
func (e *engine) bound(f template.FuncMap) {
	e.boundNumbers(f)
	e.boundText(f)
	e.boundPatterns(f)
	e.boundMappings(f)
	for name, fn := range f {
		f[name] = e.wrap(fn)
	}
}

// boundNumbers limits the lists of numbers.
func (e *engine) boundNumbers(f template.FuncMap) {
	until := f["untilStep"].(func(int, int, int) []int)
	f["untilStep"] = func(start, stop, step int) ([]int, error) {
		if step == 0 {
			return nil, nil
		}
		if n := (stop - start) / step; n >= 0 {
			if err := count(n); err != nil {
				return nil, err
			}
		}
		return until(start, stop, step), nil
	}
	f["until"] = func(stop int) ([]int, error) {
		if err := count(max(stop, -stop)); err != nil {
			return nil, err
		}
		if stop < 0 {
			return until(0, stop, -1), nil
		}
		return until(0, stop, 1), nil
	}
	seq := f["seq"].(func(...int) string)
	f["seq"] = func(params ...int) (string, error) {
		start, stop, step := 1, 0, 1
		switch len(params) {
		case 1:
			stop = params[0]
		case 2:
			start, stop = params[0], params[1]
		case 3:
			start, step, stop = params[0], params[1], params[2]
		}
		if err := count(max(stop-start, start-stop) / max(step, -step, 1)); err != nil {
			return "", err
		}
		return e.text(seq(params...))
	}
}

// boundText limits the functions that make long texts of short ones.
func (e *engine) boundText(f template.FuncMap) {
	f["repeat"] = func(n int, s string) (string, error) {
		if err := errors.Join(count(n), count(n*max(1, len(s)))); err != nil {
			return "", err.(interface{ Unwrap() []error }).Unwrap()[0]
		}
		return e.text(strings.Repeat(s, n))
	}
	for _, name := range []string{"indent", "nindent"} {
		inner := f[name].(func(int, string) string)
		f[name] = func(n int, s string) (string, error) {
			if err := product(max(n, 0), strings.Count(s, "\n")+1); err != nil {
				return "", err
			}
			if n < 0 {
				return "", fmt.Errorf("invalid number of spaces %d; use 0 or more", n)
			}
			return e.text(inner(n, s))
		}
	}
	join := f["join"].(func(string, any) string)
	f["join"] = func(separator string, v any) (string, error) {
		if list := reflect.ValueOf(v); list.IsValid() && (list.Kind() == reflect.Slice || list.Kind() == reflect.Array) {
			if err := product(list.Len(), len(separator)); err != nil {
				return "", err
			}
		}
		return e.text(join(separator, v))
	}
	wrapWith := f["wrapWith"].(func(int, string, string) string)
	f["wrapWith"] = func(n int, separator, s string) (string, error) {
		if err := product(len(s)/max(n, 1)+1, len(separator)); err != nil {
			return "", err
		}
		return e.text(wrapWith(n, separator, s))
	}
	f["printf"] = func(format string, args ...any) (string, error) {
		if wideVerb.MatchString(format) {
			if err := product(strings.Count(format, "%"), 1_000_000); err != nil { // the widest that fmt takes
				return "", err
			}
		}
		return e.text(fmt.Sprintf(format, args...))
	}
}

// boundPatterns limits the functions that put a text in the place of others.
func (e *engine) boundPatterns(f template.FuncMap) {
	replace := f["replace"].(func(string, string, string) string)
	f["replace"] = func(from, to, s string) (string, error) {
		if err := product(strings.Count(s, from), len(to)); err != nil {
			return "", err
		}
		return e.text(replace(from, to, s))
	}
	for _, name := range []string{"regexReplaceAll", "regexReplaceAllLiteral"} {
		inner := f[name].(func(string, string, string) string)
		f[name] = func(re, s, to string) (string, error) {
			if err := product(len(s)+1, len(to)); err != nil {
				return "", err
			}
			return e.text(inner(re, s, to))
		}
		innerMust := f[mustName(name)].(func(string, string, string) (string, error))
		f[mustName(name)] = func(re, s, to string) (string, error) {
			if err := product(len(s)+1, len(to)); err != nil {
				return "", err
			}
			return innerMust(re, s, to)
		}
	}
}

// boundMappings keeps mappings from holding themselves.
func (e *engine) boundMappings(f template.FuncMap) {
	set := f["set"].(func(map[string]any, string, any) map[string]any)
	f["set"] = func(d map[string]any, key string, v any) (map[string]any, error) {
		if err := e.holds(v, d); err != nil {
			return nil, err
		}
		return set(d, key, v), nil
	}
	noneHolds := func(d map[string]any, more []map[string]any) error {
		for _, m := range more {
			if err := e.holds(m, d); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range []string{"merge", "mergeOverwrite"} {
		inner := f[name].(func(map[string]any, ...map[string]any) any)
		f[name] = func(d map[string]any, more ...map[string]any) (any, error) {
			if err := noneHolds(d, more); err != nil {
				return nil, err
			}
			return inner(d, more...), nil
		}
		innerMust := f[mustName(name)].(func(map[string]any, ...map[string]any) (any, error))
		f[mustName(name)] = func(d map[string]any, more ...map[string]any) (any, error) {
			if err := noneHolds(d, more); err != nil {
				return nil, err
			}
			return innerMust(d, more...)
		}
	}
}

// mustName is the name of the variant of a function that returns an error.
func mustName(name string) string { return "must" + strings.ToUpper(name[:1]) + name[1:] }

// wrap counts the text that a function makes, and the parts of the lists and mappings that it puts together.
func (e *engine) wrap(fn any) any {
	switch f := fn.(type) {
	case func(string) string:
		return func(a string) (string, error) { return e.text(f(a)) }
	case func(string, string) string:
		return func(a, b string) (string, error) { return e.text(f(a, b)) }
	case func(string, string, string) string:
		return func(a, b, c string) (string, error) { return e.text(f(a, b, c)) }
	case func(int, string) string:
		return func(a int, b string) (string, error) { return e.text(f(a, b)) }
	case func(any) string:
		return func(a any) (string, error) { return e.text(f(a)) }
	case func(...any) string:
		return func(a ...any) (string, error) { return e.text(f(a...)) }
	case func(...any) []any:
		return func(a ...any) ([]any, error) { l := f(a...); return l, e.holds(l, nil) }
	case func(any, any) []any:
		return func(a, b any) ([]any, error) { l := f(a, b); return l, e.holds(l, nil) }
	case func(any, any) ([]any, error):
		return func(a, b any) ([]any, error) {
			l, err := f(a, b)
			if err != nil {
				return nil, err
			}
			return l, e.holds(l, nil)
		}
	case func(...any) any:
		return func(a ...any) (any, error) { v := f(a...); return v, e.holds(v, nil) }
	case func(int, any) [][]any:
		return func(n int, a any) ([][]any, error) { l := f(n, a); return l, e.holds(l, nil) }
	case func(int, any) ([][]any, error):
		return func(n int, a any) ([][]any, error) {
			l, err := f(n, a)
			if err != nil {
				return nil, err
			}
			return l, e.holds(l, nil)
		}
	case func(...any) map[string]any:
		return func(a ...any) (map[string]any, error) { m := f(a...); return m, e.holds(m, nil) }
	}
	return fn
}

// text counts what functions make: many texts below the limit of one would fill the memory as well.
func (e *engine) text(s string) (string, error) {
	if e.made += len(s); len(s) > maxOutput {
		return "", errStopped(fmt.Sprintf("stopped: string over %d MiB", maxOutput>>20))
	} else if e.made > maxMade {
		return "", errStopped(fmt.Sprintf("stopped: its functions create more than %d MiB of text", maxMade>>20))
	}
	return s, nil
}

func newEngine() *engine {
	e := &engine{texts: map[*byte]int32{}, levels: map[uintptr]int32{}, used: template.FuncMap{}}
	e.functions = e.makeFunctions()
	e.known = maps.Clone(map[string]any(e.functions))
	for _, name := range []string{"and", "call", "index", "slice", "len", "not", "or", "eq", "ge", "gt", "le", "lt", "ne"} {
		e.known[name] = name // the parser asks for the names alone
	}
	return e
}

// engines keeps them for the next target.
var engines = sync.Pool{New: func() any { return newEngine() }}

// startEngine returns an engine for one target. Its stop gives it back.
func startEngine(ctx context.Context, timeout time.Duration, parsed *Parsed) *engine {
	if timeout <= 0 {
		timeout = maxTime
	}
	e := engines.Get().(*engine)
	e.ctx, e.deadline, e.parsed = ctx, time.Now().Add(timeout), parsed
	e.set = template.New("gotpl").Option("missingkey=zero")
	return e
}

func (e *engine) stop() {
	e.parsed.giveBack(e.taken)
	clear(e.taken)
	e.taken = e.taken[:0]
	e.ctx, e.set, e.sources, e.parsed = nil, nil, nil, nil
	clear(e.pieces)
	e.pieces = e.pieces[:0]
	clear(e.texts)
	clear(e.used)
	clear(e.levels)
	e.ticks, e.written, e.made, e.calls, e.tpls, e.loops = 0, 0, 0, 0, 0, 0
	engines.Put(e)
}
