package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/report"
)

const canary = "CaNaRy"

// leaks reports where a text has a piece of a canary in it, as it is or in Base64.
func leaks(text string) string {
	forms := []string{canary}
	for offset := range 3 {
		raw := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), canary...))
		raw = raw[[]int{0, 2, 3}[offset]:]
		if (len(canary)+offset)%3 != 0 {
			raw = raw[:len(raw)-1]
		}
		forms = append(forms, raw)
	}
	for _, form := range forms {
		if i := strings.Index(text, form); i >= 0 {
			return text[max(0, i-120):min(len(text), i+60)]
		}
	}
	return ""
}

// canaryRepository writes the repository of redact/testdata, with a configuration that can be read unless broken is set.
func canaryRepository(t *testing.T, broken bool) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("..", "..", "redact", "testdata", "canary.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range archive.Files {
		text := f.Data
		if f.Name == ".redis-gitops.yaml" && !broken {
			text = []byte("# token: CaNaRy-conf-1\noperator:\n  name: spotahome\n")
		}
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config := "[core]\n\trepositoryformatversion = 0\n[remote \"origin\"]\n\turl = https://user:CaNaRy-git-1@git.example.com/shop.git\n"
	for name, text := range map[string]string{"HEAD": "ref: refs/heads/main\n", "config": config} {
		if err := os.MkdirAll(filepath.Join(dir, ".git", "objects"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, ".git", "refs"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".git", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// printed runs a command and gives all that it printed.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	a := newApp()
	a.In, a.Out, a.Err, a.Terminal = strings.NewReader(""), &out, &out, false
	a.run(context.Background(), args)
	return out.String()
}

// canaryCommands are the runs of the scripts, and those that follow from formats and from the applications of the repository.
func canaryCommands(scripts runs) [][]string {
	var all [][]string
	for _, calls := range scripts.calls {
		for _, c := range calls {
			all = append(all, c.args)
		}
	}
	for _, f := range report.Formats() {
		all = append(all, []string{"lint", "--format", f.Name}, []string{"lint", "--strict", "--format", f.Name, "--stats", "--verbose"})
	}
	for _, dir := range []string{"shop", "fails", "tpl", "kust", "files", "broken", "plain"} {
		all = append(all, []string{"lint", "--verbose", "applications/" + dir})
	}
	for _, name := range []string{"shop", "kust", "plain", "fails", "tpl", "nosuch"} {
		for _, format := range instance.Formats() {
			all = append(all, []string{"url", name, "--format", format}, []string{"sentinel-url", name, "--format", format})
		}
	}
	for _, app := range []string{"shop", "fails", "kust", "broken", "plain", "files"} {
		for _, extra := range [][]string{{"--dry-run"}, {"--dry-run", "--output", "json"}, {"--dry-run", "--force"}, {"--dry-run", "--keep", "--verbose"}} {
			all = append(all,
				append([]string{"generate", "resource", app, "redis"}, extra...), append([]string{"generate", "resource", app, "vault"}, extra...),
				append([]string{"generate", "resource", app, "redis", "--suffix", "two"}, extra...),
				append([]string{"generate", "deployment", app, "web"}, extra...))
		}
		all = append(all, []string{"generate", "resource", app, "redis", "--set", "password=CaNaRy-set-1", "--dry-run"},
			[]string{"destroy", "resource", app, "redis", "--dry-run"}, []string{"destroy", "resource", app, "redis", "--dry-run", "--output", "json"},
			[]string{"__complete", "destroy", "resource", app, ""}, []string{"generate", "application", app, "--dry-run"},
			[]string{"destroy", "application", app, "--dry-run"}, []string{"destroy", "application", app, "--dry-run", "--output", "json"},
			[]string{"list", app}, []string{"list", app, "--output", "json"})
	}
	return append(all, []string{"rules"}, []string{"__complete", "url", ""}, []string{"__complete", "generate", "resource", ""})
}

// TestCanary plants a secret in every location of a repository, runs every command with every output, and wants none to be printed.
func TestCanary(t *testing.T) {
	scripts := runsOf(t, "TestCanary")
	commands := canaryCommands(scripts)
	root := newApp().rootCommand()
	for _, args := range commands {
		if c, _, err := root.Find(args); err == nil {
			name := strings.TrimPrefix(c.CommandPath(), "redis-gitops ")
			scripts.calls[name] = append(scripts.calls[name], call{args: args})
		}
	}
	scripts.check(t, "TestCanary", "with all that it can print of a repository")
	for _, broken := range []bool{false, true} {
		dir := canaryRepository(t, broken)
		for _, args := range commands {
			if broken && args[0] == "lint" && len(args) > 3 {
				continue // the configuration is refused in the same way
			}
			if leak := leaks(printed(t, append([]string{"-C", dir}, args...)...)); leak != "" {
				t.Errorf("%s prints a secret: %q", strings.Join(args, " "), leak)
			}
		}
	}
}

// TestCanaryArguments gives passwords to commands that take URLs, in forms that are refused in as many ways.
func TestCanaryArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("REDIS_PASSWORD", "CaNaRy-env-1")
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	if err := os.WriteFile("x.rdb", []byte("REDIS0011\xff\x00\x00\x00\x00\x00\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("password", []byte("CaNaRy-file-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	urls := []string{
		"redis://:CaNaRy-1@127.0.0.1:1", "redis://user:CaNaRy-1@127.0.0.1:1/0", "rediss://:CaNaRy-1@127.0.0.1:1", "redis://:CaNaRy-1@nosuch.invalid:1",
		"redis://:CaNaRy-1%2Fx@127.0.0.1:1", "redis://:CaNaRy-1/x@127.0.0.1:1", "redis://:CaNaRy-1#x@127.0.0.1:1", "redis://:CaNaRy-1?x@127.0.0.1:1",
		"redis://:CaNaRy-1@", "redis://:CaNaRy-1", "redis://:%zzCaNaRy-1@127.0.0.1", "redis://:CaNaRy-1@127.0.0.1:x", "redis://:CaNaRy-1@127.0.0.1:1/x",
		"redis+sentinel://:CaNaRy-1@127.0.0.1:1/m?sentinel_password=CaNaRy-2", "redis+sentinel://127.0.0.1:1/m?sentinel_password=%zzCaNaRy-2",
		"http://user:CaNaRy-1@127.0.0.1:1/x.rdb", "https://user:CaNaRy-1@127.0.0.1:1/x.rdb", "http://user:CaNaRy-1@[::1/x.rdb", "http://user:CaNaRy 1@127.0.0.1/x.rdb",
		"redsi://:CaNaRy-1@127.0.0.1", ":CaNaRy-1@127.0.0.1:1", "user:CaNaRy-1@127.0.0.1:1", "unix://:CaNaRy-1@/tmp/nosuch", "unix://:CaNaRy-1@nosuch",
		"redis://:CaNaRy-1@127.0.0.1:1,127.0.0.1:2", "redis://127.0.0.1:1?password=CaNaRy-1", "\x1bredis://:CaNaRy-1@h", "redis://:CaNaRy-1\n@127.0.0.1",
	}
	var all [][]string
	for _, u := range urls {
		all = append(all, []string{"import", "x.rdb", u}, []string{"import", u, "redis://127.0.0.1:1"}, []string{"import", "x.rdb", u, "--verify-only"},
			[]string{"dump", u, "-"}, []string{"dump", u, "out.rdb", "--scan"}, []string{"dump", u}, []string{"rdb", "verify", u}, []string{"rdb", "info", u}, []string{"rdb", "convert", u, "-"},
			[]string{u}, []string{"lint", u}, []string{"lint", "--jobs", u}, []string{"lint", "--" + u}, []string{"rules", u}, []string{"cli", u}, []string{"doctor", u}, []string{"url", u},
			[]string{"import", u}, []string{"import", u, u, u, u}, []string{"-C", u, "lint"}, []string{"--config", u, "lint"}, []string{"lint", "--format", u},
			[]string{"import", "x.rdb", "127.0.0.1", "--password-file", u})
	}
	all = append(all, []string{"import", "x.rdb", "redis://127.0.0.1:1", "--password-file", "password"}, []string{"dump", "redis://127.0.0.1:1", "-"},
		[]string{"lint", "--password=CaNaRy-1"}, []string{"generate", "resource", "shop", "redis", "--set", "auth-token=CaNaRy-1"})
	for _, args := range all {
		if leak := leaks(printed(t, args...)); leak != "" {
			t.Errorf("%q prints a secret: %q", args, leak)
		}
	}
}

// TestHostileText gives text that orders a terminal or a CI system to every location that is printed.
func TestHostileText(t *testing.T) {
	const orders = "\x1b]0;x\x07\x1b[2J\u202eevil\n::stop-commands::x\n::error::x\n##[error]x\r\x1b[0Ksection_start:1:x\r\x1b[0K"
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	quoted := strings.Trim(fmt.Sprintf("%+q", orders), `"`)
	write("applications/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
	write("applications/shop/values.yaml", "\"x"+quoted+"\": {\"y"+quoted+"\": 1}\nresources: {redis: {\"a"+quoted+"\": 1}}\n")
	write("applications/shop/templates/a.yaml", "{{ fail \""+quoted+"\" }}\n")
	write("applications/a\x1b[31m\n::error::b/Chart.yaml", "apiVersion: v2\nname: \"x"+quoted+"\"\nversion: 0.1.0\n")
	write("applications/a\x1b[31m\n::error::b/values.yaml", "a: 1\n")
	write("applications/raw/kustomization.yaml", "resources: [redis.yaml, \""+quoted+"\"]\n")
	write("applications/raw/redis.yaml", "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: \"r"+quoted+"\", namespace: \"n"+quoted+"\"}\nspec: {\"k"+quoted+"\": 1}\n")
	write("generators/resources/evil.yaml", "# \x1b[31m::x\n::stop-commands::x\n##[error]x\nkind: Evil\nmetadata:\n  name: x\n# \u202e\n")
	write("generators/deployments/e\nvil.yaml", "kind: Evil\n")
	var all [][]string
	for _, config := range []string{"", "\"" + quoted + "\": 1\n", "operator: {name: \"" + quoted + "\"}\n", "defaults: {\"" + quoted + "\": {}}\n"} {
		write(".redis-gitops.yaml", config)
		all = [][]string{{"lint"}, {"render"}, {"render", "--show-origin"}, {"render", orders}, {"lint", "--verbose", "--stats"}, {"lint", "--fix", "--diff"}, {"url", "shop"}, {"url", "r" + orders}, {"url", "raw"}, {"generate", "resource", "shop", "evil", "--dry-run"},
			{"generate", "resource", "raw", "evil", "--dry-run"}, {"generate", "resource", orders, "redis"}, {"__complete", "url", ""}, {"__complete", "generate", "resource", ""}, {"__complete", "generate", "deployment", "shop", ""},
			{orders}, {"lint", "--x" + orders}, {"import", orders, orders}, {"lint", "--format", orders}, {"rules", "show", orders}, {"generate", "update", "--dry-run"}, {"destroy", "resource", "shop", orders}}
		for _, args := range all {
			got := printed(t, append([]string{"-C", dir}, args...)...)
			for i, line := range strings.Split(got, "\n") {
				if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.ContainsAny(line, "\x1b\x07\r\u202e") {
					t.Errorf("%q prints as line %d: %q", args, i+1, line)
				}
			}
		}
	}
}

// sources are the files of the command line, those of tests aside.
func sources(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			all = append(all, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDoor wants every write to the streams to go through the door: nothing else may name os.Stdout or os.Stderr, print to the
// streams of package ui by package fmt, or take the stream behind a door, except where what is printed is data.
func TestDoor(t *testing.T) {
	raw := map[string]bool{"connectcmd/cli.go": true, "connectcmd/url.go": true, "datacmd/dumpfile.go": true, "fncmd/list.go": true, "lintcmd/diffprint.go": true, "lintcmd/evaluate.go": true, "lintcmd/output.go": true}
	streams := map[string]bool{"connectcmd/cli.go": true, "ui/ui.go": true}
	stream := regexp.MustCompile(`^([a-zA-Z]+\.)*(Out|Err)$`)
	seen := 0
	for _, name := range sources(t) {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		text := func(n ast.Node) string { return string(src[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset]) }
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if s := text(n); (s == "os.Stdout" || s == "os.Stderr") && !streams[name] {
					t.Errorf("%s: %s is written to directly; use Printf or PrintErrf", set.Position(n.Pos()), s)
				}
			case *ast.CallExpr:
				call := text(n.Fun)
				if strings.HasSuffix(call, ".Raw") && !strings.HasPrefix(name, "ui/") {
					seen++
					if !raw[name] {
						t.Errorf("%s: %s passes the door; use Printf or PrintErrf, or add the file to this test with the reason", set.Position(n.Pos()), text(n))
					}
				}
				if strings.HasPrefix(call, "fmt.Print") || !strings.HasPrefix(name, "ui/") && (strings.HasPrefix(call, "fmt.Fprint") || call == "io.WriteString" || call == "json.NewEncoder" || call == "tabwriter.NewWriter") && len(n.Args) > 0 && stream.MatchString(text(n.Args[0])) {
					t.Errorf("%s: %s does not escape its arguments; use Printf, PrintErrf, JSON or Table", set.Position(n.Pos()), call)
				}
			}
			return true
		})
	}
	if seen == 0 {
		t.Error("no call of Raw was found: the test does not see what it looks for")
	}
}

// TestPatch wants a patch to be applied by git as long as nothing in it had to be hidden, and to be refused otherwise.
func TestPatch(t *testing.T) {
	dir := newShop(t)
	if err := os.WriteFile(filepath.Join(dir, "generators", "resources", "evil.yaml"), []byte("kind: Evil\nmetadata:\n  name: \x1b[31mx\n# ::x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "generators", "resources", "vault.yaml"), []byte("kind: Secret\nstringData:\n  a: CaNaRy-1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kind    string
		applies bool
	}{{"redis", true}, {"vault", false}} {
		var out, problems bytes.Buffer
		a := newApp()
		a.Out, a.Err = &out, &problems
		if code := a.run(context.Background(), []string{"-C", dir, "generate", "resource", "shop", tt.kind, "--dry-run"}); code != exitcode.OK {
			t.Fatalf("%s: exit code %d: %s", tt.kind, code, problems.String())
		}
		if err := gitApply(t, dir, out.Bytes(), "--check"); (err == nil) != tt.applies {
			t.Errorf("%s: git apply: %v\n%s", tt.kind, err, out.String())
		}
		if hidden := strings.Contains(problems.String(), "git apply rejects"); hidden == tt.applies {
			t.Errorf("%s: the note is wrong: %s", tt.kind, problems.String())
		}
	}
}

// TestDryRunApplies wants the patch of every way to generate, update and destroy to give what the command itself writes: nothing in
// it looks like a secret, names of variables and schemas of passwords neither.
func TestDryRunApplies(t *testing.T) {
	dir := newShop(t)
	// What undo needs is in .git, where there is one.
	if err := errors.Join(os.Mkdir(filepath.Join(dir, ".git"), 0o755), os.RemoveAll(filepath.Join(dir, ".redis-gitops", "journal"))); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"generate application blog",
		"generate application wiki --kustomize",
		"generate resource blog redis --profile cache --set memory=1Gi --set policy=allkeys-lfu",
		"generate resource shop redis --auth existing:shop-auth",
		"generate resource shop redis --suffix mail --auth external --store vault",
		"generate resource shop redis --suffix small --profile store --set auth=token",
		"generate resource shop redis --suffix mail --auth external --store other --force",
		"generate resource wiki redis --auth existing:wiki-auth",
		"generate addon blog redis monitoring",
		"generate deployment shop web --image shop/web:1.2.3",
		"generate deployment shop sidekiq --name sidekiq-mail",
		"generate update",
		"destroy deployment shop sidekiq-mail",
		"destroy resource shop redis-mail",
		"destroy resource shop redis",
	} {
		args := strings.Fields(line)
		var patch, problems bytes.Buffer
		a := newApp()
		a.Out, a.Err = &patch, &problems
		if code := a.run(t.Context(), append([]string{"-C", dir}, append(args, "--dry-run")...)); code != exitcode.OK {
			t.Fatalf("%s --dry-run: exit code %d: %s", line, code, problems.String())
		}
		patched := t.TempDir()
		if err := os.CopyFS(patched, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if patch.Len() > 0 {
			if err := gitApply(t, patched, patch.Bytes()); err != nil {
				t.Errorf("%s: %v\n%s", line, err, problems.String())
			}
		}
		var out bytes.Buffer
		a = newApp()
		a.Out, a.Err = &out, &out
		if code := a.run(t.Context(), append([]string{"-C", dir}, append(args, "--yes")...)); code != exitcode.OK {
			t.Fatalf("%s: exit code %d: %s", line, code, out.String())
		}
		if got, want := tree(t, patched), tree(t, dir); got != want {
			t.Errorf("%s: the patch gives\n%s\nand the command\n%s", line, got, want)
		}
	}
}

// gitApply applies a patch; with --check it only tries.
func gitApply(t *testing.T, dir string, patch []byte, flags ...string) error {
	t.Helper()
	c := exec.Command("git", append([]string{"apply", "--whitespace=error-all", "-"}, flags...)...)
	c.Dir, c.Stdin = dir, bytes.NewReader(patch)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	text, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
}

// TestCanaryCache looks for secrets in what lint keeps for its next run.
func TestCanaryCache(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	for _, broken := range []bool{false, true} {
		for _, args := range [][]string{{}, {"--strict"}, {"--strict", "--scope", "all", "--no-suppressions"}} {
			dir := canaryRepository(t, broken)
			harmless := "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: zq}\nspec: {redis: {replicas: 1}}\n"
			if err := errors.Join(os.MkdirAll(filepath.Join(dir, "harmless"), 0o755), os.WriteFile(filepath.Join(dir, "harmless", "a.yaml"), []byte(harmless), 0o644)); err != nil {
				t.Fatal(err)
			}
			c := exec.Command(builtTool(t), append([]string{"-C", dir, "lint"}, args...)...)
			c.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
			_ = c.Run() // finds something
		}
	}
	size := 0
	err := filepath.WalkDir(cache, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		size += len(text)
		if found := leaks(string(text)); found != "" {
			t.Errorf("%s: %q", name, found)
		}
		return err
	})
	if err != nil || size < 500 {
		t.Errorf("%d bytes are kept: %v", size, err)
	}
}
