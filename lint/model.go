package lint

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

func newChartModel(pool policy.Values, c *render.Chart) (*chartModel, error) {
	m := &chartModel{name: c.Name, flow: model.NewFlow(c.Reads, c.Values)}
	if c.Partial {
		m.flow = m.flow.Partial()
	}
	for _, s := range c.Sets {
		if s.Node == nil {
			continue
		}
		data, err := pool.Value(plainData(s.Node))
		if err != nil {
			return nil, err
		}
		m.files = append(m.files, model.ValuesFile{File: s.Position.File, Data: pool.Share(data)})
	}
	return m, nil
}

// app returns the name of the application that a folder is, or is in.
func (l *linter) app(dir string, apps map[string]string) string {
	for d := dir; d != "." && d != "/"; d = path.Dir(d) {
		if name, ok := apps[d]; ok {
			return name
		}
	}
	return ""
}

// repository builds data.repo.
func (l *linter) repository() (policy.Value, error) {
	m, err := l.model()
	if err != nil {
		return nil, err
	}
	return l.pool.Value(*m)
}

func (l *linter) model() (*model.Repository, error) {
	apps, err := l.applications()
	if err != nil {
		return nil, err
	}
	m := &model.Repository{Files: l.files, Applications: apps.list, Operators: l.installations()}
	if m.Generators, err = l.generators(); err != nil {
		return nil, err
	}
	if err := l.redis(apps.units, m); err != nil {
		return nil, err
	}
	for _, file := range slices.Sorted(maps.Keys(l.templates)) {
		if l.idleFile(file) {
			continue
		}
		facts, err := l.templateFacts(file)
		if err != nil {
			return nil, err
		}
		if facts.chance != nil {
			m.Templates = append(m.Templates, *facts.chance)
		}
	}
	for i, u := range l.live {
		for _, r := range u.resources {
			value, err := r.data.get()
			if err != nil {
				return nil, err
			}
			m.Resources = append(m.Resources, model.Resource{
				ID: len(m.Resources), Unit: apps.units[i].unit, Set: apps.units[i].set, App: apps.units[i].app, File: r.file,
				APIVersion: r.APIVersion, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, Object: value,
			})
		}
	}
	for _, d := range l.documents {
		if l.idleFile(d.file) {
			continue
		}
		data, shared := apps.values[d.file]
		if !shared || d.index > 0 {
			if data, err = d.data.get(); err != nil {
				return nil, err
			}
		}
		m.Documents = append(m.Documents, model.Document{File: d.file, Document: d.index, Type: d.kind, Data: data})
	}
	return m, nil
}

type unitModel struct{ unit, set, app string }

// applications are data.repo.applications, and what each unit is called.
type applications struct {
	units  []unitModel
	list   []model.Application
	values map[string]policy.Value // of values files
}

func (l *linter) applications() (*applications, error) {
	apps, err := l.repo.AppFolders()
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for _, a := range apps {
		dirs[a.Dir] = a.Name
	}
	m := &applications{values: map[string]policy.Value{}}
	ways := map[string]int{}
	charts := map[string]*chartModel{}
	deployed := map[string]bool{}
	flows := map[string]model.Flow{}
	namespaces := map[string]string{}
	kinds := map[string]repo.AppKind{}
	seenDir := []string{}
	for _, u := range l.live {
		dir := u.target.Dir
		m.units = append(m.units, unitModel{unit: dir, set: strconv.Itoa(ways[dir]), app: l.app(dir, dirs)})
		ways[dir]++
		if _, seen := kinds[dir]; !seen {
			seenDir = append(seenDir, dir)
		}
		kinds[dir] = u.target.Kind
		deployed[dir] = deployed[dir] || u.target.Deployment != nil
		if namespaces[dir] == "" {
			namespaces[dir] = u.namespace()
		}
		if u.chart != nil {
			chart, err := u.chart.opened(l.pool, flows)
			if err != nil {
				return nil, err
			}
			charts[dir] = mergeCharts(charts[dir], l.asDeployed(u, chart))
		}
	}
	for _, dir := range seenDir {
		name, isApp := dirs[dir]
		if !isApp && kinds[dir] == repo.Plain {
			continue
		}
		if name == "" {
			name = path.Base(dir)
		}
		a := model.Application{
			Name: name, Dir: dir, Kind: kinds[dir].String(), Namespace: namespaces[dir], Deployed: deployed[dir], IsApplication: isApp,
			Templates: l.filesBelow(dir + "/templates"),
		}
		for _, f := range a.Templates {
			facts, err := l.templateFacts(f)
			if err != nil {
				return nil, err
			}
			if h := facts.header; h != nil && isApp {
				a.Headers = append(a.Headers, *h)
			}
		}
		if c := charts[dir]; c != nil {
			a.ChartFields = &model.ChartFields{Chart: model.ChartName{Name: c.name, File: dir + "/Chart.yaml"}, Flow: c.flow}
			a.Values = c.files
			for _, f := range c.files {
				m.values[f.File] = f.Data
			}
		}
		m.list = append(m.list, a)
	}
	return m, nil
}

// mergeCharts adds what another way to render the same chart reads and sets.
func mergeCharts(into, from *chartModel) *chartModel {
	if into == nil {
		return from
	}
	out := &chartModel{name: into.name, flow: into.flow.And(from.flow), files: slices.Clone(into.files)}
	for _, f := range from.files {
		if !slices.ContainsFunc(out.files, func(o model.ValuesFile) bool { return o.File == f.File }) {
			out.files = append(out.files, f)
		}
	}
	return out
}

