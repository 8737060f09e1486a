package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lintreport"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// planRequest is what the flags of `generate` say.
type planRequest struct {
	Kind string `json:"kind"` // application, resource, deployment or update
	App  string `json:"app"`  // update: "" is all
	// NewApp plans the application too when the repository has none of that name.
	NewApp bool   `json:"newApp,omitempty"`
	Type   string `json:"type,omitempty"`

	Kustomize bool `json:"kustomize,omitempty"` // application

	Suffix    string            `json:"suffix,omitempty"` // resource
	Operator  string            `json:"operator,omitempty"`
	Profile   string            `json:"profile,omitempty"`
	Size      string            `json:"size,omitempty"`
	Engine    string            `json:"engine,omitempty"`
	Set       map[string]string `json:"set,omitempty"`
	Auth      string            `json:"auth,omitempty"`
	Secret    string            `json:"secret,omitempty"`
	Cert      string            `json:"cert,omitempty"`
	Key       string            `json:"key,omitempty"` // KEY or KEY#PROPERTY of a password that the store has
	Store     string            `json:"store,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Env       map[string]string `json:"env,omitempty"`

	Name     string `json:"name,omitempty"` // deployment; update: "" is all of the application
	Image    string `json:"image,omitempty"`
	Hostname string `json:"hostname,omitempty"`

	OnConflict string `json:"onConflict,omitempty"` // "", keep or replace; update: merge
	Strict     bool   `json:"strict,omitempty"`     // check: as lint --strict
}

// makesApp reports whether an application that does not exist is planned too.
func (r planRequest) makesApp() bool {
	return r.NewApp && (r.Kind == "resource" || r.Kind == "deployment")
}

// planned is a plan for the page.
type planned struct {
	ID        string        `json:"id"`   // names exactly these changes; apply requires it
	Plan      string        `json:"plan"` // as --output json prints it
	Files     []changedFile `json:"files"`
	Diff      string        `json:"diff"`
	Commands  []string      `json:"commands"` // that do the same
	Conflicts []conflict    `json:"conflicts"`
	Notes     []string      `json:"notes"`
	Next      []string      `json:"next"`
	URL       string        `json:"url"`
	Env       []string      `json:"env"` // new entries of the application's environment, as they stand in values.yaml
}

// conflict is a conflict without the flags of the command line.
type conflict struct {
	Problem
	Diff string `json:"diff"` // from what exists to what was asked for
}

// plan plans, and changes nothing.
func (s *Session) plan(ctx context.Context, r planRequest) (any, error) {
	p, err := s.planOf(ctx, r)
	if err != nil {
		return nil, err
	}
	return s.planned(r, p)
}

func (s *Session) planned(r planRequest, p *scaffold.Plan) (*planned, error) {
	show, done := s.showAgain()
	defer done()
	text, err := p.JSON(show)
	if err != nil {
		return nil, err
	}
	files := changedFiles(p)
	out := &planned{
		ID: planID(p), Plan: string(text), Files: files, Commands: s.commands(r), Conflicts: []conflict{},
		Notes: append([]string{}, p.Notes...), Next: append([]string{}, p.Next...), URL: p.URL, Env: []string{},
	}
	for _, c := range p.Conflicts {
		out.Conflicts = append(out.Conflicts, conflict{s.masked([]*finding.Problem{&c.Problem})[0], show(c.Diff)})
	}
	for _, f := range files {
		if strings.HasSuffix(f.Path, "/values.yaml") {
			out.Env = append(out.Env, newItems(f.Diff)...)
		}
	}
	shown(files, show)
	out.Diff = joinedDiffs(files)
	return out, nil
}

// newItems returns the items of lists that a diff adds, each with the lines that belong to it. The values of a resource are no list.
func newItems(diff string) []string {
	var out []string
	inside := -1 // how far the item is indented
	for line := range strings.Lines(diff) {
		added, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "+")
		text := strings.TrimLeft(added, " ")
		indent := len(added) - len(text)
		switch {
		case !ok || strings.HasPrefix(line, "+++"):
			inside = -1
		case strings.HasPrefix(text, "- "):
			inside = indent
			out = append(out, text)
		case inside >= 0 && indent > inside:
			out[len(out)-1] += "\n" + added[inside:]
		default:
			inside = -1
		}
	}
	return out
}

// lastPlan is a plan and what asked for it. What is shown, checked and then made is one plan, with one random password.
type lastPlan struct {
	request planRequest
	plan    *scaffold.Plan
}

// planOf returns the plan; one with conflicts is no error here, since the page shows them beside it.
func (s *Session) planOf(ctx context.Context, r planRequest) (*scaffold.Plan, error) {
	r.Strict = false // is about the check
	if b := s.planBefore; b.plan != nil && reflect.DeepEqual(b.request, r) {
		return b.plan, nil
	}
	p, err := s.makePlan(render.Keep(ctx, s.rendered), r)
	if err == nil {
		s.planBefore = lastPlan{r, p}
	}
	return p, err
}

func (s *Session) makePlan(ctx context.Context, r planRequest) (*scaffold.Plan, error) {
	conflicts, err := onConflict(r)
	if err != nil {
		return nil, err
	}
	on := s.repo
	var before *scaffold.Plan
	if r.makesApp() {
		if _, err := s.repo.App(r.App); err != nil {
			if before, err = scaffold.PlanApplication(s.repo, scaffold.ApplicationRequest{App: r.App, Kustomize: r.Kustomize}); err != nil {
				return nil, err
			}
			if on, err = s.after(before); err != nil {
				return nil, err
			}
		}
	}
	p, err := s.planOn(ctx, on, r, conflicts)
	var conflict *scaffold.ConflictError
	if err != nil && (!errors.As(err, &conflict) || p == nil) {
		return nil, err
	}
	if before != nil {
		p.Files = joined(before.Files, p.Files)
		p.Notes = append(before.Notes, p.Notes...)
	}
	return p, nil
}

func (s *Session) planOn(ctx context.Context, on *repo.Repo, r planRequest, conflicts scaffold.OnConflict) (*scaffold.Plan, error) {
	switch r.Kind {
	case "application":
		return scaffold.PlanApplication(on, scaffold.ApplicationRequest{App: r.App, Kustomize: r.Kustomize, Conflicts: conflicts})
	case "deployment":
		return scaffold.PlanDeployment(ctx, on, scaffold.DeploymentRequest{
			App: r.App, Type: r.Type, Name: r.Name, Image: r.Image, Hostname: r.Hostname, Conflicts: conflicts,
		})
	case "resource":
		req := scaffold.ResourceRequest{
			App: r.App, Type: r.Type, Suffix: r.Suffix, Operator: r.Operator, Profile: r.Profile, Size: r.Size, Engine: r.Engine, Set: map[string]cue.LayerValue{},
			Auth:      scaffold.Auth{Method: scaffold.AuthMethod(r.Auth), Secret: r.Secret, Store: r.Store, Key: r.Key},
			Namespace: r.Namespace, Env: r.Env, Conflicts: conflicts,
		}
		if r.Cert != "" {
			req.Auth.Cert = []byte(r.Cert)
		}
		for k, v := range r.Set {
			req.Set[k] = cue.LayerValue{Value: cue.ParseValue(v), At: finding.Position{File: "--set " + k}}
		}
		return scaffold.PlanResource(ctx, on, s.config, s.deps(), req)
	case "update":
		return scaffold.PlanUpdate(ctx, on, s.config, scaffold.UpdateRequest{App: r.App, Name: r.Name, Conflicts: conflicts})
	}
	kinds := []string{"application", "deployment", "resource", "update"}
	return nil, fmt.Errorf("unknown kind %q; %s%s", r.Kind, finding.OneOf(kinds), finding.DidYouMean(r.Kind, kinds))
}

func onConflict(r planRequest) (scaffold.OnConflict, error) {
	switch r.OnConflict {
	case "":
		return scaffold.Refuse, nil
	case "keep":
		return scaffold.Keep, nil
	case "replace":
		return scaffold.Replace, nil
	case "merge":
		if r.Kind == "update" {
			return scaffold.Mark, nil
		}
	}
	return 0, fmt.Errorf("invalid conflict action %q; use keep, replace or, for an update, merge", r.OnConflict)
}

// after returns the repository as a plan leaves it. Nothing is written.
func (s *Session) after(p *scaffold.Plan) (*repo.Repo, error) {
	files := map[string][]byte{}
	for _, f := range p.Files {
		if f.Action != scaffold.Unchanged {
			files[f.Path] = f.New
			if f.New == nil && f.Action != scaffold.Remove {
				files[f.Path] = []byte{}
			}
		}
	}
	return repo.Open(lint.Overlay(s.fs, files), repo.Options{Layout: s.repo.Layout()})
}

// joined lays the files of a later plan over those of an earlier one.
func joined(before, after []scaffold.FileChange) []scaffold.FileChange {
	out := slices.Clone(before)
	for _, f := range after {
		i := slices.IndexFunc(out, func(b scaffold.FileChange) bool { return b.Path == f.Path })
		switch {
		case i < 0:
			out = append(out, f)
		case f.Action != scaffold.Unchanged:
			f.Old = out[i].Old
			if f.Old == nil {
				f.Action = scaffold.Create
			}
			out[i] = f
		}
	}
	return out
}

// check lints what the repository would be with the plan, and gives the findings in the plan's files.
func (s *Session) check(ctx context.Context, r planRequest) (any, error) {
	p, err := s.planOf(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(p.Conflicts) > 0 {
		return &linted{"", []Problem{{Message: "the plan has conflicts; resolve them first"}}}, nil
	}
	if len(p.Files) == 0 {
		return &linted{"", []Problem{}}, nil // an update of nothing; without paths, all would be linted
	}
	on, err := s.after(p)
	if err != nil {
		return nil, err
	}
	req := lintRequest{Strict: r.Strict, NoRepoCode: true}
	for _, f := range p.Files {
		req.Paths = append(req.Paths, f.Path)
	}
	opts, err := s.lintOptions(req, on)
	if err != nil {
		return nil, err
	}
	opts.Progress = nil
	res, err := lint.Run(ctx, on, opts)
	if err != nil {
		return nil, err
	}
	return s.linted(lintreport.Of(res, on, s.options.Version, res.Secrets), res)
}

// planID identifies what a plan changes: plans have the same ID if they change the same files from the same content to the same
// content. A password that is sealed again is another plan.
func planID(p *scaffold.Plan) string {
	h := sha256.New()
	for _, f := range p.Files {
		if f.Action == scaffold.Unchanged {
			continue
		}
		for _, part := range [][]byte{[]byte(f.Path), []byte(f.Action), f.Old, f.New} {
			fmt.Fprintf(h, "%d:", len(part))
			h.Write(part)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// applyRequest asks for the plan that was shown, and for no other.
type applyRequest struct {
	planRequest
	Plan string `json:"plan"` // its ID
}

var errOtherPlan = errors.New("the form or the repository has changed since this was shown; review the new changes, then apply them")

// apply makes the plan in memory.
func (s *Session) apply(ctx context.Context, r applyRequest) (any, error) {
	p, err := s.planOf(ctx, r.planRequest)
	if err != nil {
		return nil, err
	}
	if planID(p) != r.Plan {
		return nil, errOtherPlan
	}
	if len(p.Conflicts) > 0 {
		return nil, errors.New("the plan has conflicts; resolve them first")
	}
	out, err := s.planned(r.planRequest, p)
	if err != nil {
		return nil, err
	}
	var changes []changedFile
	for _, f := range out.Files {
		if f.Action != scaffold.Unchanged {
			changes = append(changes, f)
		}
	}
	return out, s.set(p.Command, changes)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_.,:/@%+=-]+$`)

