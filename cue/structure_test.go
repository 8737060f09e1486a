package cue

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"go.yaml.in/yaml/v3"
)

// What is derived from CUE must be what is embedded. UPDATE=1 writes it.
func TestStructure(t *testing.T) {
	t.Parallel()
	derive := map[string]func() (*derived, error){"config.json": deriveConfig}
	for _, name := range operatorNames() {
		derive["operator/"+name+"/structure.json"] = func() (*derived, error) { return deriveOperator(name) }
	}
	for name, derive := range derive {
		d, err := derive()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, err := d.encode()
		if err != nil {
			t.Fatal(err)
		}
		written := map[string][]byte{name: want}
		if d.Operator != nil {
			if written[path.Dir(name)+"/shapes.json"], err = d.Shapes.encode(); err != nil {
				t.Fatal(err)
			}
		}
		for name, want := range written {
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(name, want, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if got, err := files.ReadFile(name); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is stale (%v); run UPDATE=1 go test ./cue -run TestStructure, then UPDATE=1 go test ./cue", name, err)
			}
		}
	}
}

// What cannot be derived is an error, not a wider check.
func TestDeriveRefuses(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"=~\"a\" & strings.MaxRunes(3)", "!=3", "list.MaxItems(2)", "[...int] & list.MaxItems(2)"} {
		v := cuecontext.New().CompileString("import (\"strings\", \"list\")\nx: " + src + "\n_y: [strings.MaxRunes, list.MaxItems]")
		if err := v.Err(); err != nil {
			t.Fatal(err)
		}
		if n, err := newDeriver().derive(lookup(v, "x")); err == nil {
			t.Errorf("%s became shape %d", src, n)
		}
	}
}

// inCUE gives what CUE says about a resource. A context keeps what it has seen, so it is made anew now and then.
type inCUE struct {
	t       testing.TB
	version string
	schema  cue.Value
	used    int
}

func (o *inCUE) check(resource map[string]any) []Violation {
	if o.used%500 == 0 {
		v, err := compileFrom(readWithSchemas, "operator/spotahome/operator.cue", "operator/spotahome/schema.cue")
		if err == nil {
			o.schema, err = resourceSchema(v, o.version, operator(o.t).Kinds[0])
		}
		if err != nil {
			o.t.Fatal(err)
		}
	}
	o.used++
	var violations []Violation
	checkInCUE(o.schema, resource, nil, func(v Violation) { violations = append(violations, v) })
	slices.SortStableFunc(violations, func(a, b Violation) int { return slices.Compare(a.Path, b.Path) })
	return violations
}

// compareCheck fails when the check without CUE says something else than CUE. Only two messages may differ: that of an
// unknown key knows more, and a number out of range is called that.
func compareCheck(t *testing.T, name string, s *Schemas, oracle *inCUE, resource map[string]any) int {
	t.Helper()
	got, want := s.Check(resource), oracle.check(resource)
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		g, w := got[i], want[i]
		if g.Key || strings.Contains(g.Message, " is out of range; ") && strings.Contains(w.Message, " is not a whole number") {
			g.Message, w.Message = "", ""
		}
		same = slices.Equal(g.Path, w.Path) && g.Key == w.Key && g.Message == w.Message
	}
	if !same {
		text, _ := yaml.Marshal(resource)
		t.Errorf("%s, version %s:\n%s\ngot  %v\nCUE: %v", name, oracle.version, text, got, want)
	}
	return len(want)
}

// The check agrees with CUE on every public manifest, whatever fork of the operator it is for.
func TestCheckAgreesOnCorpus(t *testing.T) {
	t.Parallel()
	all := corpusResources(t)
	for _, version := range operator(t).Versions {
		s, oracle := schemas(t, version), &inCUE{t: t, version: version}
		documents, violations := 0, 0
		for name, resources := range all {
			for _, r := range resources {
				documents++
				violations += compareCheck(t, name, s, oracle, r)
			}
		}
		t.Logf("version %s: %d documents, %d violations", version, documents, violations)
	}
}