// checkRepository applies the rules about the repository as a whole.
func (l *linter) checkRepository(ctx context.Context) error {
	stop := l.clock.measure("repository rules")
	defer stop()
	var failed error
	evaluate := func() ([]policy.Violation, error) {
		var value policy.Value
		if value, failed = l.repository(); failed != nil {
			return nil, failed
		}
		return l.evaluator.Repository(ctx, value)
	}
	violations, err := l.opts.repository(l, evaluate)
	if failed != nil {
		return failed
	}
	if l.later {
		if _, err := l.generators(); err != nil { // what is wrong with them
			return err
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.failures = append(l.failures, finding.All(err)...)
	}
	all := make([]UserViolation, len(violations))
	for i, v := range violations {
		all[i] = UserViolation{-1, v}
	}
	return l.locate(ctx, all)
}

// plainResources returns every resource as plain data for rules that are evaluated elsewhere, and their ids.
func (l *linter) plainResources(ctx context.Context) ([]any, []int, error) {
	var out []any
	var ids []int
	for _, u := range l.live {
		res, err := u.render(ctx, l)
		if err != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			continue
		}
		for _, r := range mappings(res.Resources) {
			ids = append(ids, len(ids))
			out = append(out, plainData(r.Node))
		}
	}
	return out, ids, nil
}

// plainRepository returns data.repo as plain data.
func (l *linter) plainRepository() (any, error) {
	value, err := l.repository()
	if err != nil {
		return nil, err
	}
	return value.Plain()
}

// generators returns the templates of new resources and deployments.
func (l *linter) generators() ([]model.Generator, error) {
	var out []model.Generator
	for _, group := range []string{"resources", "deployments"} {
		for _, file := range l.filesBelow(l.repo.Layout().Generators + "/" + group) {
			if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" {
				continue
			}
			g := l.opts.Cache.generator(l, file, group)
			if g.err != nil {
				return nil, g.err
			}
			for _, p := range g.problems {
				l.add(l.problemFinding(p))
			}
			out = append(out, g.model)
		}
	}
	return out, nil
}

// redis sets what data.repo has of the Redis instances of the repository: redis, pods and references.
func (l *linter) redis(units []unitModel, m *model.Repository) error {
	operators, err := cue.Operators()
	if err != nil {
		return err
	}
	// What is deployed twice does not meet, so each way to deploy is looked at for itself.
	sets := map[string][]instance.Document{}
	plain := l.pool.Plains()
	id := 0
	for i, u := range l.live {
		for _, r := range u.resources {
			if aboutRedis(r.Kind) {
				value, err := r.data.get()
				if err != nil {
					return err
				}
				data, err := plain(value)
				if err != nil {
					return err
				}
				object, _ := data.(map[string]any)
				sets[units[i].set] = append(sets[units[i].set], instance.Document{Object: object, Namespace: r.Namespace, Application: units[i].app, Where: strconv.Itoa(id)})
			}
			id++
		}
	}
	byName := map[string]*cue.Operator{}
	for _, o := range operators {
		byName[o.Name] = o
	}
	l.redisFound, l.later = nil, false
	options := l.instanceOptions()
	for _, set := range slices.Sorted(maps.Keys(sets)) {
		documents := sets[set]
		delete(sets, set) // of thousands of applications they take as much memory as all that is found in them
		found, pods, references := instance.FindAll(documents, operators, options)
		m.Pods, m.References = slices.Grow(m.Pods, len(pods)), slices.Grow(m.References, len(references))
		addPods(m, pods, references)
		m.Redis = slices.Grow(m.Redis, len(found))
		for _, in := range found {
			id, err := strconv.Atoi(in.Where)
			if err != nil {
				return fmt.Errorf("lint: an instance without a resource: %q", in.Where)
			}
			m.Redis = append(m.Redis, redisOf(id, in, byName[in.Operator]))
			l.redisFound = append(l.redisFound, newRedisFound(id, in))
		}
	}
	byResource(m.Redis, func(r model.Redis) int { return r.Resource })
	byResource(m.Pods, func(p model.PodSpec) int { return p.Resource })
	byResource(m.References, func(r model.Reference) int { return r.Resource })
	return nil
}

// byResource sorts by the id of the resource, and leaves the order of those of one resource.
func byResource[E any](list []E, id func(E) int) {
	slices.SortStableFunc(list, func(a, b E) int { return cmp.Compare(id(a), id(b)) })
}

func redisOf(id int, in *instance.Instance, operator *cue.Operator) model.Redis {
	r := model.Redis{
		Resource: id, Operator: in.Operator, Version: in.Version, Kind: in.Kind, Name: in.Name, Namespace: in.Namespace,
		Replicas: in.Replicas, Cluster: in.Cluster,
	}
	hosts := map[instance.Role]*[]model.Host{instance.Write: &r.Writes, instance.Read: &r.Reads, instance.Sentinels: &r.Sentinels, instance.All: &r.Any}
	for _, s := range in.Services {
		list := hosts[s.Role]
		switch {
		case list == nil:
		case s.By == "operator":
			*list = append(*list, model.Host{Host: s.Name, Port: s.Port})
		case s.Role == instance.All:
			*list = append(*list, model.Host{Host: s.Name})
		}
	}
	if in.Write != nil {
		r.Port = in.Write.Port
	}
	if in.Sentinel != nil {
		r.MasterName = in.Sentinel.Master
	}
	if in.Auth != nil {
		r.Secret = &model.Secret{Name: in.Auth.Secret, Key: in.Auth.Key}
	}
	if operator != nil {
		for _, o := range operator.Made(in.Version, in.Name) {
			r.Objects = append(r.Objects, model.Object{Kind: o.Kind, Name: o.Name})
		}
	}
	return r
}
