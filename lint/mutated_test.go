package lint_test

import (
	"bytes"
	"math/rand"
	"path"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
)

// TestMutated: whatever stands in the place of a value that a rule reads, no rule fails. Every example of every rule is checked with one
// node of one of its files replaced by something of another type.
func TestMutated(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	random := rand.New(rand.NewSource(7))
	checked := 0
	for _, rule := range rules {
		policy.Examples(rule)
		for range rounds {
			for _, example := range []string{rule.Bad, rule.Good} {
				files := repository(txtar.Parse([]byte(example)))
				where := retype(random, files)
				if where == "" {
					continue
				}
				checked++
				r, config := open(t, files)
				res, err := lint.Run(t.Context(), r, lint.Options{Config: config, Strict: true, Today: today, Compiled: &compiled})
				if err != nil {
					t.Fatalf("%s: %s: %v", rule.Name, where, err)
				}
				if len(res.Failures) > 0 {
					t.Errorf("%s: %s:\n%s\n%v", rule.Name, where, txtar.Format(&txtar.Archive{Files: files}), res.Failures)
				}
			}
		}
	}
	if checked < 300*rounds {
		t.Errorf("only %d were checked", checked)
	}
}

// retype changes one node of one YAML file of the files, and says of which; "" if there is none.
func retype(random *rand.Rand, files []txtar.File) string {
	for _, i := range random.Perm(len(files)) {
		f := &files[i]
		if ext := path.Ext(f.Name); ext != ".yaml" && ext != ".yml" || strings.HasPrefix(f.Name, ".") || path.Base(f.Name) == "Chart.yaml" || bytes.Contains(f.Data, []byte("{{")) {
			continue
		}
		var documents []*yaml.Node
		decoder := yaml.NewDecoder(bytes.NewReader(f.Data))
		for {
			var d yaml.Node
			if decoder.Decode(&d) != nil {
				break
			}
			documents = append(documents, &d)
		}
		var nodes []*yaml.Node
		for _, d := range documents {
			nodes = append(nodes, inner(d)...)
		}
		if len(nodes) == 0 {
			continue
		}
		n := nodes[random.Intn(len(nodes))]
		others := []string{"null", `""`, "[]", "{}", "[1, null, {a: b}]", "{a: [b], name: {c: 1}}", "true", "-1", "99999999999999999999", "1.5", `"a\nb: c"`, `"%s"`, `"ü 𝄞 \u0001"`, "[[[]]]"}
		text := others[random.Intn(len(others))]
		var other yaml.Node
		if err := yaml.Unmarshal([]byte(text), &other); err != nil {
			return ""
		}
		*n = *other.Content[0]
		var out bytes.Buffer
		encoder := yaml.NewEncoder(&out)
		for _, d := range documents {
			if encoder.Encode(d) != nil {
				return ""
			}
		}
		f.Data = out.Bytes()
		return f.Name + " with " + text
	}
	return ""
}

// inner returns the nodes below one that are neither keys nor referred to by aliases.
func inner(n *yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 || c.Anchor != "" || c.Kind == yaml.AliasNode {
			continue
		}
		if n.Kind != yaml.DocumentNode {
			out = append(out, c)
		}
		out = append(out, inner(c)...)
	}
	return out
}
