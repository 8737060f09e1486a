package git

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"
)

// A trap is a program that leaves a file behind when anything runs it.
type trap struct{ program, sprung string }

func newTrap(t *testing.T) trap {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the trap is a shell script")
	}
	dir := t.TempDir()
	tr := trap{filepath.Join(dir, "trap"), filepath.Join(dir, "sprung")}
	script := "#!/bin/sh\necho \"$0 $*\" >> '" + tr.sprung + "'\n"
	if err := os.WriteFile(tr.program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return tr
}

// check fails when the trap was sprung.
func (tr trap) check(t *testing.T, by string) {
	t.Helper()
	if out, err := os.ReadFile(tr.sprung); err == nil {
		t.Errorf("%s ran a program of the repository: %s", by, out)
		os.Remove(tr.sprung)
	}
}

// configKeys are the keys of git-config(1), as the installed git lists them, with x for names that a user chooses.
func configKeys(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "help", "--config").Output()
	if err != nil {
		t.Fatal(err)
	}
	keys := strings.Fields(regexp.MustCompile(`<[^>]*>|\*`).ReplaceAllString(string(out), "x"))
	// The manual has these, the list does not.
	keys = append(keys, "filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.command", "diff.x.textconv", "merge.x.driver", "gpg.ssh.program",
		"gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.defaultKeyCommand", "core.alternateRefsCommand", "core.sshCommand", "core.askPass", "core.fsmonitor", "core.hooksPath",
		"core.gitProxy", "core.pager", "core.editor", "sequence.editor", "credential.helper", "credential.x.helper", "diff.external", "interactive.diffFilter",
		"uploadpack.packObjectsHook", "remote.x.uploadpack", "remote.x.receivepack", "remote.x.vcs", "pager.log", "pager.diff", "alias.log", "alias.diff", "alias.ls-tree",
		"alias.rev-parse", "alias.cat-file", "alias.ls-files", "alias.config", "trailer.x.command", "trailer.x.cmd", "web.browser", "browser.x.cmd", "man.x.cmd",
		"difftool.x.cmd", "mergetool.x.cmd", "submodule.x.update", "trace2.eventTarget", "trace2.normalTarget", "trace2.perfTarget", "include.path", "includeIf.gitdir:/.path")
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) < 600 {
		t.Fatalf("git help --config lists %d keys only", len(keys))
	}
	return keys
}

// hostile is a configuration that sets every key to a program. core.bare and the like are left out of those that git itself
// could no longer read, so that the test of the test can use the same configuration.
func (tr trap) hostile(keys []string, worktree string) string {
	var b strings.Builder
	for _, key := range keys {
		first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
		if first < 0 {
			continue
		}
		section, sub, variable := key[:first], "", key[last+1:]
		if last > first {
			sub = key[first+1 : last]
		}
		if section == "extensions" || strings.Contains(variable, "_") {
			continue // an unknown extension is refused, which TestExtension sees to; gitweb.remote_heads is no key of a file
		}
		fmt.Fprintf(&b, "[%s", section)
		if sub != "" {
			fmt.Fprintf(&b, " \"%s\"", sub)
		}
		value := tr.program
		switch {
		case section == "alias" || section == "submodule":
			value = "!" + value
		case variable == "url" || variable == "pushUrl":
			value = "ext::" + value
		case variable == "showSignature" || variable == "promisor":
			value = "true"
		case key == "core.worktree":
			value = worktree
		}
		fmt.Fprintf(&b, "]\n\t%s = \"%s\"\n", variable, value)
	}
	return b.String()
}

// working is a configuration that git can read, and that runs a program whenever the work tree is compared.
func (tr trap) working() string {
	return fmt.Sprintf("[log]\n\tshowSignature = true\n[gpg]\n\tprogram = %[1]s\n[core]\n\tfsmonitor = %[1]s\n\trepositoryformatversion = 0\n[filter \"x\"]\n\tclean = %[1]s\n\tsmudge = %[1]s\n[diff]\n\texternal = %[1]s\n[diff \"x\"]\n\ttextconv = %[1]s\n[protocol \"ext\"]\n\tallow = always\n", tr.program)
}

// environment sets every variable of git(1) that names a program or another configuration.
func (tr trap) environment(t *testing.T) {
	for _, name := range []string{"GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_PROXY_COMMAND"} {
		t.Setenv(name, tr.program)
	}
	config := filepath.Join(filepath.Dir(tr.program), "environment")
	if err := os.WriteFile(config, []byte(tr.working()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "include.path")
	t.Setenv("GIT_CONFIG_VALUE_0", config)
	t.Setenv("GIT_CONFIG_PARAMETERS", "'core.fsmonitor="+tr.program+"'")
	t.Setenv("GIT_TEMPLATE_DIR", filepath.Dir(tr.program))
	t.Setenv("GIT_DIR", "/does/not/exist")
	t.Setenv("GIT_INDEX_FILE", "/does/not/exist")
	t.Setenv("GIT_OBJECT_DIRECTORY", "/does/not/exist")
	t.Setenv("GIT_WORK_TREE", "/does/not/exist")
	t.Setenv("GIT_NAMESPACE", "elsewhere")
}

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=tester", "-c", "user.email=tester@example.com", "-c", "protocol.file.allow=always", "-c", "commit.gpgSign=false"}, args...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// plain keeps the configuration of who runs the tests out of them.
func plain(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GIT_") {
			t.Setenv(name, "") // so that it comes back
			os.Unsetenv(name)
		}
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
}