// quoted makes a word safe for a POSIX shell.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// commands are the command lines that do what a request asks for.
func (s *Session) commands(r planRequest) []string {
	var out []string
	words := []string{"redis-gitops", "generate", r.Kind, r.App}
	flag := func(name, value string) {
		if value != "" {
			words = append(words, "--"+name, value)
		}
	}
	if r.makesApp() {
		if _, err := s.repo.App(r.App); err != nil {
			out = append(out, "redis-gitops generate application "+quoted(r.App))
			if r.Kustomize {
				out[0] += " --kustomize"
			}
		}
	}
	switch r.Kind {
	case "application":
		if r.Kustomize {
			words = append(words, "--kustomize")
		}
	case "update":
		words = slices.DeleteFunc(append(words, r.Name), func(w string) bool { return w == "" })
	case "deployment":
		words = append(words, r.Type)
		flag("name", r.Name)
		flag("image", r.Image)
		flag("hostname", r.Hostname)
	case "resource":
		if r.Type != "" {
			words = append(words, r.Type)
		} else {
			words = append(words, "redis")
		}
		flag("suffix", r.Suffix)
		flag("operator", r.Operator)
		flag("profile", r.Profile)
		flag("size", r.Size)
		flag("engine", r.Engine)
		for _, k := range slices.Sorted(maps.Keys(r.Set)) {
			flag("set", k+"="+r.Set[k])
		}
		auth, detail := r.Auth, r.Secret
		if auth == string(scaffold.External) {
			detail = r.Key // no flag names the Secret that it creates
		}
		if auth != "" && detail != "" {
			auth += ":" + detail
		}
		flag("auth", auth)
		if r.Cert != "" {
			flag("cert", "sealed-secrets.pem")
		}
		flag("store", r.Store)
		flag("namespace", r.Namespace)
		for _, k := range slices.Sorted(maps.Keys(r.Env)) {
			flag("env", k+"="+r.Env[k])
		}
	}
	switch r.OnConflict {
	case "keep":
		words = append(words, "--keep")
	case "replace":
		words = append(words, "--force")
	case "merge":
		words = append(words, "--merge")
	}
	for i, w := range words {
		words[i] = quoted(w)
	}
	return append(out, strings.Join(words, " "))
}
