package lint_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// The tests of this file do not ask the proof of package lint whether a fix is safe: they render both repositories themselves.

// rendering is one way to deploy one directory, as plain data.
type rendering struct {
	name    string
	objects []map[string]any
	broken  []string
}

// renderings renders every target with its own values, and with each value file beside the chart on top.
func renderings(t testing.TB, r *repo.Repo) []rendering {
	t.Helper()
	targets, _, err := render.Targets(r)
	if err != nil {
		t.Fatal(err)
	}
	var out []rendering
	for i, target := range targets {
		sets := []string{""}
		if target.Kind == repo.Chart {
			files, err := r.Files(target.Dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if path.Dir(f) == target.Dir && strings.HasPrefix(path.Base(f), "values") && path.Base(f) != "values.yaml" && path.Ext(f) == ".yaml" {
					sets = append(sets, f)
				}
			}
		}
		for _, set := range sets {
			one := target
			if set != "" {
				one.ValueFiles = append(slices.Clip(one.ValueFiles), set)
			}
			res, err := render.Render(t.Context(), r, one, render.Options{})
			if err != nil {
				continue
			}
			g := rendering{name: fmt.Sprintf("%s %d %s", target.Dir, i, set)}
			for _, p := range res.Problems {
				g.broken = append(g.broken, p.Message)
			}
			for _, resource := range res.Resources {
				var object map[string]any
				if resource.Node != nil && resource.Node.Decode(&object) == nil && object != nil {
					if get(object, "metadata", "namespace") == nil && target.Deployment != nil {
						object["deployedTo"] = target.Deployment.Namespace
					}
					g.objects = append(g.objects, object)
				}
			}
			out = append(out, g)
		}
	}
	return out
}

func get(data any, steps ...string) any {
	for _, s := range steps {
		m, _ := data.(map[string]any)
		data = m[s]
	}
	return data
}

