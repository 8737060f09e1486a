package lint

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Why an edit cannot be made.
var (
	errNothing = errors.New("nothing found at that path")
	errNoList  = errors.New("is not a list")
)

type linter struct {
	repo      *repo.Repo
	opts      *Options
	config    *cue.Config
	rules     *ruleSet
	evaluator policy.Evaluator
	clock     *clock

	units     []*unit
	files     []string
	documents []sourceDocument
	templates map[string]templateFacts
	charts    *render.Parsed // what of them is parsed
	schemas   schemas
	pool      policy.Values
	known     []*cue.Operator
	installed func() []instance.Installation
	charge    func() instance.Charge
	operator  func() *cue.Operator // that the configuration names
	secrets   func() *redact.Secrets
	missing   func() *incomplete // what could not be rendered; asked for after all units are checked

	suppressions []*suppression

	ends        []int                     // of the ids of the resources of each unit, exclusive; nil until somebody asks
	live        []*unit                   // the first of units: those that are deployed, or may be
	notDeployed map[string]bool           // the spots of the others
	moot        map[*finding.Finding]bool // findings of the others
	byDir       map[string][]*unit
	coverage    *repo.Coverage // nil when no deployer is known

	redisFound []redisFound // the Redis instances that are deployed
	later      bool         // they are not known, because nothing has asked for them yet

	lastFile      string // that was looked up in, and what it holds
	lastDocuments []*repo.Document

	collected bool // findings has those of the units
	findings  []*finding.Finding
	located   map[*finding.Finding]*fix
	notices   []*finding.Problem
	failures  finding.Problems
}

// add takes a finding unless its rule is off there.
func (l *linter) add(f *finding.Finding) {
	if f != nil {
		l.findings = append(l.findings, f)
	}
}

