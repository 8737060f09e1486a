package wasm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// filesOf returns all files of a file system.
func filesOf(t *testing.T, fsys afero.Fs) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := afero.Walk(fsys, ".", func(name string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); info.IsDir() {
			if name == ".git" || name == ".redis-gitops/journal" {
				return filepath.SkipDir
			}
			return nil
		}
		src, err := afero.ReadFile(fsys, name)
		out[name] = string(src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// onDisk writes files into a new directory, which is a repository of Git.
func onDisk(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if text, ok := got[name]; !ok {
			t.Errorf("%s: %s is missing", what, name)
		} else if text != want[name] {
			t.Errorf("%s: %s has\n%s\nwant\n%s", what, name, text, want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s should not be there", what, name)
		}
	}
}

// applied returns files with a patch on them.
func applied(t *testing.T, files map[string]string, patch string) map[string]string {
	t.Helper()
	dir := onDisk(t, files)
	if patch != "" {
		c := exec.Command("git", "-C", dir, "apply", "-")
		c.Stdin = strings.NewReader(patch)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git apply: %v\n%s\n%s", err, out, patch)
		}
	}
	return filesOf(t, afero.NewBasePathFs(afero.NewOsFs(), dir))
}

// commandLine does what a session does with the packages that the command line uses.
type commandLine struct {
	t   *testing.T
	dir string
}

func (c commandLine) open() (*repo.Repo, *cue.Config) {
	c.t.Helper()
	fsys := afero.NewBasePathFs(afero.NewOsFs(), c.dir)
	config, err := readConfig(fsys)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := repo.Open(fsys, repo.Options{Secret: func(string, []byte, int, int) bool { return false }}) // so that changes are recorded for undo
	if err != nil {
		c.t.Fatal(err)
	}
	return r, config
}

// generate reports whether there was nothing against it.
func (c commandLine) generate(q planRequest) bool {
	c.t.Helper()
	r, config := c.open()
	if q.NewApp {
		if _, err := r.App(q.App); err != nil {
			p, err := scaffold.PlanApplication(r, scaffold.ApplicationRequest{App: q.App, Kustomize: q.Kustomize})
			if err != nil || p.Apply(r) != nil {
				return false
			}
			r, config = c.open()
		}
	}
	on, err := onConflict(q)
	if err != nil {
		c.t.Fatal(err)
	}
	var p *scaffold.Plan
	switch q.Kind {
	case "application":
		p, err = scaffold.PlanApplication(r, scaffold.ApplicationRequest{App: q.App, Kustomize: q.Kustomize, Conflicts: on})
	case "deployment":
		p, err = scaffold.PlanDeployment(c.t.Context(), r, scaffold.DeploymentRequest{App: q.App, Type: q.Type, Name: q.Name, Image: q.Image, Conflicts: on})
	case "update":
		p, err = scaffold.PlanUpdate(c.t.Context(), r, config, scaffold.UpdateRequest{App: q.App, Name: q.Name, Conflicts: on})
	default:
		set := map[string]cue.LayerValue{}
		for k, v := range q.Set {
			set[k] = cue.LayerValue{Value: cue.ParseValue(v), At: finding.Position{File: "--set " + k}}
		}
		p, err = scaffold.PlanResource(c.t.Context(), r, config, scaffold.Deps{Random: noise{}, Now: day}, scaffold.ResourceRequest{
			App: q.App, Suffix: q.Suffix, Profile: q.Profile, Size: q.Size, Set: set, Conflicts: on,
			Auth: scaffold.Auth{Method: scaffold.AuthMethod(q.Auth), Secret: q.Secret, Store: q.Store},
		})
	}
	return err == nil && p.Apply(r) == nil
}

// undo takes the last change back, as the command does.
func (c commandLine) undo() {
	c.t.Helper()
	r, _ := c.open()
	p, err := scaffold.PlanUndo(r)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		c.t.Fatal(err)
	}
}

// edit is somebody with an editor.
func (c commandLine) edit(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c commandLine) fix(strict bool) {
	c.t.Helper()
	r, config := c.open()
	done, err := lint.Fix(c.t.Context(), r, lint.Options{Config: config, Strict: strict, Today: day})
	if err != nil {
		c.t.Fatal(err)
	}
	if len(done.Changes) > 0 {
		if err := r.Apply("lint --fix", done.Changes); err != nil {
			c.t.Fatal(err)
		}
	}
}