func str(data any, steps ...string) string {
	if v := get(data, steps...); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func labelsOf(data any) map[string]string {
	m, _ := data.(map[string]any)
	out := map[string]string{}
	for k, v := range m {
		out[k] = fmt.Sprint(v)
	}
	return out
}

func space(object map[string]any) string {
	if ns := str(object, "metadata", "namespace"); ns != "" {
		return ns
	}
	return str(object, "deployedTo")
}

type testPod struct {
	name, namespace string
	labels          map[string]string
}

// podsIn returns the pods that a rendering makes. Those of a RedisFailover as operator/redisfailover/handler.go getLabels of
// Spotahome's operator labels them.
func podsIn(objects []map[string]any) []testPod {
	var pods []testPod
	for _, o := range objects {
		name, ns := str(o, "metadata", "name"), space(o)
		switch kind := str(o, "kind"); kind {
		case "RedisFailover":
			given := map[string]string{}
			whitelist, _ := get(o, "spec", "labelWhitelist").([]any)
			for k, v := range labelsOf(get(o, "metadata", "labels")) {
				for _, p := range whitelist {
					if re, err := regexp.Compile(fmt.Sprint(p)); err == nil && re.MatchString(k) {
						given[k] = v
					}
				}
				if len(whitelist) == 0 {
					given[k] = v
				}
			}
			for _, role := range []string{"master", "slave", ""} {
				labels := maps.Clone(given)
				component := "redis"
				if role == "" {
					component = "sentinel"
				} else {
					labels["redisfailovers-role"] = role
				}
				maps.Copy(labels, map[string]string{
					"app.kubernetes.io/name": name, "app.kubernetes.io/component": component, "app.kubernetes.io/part-of": "redis-failover",
					"app.kubernetes.io/managed-by": "redis-operator", "redisfailovers.databases.spotahome.com/name": name,
				})
				pods = append(pods, testPod{kind + "/" + name + "/" + component + role, ns, labels})
			}
		case "Deployment", "StatefulSet", "DaemonSet":
			pods = append(pods, testPod{kind + "/" + name, ns, labelsOf(get(o, "spec", "template", "metadata", "labels"))})
		}
	}
	return pods
}

// selections returns the pods of every Service, NetworkPolicy, PodDisruptionBudget and PodMonitor of a rendering.
func selections(objects []map[string]any) map[string]string {
	pods := podsIn(objects)
	out := map[string]string{}
	for _, o := range objects {
		var selector map[string]string
		switch str(o, "kind") {
		case "Service":
			selector = labelsOf(get(o, "spec", "selector"))
		case "NetworkPolicy":
			selector = labelsOf(get(o, "spec", "podSelector", "matchLabels"))
		case "PodDisruptionBudget", "PodMonitor":
			selector = labelsOf(get(o, "spec", "selector", "matchLabels"))
		}
		if len(selector) == 0 {
			continue
		}
		var found []string
		for _, p := range pods {
			match := p.namespace == space(o)
			for k, v := range selector {
				match = match && p.labels[k] == v
			}
			if match {
				found = append(found, p.name)
			}
		}
		slices.Sort(found)
		out[str(o, "kind")+" "+space(o)+"/"+str(o, "metadata", "name")] = strings.Join(found, " ")
	}
	return out
}

var clientURL = regexp.MustCompile(`(?:(rediss?|redis-sentinel)://)*([a-z0-9-]+)((?:\.[a-z0-9-]+)*)(?::([0-9]+))?`)

// clients returns what the addresses in a rendering reach: the pods behind the Service, or what the operator's Service stands for.
func clients(objects []map[string]any) []string {
	serves := map[string]string{}
	for _, o := range objects {
		name, ns := str(o, "metadata", "name"), space(o)
		switch str(o, "kind") {
		case "RedisFailover":
			for service, what := range map[string]string{"rfs-": "26379 sentinels", "rfrm-": "6379 master", "rfrs-": "6379 replicas"} {
				serves[ns+"/"+service+name] = what + " of " + name
			}
		case "Service":
			ports, _ := get(o, "spec", "ports").([]any)
			for _, p := range ports {
				serves[ns+"/"+name] += str(p, "port") + " "
			}
			serves[ns+"/"+name] += str(o, "spec", "selector", "redisfailovers-role")
		}
	}
	var out []string
	var walk func(data any, ns, at string)
	walk = func(data any, ns, at string) {
		switch data := data.(type) {
		case map[string]any:
			for k, v := range data {
				walk(v, ns, at+"."+k)
			}
		case []any:
			for _, v := range data {
				walk(v, ns, at)
			}
		case string:
			for _, m := range clientURL.FindAllStringSubmatch(data, -1) {
				host, port := m[2], m[4]
				in := ns
				if domain := strings.Split(strings.TrimPrefix(m[3], "."), "."); domain[0] != "" {
					in = domain[0]
				}
				if what, known := serves[in+"/"+host]; known && (port == "" || slices.Contains(strings.Fields(what), port)) {
					out = append(out, fmt.Sprintf("%s %s -> %s://%s", at, ns, m[1], what))
				}
			}
		}
	}
	for _, o := range objects {
		for _, field := range []string{"spec", "data", "stringData"} {
			walk(o[field], space(o), str(o, "kind")+" "+str(o, "metadata", "name"))
		}
	}
	slices.Sort(out)
	return out
}

// complaints describes what is worse in a repository after fixes that are called safe. done are the findings that they are for.
func complaints(t testing.TB, before, after *repo.Repo, config *cue.Config, done []*finding.Finding) []string {
	t.Helper()
	var bad []string
	opts := lint.Options{Config: config, Strict: true}
	for _, f := range unmatched(run(t, before, opts).Findings, run(t, after, opts).Findings) {
		bad = append(bad, "new finding "+f.Rule+": "+f.Message)
	}
	was, is := renderings(t, before), renderings(t, after)
	if len(was) != len(is) {
		return append(bad, "other renderings")
	}
	meant := map[string][]*finding.Finding{}
	for _, f := range done {
		meant[f.Resource.String()] = append(meant[f.Resource.String()], f)
	}
	for i := range was {
		a, b := was[i], is[i]
		if len(a.broken) < len(b.broken) {
			bad = append(bad, a.name+": broken by the fix: "+strings.Join(b.broken, "; "))
		}
		if len(a.objects) != len(b.objects) {
			bad = append(bad, a.name+": other objects")
			continue
		}
		pods, now := selections(a.objects), selections(b.objects)
		for k, v := range pods {
			if now[k] != v {
				bad = append(bad, fmt.Sprintf("%s: %s selected %q and selects %q", a.name, k, v, now[k]))
			}
		}
		reached, still := clients(a.objects), clients(b.objects)
		for _, c := range reached {
			if !slices.Contains(still, c) {
				bad = append(bad, fmt.Sprintf("%s: no longer reached: %s", a.name, c))
			}
		}
		for j := range a.objects {
			name := str(a.objects[j], "kind") + "/" + str(a.objects[j], "metadata", "name")
			changed := differences(a.objects[j], b.objects[j], nil)
			wanted := func(at []string) bool {
				return slices.ContainsFunc(meant[name], func(f *finding.Finding) bool { return about(f, at) })
			}
			for _, at := range changed {
				// A value that is used twice has one finding, and changes both.
				same := func(other []string) bool {
					return wanted(other) && reflect.DeepEqual(get(a.objects[j], other...), get(a.objects[j], at...)) && reflect.DeepEqual(get(b.objects[j], other...), get(b.objects[j], at...))
				}
				// What a deployment gives a chart shows in what the chart renders.
				gives := slices.Contains([]string{"Application", "HelmRelease"}, str(a.objects[j], "kind")) && (strings.HasPrefix(strings.Join(at, "."), "spec.source.helm.") || at[1] == "values")
				if !gives && !wanted(at) && !slices.ContainsFunc(changed, same) {
					bad = append(bad, fmt.Sprintf("%s: %s renders differently at %s", a.name, name, strings.Join(at, ".")))
				}
			}
		}
	}
	return bad
}

// about reports whether a change is where a finding is, beside it in the same mapping or list, or in what it says belongs in spec.
func about(f *finding.Finding, at []string) bool {
	parent := f.Path
	if len(parent) > 2 {
		parent = parent[:2] // spec.redis
	} else if len(parent) > 0 && parent[0] == "metadata" {
		parent = []string{"spec"}
	} else if len(parent) > 0 {
		parent = parent[:1]
	}
	return len(at) >= len(parent) && slices.Equal(at[:len(parent)], parent)
}

// differences returns the paths at which objects differ.
func differences(a, b any, at []string) [][]string {
	x, isMap := a.(map[string]any)
	y, both := b.(map[string]any)
	if !isMap || !both {
		p, _ := json.Marshal(a)
		q, _ := json.Marshal(b)
		if string(p) == string(q) {
			return nil
		}
		return [][]string{at}
	}
	var out [][]string
	keys := maps.Clone(x)
	maps.Copy(keys, y)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		out = append(out, differences(x[k], y[k], append(slices.Clip(at), k))...)
	}
	return out
}

