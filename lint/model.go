package lint

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// chartModel is what rules see of a chart beyond its resources.
type chartModel struct {
	name  string
	flow  flow
	files []valuesFile
}

type valuesFile struct {
	file string
	data policy.Value
}

func newChartModel(pool *policy.Pool, c *render.Chart) (*chartModel, error) {
	m := &chartModel{name: c.Name, flow: newFlow(c.Reads, c.Values)}
	if c.Partial {
		m.flow = m.flow.partial()
	}
	for _, s := range c.Sets {
		if s.Node == nil {
			continue
		}
		data, err := pool.Value(plainData(s.Node))
		if err != nil {
			return nil, err
		}
		m.files = append(m.files, valuesFile{s.Position.File, data})
	}
	return m, nil
}

func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// resourceID finds the unit of an id of data.repo.resources, and the index in that unit.
func (l *linter) resourceID(id int) (*unit, int, bool) {
	if l.ends == nil {
		end := 0
		for _, u := range l.units {
			end += len(u.resources)
			l.ends = append(l.ends, end)
		}
	}
	i := sort.SearchInts(l.ends, id+1) // the first unit that ends behind it
	if id < 0 || i == len(l.ends) {
		return nil, 0, false
	}
	u := l.units[i]
	return u, id - (l.ends[i] - len(u.resources)), true
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
	m, err := l.repositoryModel()
	if err != nil {
		return policy.Value{}, err
	}
	fields := map[string]any{}
	if fields["generators"], err = l.generators(); err != nil {
		return policy.Value{}, err
	}
	if err := l.redis(m.units, fields); err != nil {
		return policy.Value{}, err
	}
	fields["files"] = anyList(l.files)
	fields["operators"] = l.installations()
	templates := []any{}
	for file, s := range l.templates {
		if s.chance != nil && !l.idleFile(file) {
			templates = append(templates, s.chance)
		}
	}
	fields["templates"] = templates
	value, err := l.pool.Value(fields)
	if err != nil {
		return policy.Value{}, err
	}
	var resources, documents []policy.Value
	for i, u := range l.live {
		for _, r := range u.resources {
			f, err := l.pool.Value(resourceFields(len(resources), m.units[i], r))
			if err != nil {
				return policy.Value{}, err
			}
			resources = append(resources, f.With("object", r.value))
		}
	}
	for _, d := range l.documents {
		if l.idleFile(d.file) {
			continue
		}
		f, err := l.pool.Value(map[string]any{"file": d.file, "document": int64(d.index), "type": d.kind})
		if err != nil {
			return policy.Value{}, err
		}
		data, shared := m.values[d.file]
		if !shared || d.index > 0 {
			if data, err = l.pool.Value(d.data); err != nil {
				return policy.Value{}, err
			}
		}
		documents = append(documents, f.With("data", data))
	}
	return value.With("applications", policy.Array(m.applications)).With("resources", policy.Array(resources)).With("documents", policy.Array(documents)), nil
}

func resourceFields(id int, u unitModel, r resource) map[string]any {
	return map[string]any{
		"id": int64(id), "unit": u.unit, "set": u.set, "app": u.app, "file": r.file,
		"apiVersion": r.APIVersion, "kind": r.Kind, "namespace": r.Namespace, "name": r.Name,
	}
}

type unitModel struct{ unit, set, app string }

type repositoryModel struct {
	units        []unitModel
	applications []policy.Value
	values       map[string]policy.Value // of values files
}

// repositoryModel returns the applications, and what each unit is called.
func (l *linter) repositoryModel() (*repositoryModel, error) {
	apps, err := l.repo.Apps()
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for _, a := range apps {
		dirs[a.Dir] = a.Name
	}
	m := &repositoryModel{values: map[string]policy.Value{}}
	ways := map[string]int{}
	charts := map[string]*chartModel{}
	deployed := map[string]bool{}
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
			charts[dir] = mergeCharts(charts[dir], l.asDeployed(u))
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
		a := map[string]any{"name": name, "dir": dir, "kind": kinds[dir].String(), "namespace": namespaces[dir], "deployed": deployed[dir], "application": isApp}
		headers := []any{}
		files := l.filesBelow(dir + "/templates")
		for _, f := range files {
			if h := l.templates[f].header; h != nil && isApp {
				headers = append(headers, h)
			}
		}
		a["templates"], a["headers"] = anyList(files), headers
		values := []policy.Value{}
		if c := charts[dir]; c != nil {
			a["chart"] = map[string]any{"name": c.name, "file": dir + "/Chart.yaml"}
			a["read"], a["unset"], a["unread"] = nonNil(c.flow.read), nonNil(c.flow.unset), nonNil(c.flow.unread)
			for _, f := range c.files {
				entry, err := l.pool.Value(map[string]any{"file": f.file, "document": int64(0)})
				if err != nil {
					return nil, err
				}
				values = append(values, entry.With("data", f.data))
				m.values[f.file] = f.data
			}
		}
		app, err := l.pool.Value(a)
		if err != nil {
			return nil, err
		}
		m.applications = append(m.applications, app.With("values", policy.Array(values)))
	}
	return m, nil
}

