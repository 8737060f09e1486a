//go:build !compiled

package lint_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy/opa"
)

// steps counts how often each line of the rules is evaluated.
type steps map[string]int

func (steps) Enabled() bool               { return true }
func (steps) Config() topdown.TraceConfig { return topdown.TraceConfig{} }
func (s steps) TraceEvent(e topdown.Event) {
	if (e.Op == topdown.EvalOp || e.Op == topdown.RedoOp) && e.Location != nil {
		s[fmt.Sprintf("%s:%d", e.Location.File, e.Location.Row)]++
	}
}

// growth is the most that a line of the rules may be evaluated when a repository grows by four: linear, and a tenth for sorting.
const growth = 4.4

// TestLinear makes repositories of many resources that have something in common, and holds the number of evaluated expressions
// against that of a repository of a quarter: a rule that compares every resource with every other one makes a pull request's
// check a way to stall a CI runner.
func TestLinear(t *testing.T) {
	t.Parallel()
	const small = 16
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		t.Run(name, func(t *testing.T) {
			few, many := count(t, shapes[name], small), count(t, shapes[name], 4*small)
			lines := slices.SortedFunc(maps.Keys(many), func(a, b string) int { return cmp.Or(cmp.Compare(many[b], many[a]), cmp.Compare(a, b)) })
			for _, line := range lines {
				// What a constant number of resources adds to a few is left out by the second condition.
				if n := many[line]; float64(n) > growth*float64(few[line]) && n > 16*4*small {
					t.Errorf("%s is evaluated %d times for %d, and %d times for %d", line, few[line], small, n, 4*small)
				}
			}
		})
	}
}

// count checks a repository of one manifest or, without a shape, of many charts, and counts.
func count(t *testing.T, shape func(n int) []string, n int) steps {
	t.Helper()
	out := steps{}
	files := charts(t, n)
	if shape != nil {
		files = []txtar.File{{Name: "applications/shop/manifests.yaml", Data: []byte(strings.Join(shape(n), "---\n"))}}
	}
	r, config := open(t, files)
	compiled := lint.Compiled{Engine: opa.Engine{Cover: &opa.Cover{Tracer: out, Modules: map[string]*ast.Module{}}}}
	if _, err := lint.Run(context.Background(), r, lint.Options{Config: config, Strict: true, Jobs: 1, Today: today, Compiled: &compiled}); err != nil {
		t.Fatal(err)
	}
	return out
}

