// Package lint runs the schemas and rules over a repository and says for each finding which line to change.
//
// It reads and renders everything, in parallel, and gives the same bytes on any number of cores. A rule says which path of a
// resource is wrong; this package alone turns that into a file, a line and a column.
package lint

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/engine"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// UserRules is a set of rules that the user or the repository brings.
type UserRules struct {
	Rules []*policy.Rule
	// Evaluate applies them. Rego can use up all memory before a deadline ends it, so a caller may do this elsewhere.
	Evaluate func(ctx context.Context, rules []*policy.Rule, settings map[string]any, resources []any, repository any) ([]UserViolation, error)
}

// Phase is a part of the work and the time it took, added up over all cores.
type Phase struct {
	Name     string
	Duration time.Duration
}

// Run checks a repository. The error is about the options, or that ctx is done; what is wrong with the repository is in the
// result.
func Run(ctx context.Context, r *repo.Repo, opts Options) (*Result, error) {
	l, err := run(ctx, r, opts)
	if err != nil {
		return nil, err
	}
	res := l.result()
	res.repo = r
	if opts.Keeper != nil {
		res.linter = l
	}
	return res, nil
}

func run(ctx context.Context, r *repo.Repo, opts Options) (*linter, error) {
	if opts.Config == nil {
		var err error
		if opts.Config, err = cue.LoadConfig(cue.ConfigFile, nil); err != nil {
			return nil, err
		}
	}
	l := &linter{repo: r.Snapshot(), opts: &opts, config: opts.Config, clock: newClock(), charts: opts.Cache.parsed(), located: map[*finding.Finding]*fix{}, moot: map[*finding.Finding]bool{}}
	l.pool = opts.Compiled.rules().Values()
	var err error
	if l.known, err = cue.Operators(); err != nil {
		return nil, err
	}
	l.installed = sync.OnceValue(l.recognise)
	l.charge = sync.OnceValue(func() instance.Charge { return instance.InCharge(l.config, l.installed(), l.known) })
	l.secrets = sync.OnceValue(l.readSecrets)
	l.missing = sync.OnceValue(l.readIncomplete)
	l.operator = sync.OnceValue(func() *cue.Operator {
		operator, _ := cue.OperatorNamed(opts.Config.Operator.Name) // the configuration has been checked
		return operator
	})
	rules, err := opts.Compiled.rules().Rules()
	if err != nil {
		return nil, err
	}
	for _, u := range opts.UserRules {
		rules = append(rules, u.Rules...)
	}
	if l.rules, err = ruleLevels(rules, &opts); err != nil {
		return nil, err
	}
	if err := l.run(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

func (c *Compiled) rules() policy.Engine {
	if c == nil || c.Engine == nil {
		return engine.Default()
	}
	return c.Engine
}

func (c *Compiled) evaluator(rules []*policy.Rule, settings map[string]any) (policy.Evaluator, error) {
	opts := policy.Options{Rules: rules, Settings: settings}
	if c == nil {
		return c.rules().Compile(opts)
	}
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.Name
	}
	program := strings.Join(names, " ")
	key := program + fmt.Sprint(settings) // fmt sorts maps
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.evaluators[key]; e != nil {
		return e, nil
	}
	var e policy.Evaluator
	var err error
	if compiled := c.evaluators[program]; compiled != nil {
		e, err = compiled.With(settings)
	} else {
		e, err = c.rules().Compile(opts)
	}
	if err != nil {
		return nil, err
	}
	if c.evaluators == nil {
		c.evaluators = map[string]policy.Evaluator{}
	}
	c.evaluators[key], c.evaluators[program] = e, e
	return e, nil
}

func (l *linter) settings() map[string]any {
	return Settings(l.config, l.charge(), l.known, l.rules.strict)
}

// Settings is what rules see as data.settings. The operator is the one in charge of the RedisFailovers.
func Settings(config *cue.Config, charge instance.Charge, operators []*cue.Operator, strict bool) map[string]any {
	options := map[string]any{}
	for name, rule := range config.Rules {
		if len(rule.Options) > 0 {
			options[name] = rule.Options
		}
	}
	return map[string]any{
		"strict": strict,
		"operator": map[string]any{
			"name": charge.Operator, "version": charge.Version, "namespace": config.Operator.Namespace, "title": charge.Title(),
			"named": config.NamesOperator(),
		},
		"foreignFields": charge.Foreign(operators),
		"options":       options,
	}
}

func (l *linter) run(ctx context.Context) error {
	var stopped *finding.Finding
	if err := l.check(ctx); err != nil {
		ok := false
		if stopped, ok = l.stopped(ctx); !ok {
			return err
		}
		ctx = context.WithoutCancel(ctx)
	}
	if err := l.finalize(ctx); err != nil {
		return err
	}
	if stopped != nil { // wherever it is, and whatever the paths are
		l.findings = append(l.findings, stopped)
		finding.SortFindings(l.findings)
	}
	return nil
}

// check does everything up to the findings.
func (l *linter) check(ctx context.Context) error {
	// Compiling the rules takes as long as rendering a hundred applications, and needs nothing of them.
	type compiled struct {
		evaluator policy.Evaluator
		err       error
	}
	l.opts.Cache.open()
	if err := l.read(ctx); err != nil {
		return err
	}
	ready := make(chan compiled, 1)
	settings := l.settings() // says which operator runs, which the files show
	go func() {
		defer l.clock.measure("compile rules")()
		own := slices.DeleteFunc(l.rules.enabled(), func(r *policy.Rule) bool { return r.User })
		evaluator, err := l.opts.Compiled.evaluator(own, settings)
		ready <- compiled{evaluator, err}
	}()
	err := l.targets(ctx)
	c := <-ready
	if err = cmp.Or(err, c.err); err != nil {
		return err
	}
	l.evaluator = c.evaluator
	l.opts.Cache.begin(l)
	var mu sync.Mutex
	done := 0
	if err := l.parallel(ctx, len(l.units), func(ctx context.Context, i int) error {
		u := l.units[i]
		err := l.opts.check(l, u, func() error { return u.check(ctx, l) })
		mu.Lock()
		defer mu.Unlock()
		u.checked = err == nil
		if early := l.partial(u); len(early) > 0 {
			l.secrets().Add(u.secrets...)
			l.opts.Found(early, l.secrets())
		}
		if done++; l.opts.Progress != nil {
			l.opts.Progress(done, len(l.units))
		}
		return err
	}); err != nil {
		return err
	}
	l.divide()
	l.unusedValues()
	l.collect()
	if err := l.readSources(ctx); err != nil {
		return err
	}
	if err := l.checkRepository(ctx); err != nil {
		return err
	}
	if err := l.checkLeaks(ctx); err != nil {
		return err
	}
	if err := l.compare(ctx); err != nil {
		return err
	}
	if err := l.userRules(ctx); err != nil {
		return err
	}
	l.opts.Cache.end()
	if l.opts.Keeper != nil {
		l.opts.Keeper.end(l)
	}
	return nil
}

// collect takes over what was found in the units.
func (l *linter) collect() {
	l.collected = true
	for _, u := range l.units {
		if !u.checked {
			continue
		}
		l.findings = append(l.findings, u.findings...)
		maps.Copy(l.located, u.located)
		l.notices = append(l.notices, u.notices...)
		l.failures = append(l.failures, u.failures...)
	}
}

// stopped makes of a run that its context ended one that reports what it has found, where the options ask for that.
func (l *linter) stopped(ctx context.Context) (*finding.Finding, bool) {
	if l.opts.Partial == nil || ctx.Err() == nil {
		return nil, false
	}
	why, ok := l.opts.Partial(context.Cause(ctx))
	if !ok {
		return nil, false
	}
	at := finding.Position{File: "."}
	for _, u := range slices.Backward(l.units) {
		if !u.checked {
			u.incomplete = true // nothing is concluded from what is not found
			at = l.front(u)
		}
	}
	if !l.collected {
		l.live = l.units
		l.collect()
	}
	l.failures = append(l.failures, finding.Errorf(finding.Position{}, "", "%s", why))
	return l.problemFinding(finding.Errorf(at, "", "%s", why).WithCode(render.CodeFails)), true
}

// partial returns the findings of a target that are known before the end of the run.
func (l *linter) partial(u *unit) []*finding.Finding {
	if l.opts.Found == nil {
		return nil
	}
	var out []*finding.Finding
	for _, f := range u.findings {
		if rule := l.rules.all[f.Rule]; rule == nil || rule.Once == "" {
			out = append(out, f)
		}
	}
	return out
}

// read finds what there is to check.
func (l *linter) read(ctx context.Context) error {
	defer l.clock.measure("read")()
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	l.files, err = l.repo.Files(".")
	return err
}

// targets finds the ways in which what is there is deployed.
func (l *linter) targets(ctx context.Context) error {
	defer l.clock.measure("read")()
	targets, problems, err := render.TargetsOf(l.repo, l.files)
	if err != nil {
		return err
	}
	for _, p := range problems {
		l.add(l.problemFinding(p))
	}
	if err := l.missingValues(targets); err != nil {
		return err
	}
	ids := map[string]int{}
	for _, t := range targets {
		sets := append([][]string{nil}, l.config.Values...)
		sets = append(sets, l.opts.Values...)
		if t.Kind != repo.Chart {
			sets = sets[:1]
		} else if l.opts.everyValues {
			sets = append(sets, l.valuesBeside(t, targets)...)
		}
		for i, values := range sets {
			files := l.valueFiles(t.Dir, values)
			if i > 0 && len(files) == 0 {
				continue
			}
			u := newUnit(t, i, values, files)
			id := fmt.Sprintf("%s %d %q %s", t.Dir, t.Kind, values, name(t.Deployment))
			u.id = fmt.Sprint(id, " ", ids[id])
			ids[id]++
			l.units = append(l.units, u)
		}
	}
	return ctx.Err()
}

// userRules applies the rules that are not ours.
func (l *linter) userRules(ctx context.Context) error {
	var resources []any // the same for every set
	var ids []int
	for _, set := range l.opts.UserRules {
		rules := slices.DeleteFunc(slices.Clone(set.Rules), func(r *policy.Rule) bool { return !l.rules.on(r.Name) })
		if len(rules) == 0 {
			continue
		}
		stop := l.clock.measure("user rules")
		var err error
		if resources == nil {
			if resources, ids, err = l.plainResources(ctx); err != nil {
				return err
			}
		}
		var repository any
		if slices.ContainsFunc(rules, func(r *policy.Rule) bool { return r.Scope == policy.ScopeRepository }) {
			if repository, err = l.plainRepository(); err != nil {
				return err
			}
		}
		violations, err := set.Evaluate(ctx, rules, l.settings(), resources, repository)
		stop()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			l.failures = append(l.failures, finding.All(err)...)
		}
		for i := range violations {
			v := &violations[i]
			if v.Input >= 0 && v.Input < len(ids) {
				v.Resource = ids[v.Input]
			}
		}
		if err := l.locate(ctx, violations); err != nil {
			return err
		}
	}
	return nil
}