// A victim is a repository that a stranger has made: configured is where a configuration goes, dir what is linted.
type victim struct {
	name       string
	dir        string
	configured []string // directories with a config
	attributes string   // the directory for .gitattributes
}

// victims makes repositories in every arrangement, each with a file that was added, committed and changed.
func victims(t *testing.T, tr trap) []victim {
	t.Helper()
	base := t.TempDir()
	fresh := func(name string, args ...string) string {
		dir := filepath.Join(base, name)
		gitIn(t, base, append([]string{"init", "-q", dir}, args...)...)
		write(t, filepath.Join(dir, "sub", "a.yaml"), "a: 1\n")
		write(t, filepath.Join(dir, "sub", "b.yaml"), "b: 1\n")
		gitIn(t, dir, "add", "-A")
		gitIn(t, dir, "commit", "-qm", "one")
		return dir
	}
	var all []victim
	top := fresh("top")
	all = append(all, victim{"its own configuration", top, []string{filepath.Join(top, ".git")}, top})
	all = append(all, victim{"from a directory in it", filepath.Join(top, "sub"), []string{filepath.Join(top, ".git")}, top})

	// Plain files in a directory that git itself takes for a bare repository whose work tree is the directory.
	outer := fresh("outer")
	fake := filepath.Join(outer, "sub")
	inner := fresh("inner")
	write(t, filepath.Join(inner, "a.yaml"), "a: 1\n")
	gitIn(t, inner, "add", "-A")
	gitIn(t, inner, "commit", "-qm", "two")
	for _, name := range []string{"HEAD", "index", "objects", "refs"} {
		if out, err := exec.Command("cp", "-r", filepath.Join(inner, ".git", name), fake).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	gitIn(t, outer, "add", "-A", "-f")
	gitIn(t, outer, "commit", "-qm", "two")
	all = append(all, victim{"committed files like a bare repository", fake, []string{fake}, fake})

	tree := fresh("tree")
	linked := filepath.Join(base, "linked")
	gitIn(t, tree, "worktree", "add", "-q", linked)
	all = append(all, victim{"a linked work tree", linked, []string{filepath.Join(tree, ".git"), filepath.Join(tree, ".git", "worktrees", "linked")}, linked})

	super := fresh("super")
	gitIn(t, super, "submodule", "--quiet", "add", fresh("module"), "module")
	gitIn(t, super, "commit", "-qm", "two")
	inside := filepath.Join(super, ".git", "modules", "module")
	all = append(all, victim{"with a submodule", super, []string{filepath.Join(super, ".git"), inside}, super})
	all = append(all, victim{"in a submodule", filepath.Join(super, "module"), []string{inside, filepath.Join(super, ".git")}, filepath.Join(super, "module")})

	long := fresh("sha256", "--object-format=sha256")
	all = append(all, victim{"sha256", long, []string{filepath.Join(long, ".git")}, long})

	for _, v := range all {
		write(t, filepath.Join(v.attributes, ".gitattributes"), "* filter=x diff=x merge=x text\n")
		write(t, filepath.Join(v.attributes, ".gitmodules"), "[submodule \"module\"]\n\tpath = module\n\turl = ext::"+tr.program+"\n\tupdate = !"+tr.program+"\n")
		for _, hooks := range v.configured {
			for _, hook := range []string{"post-index-change", "fsmonitor-watchman", "post-checkout", "pre-commit", "reference-transaction", "post-rewrite", "pre-auto-gc", "sendemail-validate", "post-merge", "update"} {
				write(t, filepath.Join(hooks, "hooks", hook), "#!/bin/sh\n"+tr.program+"\n")
				if err := os.Chmod(filepath.Join(hooks, "hooks", hook), 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return all
}

// TestNoProgramRuns asks every question of this package in repositories whose configuration names a program in every key.
func TestNoProgramRuns(t *testing.T) {
	plain(t)
	tr := newTrap(t)
	keys := configKeys(t)
	all := victims(t, tr)
	for _, v := range all {
		for _, dir := range v.configured {
			config := tr.hostile(keys, v.dir)
			if v.name == "sha256" {
				config += "[extensions]\n\tobjectFormat = sha256\n[core]\n\trepositoryformatversion = 1\n"
			}
			write(t, filepath.Join(dir, "config"), config)
			write(t, filepath.Join(dir, "config.worktree"), config)
		}
	}
	tr.check(t, "making the repositories")
	tr.environment(t)
	for _, v := range all {
		t.Run(v.name, func(t *testing.T) {
			r, ctx := opened(t, v.dir), context.Background()
			commit, err := r.Base(ctx, "HEAD")
			if err != nil {
				t.Fatal(err)
			}
			tr.check(t, "Base")
			write(t, filepath.Join(v.dir, "new.yaml"), "new: 1\n")
			changed, err := r.Changed(ctx, commit)
			if err != nil || !slices.Contains(changed, "new.yaml") {
				t.Errorf("changed: %q, %v", changed, err)
			}
			tr.check(t, "Changed")
			name := "sub/a.yaml"
			if filepath.Base(v.dir) == "sub" {
				name = "a.yaml"
			}
			added, err := r.Added(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			tr.check(t, "Added")
			if got, err := r.File(ctx, added, name); err != nil || string(got) != "a: 1\n" {
				t.Errorf("file: %q, %v", got, err)
			}
			tr.check(t, "File")
			tree, err := r.Tree(ctx, added)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := afero.ReadFile(tree.Fs(), name); err != nil || string(got) != "a: 1\n" {
				t.Errorf("tree: %q, %v", got, err)
			}
			if _, err := r.Main(ctx); err == nil {
				tr.check(t, "Main")
			}
			if err := tree.Close(); err != nil {
				t.Error(err)
			}
			tr.check(t, "Tree")
			if _, err := r.Base(ctx, "x/main"); err == nil {
				t.Error("a branch of a remote that does not exist was found")
			}
			if _, err := r.File(ctx, "0123456789012345678901234567890123456789", name); err == nil {
				t.Error("a commit that is missing was found")
			}
			tr.check(t, "a missing object")
		})
	}
}

// TestTraps proves that the repositories of TestNoProgramRuns are dangerous: plain git runs their programs.
func TestTraps(t *testing.T) {
	plain(t)
	tr := newTrap(t)
	for _, v := range victims(t, tr) {
		if v.name == "sha256" {
			continue // needs the format in its configuration, and shows nothing more
		}
		for _, dir := range v.configured {
			config := tr.working()
			if dir == v.dir {
				config += "[core]\n\tworktree = " + v.dir + "\n\tbare = false\n"
			}
			write(t, filepath.Join(dir, "config"), config)
		}
		os.Remove(tr.sprung)
		write(t, filepath.Join(v.dir, "a.yaml"), "other: 1\n")
		for _, args := range [][]string{{"diff", "HEAD"}, {"log", "-1"}, {"status"}} {
			_, _ = exec.Command("git", append([]string{"-C", v.dir}, args...)...).CombinedOutput() // it may well fail
		}
		if _, err := os.Stat(tr.sprung); err != nil {
			t.Errorf("%s: git ran no program, so the test proves nothing", v.name)
		}
	}
}

// TestLazyFetch has a partial clone whose remote is a program.
func TestLazyFetch(t *testing.T) {
	plain(t)
	tr := newTrap(t)
	dir := history(t)
	commit := gitIn(t, dir, "rev-parse", "HEAD")
	blob := gitIn(t, dir, "rev-parse", "HEAD:sub/b")
	if err := os.Remove(filepath.Join(dir, ".git", "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".git", "config"), "[core]\n\trepositoryformatversion = 1\n\tsshCommand = "+tr.program+"\n[extensions]\n\tpartialClone = x\n[remote \"x\"]\n\turl = ext::"+tr.program+"\n\tpromisor = true\n\tpartialCloneFilter = blob:none\n[protocol \"ext\"]\n\tallow = always\n")
	r := opened(t, dir)
	if _, err := r.File(context.Background(), commit, "sub/b"); err == nil || !strings.Contains(err.Error(), "in this partial clone; clone without --filter") {
		t.Errorf("got %v", err)
	}
	if changed, err := r.Changed(context.Background(), commit); err != nil || slices.Contains(changed, "sub/b") {
		t.Errorf("got %q, %v", changed, err)
	}
	tr.check(t, "a missing object")
	short, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = exec.CommandContext(short, "git", "-C", dir, "cat-file", "blob", blob).Run() // it fails, and no pipe of ours is held
	if _, err := os.Stat(tr.sprung); err != nil {
		t.Log("this git does not fetch by ext:: here, so the test proves less")
	}
}

func TestExtension(t *testing.T) {
	plain(t)
	dir := history(t)
	write(t, filepath.Join(dir, ".git", "config"), "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tnewFormat = true\n")
	if _, err := opened(t, dir).Base(context.Background(), "HEAD"); err == nil || !strings.Contains(err.Error(), `the Git extension "newformat"`) {
		t.Errorf("got %v", err)
	}
}
