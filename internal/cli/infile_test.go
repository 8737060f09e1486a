//go:build unix

package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
)

// fileFlags are the flags that name a file or directory which is read, and what else a command with them needs. Every other
// flag that takes a text is in otherFlags, so that a new one is put into one of the two.
var fileFlags = map[string]map[string][]string{
	"lint":              {"baseline": nil, "policy": nil},
	"generate resource": {"cert": {"--auth", "sealed"}},
	"url":               {"password-file": nil, "kubeconfig": {"--live"}, "tls-ca": {"--live"}, "tls-cert": {"--live"}, "tls-key": {"--live"}},
	"sentinel-url":      {"password-file": nil, "kubeconfig": {"--live"}, "tls-ca": {"--live"}, "tls-cert": {"--live"}, "tls-key": {"--live"}},
	"rdb serve":         {"password-file": {"--listen", "127.0.0.1:0"}},
	"web":               {"page": nil},
	"import":            {"password-file": nil, "sentinel-password-file": nil, "tls-ca": nil, "tls-cert": nil, "tls-key": nil, "source-password-file": nil, "source-sentinel-password-file": nil, "source-tls-ca": nil, "source-tls-cert": nil, "source-tls-key": nil, "kubeconfig": nil},
	"dump":              {"password-file": nil, "sentinel-password-file": nil, "tls-ca": nil, "tls-cert": nil, "tls-key": nil, "kubeconfig": nil},
	"cli":               {"kubeconfig": nil, "tls-ca": nil, "tls-cert": nil, "tls-key": nil},
	"sentinel-cli":      {"kubeconfig": nil, "tls-ca": nil, "tls-cert": nil, "tls-key": nil},
	"failover":          {"kubeconfig": nil, "tls-ca": nil, "tls-cert": nil, "tls-key": nil},
	"primaries":         {"kubeconfig": nil, "tls-ca": nil, "tls-cert": nil, "tls-key": nil},
	"port-forward":      {"kubeconfig": nil, "tls-ca": nil, "tls-cert": nil, "tls-key": nil},
	"doctor":            {"kubeconfig": nil, "tls-ca": nil, "tls-cert": nil, "tls-key": nil},
}

// otherFlags take a text that is no name of a file to read. config and values name files of the repository, which package repo
// reads; format and html name files that are written.
var otherFlags = []string{"directory", "config", "color", "timeout", "max-memory", "format", "fail-on", "scope", "fix", "enable", "disable", "only", "new-from-rev", "values", "output",
	"suffix", "operator", "profile", "size", "set", "auth", "store", "namespace", "env", "name", "image", "hostname", "context", "tls-server-name",
	"username", "source-username", "source-tls-server-name", "listen", "announce", "db", "map-db", "match", "exclude", "type", "ttl", "to-version", "module", "html", "separator", "at",
	"method", "verify", "rate", "progress", "checkpoint", "patience", "max-lag", "wait", "to", "jobs", "port"}

// arguments are those of the commands with a flag that names a file, in a repository with an application shop.
var arguments = map[string][]string{
	"generate resource": {"shop", "redis"}, "url": {"shop"}, "sentinel-url": {"shop"}, "rdb serve": {"dump.rdb"}, "import": {"dump.rdb", "rediss://127.0.0.1:1"}, "dump": {"rediss://127.0.0.1:1", "out.rdb"},
	"cli": {"shop"}, "sentinel-cli": {"shop"}, "failover": {"shop"}, "port-forward": {"shop"}, "doctor": {"shop"},
}

// kinds makes a file of every kind that must not be read, by name.
func kinds(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(syscall.Mkfifo(at("pipe"), 0o600))
	l, err := net.Listen("unix", at("socket"))
	do(err)
	t.Cleanup(func() { l.Close() })
	do(os.Symlink("/dev/zero", at("zero")))
	do(os.Symlink(at("pipe"), at("link")))
	do(os.Symlink(at("loop"), at("loop")))
	do(os.WriteFile(at("sparse"), nil, 0o600))
	do(os.Truncate(at("sparse"), 1<<40))
	do(os.Mkdir(at("directory"), 0o700))
	return map[string]string{"pipe": at("pipe"), "socket": at("socket"), "device": at("zero"), "link to a pipe": at("link"), "link to itself": at("loop"), "huge": at("sparse"), "directory": at("directory"), "missing": at("missing")}
}

