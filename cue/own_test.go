package cue

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheckOwn(t *testing.T) {
	t.Parallel()
	resource := map[string]any{"kind": "RedisFailover", "metadata": map[string]any{"name": "shop"}, "spec": map[string]any{"redis": map[string]any{
		"replicas": int64(5), "memory": "8Gi", "list": []any{map[string]any{"port": int64(1)}, map[string]any{"port": "x"}},
	}}}
	for _, tt := range []struct{ name, schema, want string }{
		{"bound", "package a\nRedisFailover: spec: redis: replicas: <=3", `a 0 spec.redis.replicas a.cue:2: invalid value 5 (out of bound <=3); fix it, or the schema`},
		{"fits", "package a\nRedisFailover: spec: redis: replicas: <=5", ""},
		{"another kind", "package a\nService: spec: redis: replicas: <=3", ""},
		{"words", "package a\nRedisFailover: spec: redis: memory: =~\"^[1-4]Gi$\" @problem(\"is more than 4Gi; ask\")", `a 0 spec.redis.memory a.cue:2: "8Gi" is more than 4Gi; ask`},
		{"required", "package a\nRedisFailover: metadata: labels: team!: string", `a 0 metadata.labels.team a.cue:2: metadata.labels.team is missing; add it`},
		{"required, with words", "package a\nRedisFailover: metadata: labels: team!: string @problem(\"has to name a team\")", `a 0 metadata.labels.team a.cue:2: metadata.labels.team is missing and has to name a team`},
		{"not concrete", "package a\nRedisFailover: spec: redis: disk: string", `a 0 spec.redis.disk a.cue:2: spec.redis.disk is missing; add it`},
		{"default and optional", "package a\nRedisFailover: spec: {redis: {disk: *\"1Gi\" | string, cpu?: string}, none?: {x!: int}}", ""},
		{"missing and wrong at once", "package a\nRedisFailover: {metadata: labels: team!: string, spec: redis: replicas: <=3}",
			"a 0 metadata.labels.team a.cue:2: metadata.labels.team is missing; add it\na 0 spec.redis.replicas a.cue:2: invalid value 5 (out of bound <=3); fix it, or the schema"},
		{"in a list", "package a\nRedisFailover: spec: redis: list: [...{port: int}]", `a 0 spec.redis.list.1.port a.cue:2: conflicting values int and "x" (mismatched types int and string); fix it, or the schema`},
		{"closed", "package a\n#Redis: {replicas: int, memory: string}\nRedisFailover: spec: redis: #Redis", `a 0 spec.redis.list a.cue:3: field not allowed; fix it, or the schema`},
		{"package of CUE", "package a\nimport \"strings\"\nRedisFailover: metadata: name: strings.HasPrefix(\"x\")", `a 0 metadata.name a.cue:3: invalid value "shop" (does not satisfy strings.HasPrefix("x")); fix it, or the schema`},
		{"another package", "package a\nimport \"example.com/x\"\nRedisFailover: x.y", `error: a.cue:2:8: import "example.com/x" is not allowed, only packages of the CUE standard library; copy the definitions here`},
		{"syntax", "package a\nRedisFailover: {", `error: a.cue:2:17: expected '}', found 'EOF'; fix the schema`},
		{"no package", "RedisFailover: {}", "error: a.cue:1: missing package clause; add `package NAME`"},
		{"unknown reference", "package a\nRedisFailover: spec: nowhere", `error: a.cue:2:22: reference "nowhere" not found; fix the schema`},
		{"conflict in the schema", "package a\nRedisFailover: kind: 1 & 2", `error: a.cue:2:22: conflicting values 2 and 1; fix the schema`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := CheckOwn([]OwnFile{{"a.cue", tt.schema}}, []any{resource, map[string]any{"kind": "Other"}, "no object"})
			var lines []string
			for _, v := range found {
				lines = append(lines, fmt.Sprintf("%s %d %s %s:%d: %s", v.Package, v.Resource, strings.Join(v.Path, "."), v.File, v.Line, v.Message))
			}
			if err != nil {
				lines = append(lines, "error: "+err.Error())
			}
			if got := strings.Join(lines, "\n"); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

// Files of one package see each other, those of two do not.
func TestCheckOwnPackages(t *testing.T) {
	t.Parallel()
	files := []OwnFile{
		{"b.cue", "package b\nRedisFailover: spec: replicas: <=_most\n"},
		{"a1.cue", "package a\n_most: 3\n"},
		{"a2.cue", "package a\nRedisFailover: spec: replicas: <=_most\n"},
	}
	resource := map[string]any{"kind": "RedisFailover", "spec": map[string]any{"replicas": int64(5)}}
	found, err := CheckOwn(files, []any{resource})
	if err == nil || !strings.Contains(err.Error(), `b.cue:2:34: reference "_most" not found`) {
		t.Errorf("error %v", err)
	}
	if len(found) != 1 || found[0].Package != "a" || found[0].File != "a2.cue" {
		t.Errorf("%+v", found)
	}
}
