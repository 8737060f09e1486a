package scaffold

import (
	"context"
	"strings"
	"testing"
)

// foreignGenerator makes a RedisFailover as people write one: without a memory limit, and with a maxmemory above the request.
const foreignGenerator = `# A Redis.
#
# Example values.yaml:
# resources:
#   %{camelName}:
#     sentinels: 3
#     replicas: 2
#     memory: 100Mi # a request
#     cpu: 250m
#     disk: 500Mi
# env:
#   - { name: REDIS_URL, value: "redis://%{application}%{suffix}-redis-master.default.svc:6379" }

apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: {{ .Chart.Name }}%{suffix}
spec:
  sentinel:
    image: redis:7.2.4-alpine
    replicas: {{ .Values.resources.%{camelName}.sentinels }}
  redis:
    image: redis:7.2.4-alpine
    replicas: {{ .Values.resources.%{camelName}.replicas }}
    customConfig:
      - maxmemory {{ trimSuffix "Mi" .Values.resources.%{camelName}.memory | mulf 1.049 | int }}mb
      - maxmemory-policy allkeys-lru
      - timeout 100
    nodeSelector: { disk: ssd }
    affinity: { nodeAffinity: { x: y } }
    resources:
      requests: { cpu: {{ .Values.resources.%{camelName}.cpu }}, memory: {{ .Values.resources.%{camelName}.memory }} }
    storage:
      persistentVolumeClaim:
        metadata: { name: {{ .Chart.Name }}%{suffix} }
        spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: {{ .Values.resources.%{camelName}.disk }} } } }
---
apiVersion: v1
kind: Service
metadata: { name: {{ .Chart.Name }}%{suffix}-redis-master }
spec:
  ports: [{ port: 6379 }]
  selector: { app.kubernetes.io/name: {{ .Chart.Name }}%{suffix}, redisfailovers-role: master }
`

// TestMigrateInPlace takes over what another generator wrote: recorded, and by a program that records nothing. Names and values stay, a second
// run changes nothing, git revert restores the bytes, and destroy removes the files.
func TestMigrateInPlace(t *testing.T) {
	for _, suffix := range []string{"", "-cache"} {
		for _, recorded := range []bool{true, false} {
			r := shop(t, "# ours\nresources:\n  other: 1\nenv: []\n")
			apply(t, r)(&Plan{Files: []FileChange{Changed("generators/resources/redis.yaml", nil, []byte(foreignGenerator))}}, nil)
			first := everything(t, r)
			generate(t, r, ResourceRequest{App: "shop", Suffix: suffix, Namespace: "prod"})
			record := recordPath("shop", "redis"+suffix)
			if src := read(t, r, record); !recorded {
				apply(t, r)(&Plan{Files: []FileChange{{Path: record, Action: Remove, Old: []byte(src)}}}, nil)
			}
			before := everything(t, r)
			req := MigrateRequest{App: "shop", Name: "redis" + suffix, To: "spotahome", Namespace: "prod"}
			targets, err := MigrationTargets(t.Context(), r, config(t, ""), MigrateRequest{App: req.App, Name: req.Name})
			if err != nil || targets[0].Name != "spotahome" || targets[0].Way != InPlace {
				t.Fatalf("targets %+v, %v", targets, err)
			}
			m, letters := migrationOf(t, r, req)
			if letters != "n" || m.Way != InPlace {
				t.Fatalf("at the beginning: %s %s", letters, m.Way)
			}
			p := migrate(t, r, req, 1)
			notes := strings.Join(p.Notes, "\n")
			for _, want := range []string{"memory becomes 139Mi, because maxmemory is 104mb", "timeout is not carried over", "redis.affinity"} {
				if !strings.Contains(notes, want) {
					t.Errorf("no note %q in\n%s", want, notes)
				}
			}
			values := read(t, r, "applications/shop/values.yaml")
			for _, want := range []string{"memory: 139Mi", "replicas: 2", "disk: 500Mi", "policy: allkeys-lru", "image: redis:7.2.4-alpine", "appendonly: false", "keepAfterDeletion: false", "nodeSelector: {disk: ssd}", "other: 1", "# ours"} {
				if !strings.Contains(values, want) {
					t.Errorf("no %q in\n%s", want, values)
				}
			}
			after := everything(t, r)
			back := &Plan{Command: "revert"}
			for _, f := range p.Files {
				if f.Old == nil {
					back.remove(f.Path, f.New)
					continue
				}
				back.put(Changed(f.Path, f.New, f.Old))
			}
			apply(t, r)(back, nil)
			sameFiles(t, everything(t, r), before)
			migrate(t, r, req, 1)
			sameFiles(t, everything(t, r), after)
			if _, letters := migrationOf(t, r, req); letters != "d" || migrate(t, r, req, 1).Changed() {
				t.Errorf("after stage 1: %s", letters)
			}
			if p := apply(t, r)(PlanUpdate(t.Context(), r, config(t, ""), UpdateRequest{})); p.Changed() {
				t.Errorf("update:\n%s", p.Diff())
			}
			apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: req.Name}))
			left := everything(t, r)
			first["generators/resources/redis.yaml"] = left["generators/resources/redis.yaml"]
			if recorded {
				sameFiles(t, left, first)
			} else if values := left["applications/shop/values.yaml"]; strings.Contains(values, "redis") || !strings.Contains(values, "other: 1") {
				t.Errorf("destroy leaves\n%s", values)
			}
		}
	}
}

