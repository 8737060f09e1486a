//go:build !js

package wasm

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/lintreport"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

const corpusDir = "../../shared/corpus"

// repositories are the example and every public one, in short mode every fourth.
func repositories(t *testing.T) []string {
	dirs := []string{exampleDir}
	entries, err := os.ReadDir(corpusDir)
	if err != nil {
		t.Log("there is no corpus beside the project: the example alone")
	}
	for i, e := range entries {
		if e.IsDir() && (!testing.Short() || i%4 == 0) {
			dirs = append(dirs, filepath.Join(corpusDir, e.Name()))
		}
	}
	return dirs
}

type asked struct {
	Name    string `json:"name"`
	Request string `json:"request"`

	about string
}

// questions are the calls about one repository.
func questions(t *testing.T, dir string) []asked {
	t.Helper()
	var out []asked
	add := func(name string, request any) {
		in, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		about := fmt.Sprintf("%s: %s %.200s", dir, name, in)
		out = append(out, asked{name, string(in), about})
	}
	files := folder(t, dir)
	add("open", openRequest{Files: files})
	for _, strict := range []bool{false, true} {
		add("lint", lintRequest{Strict: strict})
		for _, format := range []string{"json", "text", "sarif", "markdown"} {
			add("report", reportRequest{format})
		}
	}
	if dir == exampleDir {
		add("fix", fixRequest{})
	}
	add("instances", empty{})
	add("assess", empty{})
	s := session()
	apps := must[opened](t, s, "open", openRequest{Files: files}).Applications
	for _, a := range apps[:min(len(apps), 3)] {
		for _, r := range []planRequest{
			{Kind: "resource", App: a.Name, Suffix: "parity", Profile: "cache", Set: map[string]string{"memory": "1Gi"}},
			{Kind: "resource", App: a.Name, Auth: "existing", OnConflict: "replace", Strict: true},
			{Kind: "deployment", App: a.Name, Type: "web", Name: "parity"},
		} {
			add("plan", r)
			if dir == exampleDir {
				add("check", r)
			}
		}
	}
	add("plan", planRequest{Kind: "resource", App: "parity", NewApp: true, Profile: "queue"})
	return out
}

var programs = flag.String("programs", "", "directory with core.wasm and full.wasm of this source, relative to this one; they are built if it is empty")

// TestParity asks both programs for the browser and this one the same about the example and every public repository, and wants the
// same bytes.
func TestParity(t *testing.T) {
	if testing.Short() && *programs == "" {
		t.Skip("builds the programs for the browser; make test-web tries those of the page")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs node")
	}
	goroot := strings.TrimSpace(string(output(t, "go", "env", "GOROOT")))
	dir := t.TempDir()
	run := func(env []string, args ...string) {
		build := exec.Command("go", args...)
		build.Env = append(os.Environ(), env...)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", build, err, out)
		}
	}
	s, built := session(), *programs
	if built == "" {
		run(nil, "run", "../internal/wasmtrim", dir)
		run(nil, "run", "../internal/rulec", dir)
	} else {
		s = NewSession(Options{Version: "0.1.0-dev", Deps: s.options.Deps}) // that of worker/main.go
	}
	var all []asked
	for _, dir := range repositories(t) {
		all = append(all, questions(t, dir)...)
	}
	var in bytes.Buffer
	for _, q := range all {
		if err := json.NewEncoder(&in).Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	var want [][]byte
	for _, q := range all {
		want = append(want, s.Run(context.Background(), q.Name, []byte(q.Request), nil))
	}
	for program, flags := range map[string][]string{
		"core": {"-tags=compiled", "-overlay=" + filepath.Join(dir, "overlay.json")},
		"full": nil,
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			core := filepath.Join(cmp.Or(built, dir), program+".wasm")
			if built == "" {
				run([]string{"GOOS=js", "GOARCH=wasm"}, slices.Concat([]string{"build", "-modfile=" + filepath.Join(dir, "trim.mod"), "-mod=mod", "-trimpath", "-ldflags=-s -w -X main.version=test", "-gcflags=all=-l"}, flags, []string{"-o", core, "./worker"})...)
			}
			answered := filepath.Join(dir, program+".answers")
			c := exec.CommandContext(t.Context(), node, "--stack-size=8000", filepath.Join("web", "scripts", "core.mjs"), filepath.Join(goroot, "lib", "wasm", "wasm_exec.js"), core, fmt.Sprint(day.Unix()), answered)
			c.Stdin, c.Stderr = bytes.NewReader(in.Bytes()), t.Output()
			if err := c.Run(); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(answered)
			if err != nil {
				t.Fatal(err)
			}
			answers := bufio.NewScanner(bytes.NewReader(got))
			answers.Buffer(nil, 256<<20)
			for i, q := range all {
				if !answers.Scan() {
					t.Fatalf("no answer to %s: %v", q.about, answers.Err())
				}
				if !bytes.Equal(answers.Bytes(), want[i]) {
					t.Errorf("%s\n%s", q.about, difference(answers.Bytes(), want[i]))
				}
			}
		})
	}
	t.Logf("%d calls about %d repositories", len(all), len(repositories(t)))
}

// difference shows where two texts part.
func difference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	show := func(b []byte) []byte { return b[max(0, min(i-80, len(b))):min(len(b), i+160)] }
	return fmt.Sprintf("byte %d\nbrowser %s\nnative  %s", i, show(got), show(want))
}

func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What is in memory is checked as what is on disk.
func TestMemoryAsOnDisk(t *testing.T) {
	for _, dir := range repositories(t) {
		fsys, err := rootfs.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer fsys.Close()
		config, err := readConfig(fsys)
		if err != nil {
			t.Fatal(err)
		}
		l := config.Layout
		r, err := repo.Open(fsys, repo.Options{Layout: repo.Layout{
			Applications: l.Applications, Generators: l.Generators, Platform: l.Platform, PlatformApplications: l.PlatformApplications,
		}})
		if err != nil {
			t.Fatal(err)
		}
		s := session()
		res, err := lint.Run(t.Context(), r, lint.Options{Config: config, Today: day})
		if err != nil {
			t.Fatal(err)
		}
		run := lintreport.Of(res, r, s.options.Version, res.Secrets)
		run.Patch = lintreport.Patches(t.Context(), res)
		must[opened](t, s, "open", openRequest{Files: folder(t, dir)})
		shown := must[linted](t, s, "lint", lintRequest{}).Report
		for format, got := range map[string]string{"json": shown, "markdown": must[string](t, s, "report", reportRequest{"markdown"})} {
			if want, err := written(run, format); err != nil || got != want {
				t.Errorf("%s: %v\n%s", dir, err, difference([]byte(got), []byte(want)))
			}
		}
	}
}
