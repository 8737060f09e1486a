//go:build integration

package citest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is what action.yml says, as far as a runner needs it.
type action struct {
	Inputs map[string]struct {
		Default string `yaml:"default"`
	} `yaml:"inputs"`
	Outputs map[string]struct {
		Value string `yaml:"value"`
	} `yaml:"outputs"`
	Runs struct {
		Using string `yaml:"using"`
		Steps []step `yaml:"steps"`
	} `yaml:"runs"`
}

type step struct {
	ID    string            `yaml:"id"`
	If    string            `yaml:"if"`
	Name  string            `yaml:"name"`
	Uses  string            `yaml:"uses"`
	Shell string            `yaml:"shell"`
	Env   map[string]string `yaml:"env"`
	Run   string            `yaml:"run"`
}

func parse(t *testing.T, file string, into any) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(src, into); err != nil {
		t.Fatal(err)
	}
}

var expression = regexp.MustCompile(`\$\{\{\s*([^}]*?)\s*\}\}`)

// runner runs the steps of a composite action in a repository.
type runner struct {
	env      []string
	clone    string            // the action's own files
	contexts map[string]string // what the expressions github.… stand for
	override map[string]string // variables of steps that the test sets otherwise
	temp     string            // the runner's folder; it is kept from run to run, so that the tool is linked once
}

// ran is what a run of the action left behind.
type ran struct {
	result
	outputs map[string]string
	summary string
	path    string // what it put on the PATH of later steps
}