// requestOf makes a request for a plan, most of which have no problem.
func requestOf(random *rand.Rand) planRequest {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	q := planRequest{Kind: pick("resource", "resource", "resource", "resource", "deployment", "application"), App: pick("shop", "payments", "reports", "blog", "wiki")}
	q.OnConflict = pick("", "", "keep", "replace")
	switch q.Kind {
	case "application":
		q.Kustomize = random.IntN(2) == 0
	case "deployment":
		q.NewApp, q.Type, q.Name, q.Image = random.IntN(2) == 0, pick("web", "sidekiq"), pick("", "admin", "mail"), pick("", "shop/admin:1.2.3")
	default:
		q.NewApp, q.Kustomize = random.IntN(4) > 0, random.IntN(3) == 0
		q.Suffix, q.Profile, q.Size = pick("", "jobs", "pages", "x"), pick("", "cache", "queue", "store"), pick("", "", "dev")
		q.Auth = pick("", "none", "existing", "external")
		if q.Auth == "external" {
			q.Store = "vault"
		}
		q.Set = map[string]string{}
		if random.IntN(2) == 0 {
			q.Set["memory"] = pick("512Mi", "1Gi", "3Gi")
		}
		if random.IntN(3) == 0 {
			q.Set["replicas"] = pick("1", "2", "5")
		}
	}
	return q
}

// updateOf makes a request for an update.
func updateOf(random *rand.Rand) planRequest {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	return planRequest{Kind: "update", App: pick("shop", "shop", "", "payments", "blog"), Name: pick("", "", "", "deployment-web", "redis-jobs"), OnConflict: pick("", "keep", "replace", "merge")}
}

// edited changes a generator, or what it has generated, in one of a few lines: what both sides have changed is a conflict of an update.
func edited(files map[string]string, of string, random *rand.Rand) (name, text string) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return !strings.Contains("/"+name, "/"+of) })
	name = names[random.IntN(len(names))]
	lines := strings.SplitAfter(files[name], "\n")
	at := len(lines) - 1 - random.IntN(min(6, len(lines)-1)) // before the last lines, so that the head of a generator stays
	return name, strings.Join(slices.Insert(lines, at, fmt.Sprintf("# %d\n", random.IntN(4))), "")
}