func corpusResources(t testing.TB) map[string][]map[string]any {
	t.Helper()
	all := map[string][]map[string]any{}
	err := fs.WalkDir(os.DirFS(corpus), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := os.ReadFile(corpus + "/" + name)
		if err != nil || !bytes.Contains(src, []byte("RedisFailover")) {
			return err
		}
		decoder := yaml.NewDecoder(bytes.NewReader(src))
		for {
			var r map[string]any
			if decoder.Decode(&r) != nil {
				return nil // a template, or no YAML
			}
			if r["kind"] == "RedisFailover" {
				r["apiVersion"] = "databases.spotahome.com/v1" // so that those of older operators count too
				all[name] = append(all[name], r)
			}
		}
	})
	if err != nil {
		t.Skip("no ../shared/corpus beside the repository")
	}
	return all
}

// Documents made at random from the structure, and then damaged: CUE and the check without it say the same.
func TestCheckAgreesOnRandomDocuments(t *testing.T) {
	t.Parallel()
	cases := 10_000
	if testing.Short() {
		cases = 1000
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, version := range operator(t).Versions {
		s, oracle := schemas(t, version), &inCUE{t: t, version: version}
		m := mutator{r, s.shapes()}
		root := s.kinds[operator(t).Kinds[0]]
		clean, violations := 0, 0
		for i := 0; i < cases/2 && !t.Failed(); i++ {
			doc := m.make(root, 0).(map[string]any)
			for range r.IntN(4) {
				m.damage(doc)
			}
			doc["apiVersion"], doc["kind"] = "databases.spotahome.com/v1", "RedisFailover"
			n := compareCheck(t, fmt.Sprintf("case %d", i), s, oracle, doc)
			violations += n
			if n == 0 {
				clean++
			}
		}
		t.Logf("version %s: %d cases, %d of them clean, %d violations", version, cases/2, clean, violations)
		if clean < cases/20 || violations < cases/20 {
			t.Errorf("version %s: %d clean cases and %d violations are too few to tell", version, clean, violations)
		}
	}
}

// mutator makes data that fits a shape, most of the time, and damages it.
type mutator struct {
	*rand.Rand
	shapes structure
}

func (m mutator) make(n, depth int) any {
	s := m.shapes[n]
	switch {
	case s.Kind == isAny || s.Kind&isStruct != 0 && s.Fields == nil && s.Each == nil:
		return map[string]any{}
	case s.Kind&isStruct != 0:
		out := map[string]any{}
		for _, name := range s.Required {
			out[name] = m.make(s.Fields[name], depth+1)
		}
		names := slices.Sorted(maps.Keys(s.Fields))
		for range min(len(names), 3+m.IntN(2)) {
			name := names[m.IntN(len(names))]
			if _, ok := out[name]; !ok && depth < 8 {
				out[name] = m.make(s.Fields[name], depth+1)
			}
		}
		if s.Each != nil {
			out["key"] = m.make(*s.Each, depth+1)
		}
		return out
	case s.Kind&isList != 0:
		list := make([]any, m.IntN(3))
		for i := range list {
			list[i] = m.make(*s.Each, depth+1)
		}
		return list
	}
	for range 20 {
		if value := m.scalar(); s.Fits.fits(value) {
			return value
		}
	}
	return nil
}

func (m mutator) scalar() any {
	all := []any{
		0, 1, -1, 3, 6379, int64(math.MaxInt32), int64(math.MaxInt32) + 1, int64(math.MinInt32), int64(math.MinInt32) - 1, int64(math.MaxInt64), uint64(math.MaxInt64) + 1,
		0.0, 0.5, 1.0, 1e9, 1e40, true, false, "", "x", "shop", "Shop.x", "3", "true", "100m", "1Gi", "100MB", "1.5 g", "1e3", ".5", "0.", "-1Ki",
		"databases.spotahome.com/v1", "RedisFailover", "line\nline", "ä", strings.Repeat("a", 48), strings.Repeat("a", 49), "-a", "a-",
	}
	return all[m.IntN(len(all))]
}

// damage changes one place: another value, an unknown or misspelt key, a key less, another kind.
func (m mutator) damage(doc map[string]any) {
	at := doc
	for m.IntN(6) > 0 { // go down
		var subs []map[string]any
		for _, key := range slices.Sorted(maps.Keys(at)) {
			switch value := at[key].(type) {
			case map[string]any:
				subs = append(subs, value)
			case []any:
				for _, item := range value {
					if sub, ok := item.(map[string]any); ok {
						subs = append(subs, sub)
					}
				}
			}
		}
		if len(subs) == 0 {
			break
		}
		at = subs[m.IntN(len(subs))]
	}
	keys := slices.Sorted(maps.Keys(at))
	if len(keys) == 0 {
		at["extra"] = m.scalar()
		return
	}
	key := keys[m.IntN(len(keys))]
	switch m.IntN(7) {
	case 0:
		at[key+"s"] = at[key]
		delete(at, key)
	case 1:
		delete(at, key)
	case 2:
		at[key] = map[string]any{"a": m.scalar()}
	case 3:
		at[key] = []any{m.scalar(), map[string]any{"name": m.scalar()}, nil, []any{}}
	case 4:
		at[key] = nil
	default:
		at[key] = m.scalar()
	}
}

// The configuration with and without CUE: the same problems, and the same values with defaults.
func TestConfigAgreesWithCUE(t *testing.T) {
	t.Parallel()
	d, err := readDerived("config.json")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	m := mutator{r, d.Shapes}
	var schema cue.Value
	right := 0
	for i := range 3000 {
		if i%500 == 0 {
			v, err := compile("config.cue", "layout.cue")
			if err != nil {
				t.Fatal(err)
			}
			schema = lookup(v, "#Config")
		}
		data := m.make(d.Config, 0).(map[string]any)
		for range r.IntN(3) {
			m.damage(data)
		}
		if i == 0 {
			data = map[string]any{}
		}
		data = withoutNil(data).(map[string]any)
		var want []Violation
		checkInCUE(schema, data, nil, func(v Violation) { want = append(want, v) })
		slices.SortStableFunc(want, func(a, b Violation) int { return slices.Compare(a.Path, b.Path) })
		got := d.Shapes.violations(d.Config, data)
		for i := range min(len(got), len(want)) {
			if got[i].Key && want[i].Key {
				got[i].Message, want[i].Message = "", ""
			}
			got[i].NoMapping, got[i].Meant, got[i].Suggestion = false, "", "" // CUE does not know them
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%v:\ngot  %v\nCUE: %v", data, got, want)
		}
		if len(want) > 0 {
			continue
		}
		right++
		c := &Config{doc: &document{data: data}}
		filled := d.Shapes.fill(d.Config, data, nil, func(v Violation) { t.Errorf("%v: %v", data, v) })
		if err := c.decode(filled); err != nil {
			t.Fatal(err)
		}
		var byCUE struct {
			Config
			Defaults struct {
				Profile string
				Auth    AuthDefault
			}
		}
		if err := schema.Unify(asValue(data)).Decode(&byCUE); err != nil {
			t.Fatal(err)
		}
		for name, rule := range byCUE.Rules { // of which CUE keeps no kinds of whole numbers
			rule.Options = c.Rules[name].Options
			byCUE.Rules[name] = rule
		}
		if c.Defaults.Profile != byCUE.Defaults.Profile || c.Defaults.Auth != byCUE.Defaults.Auth {
			t.Errorf("%v: defaults\ngot  %+v\nCUE: %+v", data, c.Defaults, byCUE.Defaults)
		}
		c.doc, c.Defaults = nil, Defaults{}
		if !reflect.DeepEqual(*c, byCUE.Config) {
			t.Errorf("%v:\ngot  %+v\nCUE: %+v", data, *c, byCUE.Config)
		}
	}
	if right < 300 {
		t.Errorf("only %d of 3000 configurations were right", right)
	}
}

// withoutNil leaves out what parseYAML leaves out, and empty items, which have a problem of their own.
func withoutNil(data any) any {
	switch data := data.(type) {
	case map[string]any:
		for key, value := range data {
			if data[key] = withoutNil(value); data[key] == nil {
				delete(data, key)
			}
		}
	case []any:
		data = slices.DeleteFunc(data, func(item any) bool { return item == nil })
		for i := range data {
			data[i] = withoutNil(data[i])
		}
		return data
	}
	return data
}