func (r *runner) run(t *testing.T, dir string, inputs map[string]string) ran {
	t.Helper()
	var a action
	parse(t, filepath.Join(r.clone, "action.yml"), &a)
	temp := r.temp
	values := map[string]string{"github.action_path": r.clone}
	for name, in := range a.Inputs {
		values["inputs."+name] = in.Default
	}
	for name, v := range inputs {
		if _, ok := a.Inputs[name]; !ok {
			t.Fatalf("the action has no input %s", name)
		}
		values["inputs."+name] = v
	}
	for name, v := range r.contexts {
		values[name] = v
	}
	evaluate := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(e string) string {
			name := expression.FindStringSubmatch(e)[1]
			if _, ok := values[name]; !ok && !strings.HasPrefix(name, "github.event.") && !strings.HasPrefix(name, "steps.") {
				t.Errorf("the expression %s stands for nothing", e)
			}
			return values[name]
		})
	}
	out := ran{outputs: map[string]string{}}
	summary := filepath.Join(temp, "summary.md")
	for _, old := range []string{"summary.md", "path", "install.out", "lint.out", "diff.out", "comment.out"} {
		if err := os.Remove(filepath.Join(temp, old)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for _, s := range a.Runs.Steps {
		if s.Uses != "" || s.Shell != "bash" || s.If != "" && s.If != "${{ !cancelled() }}" {
			t.Fatalf("step %q: only scripts for bash are run here, after a step that fails if the condition is !cancelled()", s.Name)
		}
		if out.code != 0 && s.If == "" {
			continue
		}
		script, output := filepath.Join(temp, s.ID+".sh"), filepath.Join(temp, s.ID+".out")
		write(t, temp, s.ID+".sh", s.Run)
		env := append(append([]string{}, r.env...), "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+summary, "GITHUB_PATH="+filepath.Join(temp, "path"), "GITHUB_ACTIONS=true", "CI=true", "GITHUB_WORKSPACE="+dir)
		if !hasName(r.env, "RUNNER_OS") {
			env = append(env, "RUNNER_OS=Linux", "RUNNER_ARCH="+map[string]string{"arm64": "ARM64"}[runtime.GOARCH])
		}
		for name, v := range s.Env {
			if o, ok := r.override[name]; ok {
				v = o
			}
			env = append(env, name+"="+evaluate(v))
		}
		// This is how a runner calls bash (docs.github.com, "Workflow syntax", shell).
		got := run(t, dir, env, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script)
		out.out += got.out
		if out.code == 0 {
			out.code = got.code
		}
		text, _ := os.ReadFile(output)
		for line := range strings.Lines(string(text)) {
			name, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if !ok {
				t.Errorf("not an output: %s", line)
			}
			values["steps."+s.ID+".outputs."+name] = v
		}
	}
	for name, o := range a.Outputs {
		out.outputs[name] = evaluate(o.Value)
	}
	added, err := os.ReadFile(filepath.Join(temp, "path"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	out.path = strings.TrimSpace(string(added))
	text, err := os.ReadFile(summary)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	out.summary = string(text)
	return out
}

func hasName(env []string, name string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, name+"=") {
			return true
		}
	}
	return false
}

// strangersRule fires on every RedisFailover.
const strangersRule = `# METADATA
# title: A rule of the repository
# description: It fires on every RedisFailover.
# custom:
#   severity: error
#   kinds: [RedisFailover]
package redisgitops.mine.always

deny contains {"message": "the repository's own rule", "path": ["spec"]}
`

func TestAction(t *testing.T) {
	env := world(t)
	m := source(t, env)
	dir := devops(t, env, m.tool)
	reset := func() {
		must(t, dir, env, "git", "checkout", "--quiet", "HEAD", "--", ".")
		must(t, dir, env, "git", "clean", "-qfdx")
	}
	here := map[string]string{"github.event_name": "push", "github.repository": "us/devops"}
	temp := t.TempDir()
	r := &runner{env: env, clone: m.clone, contexts: here, temp: temp}

	t.Run("clean", func(t *testing.T) {
		got := r.run(t, dir, map[string]string{"fail-on": "error"})
		if got.code != 0 || got.outputs["exit-code"] != "0" || !strings.Contains(got.summary, "## redis") || strings.Contains(got.out, "::error") {
			t.Errorf("exit code %d, outputs %v, summary %q\n%s", got.code, got.outputs, got.summary, got.out)
		}
		sarifResults(t, got.outputs["sarif"], false)
	})
	t.Run("bad", func(t *testing.T) {
		defer reset()
		line := spoil(t, dir)
		got := r.run(t, dir, nil)
		if want := fmt.Sprintf("::error file=%s,line=%d,", valuesFile, line); got.code != 1 || got.outputs["exit-code"] != "1" || !strings.Contains(got.out, want) {
			t.Errorf("exit code %d, outputs %v, want %s in\n%s", got.code, got.outputs, want, got.out)
		}
		if !strings.Contains(got.summary, valuesFile) {
			t.Errorf("the summary lacks the file:\n%s", got.summary)
		}
		if md, err := os.ReadFile(got.outputs["markdown"]); err != nil || string(md) != got.summary {
			t.Errorf("the output markdown is not the summary: %v", err)
		}
		sarifResults(t, got.outputs["sarif"], true)
		if got := r.run(t, dir, map[string]string{"fail-on": "never"}); got.code != 0 {
			t.Errorf("fail-on never: exit code %d\n%s", got.code, got.out)
		}
		if got := r.run(t, dir, map[string]string{"new-from-rev": "HEAD", "args": "--disable  mem/headroom\n--stats"}); got.code != 1 {
			t.Errorf("new-from-rev and args: exit code %d\n%s", got.code, got.out)
		}
	})
	t.Run("usage", func(t *testing.T) {
		got := r.run(t, dir, map[string]string{"args": "--fail-no x"})
		if got.code != 2 || got.outputs["exit-code"] != "2" {
			t.Errorf("exit code %d, outputs %v\n%s", got.code, got.outputs, got.out)
		}
	})
	t.Run("fork", func(t *testing.T) {
		defer reset()
		write(t, dir, "policies/mine/always/rule.rego", strangersRule)
		config := filepath.Join(dir, ".redis-gitops.yaml")
		src, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, ".redis-gitops.yaml", string(src)+"\npolicies: [policies]\n")
		for _, tt := range []struct {
			event, head, repoCode string
			runs                  bool
		}{
			{"push", "", "auto", true},
			{"pull_request", "us/devops", "auto", true},
			{"pull_request", "stranger/devops", "auto", false},
			{"pull_request_target", "stranger/devops", "auto", false},
			{"pull_request", "", "auto", false},
			{"pull_request", "stranger/devops", "always", true},
			{"push", "", "never", false},
		} {
			r := &runner{env: env, clone: m.clone, temp: temp, contexts: map[string]string{"github.event_name": tt.event, "github.repository": "us/devops", "github.event.pull_request.head.repo.full_name": tt.head}}
			got := r.run(t, dir, map[string]string{"repo-code": tt.repoCode})
			if ran := strings.Contains(got.out, "the repository's own rule"); ran != tt.runs || got.code == 2 {
				t.Errorf("%+v: the repository's rule ran: %v, exit code %d\n%s", tt, ran, got.code, got.out)
			}
		}
	})
	t.Run("injection", func(t *testing.T) {
		defer reset()
		evil := "$(touch pwned)`touch pwned`\"; touch pwned; '"
		for _, input := range []string{"path", "strict", "fail-on", "new-from-rev", "baseline", "args", "repo-code", "version", "sha256", "diff", "diff-fail-on", "comment"} {
			r.run(t, dir, map[string]string{input: evil})
		}
		if out := must(t, dir, env, "git", "status", "--porcelain"); out != "" {
			t.Errorf("an input was run:\n%s", out)
		}
		// A file's text is no command either.
		write(t, dir, "applications/shop/templates/evil.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"x\\n::set-output name=a::b\\n##[add-path]evil\"\n  name: ::error::evil\n")
		got := r.run(t, dir, nil)
		stopped := ""
		for line := range strings.Lines(got.out) {
			line = strings.TrimSpace(line)
			if token, ok := strings.CutPrefix(line, "::stop-commands::"); ok {
				stopped = "::" + token + "::"
				continue
			}
			if line == stopped {
				stopped = ""
			}
			if stopped == "" && (strings.HasPrefix(line, "::set-output") || strings.HasPrefix(line, "::error::") || strings.Contains(line, "##[")) {
				t.Errorf("a command of the repository: %s", line)
			}
		}
		if stopped != "" {
			t.Error("commands stay stopped")
		}
	})
	t.Run("pull request", func(t *testing.T) { pullRequest(t, env, m, dir, temp, reset) })
	t.Run("release", func(t *testing.T) {
		binary, err := os.ReadFile(m.tool)
		if err != nil {
			t.Fatal(err)
		}
		archive := tarball(t, "redis-gitops", binary)
		sum := sha256.Sum256(archive)
		name := fmt.Sprintf("/v9.8.7/redis-gitops_9.8.7_linux_%s.tar.gz", map[bool]string{true: "arm64", false: "amd64"}[runtime.GOARCH == "arm64"])
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path != name {
				http.NotFound(w, req)
				return
			}
			w.Write(archive)
		}))
		defer server.Close()
		ca := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		r := &runner{env: append(append([]string{}, env...), "CURL_CA_BUNDLE="+ca), clone: m.clone, temp: t.TempDir(), contexts: here, override: map[string]string{"RELEASES": server.URL}}
		if got := r.run(t, dir, map[string]string{"version": "v9.8.7", "sha256": hex.EncodeToString(sum[:])}); got.code != 0 {
			t.Errorf("the right checksum: exit code %d\n%s", got.code, got.out)
		}
		for _, tt := range []struct{ version, sum, want string }{
			{"v9.8.7", strings.Repeat("0", 64), "has another checksum"},
			{"v9.8.7", "", "taken with its checksum only"},
			{"latest", hex.EncodeToString(sum[:]), "invalid input version"},
			{"v9.8.6", hex.EncodeToString(sum[:]), "404"},
		} {
			if got := r.run(t, dir, map[string]string{"version": tt.version, "sha256": tt.sum}); got.code == 0 || !strings.Contains(got.out, tt.want) || got.outputs["exit-code"] != "" {
				t.Errorf("%+v: exit code %d\n%s", tt, got.code, got.out)
			}
		}
		r.env = append(r.env, "RUNNER_OS=Windows", "RUNNER_ARCH=X64")
		if got := r.run(t, dir, map[string]string{"version": "v9.8.7", "sha256": hex.EncodeToString(sum[:])}); got.code != 2 {
			t.Errorf("Windows: exit code %d\n%s", got.code, got.out)
		}
	})
}

