package redact

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
)

// TestScans holds what is remembered against what a scan finds, for texts under many names, several at once.
func TestScans(t *testing.T) {
	t.Parallel()
	texts := []string{
		"password: " + canary + "\n",
		"kind: Secret\nmetadata: {name: shop}\nstringData:\n  a: " + canary + "\n",
		"kind: Secret\nstringData:\n  a: {{ .Values.redis.login }}\n",
		"secretGenerator:\n- name: shop\n  envs: [" + canary + ".env]\n",
		"env:\n- name: PASSWORD\n  value: {{ .Values.pw }}\n",
		`{"type": "object", "properties": {"password": {"type": "string"}}}`,
		"password={{ x }}\nurl=redis://:" + canary + "@shop\n",
	}
	var s Scans
	var wg sync.WaitGroup
	for round := range 21 {
		for i, text := range texts {
			for _, name := range []string{"values.yaml", "values-a.json", "a.yaml", "b.conf", "kustomization.yaml", "templates/a.tpl"} {
				tops := []string{"", "# app%d\n", "\n# app%d\n\n", "# redis://app%d\n#\n", "# password: {{ app%d }}\n", "# REDIS_PASSWORD=" + canary + "%d\n", "# app%d\n---\n"}
				text := text
				if top := tops[(i+len(name)+round)%len(tops)]; top != "" {
					text = fmt.Sprintf(top, round) + text
				}
				wg.Go(func() {
					name := fmt.Sprintf("applications/app%d/%s", round, name)
					if got, want := s.Scan(name, []byte(text)), Scan(name, []byte(text)); !reflect.DeepEqual(got, want) {
						t.Errorf("text %d as %s: got %+v, want %+v", i, name, got, want)
					}
				})
			}
		}
	}
	wg.Wait()
}

// TestScansOnce counts: what many files have in common is looked through once.
func TestScansOnce(t *testing.T) {
	t.Parallel()
	var s Scans
	for i := range 100 {
		s.Scan(fmt.Sprintf("applications/app%d/values.schema.json", i), []byte(`{"type": "object"}`))
		s.Scan(fmt.Sprintf("applications/app%d/templates/redis.yaml", i), fmt.Appendf(nil, "# app%d\nkind: RedisFailover\n", i))
	}
	if s.runs != 2 {
		t.Errorf("two texts were scanned %d times", s.runs)
	}
	for i := range 10 {
		s.Scan("a.yaml", fmt.Appendf(nil, "a: %0*d\n", maxScans/5, i))
	}
	if s.size > maxScans || len(s.found) > 6 {
		t.Errorf("%d bytes of %d texts are kept", s.size, len(s.found))
	}
}
