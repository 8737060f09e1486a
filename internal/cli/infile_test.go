//go:build unix

package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
)

// notRead are the flags with a usage about a file that are not of the type flags.FileType: config and values name files of the
// repository, which package repo reads; the others name files that are written, or a name in their text.
var notRead = []string{"config", "values", "format", "html", "checkpoint"}

var aboutFile = regexp.MustCompile(`\bfile\b`)

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
	scripts, commands := runsOf(t, "TestHostileFiles"), leaves()
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
		for name, c := range commands {
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if path := namesPath(t, name, f); !path || f.Value.Type() == flags.DirectoryType && kind == "directory" {
					return // an empty directory is refused in other words
				}
				i := slices.IndexFunc(scripts.calls[name], func(c call) bool { return c.matches(f.Name) })
				if i < 0 {
					t.Fatalf("--%s of %q names what is read; a script needs \"# TestHostileFiles: %s …\", with the arguments with which it reads it", f.Name, name, name)
				}
				refusedAtOnce(t, kind+" as --"+f.Name+" of "+name, file, append(slices.Clone(scripts.calls[name][i].args), "--"+f.Name, file))
			})
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

// namesPath reports whether a flag names something that is read.
func namesPath(t *testing.T, name string, f *pflag.Flag) bool {
	t.Helper()
	switch f.Value.Type() {
	case flags.FileType, flags.DirectoryType:
		return true
	case "string", "stringArray", "strings":
		if aboutFile.MatchString(f.Usage) && !slices.Contains(notRead, f.Name) {
			t.Errorf("--%s of %q: add it by flags.File if it names a file that is read, or to notRead in infile_test.go", f.Name, name)
		}
	}
	return false
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