// parallel calls f for every index on several cores. The error is that of the lowest index.
func (l *linter) parallel(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	jobs := l.opts.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	errs := make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(jobs, n) {
		wg.Go(func() {
			for i := range next {
				errs[i] = f(ctx, i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Options describes what to check. The zero value checks everything with the rules' own levels.
type Options struct {
	Config *cue.Config // nil is the configuration of a repository that has none
	Strict bool        // as the configuration's strict

	Paths   []string // only findings in these files and folders count; none is all
	Only    []string // these rules and no others, also when they are off; a category is "auth/*"
	Enable  []string // rules to switch on
	Disable []string // rules to switch off

	Values         [][]string // sets of value files to render on top, each for itself, besides those of the configuration
	NoSuppressions bool
	Baseline       *Baseline // findings that were there before
	Scope          string    // cue.ScopeRedis or cue.ScopeAll; "" is the configuration's
	Base           *Base     // what the repository was like; then only findings in what changed since count

	UserRules []UserRules // rules that are not ours
	Compiled  *Compiled   // keeps compiled rules from one run to the next; nil keeps none
	Cache     *Cache      // keeps what was found where nothing changes; nil keeps nothing
	Keeper    Keeper      // keeps what was found in targets, in place of Cache; nil keeps nothing
	Jobs      int         // how many targets are looked at at once; 0 is one for each core
	Today     time.Time   // for suppressions that expire; the zero time lets none expire

	// Suggested lets Fix make fixes too that are not proven to be safe.
	Suggested bool

	unfolded    bool // findings of rules that report once are reported each, for Fix
	everyValues bool // render with value files beside a chart too that nothing names, for Fix

	// Progress, which may be nil, receives the number of checked targets, one call at a time.
	Progress func(done, total int)
	// Found, which may be nil, receives the findings of a target, before its Progress. It is a first sight of a long run: without
	// rules that look at the whole repository or report once, and before anything is suppressed or left out. The secrets are those
	// of the repository, for the report.
	Found func([]*finding.Finding, *redact.Secrets)
	// Partial, if set, is asked when the context ends a run, with the cause. If ok, the run reports what it has found until then, and
	// why it was stopped as a finding and a failure; rules about the whole repository have not run.
	Partial func(cause error) (why string, ok bool)
}

func (o *Options) strict() bool { return o.Strict || o.Config.Strict }

// resource is what is kept of a rendered resource.
type resource struct {
	finding.Resource
	file string
	data *held
}

// source is what is found in one file, whatever is rendered from it.
type source struct {
	findings     []*finding.Finding
	failures     finding.Problems
	documents    []sourceDocument
	template     templateFacts
	suppressions []*suppression
}

// suppression is a user's word that a finding may stay.
type suppression struct {
	finding.Suppression
	rule     string
	wholly   bool              // ignore-file
	from, to int               // lines that a comment covers
	resource *finding.Resource // of an annotation: of that resource; of the configuration: by kindName
	kindName string            // Kind/name, "" for all
	glob     string            // of the configuration
	broken   bool              // has been reported; suppresses nothing
	used     bool
}

// clock adds up times by phase.
type clock struct {
	mu    sync.Mutex
	names []string
	spent map[string]time.Duration
}

// measure begins a phase and gives the function that ends it.
func (c *clock) measure(name string) func() {
	start := time.Now()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, known := c.spent[name]; !known {
			c.names = append(c.names, name)
		}
		c.spent[name] += time.Since(start)
	}
}

func newClock() *clock { return &clock{spent: map[string]time.Duration{}} }

// chartModel is what rules see of a chart beyond its resources.
type chartModel struct {
	name  string
	flow  model.Flow
	files []model.ValuesFile
	kept  *keptValues // in place of flow and files, if there
}

// fix is the edits of source files that a fix of a rule comes to, or why there are none.
type fix struct {
	edits     []*edit
	words     string
	suggested string // why it is more than safe; "" leaves that to the proof
	why       string // there are no edits
	meant     []meant
	kept      *unit // it is of an earlier run, so that its edits can only be compared; else nil
}

// id is the same for fixes that change the same lines in the same way.
func (f *fix) id() string {
	ids := make([]string, len(f.edits))
	for i, e := range f.edits {
		ids[i] = e.id
	}
	return strings.Join(ids, "\x01")
}

// and adds what another finding with the same edits is for.
func (f *fix) and(other *fix) *fix {
	both := *f
	both.meant = slices.Concat(f.meant, other.meant)
	if both.suggested == "" {
		both.suggested = other.suggested
	}
	return &both
}

// tell writes into a finding what its fix is.
func (f *fix) tell(to *finding.Finding) {
	if len(f.edits) > 0 {
		to.Fix, to.Suggested = f.words, f.suggested
	}
}

// incomplete sums up the units that could not be rendered as a whole. What they would have made is unknown, so nothing may be
// concluded from not finding it.
type incomplete struct {
	dirs       []string
	namespaces map[string]bool // those that the units are deployed to, and those that their files name
	unplaced   bool            // the namespace of one of them is unknown
	names      map[string]bool // of directories, charts and releases, from which templates make names
	words      map[string]bool // of their files
	deploys    bool            // they deploy other units, perhaps with values of their own
}

// Cache holds what a run found in each target and file, so that the next one looks only at what it would read differently. It is
// for a program that checks the same repository again and again, with a small change each time, and costs about as much memory
// as the repository. It may be used by one run at a time.
type Cache struct {
	mu sync.Mutex
	cachedRun
	other cachedRun // with another setting, such as strict, of a repository of few targets
	// installs are documents that may install an operator. They follow from their file alone, whatever the rest of setting says.
	installs cachedFiles[[]instance.Document]
	secrets  cachedFiles[*redact.File] // the same
	charts   render.Parsed             // what of them is parsed
}

// cachedRun is what depends on more than files.
type cachedRun struct {
	setting    string // what it was made with besides the files
	config     *cue.Config
	targets    map[string]*cachedUnit
	sources    cachedFiles[source]
	generators cachedFiles[generator]
}

// UserViolation is what a user's rule answers: about resources[Input], or as a repository rule with Input -1.
type UserViolation struct {
	Input int
	policy.Violation
}

// Compiled holds compiled rules, which take most of the time of a small run. It may be used by several goroutines.
type Compiled struct {
	Engine policy.Engine // nil is that of the build

	mu         sync.Mutex
	evaluators map[string]policy.Evaluator // by the names of the rules and the settings, and one of each program by the names
}

// Result is what a run found.
type Result struct {
	Findings  []*finding.Finding      // sorted, the suppressed ones included
	Rules     map[string]*policy.Rule // all that are known, by name
	Ran       []string                // the rules that were evaluated
	Off       []string                // the rules that were not
	Notices   []*finding.Problem      // what was not looked at, and why
	Failures  finding.Problems        // what could not be run: rules that failed, files that could not be read
	Files     int
	Resources int
	Phases    []Phase
	Secrets   *redact.Secrets // values that reports must not show

	fixes  map[*finding.Finding]*fix
	repo   *repo.Repo
	linter *linter // with a Keeper, whose fixes Edited makes again
}

// place is where a path of a resource or document is in the source that a user edits.
type place struct {
	finding.Position
	endLine, endColumn int
	related            []finding.Related
}

// generator is one of data.repo.generators, and what is wrong with it.
type generator struct {
	model    model.Generator
	problems finding.Problems
	err      error
}

// scope separates findings that concern Redis from others, for `scope: redis`. It is made at the first finding of a general rule, so
// that a repository without one pays nothing.
type scope struct {
	l        *linter
	byDir    map[string][]*unit
	byValues map[string][]*unit // by value files and by the file of the deployment
	runs     map[*unit]bool     // it has a Redis
	involved map[*unit]bool     // the text of the chart or kustomization mentions Redis; filled on demand
	mention  map[string]bool    // whether a file mentions Redis; filled on demand
	secrets  map[string]bool    // names of the Secrets that Redis or its clients take passwords from; nil until somebody asks
}

// world is what a repository comes to, as far as a safe fix has to leave it alone: what is found with all rules, what each way to
// deploy renders, which pods each selector has, and where each address leads. "Each way" is every deployment of the repository,
// the value files of the configuration, and those beside a chart that nothing names.
type world struct {
	lint  *linter
	units map[string]*unit
	reach *reach // nil until it is asked for
}

// reach is who selects and who finds whom: the pods of each selector, and what the addresses of each resource lead to.
type reach struct {
	selected map[string][]string // pods by the selector: of which unit, resource and path
	names    map[string]string   // of the selector, for people
	leads    map[string][]string // what is reached, by the unit and resource whose texts name it
	holders  map[string]string   // of the addresses, for people
	targets  []string            // the pods with their labels, and the Services with their ports; sorted
}

// candidate is a fix and the findings that it is for.
type candidate struct {
	*fix
	findings []*finding.Finding
}

// cachedFiles are what was read from files, by the file and what else it depends on.
type cachedFiles[T any] map[string]*cachedFile[T]

// schemas are the structural checks of the operators that the repository has resources of, made when the first one is there.
type schemas struct {
	once   sync.Once
	charge *operatorSchemas              // of the operator in charge of the kinds that several have
	others map[cue.Kind]*operatorSchemas // of kinds that only one operator has
}

// templateFacts is what only the text of a template shows.
type templateFacts struct {
	header *model.Header
	chance *model.Template
	text   []byte // a keptTemplate as JSON, in their place
}

const cueConfigFile = cue.ConfigFile

// unknownResource is for a rule that made an id up.
func unknownResource(rule string, id int) *finding.Problem {
	return finding.Errorf(finding.Position{File: rule}, "", "the rule returned resource %d, which is not in data.repo.resources; return the id of one", id)
}

// A locatedResource is a rendered resource with the nodes of its file.
type locatedResource struct {
	*unit
	chart    *render.Chart
	resource *render.Resource
	index    int
	name     finding.Resource
	parts    bool // a finding whose fix changes a part of a text is at that part
}

// A locator finds the places of violations in the resources of units, of which it keeps a few rendered.
type locator struct {
	*linter
	rendered map[*unit]*render.Result
}

// ruleSet is the rules of a run with their levels.
type ruleSet struct {
	all    map[string]*policy.Rule
	levels map[string]policy.Level // of every known rule, "off" included
	paths  map[string][]string     // globs of files that a rule is restricted to
	strict bool
}
