package planrules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/policy"
)

// applications is data.repo of a repository of n applications, each a chart with a RedisFailover and a Service for its master.
func applications(n int) map[string]any {
	type m = map[string]any
	type l = []any
	repo := m{}
	add := func(list string, each m) { repo[list] = append(repo[list].(l), each) }
	for _, list := range strings.Fields("applications documents files generators operators pods redis references resources templates") {
		repo[list] = l{}
	}
	for i := range n {
		name := fmt.Sprintf("app%d", i)
		dir := "applications/" + name
		file := dir + "/templates/redis.yaml"
		values := m{"env": l{m{"name": "REDIS_URL", "value": "redis://" + name + "-redis-master:6379"}}, "resources": m{"redis": m{"memory": "256Mi"}}}
		resource := func(id int, kind, name string, spec m) {
			object := m{"kind": kind, "metadata": m{"name": name}, "spec": spec}
			add("resources", m{"apiVersion": "v1", "app": "", "file": file, "id": id, "kind": kind, "name": name, "namespace": "", "object": object, "set": "0", "unit": dir})
		}
		resource(2*i, "RedisFailover", name, m{"redis": m{"replicas": 3, "customConfig": l{"maxmemory 192mb", "maxmemory-policy noeviction"}}, "sentinel": m{"replicas": 3}})
		resource(2*i+1, "Service", name+"-redis-master", m{
			"ports":    l{m{"name": "redis", "port": 6379, "targetPort": "redis"}},
			"selector": m{"app.kubernetes.io/component": "redis", "app.kubernetes.io/name": name, "redisfailovers-role": "master"},
		})
		var objects l
		for _, o := range []string{"StatefulSet rfr", "Deployment rfs", "Service rfs", "ConfigMap rfr", "ConfigMap rfr-s", "ConfigMap rfs"} {
			kind, prefix, _ := strings.Cut(o, " ")
			objects = append(objects, m{"kind": kind, "name": prefix + "-" + name})
		}
		add("redis", m{
			"any": l{}, "kind": "RedisFailover", "masterName": "mymaster", "name": name, "namespace": "", "objects": objects, "operator": "spotahome", "port": 6379,
			"reads": l{}, "replicas": 3, "resource": 2 * i, "secret": nil, "sentinels": l{m{"host": "rfs-" + name, "port": 26379}}, "version": "1.2.4", "writes": l{},
		})
		for _, part := range []string{"redis", "sentinel"} {
			at := func(field string) l { return l{"spec", part, field} }
			add("pods", m{
				"at": m{"affinity": at("affinity"), "annotations": at("podAnnotations")}, "containers": l{at("extraContainers")}, "env": l{}, "images": l{at("image")},
				"init": l{at("initContainers")}, "labels": m{"app.kubernetes.io/component": part, "app.kubernetes.io/name": name}, "mounts": l{at("extraVolumeMounts")},
				"mountsKey": "volumeMounts", "operator": "spotahome", "own": l{m{"container": part, "init": "", "mount": "/data", "port": 6379, "volume": "config"}},
				"part": part, "peerAddress": part == "redis", "port": 6379, "replicas": 3, "resource": 2 * i, "surges": false, "volumes": l{at("extraVolumes")},
			})
		}
		add("documents", m{"data": values, "document": 0, "file": dir + "/values.yaml", "type": "values"})
		add("applications", m{
			"application": true, "chart": m{"file": dir + "/Chart.yaml", "name": name}, "deployed": false, "dir": dir, "headers": l{}, "kind": "chart", "name": name,
			"namespace": "", "read": l{l{"resources", "redis"}, l{"resources", "redis", "memory"}}, "templates": l{file}, "unread": l{l{"env"}}, "unset": l{},
			"values": l{m{"data": values, "document": 0, "file": dir + "/values.yaml"}},
		})
	}
	return repo
}

// BenchmarkRepository evaluates the rules about a repository that finds little, as most do.
func BenchmarkRepository(b *testing.B) {
	rules, err := Engine{}.Rules()
	if err != nil {
		b.Fatal(err)
	}
	e, err := Engine{}.Compile(policy.Options{Rules: rules, Settings: map[string]any{"operator": map[string]any{"namespace": "redis"}}})
	if err != nil {
		b.Fatal(err)
	}
	repo, err := Engine{}.Values().Value(applications(200))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Repository(b.Context(), repo); err != nil {
			b.Fatal(err)
		}
	}
}
