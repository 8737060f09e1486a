// Package wasm answers calls in JSON about a repository that is held in memory: what the page in the browser asks of the
// linter and scaffolder. It adds no logic of its own, so that page and command line say the same.
//
// worker/ is the program that a Web Worker runs.
package wasm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy/engine"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/report"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// Limits of a repository in memory. A thousand applications are some 5,000 files.
const (
	maxFiles = 20_000
	maxBytes = 64 << 20
)

// Options describes how a session answers. The zero value is that of a program without a version.
type Options struct {
	Version string // of the tool, for reports
	// Deps are randomness and the time. Passwords are made of the one; the other decides about certificates and suppressions.
	Deps func() scaffold.Deps
}

// Session holds one repository and what was found in it. It serves one call at a time.
type Session struct {
	options     Options
	fs          afero.Fs
	repo        *repo.Repo
	config      *cue.Config
	problems    finding.Problems // of the configuration; then config is that of a repository without one
	compiled    lint.Compiled
	cache       lint.Cache
	planBefore  lastPlan
	shownBefore map[string]string // the diffs of the last plan, as they may be printed
	rendered    *render.Kept      // for plans of an application that the form changes step by step
	last        *report.Run
	secrets     *redact.Secrets // of the repository; nil until a message needs them
	progress    func(Progress)

	base  map[string][]byte // of changed files: what was opened, or written last; nil where a file did not exist
	steps []step            // since then
}

// Progress describes how far a call is.
type Progress struct {
	Phase string `json:"phase"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
	// Found is a report, in JSON, of some findings of a lint that goes on; "" is none. They come once each.
	Found string `json:"found,omitempty"`
}

// NewSession returns a session with an empty repository.
func NewSession(o Options) *Session {
	s := &Session{options: o, rendered: render.NewKept()}
	s.base = map[string][]byte{}
	_ = s.use(afero.NewMemMapFs()) // an empty repository has nothing that could be wrong
	return s
}

// File is a file of the repository; Base64 is for one that is no text.
type File struct {
	Path   string `json:"path"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
}

// Problem is something that is wrong with a call or the repository.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"` // of the form that it is about; set.KEY is one of the values
	// Suggestion is a value to use in place of the one that is wrong.
	Suggestion string `json:"suggestion,omitempty"`
}

// answer is what every call gives. Exactly one of the two is there.
type answer struct {
	Result any      `json:"result,omitempty"`
	Error  *failure `json:"error,omitempty"`
}

type failure struct {
	Problems []Problem `json:"problems"`
	Panic    string    `json:"panic,omitempty"` // where: the program has a fault
}

type call func(s *Session, ctx context.Context, request []byte) (any, error)

// calls are what can be asked, by name.
func calls() map[string]call {
	return map[string]call{
		"open": decoded((*Session).open), "files": decoded((*Session).files), "lint": decoded((*Session).lint),
		"report": decoded((*Session).report), "fix": decoded((*Session).fix), "plan": decoded((*Session).plan),
		"check": decoded((*Session).check), "apply": decoded((*Session).apply), "instances": decoded((*Session).instances),
		"rules": decoded((*Session).rules), "form": decoded((*Session).form), "changes": decoded((*Session).changes),
		"assess": decoded((*Session).assess), "undo": decoded((*Session).undo), "discard": decoded((*Session).discard), "written": decoded((*Session).written),
	}
}

func decoded[T any](f func(*Session, context.Context, T) (any, error)) call {
	return func(s *Session, ctx context.Context, request []byte) (any, error) {
		var v T
		d := json.NewDecoder(bytes.NewReader(request))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("the request cannot be read: %w", err)
		}
		return f(s, ctx, v)
	}
}

