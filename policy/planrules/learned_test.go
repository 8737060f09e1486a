package planrules

import (
	"maps"
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/policy"
)

// TestLearned: a machine that remembers what rules have read answers as one that knows nothing, on objects of all examples and on
// changed ones, where small changes are many.
func TestLearned(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := Engine{}.Compile(policy.Options{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	e := compiled.(*evaluator)
	rounds := 40
	if testing.Short() {
		rounds = 3
	}
	random := rand.New(rand.NewSource(17))
	asked, hits := 0, 0
	for _, shared := range rules {
		own := *shared // the other tests want it without examples
		rule := &own
		policy.Examples(rule)
		texts := []string{rule.Bad, rule.Good}
		for _, name := range slices.Sorted(maps.Keys(policy.Cases(rule))) {
			texts = append(texts, policy.Cases(rule)[name])
		}
		m := newMachine(e.plan)
		m.learned.tireless = true
		for _, text := range texts {
			for _, object := range objects(text) {
				for round := range rounds {
					if round > 0 {
						change(random, object)
					}
					v, err := (&pool{}).Value(object)
					if err != nil {
						t.Fatal(err)
					}
					input := of(v)
					kind, _ := dot(input, "kind").(string)
					entries := e.of(kind)
					got, err := m.run(t.Context(), entries, input, e.data)
					forgetful := newMachine(e.plan)
					forgetful.forgetful = true
					want, wantErr := forgetful.run(t.Context(), entries, input, e.data)
					if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) {
						t.Fatalf("%s: the rules find %+v, %v instead of %+v, %v in %v", rule.Name, got, err, want, wantErr, object)
					}
					asked += len(entries)
				}
			}
		}
		for _, k := range m.learned.rules {
			hits += k.hits
		}
	}
	t.Logf("%d evaluations, %d of them known", asked, hits)
	if hits < asked/4 {
		t.Error("that is too few to be of use")
	}
}

// objects are those of an example.
func objects(text string) []map[string]any {
	var out []map[string]any
	for _, file := range txtar.Parse([]byte(text)).Files {
		var object map[string]any
		if yaml.Unmarshal(file.Data, &object) == nil && object["kind"] != nil && object["apiVersion"] != nil {
			out = append(out, plainNumbers(object).(map[string]any))
		}
	}
	return out
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case map[string]any:
		for key, each := range v {
			v[key] = plainNumbers(each)
		}
	case []any:
		for i, each := range v {
			v[i] = plainNumbers(each)
		}
	case string, bool, float64, nil:
	default:
		return "other"
	}
	return v
}

// change changes one place of a value.
func change(random *rand.Rand, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 && random.Intn(8) > 0 {
			keys := slices.Sorted(maps.Keys(v))
			key := keys[random.Intn(len(keys))]
			if random.Intn(12) == 0 && key != "kind" {
				delete(v, key)
			} else if key != "kind" && key != "apiVersion" {
				v[key] = change(random, v[key])
			}
			return v
		}
	case []any:
		if len(v) > 0 && random.Intn(8) > 0 {
			i := random.Intn(len(v))
			switch random.Intn(8) {
			case 0:
				return slices.Delete(slices.Clone(v), i, i+1)
			case 1:
				return append(slices.Clone(v), v[i])
			}
			v[i] = change(random, v[i])
			return v
		}
	case string:
		if random.Intn(2) == 0 {
			return v + []string{"0", " ", "-x", "no", ":latest"}[random.Intn(5)]
		}
	}
	return []any{nil, "", "yes", "noeviction", int64(0), int64(3), true, false, "100mb", []any{}, map[string]any{}, []any{"save 60 1"},
		map[string]any{"name": "x", "image": "redis:7.0.0", "command": []any{"redis-server", "--port", "7000"}}, 1.5}[random.Intn(14)]
}
