package lint_test

import (
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
)

// valuesChart is a chart whose values have one wrong quantity, and a template that the case gives.
func valuesChart(template string) []txtar.File {
	return []txtar.File{
		{Name: "applications/shop/Chart.yaml", Data: []byte("apiVersion: v2\nname: shop\nversion: 0.1.0\n")},
		{Name: "applications/shop/values.yaml", Data: []byte("active: true\nresources:\n  redis:\n    sentinels: 3\n    memory: 100MB\n")},
		{Name: "applications/shop/templates/config.yaml", Data: []byte(template)},
	}
}

// TestFailsBecauseOfValue: a template that fails because of a wrong value is the same mistake as the value; one that fails because
// of another value, or of two of them, is a mistake of its own, whatever its message contains.
func TestFailsBecauseOfValue(t *testing.T) {
	t.Parallel()
	const memory = "{{- if not (hasSuffix \"Mi\" .Values.resources.redis.memory) }}\n"
	for _, tt := range []struct {
		name, template string
		own            bool // the failing template is reported
	}{
		{"required value whose path goes on", `a: {{ required "set resources.redis.memoryTier" .Values.resources.redis.memoryTier }}`, true},
		{"required value, message contains the path", `a: {{ required "as resources.redis.memory has it" .Values.tier }}`, true},
		{"fail because of the value", memory + `{{ fail "no" }}` + "\n{{ end }}\n", false},
		{"fail because of the value, by a variable", "{{- $m := .Values.resources.redis.memory | toString }}\n{{- if ne $m \"1Mi\" }}\n  {{- fail (print \"wrong \" $m) }}\n{{- end }}\n", false},
		{"fail because of the value, inside another condition", "{{ if .Values.active }}\n" + memory + "{{ fail \"no\" }}\n{{ end }}\n{{ end }}\n", false},
		{"fail because of another value", "{{- if .Values.active }}\n{{ fail \"resources.redis.memory is wrong\" }}\n{{ end }}\n", true},
		{"fail because of two values", "{{- if and .Values.active (ne .Values.resources.redis.memory \"1Mi\") }}\n{{ fail \"no\" }}\n{{ end }}\n", true},
		{"function that does not take the value", "a: {{ semver .Values.resources.redis.memory }}\n", false},
		{"syntax error", "a: {{ .Values.resources.redis.memory \n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, config := open(t, valuesChart(tt.template))
			var rules []string
			for _, f := range run(t, r, lint.Options{Config: config}).Findings {
				if !slices.Contains(rules, f.Rule) {
					rules = append(rules, f.Rule)
				}
			}
			if !slices.Contains(rules, "val/invalid-value") || slices.Contains(rules, "val/render-fails") != tt.own {
				t.Errorf("found %q; the template on its own: %v", rules, tt.own)
			}
		})
	}
}