// Run answers one call: a name, and its request in JSON. The answer is JSON with either "result" or "error"; a fault of the
// program is an error too. progress, which may be nil, receives how far a long call is.
func (s *Session) Run(ctx context.Context, name string, request []byte, progress func(Progress)) (out []byte) {
	defer func() {
		if fault := recover(); fault != nil {
			out = encode(answer{Error: &failure{
				Problems: []Problem{{Message: fmt.Sprintf("this is a fault of redis-gitops; please report it with what you did: %s", s.secrets.Foreign(fmt.Sprint(fault)))}},
				Panic:    string(debug.Stack()),
			}})
		}
	}()
	s.progress = progress
	known := calls()
	f, ok := known[name]
	if !ok {
		names := slices.Sorted(maps.Keys(known))
		return encode(s.failed(fmt.Errorf("unknown call %q; %s%s", name, finding.OneOf(names), finding.DidYouMean(name, names))))
	}
	result, err := f(s, ctx, request)
	if err != nil {
		return encode(s.failed(err))
	}
	out = encode(answer{Result: result})
	if name == "instances" || name == "assess" { // which quote what stands in the place of names and values
		out = []byte(s.known().Text(string(out)))
	}
	return out
}

func (s *Session) failed(err error) answer {
	return answer{Error: &failure{Problems: s.masked(finding.All(err))}}
}