// result puts everything together.
func (l *linter) result() *Result {
	res := &Result{Findings: l.findings, Rules: l.rules.all, Notices: l.notices, Failures: l.failures, fixes: l.located}
	res.Secrets = l.secrets()
	for _, u := range l.units {
		res.Secrets.Add(u.secrets...)
	}
	res.Phases = l.clock.phases()
	seen := map[string]bool{}
	for _, u := range l.units {
		res.Resources += len(u.resources)
		for _, f := range u.files {
			seen[f] = true
		}
	}
	for _, d := range l.documents {
		seen[d.file] = true
	}
	res.Files = len(seen)
	for _, name := range slices.Sorted(maps.Keys(l.rules.all)) {
		if l.rules.on(name) {
			res.Ran = append(res.Ran, name)
		} else {
			res.Off = append(res.Off, name)
		}
	}
	slices.SortStableFunc(res.Notices, func(a, b *finding.Problem) int { return cmp.Compare(a.Error(), b.Error()) })
	res.Notices = slices.CompactFunc(res.Notices, func(a, b *finding.Problem) bool { return a.Error() == b.Error() })
	res.Failures.Sort()
	return res
}

func (c *clock) phases() []Phase {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Phase
	for _, name := range slices.Sorted(slices.Values(c.names)) {
		out = append(out, Phase{name, c.spent[name]})
	}
	return out
}
