package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	mentionedFlag = regexp.MustCompile(`(?:^|[\s("'` + "`" + `])--([a-z][a-z0-9-]+)`)
	mentionedCall = regexp.MustCompile(`redis-gitops ([a-z][^;\n#|]*)`)
)

// Every flag that a message of package cluster mentions is one of every command that can print it, and one that follows
// "redis-gitops COMMAND" is one of that command; those that the commands mention exist.
func TestMentionedFlags(t *testing.T) {
	root := newApp().rootCommand()
	flags := map[string][]string{} // by command
	var all []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		add := func(f *pflag.Flag) {
			name := strings.TrimPrefix(c.CommandPath(), "redis-gitops ")
			flags[name] = append(flags[name], f.Name)
			all = append(all, f.Name)
		}
		c.InheritedFlags().VisitAll(add)
		c.Flags().VisitAll(add)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	var asking []string
	for name, c := range leaves() {
		if c.Flags().Lookup("kubeconfig") != nil {
			asking = append(asking, name)
		}
	}
	if len(asking) < 10 {
		t.Fatalf("only %q access a cluster", asking)
	}
	of := map[string][]string{"failover.go": {"failover"}, "promote.go": {"failover"}, "job.go": {"import", "dump"}, "follow.go": {"import", "dump"}, "cli.go": {"cli", "sentinel-cli"}, "migrate.go": {"migrate"}}
	n := 0
	inCluster, err := filepath.Glob("../../cluster/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for dir, files := range map[string][]string{".": sources(t), "../../cluster": inCluster} {
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			name := filepath.Base(file)
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(node ast.Node) bool {
				literal, ok := node.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(text, "--") && !strings.Contains(text, " ") {
					return true // an argument of another program, or a prefix
				}
				for _, call := range mentionedCall.FindAllStringSubmatch(text, -1) {
					own, _, _ := strings.Cut(call[1], " -- ")
					c, _, err := root.Find(strings.Fields(own))
					if err != nil || c == root {
						continue
					}
					for _, m := range mentionedFlag.FindAllStringSubmatch(own, -1) {
						n++
						if c.Flag(m[1]) == nil {
							t.Errorf("%s: %q: %s has no flag --%s", file, own, c.Name(), m[1])
						}
					}
				}
				text = regexp.MustCompile(`#.*`).ReplaceAllString(mentionedCall.ReplaceAllString(text, ""), "")
				for _, m := range mentionedFlag.FindAllStringSubmatch(text, -1) {
					n++
					flag := m[1]
					switch {
					case flag == "help", strings.HasSuffix(flag, "-"): // every command's, and the beginning of several
					case !slices.Contains(all, flag):
						if dir != "." || !foreignProgram(text) {
							t.Errorf("%s: %q: no command has a flag --%s", file, text, flag)
						}
					case dir != ".":
						commands := of[name]
						if commands == nil {
							commands = asking
						}
						for _, command := range commands {
							if !slices.Contains(flags[command], flag) {
								t.Errorf("%s: %q can be printed by %s, which has no flag --%s", file, text, command, flag)
							}
						}
					}
				}
				return true
			})
		}
	}
	if n < 20 {
		t.Errorf("only %d flags are mentioned", n)
	}
}

// foreignProgram reports whether a text is about another program.
func foreignProgram(text string) bool {
	return slices.ContainsFunc([]string{"redis-cli", "redis-server", "git ", "kubectl ", "helm ", "kpt ", "kustomize ", "kubeconform "}, func(program string) bool { return strings.Contains(text, program) })
}