func problems(list []*finding.Problem) []Problem {
	out := make([]Problem, len(list))
	for i, p := range list {
		out[i] = Problem{p.File, p.Line, p.Column, p.Path, cmp.Or(p.Fault, p.Message), fieldOf(p), p.Suggestion}
		if strings.HasPrefix(p.File, "--") { // a flag, which the page has as a field
			out[i].File = ""
		}
	}
	return out
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // our own types
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (s *Session) deps() scaffold.Deps { return s.options.Deps() }

// today is the day for suppressions that expire.
func (s *Session) today() time.Time {
	if s.options.Deps == nil {
		return time.Time{}
	}
	return s.deps().Now
}

type openRequest struct {
	Files []File     `json:"files"`
	Steps []openStep `json:"steps,omitempty"` // to make on them, when the program has been started again
}

// opened describes what the repository is.
type opened struct {
	Files        int           `json:"files"`
	Applications []application `json:"applications"`
	Strict       bool          `json:"strict"`
	Operator     string        `json:"operator"`
	Problems     []Problem     `json:"problems"`          // of the configuration and layout
	Resources    []string      `json:"resources"`         // types that generators make
	Deployments  []string      `json:"deployments"`       // the same
	Profiles     []string      `json:"profiles"`          // of the configuration, beside the built-in ones
	Program      string        `json:"program,omitempty"` // the one to ask, when it is not this one
}

type application struct {
	Name      string `json:"name"`
	Dir       string `json:"dir"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
}

// open takes the place of whatever was open before.
func (s *Session) open(_ context.Context, r openRequest) (any, error) {
	if len(r.Files) > maxFiles {
		return nil, fmt.Errorf("%d files are too many; open a part of the repository with at most %d", len(r.Files), maxFiles)
	}
	fsys := afero.NewMemMapFs()
	total := 0
	var wrong finding.Problems
	for _, f := range r.Files {
		content := f.Base64
		if content == nil {
			content = []byte(f.Text)
		}
		if total += len(content); total > maxBytes {
			return nil, fmt.Errorf("the files are more than %d MiB; open a part of the repository", maxBytes>>20)
		}
		if !local(f.Path) {
			wrong = append(wrong, finding.Errorf(finding.Position{}, "", "%q is outside the repository; remove it", f.Path))
			continue
		}
		if info, err := fsys.Stat(f.Path); err == nil {
			what := "is there twice"
			if info.IsDir() {
				what = "is a file and a folder"
			}
			wrong = append(wrong, finding.Errorf(finding.Position{File: f.Path}, "", "%s; leave one out", what))
			continue
		}
		if err := afero.WriteFile(fsys, f.Path, content, 0o644); err != nil {
			wrong = append(wrong, finding.Errorf(finding.Position{File: f.Path}, "", "%v", err))
		}
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if err := s.use(fsys); err != nil {
		return nil, err
	}
	s.base, s.steps = map[string][]byte{}, nil
	if len(r.Steps) == 0 {
		return s.describe(len(r.Files))
	}
	for _, st := range r.Steps {
		if err := s.edit(st.What, st.Files); err != nil {
			return nil, err
		}
	}
	return s.describeAll()
}

// local reports whether a path stays inside, on every system that the files may be written to later.
func local(name string) bool {
	if name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.ContainsAny(name, "\\\x00:") {
		return false
	}
	return !slices.Contains(strings.Split(name, "/"), "..") && name != "."
}

// use opens a file system.
func (s *Session) use(fsys afero.Fs) error {
	s.fs, s.last, s.problems, s.planBefore, s.cache, s.secrets = fsys, nil, nil, lastPlan{}, lint.Cache{}, nil
	s.shownBefore = nil
	var err error
	if s.config, err = readConfig(fsys); err != nil {
		s.problems = finding.All(err)
		if s.config, err = cue.LoadConfig(cue.ConfigFile, nil); err != nil {
			return err
		}
	}
	l := s.config.Layout
	s.repo, err = repo.Open(fsys, repo.Options{Layout: repo.Layout{
		Applications: l.Applications, Generators: l.Generators, Platform: l.Platform, PlatformApplications: l.PlatformApplications,
	}})
	if err != nil {
		s.problems = append(s.problems, finding.All(err)...)
		s.repo, err = repo.Open(fsys, repo.Options{})
	}
	return err
}

func readConfig(fsys afero.Fs) (*cue.Config, error) {
	src, err := afero.ReadFile(fsys, cue.ConfigFile)
	if err != nil {
		return cue.LoadConfig(cue.ConfigFile, nil)
	}
	if _, err := repo.ParseDocuments(cue.ConfigFile, src); err != nil {
		return nil, err
	}
	return cue.LoadConfig(cue.ConfigFile, src)
}

func (s *Session) describe(files int) (*opened, error) {
	out := &opened{
		Files: files, Applications: []application{}, Strict: s.config.Strict, Operator: s.config.Operator.Name, Problems: s.masked(s.problems),
		Profiles: slices.Sorted(maps.Keys(s.config.Defaults.Profiles)),
	}
	apps, err := s.repo.Apps()
	if err != nil {
		return nil, err
	}
	for _, a := range apps {
		namespace, _, _ := a.Namespace() // what it cannot know, the plan says
		out.Applications = append(out.Applications, application{a.Name, a.Dir, a.Kind.String(), namespace})
	}
	operator, err := cue.OperatorNamed(s.config.Operator.Name)
	if err != nil {
		return nil, err
	}
	if out.Resources, err = scaffold.GeneratorTypes(s.repo, "resources", operator.Types); err != nil {
		return nil, err
	}
	out.Program = s.program()
	if out.Deployments, err = scaffold.GeneratorTypes(s.repo, "deployments", nil); err != nil {
		return nil, err
	}
	return out, nil
}

// full is the program that takes rules in Rego, which has OPA in it.
const full = "full"

// program is the one that a repository needs, "" for this one.
func (s *Session) program() string {
	if engine.TakesModules || len(s.config.Policies) == 0 {
		return ""
	}
	modules, _, err := lint.RepoCode(s.repo, s.config)
	if err != nil || len(modules) == 0 {
		return "" // lint reports what is wrong
	}
	return full
}

type filesRequest struct {
	Changes []changedFile `json:"changes"`
}

// files takes over what a person, or another program, has changed.
func (s *Session) files(_ context.Context, r filesRequest) (any, error) {
	if err := s.edit("edit", r.Changes); err != nil {
		return nil, err
	}
	return s.describeAll()
}

func (s *Session) edit(what string, files []changedFile) error {
	for _, f := range files {
		if !local(f.Path) {
			return fmt.Errorf("%q is outside the repository; remove it", f.Path)
		}
	}
	return s.set(what, files)
}

func (s *Session) describeAll() (any, error) {
	names, err := s.repo.Files(".")
	if err != nil {
		return nil, err
	}
	return s.describe(len(names))
}

// changedFile is what a plan or a fix does to a file.
type changedFile struct {
	Path   string          `json:"path"`
	Action scaffold.Action `json:"action"`
	Old    string          `json:"old"`
	New    string          `json:"new"`
	Diff   string          `json:"diff,omitempty"` // a patch of this file alone
}

func changedFiles(p *scaffold.Plan) []changedFile {
	out := []changedFile{}
	for _, f := range p.Files {
		out = append(out, changedFile{f.Path, f.Action, string(f.Old), string(f.New), f.Diff()})
	}
	return out
}

// joinedDiffs returns the diffs of files as one patch.
func joinedDiffs(files []changedFile) string {
	var b strings.Builder
	for _, f := range files {
		b.WriteString(f.Diff)
	}
	return b.String()
}

var errNoReport = errors.New("nothing was checked yet; lint first")