// unmatched returns the findings of after that are not in before: of the same rule and resource, with the same message or path.
func unmatched(before, after []*finding.Finding) []*finding.Finding {
	had := map[string]bool{}
	for _, f := range before {
		had[f.Rule+f.Resource.String()+"\x00"+f.Message] = true
		had[f.Rule+f.Resource.String()+"\x01"+strings.Join(f.Path, ".")] = true
	}
	return slices.DeleteFunc(slices.Clone(after), func(f *finding.Finding) bool {
		return f.Suppressed != nil || had[f.Rule+f.Resource.String()+"\x00"+f.Message] || had[f.Rule+f.Resource.String()+"\x01"+strings.Join(f.Path, ".")]
	})
}

// proveSafe fixes a repository and complains about what is worse then, and when a second run changes more.
func proveSafe(t testing.TB, r *repo.Repo, config *cue.Config) (*lint.Fixed, []string) {
	t.Helper()
	opts := lint.Options{Config: config, Today: today, Compiled: &compiled}
	fixed, err := lint.Fix(t.Context(), r, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(fixed.Changes) == 0 {
		return fixed, nil
	}
	after := with(t, r, fixed.Changes)
	bad := complaints(t, r, after, config, fixed.Done)
	again, err := lint.Fix(t.Context(), after, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range again.Changes {
		bad = append(bad, "a second run changes "+c.Path)
	}
	return fixed, bad
}

// with returns a repository with changes.
func with(t testing.TB, r *repo.Repo, changes []repo.Change) *repo.Repo {
	t.Helper()
	files := map[string][]byte{}
	for _, c := range changes {
		files[c.Path] = c.New
	}
	after, err := repo.Open(lint.Overlay(r.Fs(), files), repo.Options{Layout: r.Layout()})
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// TestSafeFixes: after the safe fixes of every example of a rule with a fix, and of the example repository, nothing is worse than
// before. TestFixCorpus checks the same for public repositories.
func TestSafeFixes(t *testing.T) {
	t.Parallel()
	total := 0
	each := func(name string, r *repo.Repo, config *cue.Config) {
		t.Run(name, func(t *testing.T) {
			fixed, bad := proveSafe(t, r, config)
			total += len(fixed.Done)
			if len(bad) > 0 {
				t.Errorf("after %s:\n%s", print(t, r, "compact", fixed.Done), strings.Join(bad, "\n"))
			}
		})
	}
	for name, text := range ruleExamples(t) {
		r, config := open(t, repository(txtar.Parse([]byte(text))))
		each(name, r, config)
	}
	each("example", exampleRepo(t), nil)
	t.Logf("%d findings fixed", total)
}

func exampleRepo(t testing.TB) *repo.Repo {
	t.Helper()
	r, err := repo.Open(afero.NewReadOnlyFs(afero.NewBasePathFs(afero.NewOsFs(), filepath.Join("..", "examples", "devops-repo"))), repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ruleExamples returns the archives of all rules with a fix by name.
func ruleExamples(t testing.TB) map[string]string {
	t.Helper()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, rule := range rules {
		if rule.Fix == "" {
			continue
		}
		policy.Examples(rule)
		out[rule.Name+"/bad"], out[rule.Name+"/good"] = rule.Bad, rule.Good
		for name, text := range policy.Cases(rule) {
			out[rule.Name+"/"+name] = text
		}
	}
	return out
}

// mutate changes the YAML of an archive at random in ways that rules have something against.
func mutate(random *rand.Rand, files []txtar.File) []txtar.File {
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	ways := []func(string) string{
		replace("replicas: 3", "replicas: 0"), replace("replicas: 3", "replicas: 2"), replace("replicas: 3", "replicas: 1"),
		replace("    terminationGracePeriod: 90\n", ""), replace("maxmemory 192mb", "maxmemory 250mb"), replace("maxmemory 192mb", "maxmemory 192Mi"),
		replace("      - maxmemory 192mb\n", ""), replace("memory: 256Mi", "memory: 256m"), replace("memory: 256Mi", "memory: 90Mi"),
		replace("keepAfterDeletion: true", "keepAfterDeletion: false"), replace("accessModes: [ReadWriteOnce]", "accessModes: []"),
		replace("      - maxmemory-policy noeviction\n", "      - save 900 1\n      - save 300 10\n"),
		replace("customConfig:\n      - maxmemory 192mb\n      - maxmemory-policy noeviction\n", "customConfig: null\n"),
		replace("  name: shop\n", "  name: shop\n  labels: { team: payments, app.kubernetes.io/instance: prod }\n"),
		replace("    redisfailovers-role: master\n", "    redisfailovers-role: master\n    team: payments\n"),
		replace("    app.kubernetes.io/part-of: redis-failover\n", ""), replace("targetPort: redis", "targetPort: 8080"),
		replace("redis://shop-redis-master:6379", "redis://rfs-shop:6379"), replace(":6379", ":26379"), replace("redis://", "rediss://"),
		replace("spec:\n  sentinel:", "spec:\n  labelWhitelist: ['.*']\n  sentinel:"), replace("  redis:\n", "  redis:\n    hostNetwork: true\n"),
	}
	out := slices.Clone(files)
	for range 1 + random.IntN(4) {
		i, way := random.IntN(len(out)), ways[random.IntN(len(ways))]
		if ext := path.Ext(out[i].Name); ext == ".yaml" {
			out[i].Data = []byte(way(string(out[i].Data)))
		}
	}
	return out
}

// TestSafeFixesOfMutations does the same for examples that are changed at random.
func TestSafeFixesOfMutations(t *testing.T) {
	t.Parallel()
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	all := ruleExamples(t)
	names := slices.Sorted(maps.Keys(all))
	random := rand.New(rand.NewPCG(7, 12))
	total := 0
	for range rounds {
		name := names[random.IntN(len(names))]
		files := mutate(random, repository(txtar.Parse([]byte(all[name]))))
		r, config := open(t, files)
		fixed, bad := proveSafe(t, r, config)
		total += len(fixed.Done)
		if len(bad) > 0 {
			t.Errorf("%s, changed to\n%s\nafter %s:\n%s", name, txtar.Format(&txtar.Archive{Files: files}), print(t, r, "compact", fixed.Done), strings.Join(bad, "\n"))
		}
	}
	t.Logf("%d findings fixed in %d repositories", total, rounds)
	if total < rounds/10 {
		t.Error("hardly anything was fixed: the test asks nothing")
	}
}
