package instance

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Repository finds the Redis instances of a repository.
type Repository struct {
	Problems []*finding.Problem // what could not be read or rendered on the way

	repo      *repo.Repo
	operators []*cue.Operator
	options   Options
	seen      map[string]bool // folders that were rendered
	found     []*Instance
	known     map[identity]bool // of found
	parsed    render.Parsed
}

// Open looks for the operators of a repository. What the configuration says of the operator counts before what the
// repository shows.
func Open(ctx context.Context, r *repo.Repo, config *cue.Config) (*Repository, error) {
	operators, err := cue.Operators()
	if err != nil {
		return nil, err
	}
	found := &Repository{repo: r, operators: operators, seen: map[string]bool{}, known: map[identity]bool{}}
	found.options.Fallback = config.Operator.Name
	if config.NamesOperator() {
		found.options.Operator, found.options.Version = config.Operator.Name, config.Operator.Version
		return found, nil
	}
	documents, err := Sources(ctx, r, nil)
	if err != nil {
		return nil, err
	}
	found.options.Found = runningOf(Installations(documents, operators))
	found.options.Others = slices.DeleteFunc(documents, func(d Document) bool {
		return !slices.ContainsFunc(operators, func(o *cue.Operator) bool { return o.Reads(d.kind()) })
	})
	return found, nil
}

// Running gives the operators that the repository installs; none where the configuration names the operator.
func (r *Repository) Running() []Running { return r.options.Found }

// All renders the whole repository and returns its Redis instances, sorted by application, name and namespace.
func (r *Repository) All(ctx context.Context) ([]*Instance, error) {
	targets, problems, err := render.Targets(r.repo)
	if err != nil {
		return nil, err
	}
	r.Problems = append(r.Problems, problems...)
	if err := r.render(ctx, targets); err != nil {
		return nil, err
	}
	return r.found, nil
}

