package cli

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// runs are the lines of the scripts that say how a test runs the commands, so that a command brings them with its script:
//
//	# TestSignal: lint --new-from-rev HEAD
//	# TestSignal skips version: it prints what is in the program
//	# TestHostileFiles: import rediss://127.0.0.1:1 redis://127.0.0.1:1 (source-*)
type runs struct {
	calls   map[string][]call // by command
	skipped map[string]string // reasons by command
}

type call struct {
	args  []string // with the command
	flags string   // pattern of the flags that it is for
}

// matches reports whether the call is for a flag.
func (c call) matches(flag string) bool {
	ok, err := path.Match(c.flags, flag)
	return c.flags == "" || ok && err == nil
}

// runLine is a line for a test, which gives its arguments, or the command that it skips and the reason.
var runLine = regexp.MustCompile(`(?m)^# (Test\w+)(?:: (.+?)(?: \((\S+)\))?| skips ([a-z -]+): (.+))$`)

// runsOf collects the lines for a test. Every command has to have one of the two, and none both.
func runsOf(t *testing.T, test string) runs {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	known, root := leaves(), newApp().rootCommand()
	all := runs{map[string][]call{}, map[string]string{}}
	for _, name := range names {
		script, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range runLine.FindAllStringSubmatch(string(script.Comment), -1) {
			if m[1] != test {
				continue
			}
			words := strings.Fields(m[2] + m[4])
			c, _, err := root.Find(words)
			if err != nil || c == root && !strings.HasPrefix(m[4], "completion ") && m[4] != "help" {
				t.Errorf("%s: %q has no command", name, m[0])
				continue
			}
			command := strings.TrimPrefix(c.CommandPath(), "redis-gitops ")
			if m[4] != "" {
				all.skipped[m[4]] = m[5]
			} else {
				all.calls[command] = append(all.calls[command], call{words, m[3]})
			}
		}
	}
	for name := range all.skipped {
		if known[name] == nil && name != "help" && !strings.HasPrefix(name, "completion ") {
			t.Errorf("a script has \"# %s skips %s\", which is not a command", test, name)
		}
	}
	return all
}

// check wants a line for every command.
func (r runs) check(t *testing.T, test, what string) {
	t.Helper()
	for name := range leaves() {
		if (r.calls[name] == nil) == (r.skipped[name] == "") {
			t.Errorf("a script of %q needs either lines \"# %s: %s …\", %s, or \"# %s skips %s: REASON\"", name, test, name, what, test, name)
		}
	}
}