// templateFacts is what only the text of a template shows.
type templateFacts struct{ header, chance map[string]any }

// readTemplate finds the example values in the comment on top, which a generator wrote, and calls of functions of chance.
func readTemplate(file string, src []byte) templateFacts {
	var f templateFacts
	text := string(src)
	if strings.Contains(text, "rand") || strings.Contains(text, "uuidv4") {
		f.chance = map[string]any{"file": file, "text": text}
	}
	before, below, found := strings.Cut(text, "# Example values.yaml:")
	if !found || strings.Contains(before, "\n\n") {
		return f
	}
	lines := []any{}
	for i, line := range strings.Split(below, "\n") {
		text, comment := strings.CutPrefix(line, "#")
		if i > 0 && !comment {
			break
		}
		if i > 0 {
			lines = append(lines, strings.Clone(strings.TrimRight(strings.TrimPrefix(text, " "), "\r"))) // without the whole file behind it
		}
	}
	f.header = map[string]any{"file": file, "line": int64(strings.Count(before, "\n") + 2), "lines": lines}
	return f
}

func nonNil(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}

// mergeCharts adds what another way to render the same chart reads and sets.
func mergeCharts(into, from *chartModel) *chartModel {
	if into == nil {
		return from
	}
	out := &chartModel{name: into.name, flow: into.flow.and(from.flow), files: slices.Clone(into.files)}
	for _, f := range from.files {
		if !slices.ContainsFunc(out.files, func(o valuesFile) bool { return o.file == f.file }) {
			out.files = append(out.files, f)
		}
	}
	return out
}

// filesBelow returns the files of the repository in a folder; l.files is sorted.
func (l *linter) filesBelow(dir string) []string {
	from, _ := slices.BinarySearch(l.files, dir+"/")
	to, _ := slices.BinarySearch(l.files, dir+"0") // "0" is the character after "/"
	return l.files[from:to]
}