// pullRequest runs the action as in a pull request: it writes one comment, updates it, and writes none for a fork.
func pullRequest(t *testing.T, env []string, m machine, dir, temp string, reset func()) {
	defer reset()
	var mu sync.Mutex
	var comments []map[string]any
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var got struct{ Body string }
		_ = json.NewDecoder(req.Body).Decode(&got)
		switch {
		case req.Header.Get("Authorization") != "Bearer token" || req.URL.Path == "/user":
			w.WriteHeader(http.StatusForbidden)
		case req.Method == http.MethodGet && req.URL.Path == "/repos/us/devops/issues/7/comments":
			_ = json.NewEncoder(w).Encode(comments)
		case req.Method == http.MethodPost && req.URL.Path == "/repos/us/devops/issues/7/comments":
			comments = append(comments, map[string]any{"id": 1, "body": got.Body, "user": map[string]any{"login": "github-actions[bot]"}})
		case req.Method == http.MethodPatch && req.URL.Path == "/repos/us/devops/issues/comments/1":
			comments[0]["body"] = got.Body
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer api.Close()
	spoil(t, dir)
	inputs := map[string]string{"diff": "HEAD", "new-from-rev": "HEAD", "comment": "true", "token": "token"}
	for _, tt := range []struct {
		event, head string
		comments    int
	}{{"pull_request", "stranger/devops", 0}, {"push", "", 0}, {"pull_request", "us/devops", 1}, {"pull_request", "us/devops", 1}} {
		r := &runner{env: append(slices.Clone(env), "GITHUB_REF=refs/pull/7/merge", "GITHUB_REPOSITORY=us/devops", "GITHUB_API_URL="+api.URL), clone: m.clone, temp: temp,
			contexts: map[string]string{"github.event_name": tt.event, "github.repository": "us/devops", "github.event.pull_request.head.repo.full_name": tt.head}}
		got := r.run(t, dir, inputs)
		if got.code != 1 || len(comments) != tt.comments {
			t.Errorf("%s of %s: exit code %d, %d comments\n%s", tt.event, tt.head, got.code, len(comments), got.out)
		}
		if diff, err := os.ReadFile(got.outputs["diff"]); err != nil || !strings.Contains(got.summary, string(diff)) {
			t.Errorf("the report of diff is not in the summary: %v", err)
		}
	}
	if len(comments) == 1 {
		body, _ := comments[0]["body"].(string)
		if !strings.HasPrefix(body, "<!-- redis-gitops -->\n") || !strings.Contains(body, valuesFile) || strings.Count(body, "<!-- redis-gitops -->") != 1 {
			t.Errorf("the comment is\n%s", body)
		}
	}
	reset()
	r := &runner{env: env, clone: m.clone, temp: temp, contexts: map[string]string{"github.event_name": "push", "github.repository": "us/devops"}}
	if got := r.run(t, dir, map[string]string{"diff": "HEAD", "diff-fail-on": "info"}); got.code != 0 {
		t.Errorf("nothing changed: exit code %d\n%s", got.code, got.out)
	}
}

// TestActionScripts reads the scripts: an expression in one would be code of whoever writes the event.
func TestActionScripts(t *testing.T) {
	var a action
	parse(t, filepath.Join("..", "..", "action.yml"), &a)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Fatalf("not a composite action: %+v", a.Runs)
	}
	for _, s := range a.Runs.Steps {
		if strings.Contains(s.Run, "${{") {
			t.Errorf("step %q has an expression in its script", s.Name)
		}
		if s.Uses != "" && !regexp.MustCompile(`@[0-9a-f]{40}$`).MatchString(s.Uses) {
			t.Errorf("step %q uses %s, which is not pinned to a commit", s.Name, s.Uses)
		}
	}
}

