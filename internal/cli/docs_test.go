package cli

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDocs holds docs/cli against the commands. UPDATE=1 writes it.
func TestDocs(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "cli")
	pages := map[string]string{}
	root := newApp().rootCommand()
	root.InitDefaultCompletionCmd()
	collectPages(root, pages)
	if os.Getenv("UPDATE") != "" {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range pages {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	there := map[string]string{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		there[f.Name()] = string(text)
	}
	all := maps.Clone(pages)
	maps.Copy(all, there)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if pages[name] != there[name] {
			t.Errorf("docs/cli/%s is not what the commands say; run UPDATE=1 go test ./internal/cli -run TestDocs", name)
		}
	}
}

// leaves returns the commands that do something, by their paths.
func leaves() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			each(sub)
		}
		if c.Runnable() && len(c.Commands()) == 0 {
			all[strings.TrimPrefix(c.CommandPath(), "redis-gitops ")] = c
		}
	}
	each(newApp().rootCommand())
	return all
}

// shown reports whether a help has an example of a command.
func shown(help string, c *cobra.Command) bool {
	_, examples, _ := strings.Cut(help, "\nExamples:\n")
	return strings.Contains("\n"+examples, c.CommandPath())
}

// TestHelp wants of every command a help with an example of it.
func TestHelp(t *testing.T) {
	root := newApp().rootCommand()
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Name() == "help" || sub.Name() == "completion" || sub.Hidden {
				continue
			}
			// One without its own is shown by an example of the command above it.
			if !sub.HasSubCommands() && !shown(sub.Long, sub) && !shown(c.Long, sub) {
				t.Errorf("the help of %q has no examples", sub.CommandPath())
			}
			check(sub)
		}
	}
	check(root)
}

// TestPermissions wants the permissions of every command that accesses a cluster.
func TestPermissions(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rbac.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| ") {
			command, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
			rows = append(rows, command)
		}
	}
	for name, c := range leaves() {
		named := regexp.MustCompile("`" + regexp.QuoteMeta(name) + "[` ]")
		if c.Flags().Lookup("kubeconfig") != nil && !slices.ContainsFunc(rows, named.MatchString) {
			t.Errorf("the table of docs/rbac.md has no row for %q; add the permissions that it needs", name)
		}
	}
}

// collectPages makes a page of Markdown of a command and of those below it.
func collectPages(c *cobra.Command, pages map[string]string) {
	var b strings.Builder
	b.WriteString("<!-- Generated from the commands by UPDATE=1 go test ./internal/cli -run TestDocs. Do not edit. -->\n")
	b.WriteString("# " + c.CommandPath() + "\n\n")
	long := c.Long
	if long == "" {
		long = c.Short
	}
	text, examples, _ := strings.Cut(long, "\nExamples:\n")
	b.WriteString(strings.TrimSpace(text) + "\n")
	if c.Runnable() && !c.HasAvailableSubCommands() {
		b.WriteString("\n```\n" + c.UseLine() + "\n```\n")
	}
	if examples != "" {
		b.WriteString("\n## Examples\n\n```console\n")
		for line := range strings.Lines(examples) {
			b.WriteString("$ " + strings.TrimSpace(line) + "\n")
		}
		b.WriteString("```\n")
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\n## Commands\n")
		for _, g := range append(c.Groups(), &cobra.Group{Title: "Other:"}) {
			heading := "\n"
			if len(c.Groups()) > 0 {
				heading = "\n### " + strings.TrimSuffix(g.Title, ":") + "\n\n"
			}
			heading += "| command | |\n|---|---|\n"
			for _, sub := range c.Commands() {
				if sub.GroupID == g.ID && sub.IsAvailableCommand() && sub.Name() != "help" {
					b.WriteString(heading + "| [" + sub.CommandPath() + "](" + page(sub) + ") | " + sub.Short + " |\n")
					heading = ""
					collectPages(sub, pages)
				}
			}
		}
	}
	writeFlags(&b, "Flags", c.NonInheritedFlags())
	writeFlags(&b, "Flags of every command", c.InheritedFlags())
	pages[page(c)] = b.String()
}

func page(c *cobra.Command) string {
	return strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md"
}

func writeFlags(b *strings.Builder, title string, flags interface{ FlagUsages() string }) {
	if usage := flags.FlagUsages(); usage != "" {
		b.WriteString("\n## " + title + "\n\n```\n" + usage + "```\n")
	}
}