// faulty are files with faults of which lint --fix fixes some.
func faulty(files map[string]string, random *rand.Rand) {
	for _, app := range []string{"bad", "worse", "worst"}[:random.IntN(4)] {
		text := strings.ReplaceAll(redisWithout, "name: bad", "name: "+app)
		if random.IntN(3) == 0 {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		if random.IntN(3) == 0 {
			text = strings.TrimSuffix(text, "\n")
		}
		files["applications/"+app+"/redis.yaml"] = text
	}
}

// sessions counts what the sessions of TestSessions did.
type sessions struct {
	kept, refused, fixes, undone, edits int
	updates                             map[string]int // by what is done with conflicts, of those that change something
}

// random makes one random change, in the session and by the command line, and takes some of them back.
func (n *sessions) random(t *testing.T, s *Session, native commandLine, random *rand.Rand) {
	t.Helper()
	changed := false // by one command
	switch random.IntN(7) {
	case 0:
		ask := lintRequest{Strict: random.IntN(2) == 0}
		f := must[fixed](t, s, "fix", fixRequest{lintRequest: ask})
		must[fixed](t, s, "fix", fixRequest{lintRequest: ask, Apply: true, Plan: f.ID})
		native.fix(ask.Strict)
		n.fixes++
		changed = len(f.Files) > 0
	case 1, 2:
		for _, of := range []string{"generators/deployments/", "templates/deployment-"}[:1+random.IntN(2)] {
			name, text := edited(filesOf(t, s.fs), of, random)
			must[opened](t, s, "files", filesRequest{Changes: []changedFile{{Path: name, Action: scaffold.Update, New: text}}})
			native.edit(name, text)
			n.edits++
		}
		if random.IntN(4) > 0 {
			changed = n.plan(t, s, native, random, updateOf(random))
		}
	default:
		changed = n.plan(t, s, native, random, requestOf(random))
	}
	if changed && random.IntN(4) == 0 {
		must[changes](t, s, "undo", empty{})
		native.undo()
		same(t, "undone", filesOf(t, s.fs), filesOf(t, afero.NewBasePathFs(afero.NewOsFs(), native.dir)))
		n.undone++
	}
}

// plan plans and applies a request, and reports whether one command has changed something.
func (n *sessions) plan(t *testing.T, s *Session, native commandLine, random *rand.Rand, q planRequest) bool {
	t.Helper()
	p, wrong := ask[planned](t, s, "plan", q)
	wordsOfThePage(t, p, wrong)
	_, unknown := s.repo.App(q.App)
	if wrong != nil || len(p.Conflicts) > 0 {
		if (unknown == nil || q.Kind == "update") && native.generate(q) {
			t.Fatalf("%+v is refused here alone: %+v %+v", q, wrong, p.Conflicts)
		}
		n.refused++
		return false
	}
	if must[planned](t, s, "apply", applyRequest{q, p.ID}); random.IntN(5) == 0 && p.Diff != "" {
		must[changes](t, s, "undo", empty{})
		n.undone++
		return false
	}
	if n.kept++; !native.generate(q) {
		t.Fatalf("%+v is refused by the command line alone", q)
	}
	if q.Kind == "update" && p.Diff != "" {
		n.updates[q.OnConflict]++
	}
	return p.Diff != "" && (unknown == nil || !q.makesApp())
}

// TestSessions changes a repository in many random ways, some of which are undone. The one patch of all that was kept and fixed must
// give, with git apply on what was opened, the files of the session, and those that the packages of the command line write.
func TestSessions(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	count := uint64(200)
	if testing.Short() {
		count = 20
	}
	done := sessions{updates: map[string]int{}}
	for seed := range count {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 14))
			original := map[string]string{}
			for _, f := range folder(t, exampleDir) {
				original[f.Path] = f.Text
			}
			faulty(original, random)
			var files []File
			for _, name := range slices.Sorted(maps.Keys(original)) {
				files = append(files, File{Path: name, Text: original[name]})
			}
			s := session()
			must[opened](t, s, "open", openRequest{Files: files})
			native := commandLine{t, onDisk(t, original)}
			for range 1 + random.IntN(6) {
				done.random(t, s, native, random)
			}
			now := filesOf(t, s.fs)
			same(t, "the session", now, filesOf(t, afero.NewBasePathFs(afero.NewOsFs(), native.dir)))
			c := must[changes](t, s, "changes", changesRequest{})
			same(t, "the patch", applied(t, original, c.Patch), now)
			// Started again from what was opened and the steps, as after a cancel, the session is the same.
			again := session()
			reopen := openRequest{Files: files}
			for _, st := range s.steps {
				reopen.Steps = append(reopen.Steps, openStep{What: st.what})
			}
			if len(reopen.Steps) > 0 {
				reopen.Steps[len(reopen.Steps)-1].Files = c.Files
			}
			must[opened](t, again, "open", reopen)
			if got := must[changes](t, again, "changes", changesRequest{}); got.Patch != c.Patch || len(c.Files) > 0 && !slices.Equal(got.Steps[len(got.Steps)-1:], c.Steps[len(c.Steps)-1:]) {
				t.Errorf("started again:\n%s\nwant\n%s", got.Patch, c.Patch)
			}
			must[changes](t, s, "discard", empty{})
			same(t, "after discard", filesOf(t, s.fs), original)
		})
	}
	t.Logf("%+v", done)
	if done.kept < int(count)/2 || done.fixes == 0 || done.undone == 0 || done.refused == 0 || done.edits == 0 || len(done.updates) == 0 || !testing.Short() && len(done.updates) < 4 {
		t.Errorf("these sessions do too little: %+v", done)
	}
}