// TestHostileFiles gives every flag that names a file, and every argument that does, a file of every kind that is not one: a
// clear error, and at once.
func TestHostileFiles(t *testing.T) {
	commands := leaves()
	for name, c := range commands {
		c.Flags().VisitAll(func(f *pflag.Flag) { checkKnown(t, name, c, f) })
	}
	dir := newShop(t)
	var made bytes.Buffer
	a := newApp()
	a.Out, a.Err = &made, &made
	if code := a.run(context.Background(), []string{"-C", dir, "generate", "resource", "shop", "redis"}); code != exitcode.OK {
		t.Fatal(made.String())
	}
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte("REDIS0009\xff\x00\x00\x00\x00\x00\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for kind, file := range kinds(t) {
		for name, flags := range fileFlags {
			for flag, more := range flags {
				if flag == "policy" && kind == "directory" || flag == "page" && kind == "directory" {
					continue // a directory is what they name; an empty one is refused in other words
				}
				if flag == "kubeconfig" && (name == "import" || name == "dump") {
					more = nil
				}
				args := append(strings.Fields(name), arguments[name]...)
				if flag == "kubeconfig" && name == "import" {
					args = []string{"import", "dump.rdb", "shop"}
				}
				if flag == "kubeconfig" && name == "dump" {
					args = []string{"dump", "shop", "out.rdb"}
				}
				if strings.HasPrefix(flag, "source-") {
					args = []string{"import", "rediss://127.0.0.1:1", "redis://127.0.0.1:1"}
				}
				refusedAtOnce(t, kind+" as --"+flag+" of "+name, file, append(append(args, "--"+flag, file), more...))
			}
		}
		if kind == "missing" || kind == "huge" { // a huge dump is looked at from its beginning, and refused there
			continue
		}
		if kind != "directory" {
			refusedAtOnce(t, kind+" as argument of lint", file, []string{"lint", file})
			refusedAtOnce(t, kind+" as argument of render", file, []string{"render", file})
		}
		for _, args := range [][]string{{"import", "@" + file, "redis://127.0.0.1:1"}, {"rdb", "serve", file, "--listen", "127.0.0.1:0"}} {
			refusedAtOnce(t, kind+" as argument of "+args[0], file, args)
		}
		if !strings.Contains(kind, "pipe") { // a pipe is a stream
			for _, args := range [][]string{{"rdb", "info", file}, {"rdb", "verify", file}, {"rdb", "filter", file, "out.rdb"}, {"rdb", "convert", file, "out.rdb", "--to-version", "7.0"}, {"import", file, "redis://127.0.0.1:1"}} {
				refusedAtOnce(t, kind+" as argument of "+args[0], file, args)
			}
		}
		if kind != "link to itself" {
			for _, args := range [][]string{{"lint", "--format", "sarif=" + file}, {"lint", "--create-baseline", "--baseline", file}} {
				refusedAtOnce(t, kind+" as output of lint", file, append(args, "--allow-empty"))
			}
		}
	}
}

func checkKnown(t *testing.T, name string, c *cobra.Command, f *pflag.Flag) {
	t.Helper()
	switch f.Value.Type() {
	case "bool", "int", "duration":
		return
	}
	_, file := fileFlags[name][f.Name]
	if !file && !slices.Contains(otherFlags, f.Name) {
		t.Errorf("--%s of %s has to be in one of the two tables of infile_test.go: fileFlags if it names a file that is read, or otherFlags", f.Name, c.CommandPath())
	}
}

// refusedAtOnce runs a command, which must end with an error that names the file.
func refusedAtOnce(t *testing.T, what, file string, args []string) {
	t.Helper()
	var out bytes.Buffer
	a := newApp()
	a.In, a.Out, a.Err, a.Terminal = strings.NewReader(""), &out, &out, false
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, args) }()
	select {
	case code := <-ended:
		if code != exitcode.Error || !strings.Contains(out.String(), filepath.Base(file)) {
			t.Errorf("%s: exit code %d, %s", what, code, out.String())
		}
		if ctx.Err() != nil {
			t.Errorf("%s: took too long", what)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: hangs (%v)", what, args)
	}
	if strings.Contains(out.String(), "interrupted") {
		t.Errorf("%s: %s", what, fmt.Sprint(out.String()))
	}
}
