package wasm

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/render"
)

// redis is a Redis of the repository.
type redis struct {
	*instance.Instance
	Memory      string            `json:"memory"`      // its limit; "" when there is none
	Watchers    int               `json:"watchers"`    // how many sentinels; 0 when the resource does not say
	Persistence string            `json:"persistence"` // the size of its volume, "yes" for one of unknown size; "" without one
	Clients     map[string]string `json:"clients"`     // the URL, and code that connects, by format
	Sentinels   map[string]string `json:"sentinels"`   // the same by way of the sentinels
	UsedBy      []user            `json:"usedBy"`
}

// user is a workload that names the host of a Redis.
type user struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	File      string `json:"file"`
}

type found struct {
	Instances []redis            `json:"instances"`
	Operators []instance.Running `json:"operators"`
	Problems  []Problem          `json:"problems"`
}

// object is a rendered resource as plain data.
type object struct {
	data map[string]any
	file string
}

// instances returns every Redis of the repository.
func (s *Session) instances(ctx context.Context, _ empty) (any, error) {
	r, err := instance.Open(ctx, s.repo, s.config)
	if err != nil {
		return nil, err
	}
	all, err := r.All(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := s.objects(ctx)
	if err != nil {
		return nil, err
	}
	out := &found{Instances: []redis{}, Operators: append([]instance.Running{}, r.Running()...), Problems: s.masked(r.Problems)}
	for _, in := range all {
		each := redis{Instance: in, Clients: clients(in, false), Sentinels: map[string]string{}, UsedBy: []user{}}
		if in.Sentinel != nil {
			each.Sentinels = clients(in, true)
		}
		for _, o := range objects {
			if text(o.data, "kind") == in.Kind && text(o.data, "metadata", "name") == in.Name && sameNamespace(text(o.data, "metadata", "namespace"), in.Namespace) {
				each.Memory, each.Persistence, each.Watchers = memory(o.data["spec"]), persistence(o.data["spec"]), watchers(o.data["spec"])
				break
			}
		}
		if in.Sentinel != nil && in.Kind == cue.KindOfCharts {
			each.Watchers = len(in.Sentinel.Hosts)
		}
		each.UsedBy = usedBy(in, objects)
		out.Instances = append(out.Instances, each)
	}
	return out, nil
}

func sameNamespace(written, real string) bool { return written == "" || real == "" || written == real }

func clients(in *instance.Instance, sentinel bool) map[string]string {
	out := map[string]string{}
	for _, format := range instance.Formats() {
		if text, err := in.Client(format, instance.ClientOptions{Sentinel: sentinel}); err == nil && format != "json" {
			out[format] = text
		}
	}
	return out
}

// objects renders the repository.
func (s *Session) objects(ctx context.Context) ([]object, error) {
	targets, _, err := render.Targets(s.repo)
	if err != nil {
		return nil, err
	}
	var out []object
	for i, t := range targets {
		s.tell(Progress{Phase: "render", Done: i, Total: len(targets)})
		result, err := render.Render(ctx, s.repo, t, render.Options{})
		if err != nil {
			return nil, err
		}
		result.AddReleases(s.repo, t, cue.ChartValues)
		for _, r := range result.Resources {
			var data map[string]any
			if r.Node.Decode(&data) == nil {
				out = append(out, object{data, r.File})
			}
		}
	}
	return out, nil
}

func at(v any, path ...string) any {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func text(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

// aside are words in the names of parts that are not the Redis itself.
var aside = [...]string{"sentinel", "exporter", "init", "proxy", "predixy", "haproxy", "backup", "tls"}

// walk calls f for every mapping, those nearer to the top first, until it says that it has what it wants.
func walk(v any, f func(m map[string]any) bool) {
	for level := []any{v}; len(level) > 0; {
		var next []any
		for _, each := range level {
			switch each := each.(type) {
			case map[string]any:
				if f(each) {
					return
				}
				for _, key := range slices.Sorted(maps.Keys(each)) {
					if !slices.ContainsFunc(aside[:], func(word string) bool { return strings.Contains(strings.ToLower(key), word) }) {
						next = append(next, each[key])
					}
				}
			case []any:
				next = append(next, each...)
			}
		}
		level = next
	}
}

// watchers returns how many sentinels a spec asks for.
func watchers(spec any) int {
	switch n := at(spec, "sentinel", "replicas").(type) {
	case int:
		return n
	case float64:
		return int(n)
	}
	return 0
}

// memory returns the limit of memory that a spec has for the Redis: the one nearest to the top, as every operator has it.
func memory(spec any) string {
	limit := ""
	walk(spec, func(m map[string]any) bool {
		limit = text(m, "resources", "limits", "memory")
		return limit != ""
	})
	return limit
}

// persistence returns the size of the first volume that a spec asks for.
func persistence(spec any) string {
	size := ""
	walk(spec, func(m map[string]any) bool {
		for _, key := range []string{"persistentVolumeClaim", "volumeClaimTemplate", "persistence", "persistentVolume", "persistentSpec", "persistent"} {
			claim, ok := m[key].(map[string]any)
			if !ok || claim["enabled"] == false {
				continue
			}
			size = "yes"
			if s := text(claim, "size"); s != "" {
				size = s // of a chart's values
				return true
			}
			walk(claim, func(m map[string]any) bool {
				if s := text(m, "requests", "storage"); s != "" {
					size = s
				}
				return size != "yes"
			})
			return true
		}
		if templates, ok := m["volumeClaimTemplates"].([]any); ok && len(templates) > 0 {
			if size = text(templates[0], "spec", "resources", "requests", "storage"); size == "" {
				size = "yes"
			}
		}
		return size != ""
	})
	return size
}

// usedBy finds the workloads that name one of the hosts of a Redis in their own text.
func usedBy(in *instance.Instance, objects []object) []user {
	out := []user{}
	for _, o := range objects {
		kind := text(o.data, "kind")
		switch kind {
		case "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Rollout":
		default:
			continue
		}
		u := user{kind, text(o.data, "metadata", "name"), text(o.data, "metadata", "namespace"), o.file}
		if names(o.data["spec"], in, sameNamespace(u.Namespace, in.Namespace)) && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// names reports whether a text has the host of one of the Services: with its namespace, or from nearby without.
func names(v any, in *instance.Instance, near bool) bool {
	switch v := v.(type) {
	case string:
		return slices.ContainsFunc(in.Services, func(s instance.Service) bool {
			return hasHost(v, s.Name+"."+s.Namespace) || near && hasHost(v, s.Name)
		})
	case map[string]any:
		for _, each := range v {
			if names(each, in, near) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(each any) bool { return names(each, in, near) })
	}
	return false
}

// hasHost looks for a host that is no part of a longer one.
func hasHost(text, host string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], host)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(host)
		if !inName(text, from-1) && !(to < len(text) && inName(text, to)) {
			return true
		}
		at = to
	}
}

func inName(text string, i int) bool {
	return i >= 0 && (text[i] == '-' || text[i] >= 'a' && text[i] <= 'z' || text[i] >= '0' && text[i] <= '9')
}