func TestChanges(t *testing.T) {
	s := example(t)
	keep := func(suffix string) {
		t.Helper()
		q := planRequest{Kind: "resource", App: "shop", Suffix: suffix}
		must[planned](t, s, "apply", applyRequest{q, must[planned](t, s, "plan", q).ID})
	}
	names := func() string {
		t.Helper()
		var out []string
		for _, f := range must[changes](t, s, "changes", changesRequest{}).Files {
			out = append(out, string(f.Action)+" "+f.Path)
		}
		return strings.Join(out, ", ")
	}
	if got := names(); got != "" {
		t.Errorf("changed when opened: %s", got)
	}
	keep("a")
	one := names()
	if !strings.Contains(one, "create applications/shop/templates/redis-a.yaml") || !strings.Contains(one, "update applications/shop/values.yaml") {
		t.Errorf("changed: %s", one)
	}
	// A plan is shown together with what has been kept, and nothing changes by that.
	q := planRequest{Kind: "resource", App: "shop", Suffix: "b"}
	both := must[changes](t, s, "changes", changesRequest{Over: must[planned](t, s, "plan", q).Files})
	if !strings.Contains(both.Patch, "redisA:") || !strings.Contains(both.Patch, "redisB:") || names() != one {
		t.Errorf("with a plan: %s; then %s", both.Patch, names())
	}
	keep("b")
	if got := must[changes](t, s, "changes", changesRequest{}); got.Patch != both.Patch || len(got.Steps) != 2 || !strings.Contains(got.Steps[1], "generate resource shop redis") {
		t.Errorf("kept: %v\n%s", got.Steps, got.Patch)
	}
	must[changes](t, s, "undo", empty{})
	if got := names(); got != one {
		t.Errorf("after undo: %s, want %s", got, one)
	}
	// What has been written is the base of the next changes.
	must[empty](t, s, "written", empty{})
	if got := names(); got != "" {
		t.Errorf("after writing: %s", got)
	}
	if _, wrong := ask[changes](t, s, "undo", empty{}); len(wrong) == 0 {
		t.Error("what was written was undone")
	}
	keep("c")
	if got := must[changes](t, s, "changes", changesRequest{}).Patch; strings.Contains(got, "+  redisA:") || !strings.Contains(got, "redisC:") {
		t.Errorf("after writing:\n%s", got)
	}
	must[changes](t, s, "discard", empty{})
	if src, _ := s.content("applications/shop/values.yaml"); !strings.Contains(string(src), "redisA:") || strings.Contains(string(src), "redisC:") {
		t.Errorf("discarded too much, or too little:\n%s", src)
	}
	if _, wrong := ask[changes](t, s, "changes", changesRequest{Over: []changedFile{{Path: "../x"}}}); len(wrong) == 0 {
		t.Error("a path outside the repository is no problem")
	}
}

// An application that undo removes leaves no directory, which would be an application.
func TestUndoLeavesNoDirectory(t *testing.T) {
	s := example(t)
	q := planRequest{Kind: "resource", App: "blog", NewApp: true}
	must[planned](t, s, "apply", applyRequest{q, must[planned](t, s, "plan", q).ID})
	must[changes](t, s, "undo", empty{})
	if got := must[opened](t, s, "files", filesRequest{}); len(got.Applications) != 3 {
		t.Errorf("%+v", got.Applications)
	}
}

// The patch of a file with a secret is masked, and says so.
func TestChangesMaskSecrets(t *testing.T) {
	s := session()
	const secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  password: hunter2-hunter2\n"
	must[opened](t, s, "open", openRequest{Files: []File{{Path: "applications/x/secret.yaml", Text: secret}}})
	must[opened](t, s, "files", filesRequest{Changes: []changedFile{
		{Path: "applications/x/secret.yaml", Action: scaffold.Update, New: strings.ReplaceAll(secret, "hunter2-hunter2", "other-password")},
		{Path: "applications/x/other.yaml", Action: scaffold.Create, New: "a: 1\n"},
	}})
	got := must[changes](t, s, "changes", changesRequest{})
	if strings.Contains(got.Patch+got.Files[1].Diff, "hunter2") || strings.Contains(got.Patch, "other-password") {
		t.Errorf("the patch shows a secret:\n%s", got.Patch)
	}
	if !slices.Equal(got.Masked, []string{"applications/x/secret.yaml"}) {
		t.Errorf("masked %q", got.Masked)
	}
}
