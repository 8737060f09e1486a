package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// A console is a block of a page with commands, each behind "$ ", and below some of them what they print.
type console struct {
	file string
	line int // of the first command
	text string
}

var consoleBlock = regexp.MustCompile("(?sm)^```console\n(.*?)^```$")

func consoles(t *testing.T, file string) (all []console) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range consoleBlock.FindAllSubmatchIndex(text, -1) {
		all = append(all, console{file, 1 + bytes.Count(text[:m[2]], []byte("\n")), string(text[m[2]:m[3]])})
	}
	return all
}

// steps returns the commands of a block, with what is printed below each.
func (c console) steps() (all [][2]string) {
	for line := range strings.Lines(c.text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, [2]string{strings.TrimSpace(command)})
		} else if len(all) > 0 {
			all[len(all)-1][1] += line
		}
	}
	return all
}

// otherPrograms begin the commands of our pages that are neither ours nor make's.
var otherPrograms = []string{"cd", "conftest", "git", "go", "helm", "install", "kpt", "kubeconform", "kubectl", "kustomize", "mkdir", "pre-commit", "sha256sum", "skopeo", "source", "tar"}

// ownCommand is a command of ours within a line of a shell: up to a pipe, a redirection, a comment or the next command.
var ownCommand = regexp.MustCompile(`(?:^|&& |\()(?:[A-Z_]+=\S+ )*redis-gitops( [^|<>#&)]*)`)

// TestConsole wants every command in the pages to be one that exists, with flags and arguments that it takes, and every output
// below one to be what it prints, in the repository of testdata/docs.
func TestConsole(t *testing.T) {
	listed, err := exec.Command("git", "-C", filepath.Join("..", ".."), "ls-files", "*.md").Output()
	if err != nil {
		t.Skip("the pages are listed by Git: ", err)
	}
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, outputs := 0, 0
	for _, file := range strings.Fields(string(listed)) {
		var all []console
		if !strings.Contains(file, "testdata") {
			all = consoles(t, file)
		}
		blocks += len(all)
		for _, c := range all {
			for _, step := range c.steps() {
				if err := checkCommand(step[0], string(makefile)); err != nil {
					t.Errorf("%s:%d: %s: %v", c.file, c.line, step[0], err)
				}
			}
		}
		if slices.ContainsFunc(all, hasOutput) {
			outputs++
			t.Run(strings.ReplaceAll(file, "/", "_"), func(t *testing.T) { runConsoles(t, file, all) })
		}
	}
	if blocks < 40 || outputs == 0 {
		t.Errorf("only %d blocks of commands, %d pages with output", blocks, outputs)
	}
}

func hasOutput(c console) bool {
	return slices.ContainsFunc(c.steps(), func(step [2]string) bool { return step[1] != "" })
}

// environment is what stands before a command for it alone.
var environment = regexp.MustCompile(`^(?:[A-Z0-9_]+=\S+ )+`)

// checkCommand describes what is wrong with a line of a shell.
func checkCommand(line, makefile string) error {
	first, rest, _ := strings.Cut(environment.ReplaceAllString(line, ""), " ")
	for _, m := range ownCommand.FindAllStringSubmatch(line, -1) {
		args, err := shellWords(m[1])
		if err != nil {
			return err
		}
		root := newApp().rootCommand()
		root.InitDefaultCompletionCmd(args...)
		c, left, err := root.Find(args)
		if err != nil {
			return err
		}
		if err := c.ParseFlags(left); err != nil {
			return err
		}
		if c.Args != nil && c.ArgsLenAtDash() < 0 {
			if err := c.Args(c, c.Flags().Args()); err != nil {
				return err
			}
		}
	}
	switch {
	case first == "make":
		for _, word := range strings.Fields(rest) {
			if strings.HasPrefix(word, "#") {
				break
			}
			if !strings.Contains(word, "=") && !strings.Contains(makefile, "\n"+word+":") {
				return fmt.Errorf("the Makefile has no target %s", word)
			}
		}
	case first == "sh":
		script, _, _ := strings.Cut(rest, " ")
		_, err := os.Stat(filepath.Join("..", "..", script))
		return err
	case first != "redis-gitops" && !slices.Contains(otherPrograms, first) && !strings.HasPrefix(first, "bin/"):
		return fmt.Errorf("%s is not one of the known programs", first)
	}
	return nil
}

// shellWords splits as a shell does, without expanding anything but quotes.
func shellWords(text string) ([]string, error) {
	out, err := exec.Command("sh", "-c", "set -f -- "+text+"\nprintf '%s\\n' \"$@\"").Output()
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), nil
}

// runConsoles runs the commands of a page in its repository, and compares what those print that have an output below them.
func runConsoles(t *testing.T, file string, all []console) {
	fixture := filepath.Join("testdata", "docs", strings.ReplaceAll(file, "/", "_")+".txtar")
	archive, err := txtar.ParseFile(fixture)
	if err != nil {
		t.Fatalf("the page has output, so it needs a repository: %v", err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files, before := map[string]string{".git/HEAD": "ref: refs/heads/main\n"}, map[string]string{}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "before/"); ok {
			before[name] = string(f.Data)
			continue
		}
		files[f.Name] = string(f.Data)
		if strings.Contains(string(page), "`"+f.Name+"`") && !strings.Contains(string(page), string(f.Data)) {
			t.Errorf("%s names %s, but does not show the one of %s:\n%s", file, f.Name, fixture, f.Data)
		}
	}
	if len(before) > 0 {
		writeTree(t, dir, before)
		commitAll(t, dir)
	}
	writeTree(t, dir, files)
	t.Chdir(dir)
	for _, c := range all {
		if !hasOutput(c) {
			continue
		}
		for _, step := range c.steps() {
			m := ownCommand.FindStringSubmatch(step[0])
			if m == nil {
				t.Fatalf("%s:%d: %s has an output, but is not ours", c.file, c.line, step[0])
			}
			args, err := shellWords(m[1])
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			a := newApp()
			a.In, a.Out, a.Err, a.Terminal = strings.NewReader(""), &out, &out, false
			a.run(context.Background(), args)
			if got := out.String(); got != step[1] {
				t.Errorf("%s:%d: %s prints\n%s", c.file, c.line, step[0], got)
			}
		}
	}
}

// commitAll makes a repository of a directory, whose commit always has the same identifier.
func commitAll(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"-c", "commit.gpgSign=false", "commit", "-qm", "one"}} {
		c := exec.Command("git", append([]string{"-C", dir}, args...)...)
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
			"GIT_AUTHOR_DATE=2026-11-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-11-01T00:00:00Z")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
}
