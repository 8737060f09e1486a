package render

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/repo"
)

// FuzzRender wants of any template and values that rendering ends, without a panic, and that every place it names is in a
// file: a line that is there, and a column that is in it or just behind.
func FuzzRender(f *testing.F) {
	seeds, err := filepath.Glob("../cue/operator/*/resource.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range seeds {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.NewReplacer("%{camelName}", "redis", "%{suffix}", "").Replace(string(text)), "resources: { redis: { memory: 1Gi, auth: x } }\n")
	}
	for _, text := range []string{
		"{{ range $i, $e := .Values.list }}\n- {{ $e.a }}\n{{ end }}\n{{ toYaml .Values | nindent 2 }}",
		"{{ define \"x\" }}é: {{ .a.b | quote }}\n{{ end }}{{ include \"x\" .Values | indent 1 }}{{ template \"x\" . }}{{ tpl .Values.t . }}",
		"apiVersion: v1\nkind: A\na: |\n  {{ .Values.s }}\n---\n- x\n---\nb: *c\n\t",
		"{{- with $x := index .Values \"m\" \"n\" }}{{ $x }}{{ else }}{{ fail \"no\" }}{{- end -}}\r\nkind: List\nitems:\n- {{ get .Values.m \"k\" }}: &a {b: 1}\n- <<: *a\n",
		"{{ $d := dict \"a\" (list 1 2) }}{{ $_ := set $d \"b\" $d.a }}{{ range $k, $v := $d }}{{ $k }}: {{ $v | toJson }}\n{{ end }}",
	} {
		f.Add(text, "list: [{a: 1}, {a: é}]\nm: {n: 0x1F, k: yes}\ns: \"a\\nb\"\nt: '{{ .x }}'\n1: &b {c: ~}\nd: *b\n")
	}
	f.Fuzz(func(t *testing.T, template, values string) {
		fsys := afero.NewMemMapFs()
		for name, text := range map[string]string{"c/Chart.yaml": "name: c\nversion: 1.0.0\n", "c/values.yaml": values, "c/templates/t.yaml": template} {
			if err := afero.WriteFile(fsys, name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := repo.Open(fsys, repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		result, err := Render(context.Background(), r, Target{Dir: "c", Kind: repo.Chart}, Options{Timeout: 500 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("took %s", took)
		}
		files := map[string][]string{"c/Chart.yaml": {"name: c", "version: 1.0.0", ""}, "c/values.yaml": strings.Split(values, "\n"), "c/templates/t.yaml": strings.Split(template, "\n")}
		check := func(file string, line, column int) {
			lines, ok := files[file]
			if file == "" {
				return
			}
			if !ok || line > len(lines)+1 || line < 0 || column < 0 || line > 0 && line <= len(lines) && column > len(lines[line-1])+2 {
				t.Errorf("%s:%d:%d is not in a file", file, line, column)
			}
		}
		for _, p := range result.Problems {
			check(p.File, p.Line, p.Column)
		}
		for _, resource := range result.Resources {
			count := 0
			var visit func(n *yaml.Node)
			visit = func(n *yaml.Node) {
				if count++; count > 300 {
					return
				}
				o := resource.Origin(n)
				check(o.Source.File, o.Source.Line, o.Source.Column)
				check(o.Source.File, o.EndLine, o.EndColumn)
				for _, v := range o.Values {
					check(v.At.File, v.At.Line, v.At.Column)
					check(v.Key.File, v.Key.Line, v.Key.Column)
				}
				for _, c := range n.Content {
					visit(c)
				}
			}
			visit(resource.Node)
		}
		for _, read := range result.chartReads() {
			check(read.At.File, read.At.Line, read.At.Column)
		}
	})
}

func (r *Result) chartReads() []Read {
	if r.Chart == nil {
		return nil
	}
	return r.Chart.Reads
}