// sarifResults reads a SARIF file and says whether it should have results.
func sarifResults(t *testing.T, file string, want bool) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return
	}
	var log struct {
		Runs []struct {
			Results []struct{ Level string }
		}
	}
	if err := json.Unmarshal(src, &log); err != nil || len(log.Runs) != 1 {
		t.Errorf("%v, %d runs", err, len(log.Runs))
		return
	}
	errorsFound := 0
	for _, r := range log.Runs[0].Results {
		if r.Level == "error" {
			errorsFound++
		}
	}
	if (errorsFound > 0) != want {
		t.Errorf("%d results of level error", errorsFound)
	}
}

func tarball(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := errors.Join(
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))}),
		func() error { _, err := w.Write(data); return err }(),
		w.Close(), z.Close(),
	); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSkeletonWorkflow runs the workflow that init writes, with the action of this commit.
func TestSkeletonWorkflow(t *testing.T) {
	env := world(t)
	m := source(t, env)
	dir := devops(t, env, m.tool)
	var w struct {
		Jobs map[string]struct{ Steps []step }
	}
	parse(t, filepath.Join(dir, ".github", "workflows", "redis-gitops.yaml"), &w)
	if len(w.Jobs) != 1 {
		t.Fatalf("%d jobs", len(w.Jobs))
	}
	r := &runner{env: env, clone: m.clone, temp: t.TempDir(), contexts: map[string]string{"github.event_name": "push", "github.repository": "us/devops"}}
	for _, j := range w.Jobs {
		path, scripts := "", 0
		for _, s := range j.Steps {
			if strings.HasPrefix(s.Uses, "redis-gitops/redis-gitops@") {
				got := r.run(t, dir, nil)
				if got.code != 0 || got.path == "" {
					t.Fatalf("exit code %d, path %q\n%s", got.code, got.path, got.out)
				}
				path = got.path + string(os.PathListSeparator)
			}
			if s.Run != "" {
				scripts++
				must(t, dir, append(append([]string{}, env...), "PATH="+path+os.Getenv("PATH")), "bash", "--noprofile", "--norc", "-e", "-c", s.Run)
			}
		}
		if path == "" || scripts == 0 {
			t.Errorf("the action ran: %v, scripts: %d", path != "", scripts)
		}
	}
}