// Named returns the Redis instances that a name means: the one of that name in the application of that name, else all of that
// application, else those whose resource or Service has the name, also as a host such as NAME.NAMESPACE.svc. Only the
// applications that can have it are rendered, all of them only when there is no other way. A name that means nothing is an
// error that lists the known ones.
func (r *Repository) Named(ctx context.Context, name string) ([]*Instance, error) {
	if app, err := r.repo.App(name); err == nil {
		if err := r.app(ctx, app.Dir); err != nil {
			return nil, err
		}
		if same := r.matching(func(in *Instance) bool { return in.Name == name }); len(same) > 0 {
			return same, nil
		}
		if len(r.found) > 0 {
			return r.found, nil
		}
	}
	meant := func(in *Instance) bool { return in.Named(name) }
	apps, err := r.repo.AppFolders()
	if err != nil {
		return nil, err
	}
	for _, app := range apps {
		if strings.Contains(name, app.Name) {
			if err := r.app(ctx, app.Dir); err != nil {
				return nil, err
			}
		}
	}
	if found := r.matching(meant); len(found) > 0 {
		return found, nil
	}
	files, err := r.repo.Files(".")
	if err != nil {
		return nil, err
	}
	targets, problems, err := render.TargetsOf(r.repo, files)
	if err != nil {
		return nil, err
	}
	r.Problems = append(r.Problems, problems...)
	some := targets
	if len(targets) > fewTargets {
		some = newSearch(r, name, files).holding(targets)
	}
	if err := r.render(ctx, some); err != nil {
		return nil, err
	}
	found := r.matching(meant)
	if len(found) == 0 {
		found = r.matching(func(in *Instance) bool { return in.Application == name })
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, r.unknown(ctx, name, targets)
}

func (r *Repository) matching(ok func(*Instance) bool) []*Instance {
	return slices.DeleteFunc(slices.Clone(r.found), func(in *Instance) bool { return !ok(in) })
}

// Named reports whether a name is the instance's or that of a Service before it, also as a host such as NAME.NAMESPACE.svc.
func (in *Instance) Named(name string) bool {
	name = strings.TrimSuffix(name, ".cluster.local")
	return in.Name == name || slices.ContainsFunc(in.Services, func(s Service) bool {
		return s.Name == name || s.Namespace != "" && (s.Name+"."+s.Namespace == name || host(s.Name, s.Namespace) == name)
	})
}

// unknown reports which names there are: of many targets, those of some.
func (r *Repository) unknown(ctx context.Context, name string, targets []render.Target) error {
	what := "no Redis"
	if _, err := r.repo.App(name); err == nil {
		what = "no Redis in application"
	}
	left := len(targets) > fewTargets
	if left {
		targets = r.near(name, targets)
	}
	if err := r.render(ctx, targets); err != nil {
		return err
	}
	return listed(what, name, r.found, left, "this repository")
}

// Unknown is the error of a name that none of the instances has: what, such as "no Redis", and the names that there are in a
// place, such as "this repository", with the one that was meant, perhaps.
func Unknown(what, name string, all []*Instance, place string) error {
	return listed(what, name, all, false, place)
}

// listed is Unknown where there may be more than what is known.
func listed(what, name string, all []*Instance, left bool, place string) error {
	var names, near []string
	listed, nearby := map[string]bool{"": true}, map[string]bool{"": true}
	add := func(list *[]string, known map[string]bool, name string) {
		if !known[name] {
			known[name] = true
			*list = append(*list, name)
		}
	}
	for _, in := range all {
		add(&names, listed, in.Name)
		add(&near, nearby, in.Name)
		add(&near, nearby, in.Application)
		for _, s := range in.Services {
			add(&near, nearby, s.Name)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("Redis %q not found in %s", name, place) //lint:ignore ST1005 Redis is a name
	}
	slices.Sort(names)
	more := ""
	if len(names) > shownNames || left {
		names, more = names[:min(len(names), shownNames)], ", …"
	}
	return fmt.Errorf("%s %q; %s%s%s", what, name, finding.OneOf(names), more, finding.DidYouMean(name, near))
}

// app renders what is in the folder of an application.
func (r *Repository) app(ctx context.Context, dir string) error {
	targets, problems, err := render.TargetsIn(r.repo, dir)
	if err != nil {
		return err
	}
	r.Problems = append(r.Problems, problems...)
	return r.render(ctx, targets)
}

// render adds the Redis instances of targets that were not rendered yet. One that is rendered alike for several deployments counts
// once.
func (r *Repository) render(ctx context.Context, targets []render.Target) error {
	done := map[string]bool{}
	for _, t := range targets {
		if r.seen[t.Dir] && !done[t.Dir] {
			continue
		}
		r.seen[t.Dir], done[t.Dir] = true, true
		result, err := render.Render(ctx, r.repo, t, render.Options{Parsed: &r.parsed})
		if err != nil {
			return err
		}
		r.Problems = append(r.Problems, result.Problems...)
		result.AddReleases(r.repo, t, cue.ChartValues)
		for _, in := range Find(r.documents(t, result), r.operators, r.options) {
			if !r.known[in.identity()] {
				r.known[in.identity()] = true
				r.found = append(r.found, in)
			}
		}
	}
	sortInstances(r.found)
	return nil
}

// identity is the same for one Redis that is written, or rendered, twice.
type identity struct{ operator, kind, name, namespace, application string }

func (in *Instance) identity() identity {
	return identity{in.Operator, in.Kind, in.Name, in.Namespace, in.Application}
}

func (r *Repository) documents(t render.Target, result *render.Result) []Document {
	application := ""
	if t.Deployment != nil {
		application = t.Deployment.Name
	}
	namespace := ""
	if t.Deployment != nil {
		namespace = t.Deployment.Namespace
	}
	if app := r.repo.AppOf(t.Dir); app != nil {
		application = app.Name
		if namespace == "" {
			namespace, _, _ = app.Namespace() // of several the first
		}
	} else if application == "" {
		application = path.Base(t.Dir)
	}
	var documents []Document
	for _, resource := range result.Resources {
		var object map[string]any
		if resource.Node.Decode(&object) != nil {
			continue
		}
		d := Document{Object: object, Namespace: namespace, Application: application, Where: resource.File}
		if _, name := resource.Find("metadata", "name"); name != nil && d.kind() != "Service" {
			d.Where = resource.Origin(name).Source.String()
		}
		if d.kind() == cue.KindOfCharts {
			d.release = resource
		}
		documents = append(documents, d)
	}
	return documents
}
