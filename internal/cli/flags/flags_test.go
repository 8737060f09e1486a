package flags

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// parse gives a command with the flags that add adds some arguments.
func parse(add func(*cobra.Command), args ...string) error {
	c := &cobra.Command{Use: "test NAME [PORT]"}
	add(c)
	return c.ParseFlags(args)
}

func TestOutput(t *testing.T) {
	var output string
	add := func(c *cobra.Command) { AddOutput(c, &output, "text", "json", "csv") }
	if err := parse(add); err != nil || output != "text" {
		t.Errorf("by default %q, %v", output, err)
	}
	for _, args := range [][]string{{"-o", "json"}, {"--output=json"}} {
		if err := parse(add, args...); err != nil || output != "json" {
			t.Errorf("%q: %q, %v", args, output, err)
		}
	}
	if err := parse(add, "-o", "jsn"); err == nil || !strings.Contains(err.Error(), "must be ") || !strings.Contains(err.Error(), `"json"`) {
		t.Errorf("an unknown form: %v", err)
	}
}

func TestPlan(t *testing.T) {
	for arg, want := range map[string]scaffold.OnConflict{"--force": scaffold.Replace, "--keep": scaffold.Keep, "--dry-run": scaffold.Refuse} {
		var p Plan
		if err := parse(p.Add, arg); err != nil || p.Conflicts() != want || p.DryRun != (arg == "--dry-run") || p.Output != "text" {
			t.Errorf("%s: %+v, %v", arg, p, err)
		}
	}
}

// TestServer keeps what the flags of one server say from those of another, and says which were given.
func TestServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REDIS_SOURCE_PASSWORD", "from the environment")
	var out bytes.Buffer
	u := &ui.UI{Out: &out, Err: &out, Secrets: &redact.Secrets{}}
	for _, tt := range []struct {
		args                []string
		url                 string
		given, login, files bool
		want                string // the password, or a part of the error
	}{
		{nil, "redis://localhost", false, false, false, "from the environment"},
		{[]string{"--source-username", "ann"}, "redis://localhost", true, true, false, "from the environment"},
		{[]string{"--source-password-file", file}, "redis://localhost", true, true, true, "from a file"},
		{[]string{"--source-tls-server-name", "redis"}, "rediss://localhost", true, false, false, "from the environment"},
		{[]string{"--source-tls-server-name", "redis"}, "redis://localhost", true, false, false, "is not encrypted, but TLS options are set"},
		{[]string{"--source-password-file", file + "x"}, "redis://localhost", true, true, true, "--source-password-file: "},
	} {
		f := Server{Prefix: "source-"}
		if err := parse(f.Add, tt.args...); err != nil {
			t.Fatal(err)
		}
		if f.Given() != tt.given || f.Login() != tt.login || f.Files() != tt.files {
			t.Errorf("%q: given %v, login %v, files %v", tt.args, f.Given(), f.Login(), f.Files())
		}
		target, err := f.Target(u, tt.url)
		if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && target.Password != tt.want {
			t.Errorf("%q: %v, %v", tt.args, target, err)
		}
	}
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
	// A password in the URL is used, with a warning that does not have it.
	f := Server{Prefix: "source-"}
	target, err := f.Target(u, "redis://:from-the-url@localhost")
	if err != nil || target.Password != "from-the-url" || !strings.Contains(out.String(), "use REDIS_SOURCE_PASSWORD or --source-password-file") || strings.Contains(out.String(), "from-the-url") {
		t.Errorf("%v, %v: %s", target, err, out.String())
	}
}

func TestFromUse(t *testing.T) {
	c := &cobra.Command{Use: "test NAME [PORT]", Run: func(*cobra.Command, []string) {}}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"a"}, ""},
		{[]string{"a", "b"}, ""},
		{nil, "NAME is missing; usage: test NAME [PORT]"},
		{[]string{"a", ""}, "PORT is empty; usage: test NAME [PORT]"},
		{[]string{"a", "b", "c"}, `unexpected argument "c"; usage: test NAME [PORT]`},
	} {
		err := FromUse(c, tt.args)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%q: %v", tt.args, err)
		}
	}
}