// component is what a GitLab component says, as far as a runner needs it.
type component struct {
	Spec struct {
		Inputs map[string]struct {
			Default *string `yaml:"default"`
		} `yaml:"inputs"`
	} `yaml:"spec"`
}

type job struct {
	Script    []string          `yaml:"script"`
	Variables map[string]string `yaml:"variables"`
	Artifacts struct {
		When    string            `yaml:"when"`
		Reports map[string]string `yaml:"reports"`
	} `yaml:"artifacts"`
}

var gitlabInput = regexp.MustCompile(`\$\[\[ inputs\.([a-z-]+) \]\]`)

// gitlab runs the script of the only job of a file, with the inputs of the component before it.
func gitlab(t *testing.T, env []string, file, dir string, inputs map[string]string, predefined ...string) (result, job) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(src))
	var c component
	if bytes.HasPrefix(src, []byte("#")) || bytes.HasPrefix(src, []byte("spec:")) {
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}
	}
	var jobs map[string]job
	if err := d.Decode(&jobs); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		t.Fatalf("more documents than expected: %v", err)
	}
	if len(jobs) != 1 {
		t.Fatalf("jobs %v", jobs)
	}
	var j job
	for _, only := range jobs {
		j = only
	}
	interpolate := func(text string) string {
		return gitlabInput.ReplaceAllStringFunc(text, func(m string) string {
			name := gitlabInput.FindStringSubmatch(m)[1]
			in, known := c.Spec.Inputs[name]
			if v, given := inputs[name]; given {
				return v
			}
			if !known || in.Default == nil {
				t.Errorf("the input %s has no value", name)
				return ""
			}
			return *in.Default
		})
	}
	env = append(append(append([]string{}, env...), "CI=true", "GITLAB_CI=true", "CI_PROJECT_DIR="+dir), predefined...)
	for name, v := range j.Variables {
		env = append(env, name+"="+interpolate(v))
	}
	// The runner joins the lines into one script and ends it at the first that fails.
	for _, line := range j.Script {
		if gitlabInput.MatchString(line) {
			t.Errorf("an input is part of the script: %s", line)
		}
	}
	return run(t, dir, env, "sh", "-e", "-c", strings.Join(j.Script, "\n")), j
}