// shapes are repositories of n of the same: what they share is what a rule may compare.
var shapes = map[string]func(n int) []string{
	"databases of Redis Enterprise on clusters of one name": func(n int) []string {
		return append(each(n, func(i int) string {
			return custom("app.redislabs.com/v1alpha1", "RedisEnterpriseDatabase", fmt.Sprint("shop-", i), fmt.Sprint("team-", i), "{redisEnterpriseCluster: {name: rec}}")
		}), each(n, func(i int) string {
			return custom("app.redislabs.com/v1", "RedisEnterpriseCluster", "rec", fmt.Sprint("team-", i), "{nodes: 3}")
		})...)
	},
	"databases of Redis Enterprise on clusters that do not exist": func(n int) []string {
		return append(each(n, func(i int) string {
			return custom("app.redislabs.com/v1alpha1", "RedisEnterpriseDatabase", fmt.Sprint("shop-", i), "", fmt.Sprintf("{redisEnterpriseCluster: {name: none-%d}}", i))
		}), each(n, func(i int) string {
			return custom("app.redislabs.com/v1", "RedisEnterpriseCluster", fmt.Sprint("rec-", i+100), "", "{nodes: 3}")
		})...)
	},
	"Redis of KubeDB with sentinels of one name": func(n int) []string {
		return append(each(n, func(i int) string {
			return custom("kubedb.com/v1", "Redis", fmt.Sprint("shop-", i), fmt.Sprint("team-", i), "{version: 8.2.2, mode: Sentinel, sentinelRef: {name: sen}}")
		}), each(n, func(i int) string {
			return custom("kubedb.com/v1", "RedisSentinel", "sen", fmt.Sprint("team-", i), "{version: 8.2.2}")
		})...)
	},
	"Redis of KubeDB with sentinels that do not exist": func(n int) []string {
		return append(each(n, func(i int) string {
			return custom("kubedb.com/v1", "Redis", fmt.Sprint("shop-", i), "", fmt.Sprintf("{version: 8.2.2, mode: Sentinel, sentinelRef: {name: none-%d}}", i))
		}), each(n, func(i int) string {
			return custom("kubedb.com/v1", "RedisSentinel", "sen", fmt.Sprint("team-", i), "{version: 8.2.2}")
		})...)
	},
	"different names": func(n int) []string {
		return each(n, func(i int) string { return redisFailover(fmt.Sprint("shop-", i), "") })
	},
	"one name": func(n int) []string {
		return each(n, func(int) string { return redisFailover("shop", "") })
	},
	"one name in many namespaces": func(n int) []string {
		return each(n, func(i int) string { return redisFailover("shop", fmt.Sprint("team-", i)) })
	},
	"a Service for each": func(n int) []string {
		return append(each(n, func(i int) string { return redisFailover(fmt.Sprint("shop-", i), "") }),
			each(n, func(i int) string { return serviceOf(fmt.Sprint("shop-", i), fmt.Sprint("shop-", i)) })...)
	},
	"Services for one": func(n int) []string {
		return append(each(n, func(i int) string { return serviceOf(fmt.Sprint("shop-", i), "shop") }), redisFailover("shop", ""))
	},
	"Services of one name": func(n int) []string {
		return append(each(n, func(i int) string { return serviceOf("shop", fmt.Sprint("shop-", i)) }),
			each(n, func(i int) string { return redisFailover(fmt.Sprint("shop-", i), "") })...)
	},
	"policies for all": func(n int) []string {
		return append(each(n, func(i int) string { return redisFailover(fmt.Sprint("shop-", i), "") }),
			each(n, func(i int) string { return networkPolicy(fmt.Sprint("shop-", i), "{}") })...)
	},
	"policies by a label": func(n int) []string {
		return append(each(n, func(i int) string { return redisFailover(fmt.Sprint("shop-", i), "") }),
			each(n, func(i int) string {
				return networkPolicy(fmt.Sprint("shop-", i), `{matchLabels: {app.kubernetes.io/part-of: redis-failover}}`)
			})...)
	},
	"clients of nothing": func(n int) []string {
		return append(each(n, func(i int) string { return redisFailover(fmt.Sprint("shop-", i), "") }),
			each(n, func(i int) string { return client(fmt.Sprint("web-", i), fmt.Sprint("redis://none-", i)) })...)
	},
	"clients of each": func(n int) []string {
		return append(each(n, func(i int) string { return redisFailover(fmt.Sprint("shop-", i), "") }),
			each(n, func(i int) string {
				return client(fmt.Sprint("web-", i), fmt.Sprintf("redis://rfrm-shop-%d:6379/0", i))
			})...)
	},
	"clients of one": func(n int) []string {
		return append(each(n, func(i int) string { return client(fmt.Sprint("web-", i), "redis://rfrs-shop:26379/0") }), redisFailover("shop", ""))
	},
	"addresses in one container": func(n int) []string {
		return []string{redisFailover("shop", ""), client("web", each(n, func(i int) string { return fmt.Sprint("redis://rfrm-shop/", i%16) })...)}
	},
	"Secrets of one name": func(n int) []string {
		return append(each(n, func(i int) string { return withSecret(fmt.Sprint("shop-", i), "shop") }),
			each(n, func(int) string { return secret("shop") })...)
	},
	"Secrets of similar names": func(n int) []string {
		return append(each(n, func(i int) string { return withSecret(fmt.Sprint("shop-", i), "shopx") }),
			each(n, func(i int) string { return secret(fmt.Sprint("shop", i%10)) })...)
	},
	"lines of a configuration": func(n int) []string {
		return []string{redisFailover("shop", "", each(n, func(i int) string { return fmt.Sprintf("maxmemory %dmb", 50+i) })...)}
	},
	"hooks of one name": func(n int) []string {
		return append(each(n, func(i int) string {
			return strings.Replace(redisFailover(fmt.Sprint("shop-", i), ""), "redis: {", "redis: {shutdownConfigMap: hook, ", 1)
		}), each(n, func(int) string { return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hook}\n" })...)
	},
	"two names of a ConfigMap": func(n int) []string {
		return append(each(n, func(i int) string { return redisFailover("shop", fmt.Sprint("team-", i)) }),
			each(n, func(i int) string { return redisFailover("s-shop", fmt.Sprint("team-", i)) })...)
	},
	"Services of a label": func(n int) []string {
		return each(n, func(i int) string {
			rf := redisFailover(fmt.Sprint("shop-", i), "")
			return strings.Replace(rf, "}\n", ", labels: {team: a}}\n", 1) + "  labelWhitelist: [none]\n---\n" +
				fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: web-%d}\nspec: {selector: {team: a}, ports: [{port: 80}]}\n---\n", i) +
				strings.Replace(client(fmt.Sprint("web-", i), ""), "  template:", "  template:\n    metadata: {labels: {team: a}}", 1)
		})
	},
	"Applications": func(n int) []string {
		return append(each(n, func(i int) string {
			return fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: redis-operator-%d, namespace: argocd}
spec:
  source: {repoURL: "https://spotahome.github.io/redis-operator", chart: redis-operator, targetRevision: 3.2.9}
  syncPolicy: {automated: {prune: true}}
`, i)
		}), each(n, func(i int) string { return redisFailover(fmt.Sprint("shop-", i), "") })...)
	},
	"Sidekiq": func(n int) []string {
		return append(each(n, func(i int) string {
			return strings.Replace(client(fmt.Sprint("worker-", i), "redis://rfrm-shop/0"), "name: web,", "name: web, command: [sidekiq],", 1)
		}), redisFailover("shop", "", "maxmemory-policy allkeys-lru", "timeout 10"))
	},
	"OpsTree": func(n int) []string {
		return append(each(n, func(i int) string { return opsTree(fmt.Sprint("shop-", i), fmt.Sprint("shop-", i)) }),
			each(n, func(i int) string {
				return fmt.Sprintf("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: shop-%d}\nspec: {selector: {matchLabels: {role: replication}}}\n", i)
			})...)
	},
	"sentinels of one": func(n int) []string {
		return each(n, func(i int) string { return opsTree(fmt.Sprint("shop-", i), "shop-0") })
	},
	"sentinels of none": func(n int) []string {
		return each(n, func(i int) string { return opsTree(fmt.Sprint("shop-", i), "shop") })
	},
	"charts": nil, // see count
	"ConfigMaps": func(n int) []string {
		return append(each(n, func(i int) string {
			return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-%d}\ndata: {URL: \"redis://none/0\", redis.conf: \"maxmemory 100mb\"}\n", i)
		}), redisFailover("shop", ""))
	},
}

func each(n int, f func(i int) string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

func redisFailover(name, namespace string, directives ...string) string {
	quoted := make([]string, len(directives))
	for i, d := range directives {
		quoted[i] = fmt.Sprintf("%q", d)
	}
	return fmt.Sprintf(`apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: %q, namespace: %q}
spec:
  sentinel: {replicas: 3}
  redis: {replicas: 3, exporter: {enabled: true}, customConfig: [%s]}
`, name, namespace, strings.Join(quoted, ", "))
}

// opsTree is a replication of OpsTree and the sentinels that watch one.
func opsTree(name, watched string) string {
	return fmt.Sprintf(`apiVersion: redis.redis.opstreelabs.in/v1beta2
kind: RedisReplication
metadata: {name: %q}
spec:
  clusterSize: 3
  kubernetesConfig: {image: "redis:7.4.11", redisSecret: {name: shop, key: password}}
  redisConfig: {maxMemoryPercentOfLimit: 75}
---
apiVersion: redis.redis.opstreelabs.in/v1beta2
kind: RedisSentinel
metadata: {name: %q}
spec:
  clusterSize: 3
  kubernetesConfig: {image: "redis:7.4.11", redisSecret: {name: shop}}
  redisSentinelConfig: {redisReplicationName: %q}
`, name, name, watched)
}

func withSecret(name, secret string) string {
	return redisFailover(name, "") + fmt.Sprintf("  auth: {secretPath: %q}\n", secret)
}

func secret(name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %q}\nstringData: {password: a1b2c3d4e5}\n", name)
}

func serviceOf(name, redis string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %q}
spec:
  type: NodePort
  selector: {redisfailovers.databases.spotahome.com/name: %q, redisfailovers-role: master, app.kubernetes.io/part-of: redis-failover}
  ports: [{port: 6379, targetPort: 6380}]
`, name, redis)
}

func networkPolicy(name, selector string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %q}
spec:
  podSelector: %s
  policyTypes: [Ingress]
  ingress: [{ports: [{port: 6380}]}]
`, name, selector)
}

func client(name string, urls ...string) string {
	env := make([]string, len(urls))
	for i, u := range urls {
		env[i] = fmt.Sprintf("{name: REDIS_URL_%d, value: %q}", i, u)
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %q}
spec:
  template:
    spec:
      containers: [{name: web, image: "web:1", env: [%s]}]
`, name, strings.Join(env, ", "))
}

func custom(apiVersion, kind, name, namespace, spec string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %q, namespace: %q}\nspec: %s\n", apiVersion, kind, name, namespace, spec)
}

// BenchmarkOneTemplate checks many RedisFailovers of one target: 4,000 cost at most 4.4 times as much as 1,000.
func BenchmarkOneTemplate(b *testing.B) {
	for _, n := range []int{1000, 4000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			template := "{{- range until " + fmt.Sprint(n) + " }}\n---\n" + redisFailover("shop-{{ . }}", "") + "{{- end }}\n"
			r, config := open(b, []txtar.File{
				{Name: "applications/shop/Chart.yaml", Data: []byte("apiVersion: v2\nname: shop\nversion: 0.1.0\n")},
				{Name: "applications/shop/templates/redis.yaml", Data: []byte(template)},
			})
			for b.Loop() {
				run(b, r, lint.Options{Config: config})
			}
		})
	}
}
