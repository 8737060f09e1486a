package lint

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzSuppressions: a comment of any file covers lines of that file, and stands at one.
func FuzzSuppressions(f *testing.F) {
	f.Add("a: 1 # redis-gitops:ignore mem/limit -- reason\n")
	f.Add("# redis-gitops:ignore-file auth/missing, ha/single-redis until=2027-01-31 -- reason\nb: 2")
	f.Add("{{/* redis-gitops:ignore */}}\n\n# another\r\nkind: X\n")
	f.Add("<!-- redis-gitops:ignore a/b -- c --> ü # redis-gitops:ignore")
	f.Fuzz(func(t *testing.T, src string) {
		lines := strings.Split(src, "\n")
		for _, s := range readSuppressions("f.yaml", []byte(src)) {
			if s.Line < 1 || s.Line > len(lines) || s.from != s.Line || s.to < s.from || s.to > len(lines) {
				t.Errorf("%d lines; at %d, covers %d-%d", len(lines), s.Line, s.from, s.to)
				continue
			}
			if s.Column < 1 || s.Column > utf8.RuneCountInString(lines[s.Line-1]) {
				t.Errorf("column %d of %q", s.Column, lines[s.Line-1])
			}
			if strings.ContainsAny(s.rule, " ,\t\n") || strings.Contains(s.Reason, "\n") {
				t.Errorf("rule %q, reason %q", s.rule, s.Reason)
			}
		}
	})
}

// FuzzBaseline: what is read as a baseline is written as the same one.
func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"version": 1, "findings": [{"rule": "mem/limit", "file": "a.yaml", "resource": "RedisFailover/x", "path": "spec.redis", "count": 2}]}`))
	f.Add([]byte(`{"version": 2}`))
	f.Add([]byte(`{"version": 1, "findings": [{"rule": "", "file": "a.yaml", "count": -1}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := ParseBaseline("baseline.json", src)
		if err != nil {
			return
		}
		for _, e := range b.Known {
			if e.Rule == "" || e.Count < 1 {
				t.Errorf("took %+v", e)
			}
		}
		text, err := b.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseBaseline("baseline.json", text)
		if err != nil || !reflect.DeepEqual(b, again) {
			t.Errorf("%s: %v", text, err)
		}
		b.apply(nil)
	})
}