// TestMigrateInPlaceRefused names what has to be done first, and takes over no template that makes no Redis, or several.
func TestMigrateInPlaceRefused(t *testing.T) {
	r := shop(t, "resources:\n  redis: { sentinels: 3, replicas: 2, memory: 100Mi, cpu: 1, disk: 500Mi }\n")
	const file = "applications/shop/templates/redis.yaml"
	write := func(text string) {
		t.Helper()
		old, err := readIfThere(r, file)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, r)(&Plan{Files: []FileChange{Changed(file, old, []byte(text))}}, nil)
	}
	text := strings.NewReplacer("%{application}", "shop", "%{camelName}", "redis", "%{suffix}", "").Replace(foreignGenerator)
	write(text)
	for to, want := range map[string]string{"statefulset": "was written by another generator", "": "was written by another generator"} {
		if _, err := Migrate(context.Background(), r, config(t, ""), MigrateRequest{App: "shop", Name: "redis", To: to}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if _, err := Migrate(context.Background(), r, config(t, ""), MigrateRequest{App: "shop", Name: "redis", To: "spotahome", Auth: Auth{Method: Existing}}); err == nil || !strings.Contains(err.Error(), "the Secret with the password of redis stays") {
		t.Errorf("with a password: %v", err)
	}
	for what, text := range map[string]string{"several": text + "---\n" + strings.Replace(text, "metadata:\n  name: {{ .Chart.Name }}", "metadata:\n  name: {{ .Chart.Name }}-b", 1), "none": "kind: ConfigMap\napiVersion: v1\nmetadata: { name: x }\n"} {
		write(text)
		if _, err := Migrate(context.Background(), r, config(t, ""), MigrateRequest{App: "shop", Name: "redis", To: "spotahome"}); err == nil || !strings.Contains(err.Error(), "has no generated Redis") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestMigrateReclaim takes over what Reclaim the Stack's generator writes.
func TestMigrateReclaim(t *testing.T) {
	r := getStarted(t)
	do := apply(t, r)
	do(PlanApplication(r, ApplicationRequest{App: "shop"}))
	do(PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{App: "shop"}))
	record := recordPath("shop", "redis")
	do(&Plan{Files: []FileChange{{Path: record, Action: Remove, Old: []byte(read(t, r, record))}}}, nil)
	p := migrate(t, r, MigrateRequest{App: "shop", Name: "redis", To: "spotahome"}, 1)
	values := read(t, r, "applications/shop/values.yaml")
	for _, want := range []string{"memory: 139Mi", "image: redis:7.4.9-alpine", "nodeSelector: {node-role.kubernetes.io/database: \"\"}", "disk: 500Mi"} {
		if !strings.Contains(values, want) {
			t.Errorf("no %q in\n%s", want, values)
		}
	}
	for _, n := range p.Notes {
		if strings.Contains(n, "not carried over") {
			t.Error(n)
		}
	}
}