func TestGitLab(t *testing.T) {
	env := world(t)
	m := source(t, env)
	dir := devops(t, env, m.tool)
	// The module is asked of Git and not of the proxy, and Git finds the clone behind its address.
	env = append(env, "GOPRIVATE=github.com/redis-gitops/redis-gitops", "TMPDIR="+t.TempDir(),
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url.file://"+m.clone+".insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/redis-gitops/redis-gitops")
	inputs := map[string]string{"version": m.commit}
	if r, j := gitlab(t, env, filepath.Join(dir, ".gitlab-ci.yml"), dir, nil); r.code != 0 || len(j.Artifacts.Reports) != 2 {
		t.Errorf("what init writes: exit code %d\n%s", r.code, r.out)
	}

	file := filepath.Join(m.clone, "templates", "redis-gitops.yml")
	r, j := gitlab(t, env, file, dir, inputs)
	if r.code != 0 {
		t.Fatalf("clean: exit code %d\n%s", r.code, r.out)
	}
	if j.Artifacts.When != "always" {
		t.Error("the reports of a job that failed are thrown away")
	}
	reports := func() (issues []map[string]any, failures int) {
		src, err := os.ReadFile(filepath.Join(dir, j.Artifacts.Reports["codequality"]))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(src, &issues); err != nil {
			t.Fatal(err)
		}
		if src, err = os.ReadFile(filepath.Join(dir, j.Artifacts.Reports["junit"])); err != nil {
			t.Fatal(err)
		}
		var suites struct {
			Failures int `xml:"failures,attr"`
		}
		if err := xml.Unmarshal(src, &suites); err != nil {
			t.Fatal(err)
		}
		return issues, suites.Failures
	}
	before, failuresBefore := reports()

	line := spoil(t, dir)
	r, _ = gitlab(t, env, file, dir, inputs)
	after, failures := reports()
	if r.code != 1 || !strings.Contains(r.out, fmt.Sprintf("%s:%d:", valuesFile, line)) || len(after) <= len(before) || failures <= failuresBefore {
		t.Errorf("bad: exit code %d, %d issues, %d failures\n%s", r.code, len(after), failures, r.out)
	}
	inputs["fail-on"] = "never"
	if r, _ := gitlab(t, env, file, dir, inputs); r.code != 0 {
		t.Errorf("fail-on never: exit code %d\n%s", r.code, r.out)
	}
	inputs["path"] = "$(touch pwned); touch pwned"
	if r, _ := gitlab(t, env, file, dir, inputs); r.code != 2 {
		t.Errorf("a path that does not exist: exit code %d\n%s", r.code, r.out)
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("an input was run")
	}
	delete(inputs, "path")

	write(t, dir, "policies/mine/always/rule.rego", strangersRule)
	config, err := os.ReadFile(filepath.Join(dir, ".redis-gitops.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".redis-gitops.yaml", string(config)+"\npolicies: [policies]\n")
	for source, runs := range map[string]bool{"1": true, "2": false} {
		r, _ := gitlab(t, env, file, dir, inputs, "CI_MERGE_REQUEST_PROJECT_ID=1", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID="+source)
		if ran := strings.Contains(r.out, "the repository's own rule"); ran != runs {
			t.Errorf("source project %s: the repository's rule ran: %v\n%s", source, ran, r.out)
		}
	}
}
