package render

import (
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/repo"
)

// The forms of fluxcd/pkg/envsubst; every form of a default takes it for a variable that is empty.
func TestFilledIn(t *testing.T) {
	closed := &repo.Substitution{Vars: map[string]string{"A": "one", "EMPTY": "", "N": "3"}}
	open := &repo.Substitution{Vars: closed.Vars, Open: true}
	for _, tt := range []struct {
		text, want string
		known      bool
		s          *repo.Substitution
	}{
		{"no variable, $A and $(A)", "no variable, $A and $(A)", true, closed},
		{"${A}-${N}", "one-3", true, closed},
		{"${B}", "", true, closed},
		{"${B}", "${B}", false, open},
		{"x-${A}-${B}", "x-one-${B}", false, open},
		{"${B:=two}", "two", true, open},
		{"${B:-two}", "two", true, open},
		{"${B=two}", "two", true, open},
		{"${B:-}", "", true, open},
		{"${A:=two}", "one", true, closed},
		{"${EMPTY:=two}", "two", true, closed},
		{"${EMPTY=two}", "two", true, closed},
		{"${B:=${A}}", "one", true, closed},
		{"${B:=x-${C:=${N}}}", "x-3", true, open},
		{"${B:=${C}}", "${B:=${C}}", false, open},
		{"${#A}", "3", true, closed},
		{"${A^^}", "ONE", true, closed},
		{"${A^}", "One", true, closed},
		{"${A,,}", "one", true, closed},
		{"${A/n/x}", "${A/n/x}", false, closed},
		{"${A:0:2}", "${A:0:2}", false, closed},
		{"$${A}", "${A}", true, closed},
		{"${A", "${A", false, closed},
		{"${}", "${}", false, closed},
		{"${1}", "${1}", false, closed},
	} {
		if got, known, _ := filledIn(tt.text, tt.s, 0); got != tt.want || known != tt.known {
			t.Errorf("%s: got %q %v, want %q %v", tt.text, got, known, tt.want, tt.known)
		}
	}
}

// kustomize writes most texts without quotes, so that what is put in their place is read as YAML.
func TestSetScalar(t *testing.T) {
	s := &repo.Substitution{Vars: map[string]string{"N": "3", "T": "true", "E": "", "M": "{a: 1, b: [x]}", "S": "x: y"}}
	for src, want := range map[string]string{
		"${N}": "!!int 3", `"${N}"`: "!!int 3", "'${T}'": "!!bool true", "${E}": "!!null ", "a${N}": "!!str a3", "${M}": "!!map ", `"key: ${N}"`: "!!str key: 3",
		`"${S} z: "`: "!!str x: y z: ", "|\n  ${N}\n": "!!str 3\n",
	} {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte("a: 1\nv: "+src), &doc); err != nil {
			t.Fatal(err)
		}
		r := &Resource{Node: doc.Content[0]}
		_, n := r.Find("v")
		line, column := n.Line, n.Column
		r.substitute(s)
		if got := n.Tag + " " + n.Value; got != want || n.Line != line || n.Column != column {
			t.Errorf("%s: got %q at %d:%d, want %q at %d:%d", src, got, n.Line, n.Column, want, line, column)
		}
		if r.Unknown("v") || r.Unknown("v", "a") {
			t.Errorf("%s: is known", src)
		}
	}
}