// checkRepository applies the rules about the repository as a whole.
func (l *linter) checkRepository(ctx context.Context) error {
	stop := l.clock.measure("repository rules")
	defer stop()
	value, err := l.repository()
	if err != nil {
		return err
	}
	violations, err := l.engine.Repository(ctx, value)
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

// mappings leaves out what was not kept as a resource.
func mappings(all []*render.Resource) []*render.Resource {
	return slices.DeleteFunc(slices.Clone(all), func(r *render.Resource) bool { return r.Node == nil || r.Node.Kind != yaml.MappingNode })
}

// inFile locates a path in a source document, or a line of a file.
func (l *linter) inFile(file string, document, line int, path []string, atKey bool) place {
	if line > 0 {
		return place{Position: finding.Position{File: file, Line: line}}
	}
	if path != nil {
		for _, d := range l.documentsOf(file) {
			if d.Index == document {
				return inDocument(d, path, atKey)
			}
		}
	}
	return place{Position: finding.Position{File: file, Line: 1, Column: 1}}
}

// documentsOf parses a file; the last one stays parsed, since violations come sorted by file.
func (l *linter) documentsOf(file string) []*repo.Document {
	if l.lastFile != file {
		l.lastFile = file
		l.lastDocuments, _ = l.repo.Documents(file) // readSource has reported what is wrong with it
	}
	return l.lastDocuments
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
func (l *linter) generators() ([]any, error) {
	out := []any{}
	for _, group := range []string{"resources", "deployments"} {
		for _, file := range l.filesBelow(l.repo.Layout().Generators + "/" + group) {
			if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" {
				continue
			}
			g := l.opts.Cache.generator(l, file, group)
			for _, p := range g.problems {
				l.add(l.problemFinding(p.Problem, slices.Clone(p.Related)))
			}
			out = append(out, g.model)
		}
	}
	return out, nil
}

// generator is one of data.repo.generators, and what is wrong with it.
type generator struct {
	model    map[string]any
	problems []render.Problem
}

func (l *linter) readGenerator(file, group string) generator {
	g := render.Generator(l.repo, file)
	f := newFlow(g.Reads, g.Example)
	var example any = map[string]any{}
	if g.Example != nil {
		example = plainData(g.Example)
	}
	return generator{map[string]any{
		"file": file, "group": group, "type": strings.TrimSuffix(path.Base(file), path.Ext(file)),
		"read": nonNil(f.read), "unset": nonNil(f.unset), "unread": nonNil(f.unread), "example": example,
	}, g.Problems}
}

// aboutRedis names the kinds of resources that say something about a Redis: its own, and those around it.
func aboutRedis(kind string) bool {
	switch kind {
	case "Service", "StatefulSet", "Deployment", "Application", "HelmRelease", "GitRepository", "OCIRepository", "HelmRepository":
		return true
	}
	return strings.HasPrefix(kind, "Redis")
}

// redis sets what data.repo has of the Redis instances of the repository: redis, pods and references.
func (l *linter) redis(units []unitModel, fields map[string]any) error {
	operators, err := cue.Operators()
	if err != nil {
		return err
	}
	// What is deployed twice does not meet, so each way to deploy is looked at for itself.
	sets := map[string][]instance.Document{}
	id := 0
	for i, u := range l.live {
		for _, r := range u.resources {
			if aboutRedis(r.Kind) {
				plain, err := r.value.Plain()
				if err != nil {
					return err
				}
				object, _ := plain.(map[string]any)
				sets[units[i].set] = append(sets[units[i].set], instance.Document{Object: object, Namespace: r.Namespace, Application: units[i].app, Where: strconv.Itoa(id)})
			}
			id++
		}
	}
	byName := map[string]*cue.Operator{}
	for _, o := range operators {
		byName[o.Name] = o
	}
	made := map[string][]cue.Object{}
	objects := func(in *instance.Instance) []cue.Object {
		key := in.Operator + " " + in.Version
		if _, known := made[key]; !known {
			made[key] = nil
			if o := byName[in.Operator]; o != nil && len(o.Types) > 0 {
				names, err := o.Names(cue.Request{Chart: anyName, Version: in.Version})
				if err == nil {
					made[key] = names.Objects
				}
			}
		}
		return made[key]
	}
	l.instances = nil
	out, facts := []any{}, &podFacts{pods: []any{}, references: []any{}}
	options := l.instanceOptions()
	for _, set := range slices.Sorted(maps.Keys(sets)) {
		facts.add(instance.References(sets[set], operators, options))
		for _, in := range instance.Find(sets[set], operators, options) {
			id, err := strconv.Atoi(in.Where)
			if err != nil {
				return fmt.Errorf("lint: an instance without a resource: %q", in.Where)
			}
			out = append(out, instanceFields(id, in, objects(in)))
			l.instances = append(l.instances, in)
		}
	}
	fields["redis"], fields["pods"], fields["references"] = byResource(out), byResource(facts.pods), byResource(facts.references)
	return nil
}

// byResource sorts by the id of the resource, and leaves the order of those of one resource.
func byResource(list []any) []any {
	slices.SortStableFunc(list, func(a, b any) int {
		return cmp.Compare(a.(map[string]any)["resource"].(int64), b.(map[string]any)["resource"].(int64))
	})
	return list
}

// anyName stands for the name of a Redis in the names of what operators make, which CUE is asked for once.
const anyName = "any-name"

func instanceFields(id int, in *instance.Instance, made []cue.Object) map[string]any {
	hosts := map[instance.Role][]any{instance.Write: {}, instance.Read: {}, instance.Sentinels: {}, instance.All: {}}
	for _, s := range in.Services {
		switch {
		case s.By == "operator":
			hosts[s.Role] = append(hosts[s.Role], map[string]any{"host": s.Name, "port": int64(s.Port)})
		case s.Role == instance.All && in.Kind != "RedisFailover": // those of RedisFailovers the rules find themselves, with all ports
			hosts[s.Role] = append(hosts[s.Role], map[string]any{"host": s.Name, "port": int64(0)})
		}
	}
	port, master, secret := 0, "", any(nil)
	if in.Write != nil {
		port = in.Write.Port
	}
	if in.Sentinel != nil {
		master = in.Sentinel.Master
	}
	if in.Auth != nil {
		secret = map[string]any{"name": in.Auth.Secret, "key": in.Auth.Key}
	}
	objects := []any{}
	for _, o := range made {
		objects = append(objects, map[string]any{"kind": o.Kind, "name": strings.ReplaceAll(o.Name, anyName, in.Name)})
	}
	return map[string]any{
		"resource": int64(id), "operator": in.Operator, "version": in.Version, "kind": in.Kind, "name": in.Name, "namespace": in.Namespace,
		"port": int64(port), "writes": hosts[instance.Write], "reads": hosts[instance.Read], "sentinels": hosts[instance.Sentinels], "any": hosts[instance.All],
		"masterName": master, "secret": secret, "objects": objects, "replicas": int64(in.Replicas), "cluster": in.Cluster,
	}
}
