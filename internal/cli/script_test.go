package cli

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/report"
)

// program is the tool in a process of its own.
func program() { os.Exit(Main(os.Args[1:])) }

func TestMain(m *testing.M) {
	if os.Getenv(killAt) != "" {
		killMain()
	}
	if dir, err := os.UserCacheDir(); err == nil && os.Getenv("XDG_CACHE_HOME") == "" { // tests leave the cache of their user alone
		if os.Getenv("GOCACHE") == "" { // but for that of go
			_ = os.Setenv("GOCACHE", filepath.Join(dir, "go-build"))
		}
		_ = os.Setenv("XDG_CACHE_HOME", "none")
	}
	testscript.Main(m, map[string]func(){
		"redis-gitops":         program,
		"kubectl-redis_gitops": program,
	})
}

// TestScript runs every script of testdata/script. UPDATE=1 writes what the commands print into them.
func TestScript(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("UPDATE=1 go test ./internal/cli -run TestScript/NAME writes what the commands of a script print into it; review the diff")
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// Tests of git must not read the user's configuration.
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			env.Setenv("XDG_CACHE_HOME", "none") // not an absolute path, so nothing is cached
			for _, v := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
				env.Setenv(v+"_NAME", "tester")
				env.Setenv(v+"_EMAIL", "tester@example.com")
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// certificate FILE writes one as the sealed-secrets controller has it.
			"certificate": func(ts *testscript.TestScript, _ bool, args []string) {
				key, err := rsa.GenerateKey(rand.Reader, 2048)
				ts.Check(err)
				template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
				der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
				ts.Check(err)
				text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
			},
			// crlf FILE... gives files line ends of CRLF.
			"crlf": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, name := range args {
					text := ts.ReadFile(name)
					ts.Check(os.WriteFile(ts.MkAbs(name), []byte(strings.ReplaceAll(text, "\n", "\r\n")), 0o644))
				}
			},
			// exits CODE COMMAND... runs a command that must end with this exit code.
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				err := ts.Exec(args[1], args[2:]...)
				code := 0
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					code = exit.ExitCode()
				} else {
					ts.Check(err)
				}
				if strconv.Itoa(code) != args[0] {
					ts.Fatalf("exit code %d, not %s", code, args[0])
				}
			},
			// silent TEXT COMMAND... runs a lint that finds something, with the reports of all formats, none of which may have the text.
			"silent": func(ts *testscript.TestScript, _ bool, args []string) {
				text, command := args[0], append(args[1:], "--format", "text")
				for _, f := range report.Formats() {
					command = append(command, "--format", f.Name+"="+ts.MkAbs("report."+f.Name))
				}
				var exit *exec.ExitError
				if err := ts.Exec(command[0], command[1:]...); !errors.As(err, &exit) || exit.ExitCode() != 1 {
					ts.Fatalf("%q finds nothing: %v", command, err)
				}
				names := []string{"stdout", "stderr"}
				for _, f := range report.Formats() {
					names = append(names, "report."+f.Name)
				}
				for _, name := range names {
					if strings.Contains(ts.ReadFile(name), text) {
						ts.Fatalf("%s has %s", name, text)
					}
				}
			},
			// dump FILE makes a dump of RDB version 12: two databases, several types and encodings, expiry, functions.
			"dump": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), sampleDump(ts), 0o644))
			},
			// bytes TEXT FILE writes a text with escapes such as \x00 to a file.
			"bytes": func(ts *testscript.TestScript, _ bool, args []string) {
				text, err := strconv.Unquote(`"` + args[0] + `"`)
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
			},
			// nest FILE DEPTH writes mappings inside each other.
			"nest": func(ts *testscript.TestScript, _ bool, args []string) {
				depth, err := strconv.Atoi(args[1])
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("{a: ", depth)+strings.Repeat("}", depth)+"\n"), 0o644))
			},
			// big FILE MIB writes a large file of YAML.
			"big": func(ts *testscript.TestScript, _ bool, args []string) {
				size, err := strconv.Atoi(args[1])
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("# 16 bytes here\n"), size<<16), 0o644))
			},
			// zero FILE appends a byte that is no text.
			"zero": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), append([]byte(ts.ReadFile(args[0])), 0), 0o644))
			},
			// unterminated FILE... takes the last line end away.
			"unterminated": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, name := range args {
					text := bytes.TrimRight([]byte(ts.ReadFile(name)), "\n")
					ts.Check(os.WriteFile(ts.MkAbs(name), text, 0o644))
				}
			},
		},
	})
}

// maxScript is how many lines a script may have before its files: one that is longer has more than one topic.
const maxScript = 80

// scriptCommand is a line of a script that runs the tool.
var scriptCommand = regexp.MustCompile(`^(?:! )?(?:exec|exits \d+|silent \S+) redis-gitops (.*)`)

// TestScripted wants a script that runs each command.
func TestScripted(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	root, run := newApp().rootCommand(), map[string]bool{}
	for _, name := range names {
		script, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(script.Comment)) {
			m := scriptCommand.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if c, _, err := root.Find(strings.Fields(m[1])); err == nil {
				run[strings.TrimPrefix(c.CommandPath(), "redis-gitops ")] = true
			}
		}
	}
	for name, c := range leaves() {
		if !c.Hidden && !run[name] {
			t.Errorf("no script runs %q; add internal/cli/testdata/script/%s.txtar, with success, a second run and invalid input", name, strings.ReplaceAll(name, " ", "_"))
		}
	}
}

// TestScriptLength holds the length of the scripts.
func TestScriptLength(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(names) < 40 {
		t.Fatalf("%d scripts, %v", len(names), err)
	}
	for _, name := range names {
		script, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(script.Comment, []byte("\n")) - len(runLine.FindAll(script.Comment, -1)); n > maxScript {
			t.Errorf("%s has %d lines before its files, %d allowed; split it by topic", name, n, maxScript)
		}
	}
}

func sampleDump(ts *testscript.TestScript) []byte {
	var out bytes.Buffer
	w, err := rdb.NewWriter(&out, 12)
	ts.Check(err)
	str := func(s string) []byte { return rdb.AppendString(nil, []byte(s)) }
	for _, e := range []rdb.Entry{
		{Kind: rdb.AuxEntry, Key: []byte("redis-ver"), Raw: []byte("7.4.1")},
		{Kind: rdb.AuxEntry, Key: []byte("ctime"), Raw: []byte("1790000000")},
		{Kind: rdb.FunctionEntry, Raw: []byte("#!lua name=lib\nredis.register_function('one', function() return 1 end)")},
		{Key: []byte("user:1"), Type: rdb.TypeString, Raw: str("Ann")},
		{Key: []byte("user:2"), Type: rdb.TypeString, Raw: str("Bob"), Expiry: 1_000},
		{Key: []byte("roles"), Type: rdb.TypeSetListpack, Raw: str("\x10\x00\x00\x00\x02\x00\x81a\x02\x84root\x05\xff")},
		{Key: []byte("cart"), Type: rdb.TypeHashTTL, Raw: append(binary.LittleEndian.AppendUint64(nil, 4e12), "\x01\x01\x05apple\x011"...)},
		{DB: 3, Key: []byte("queue"), Type: rdb.TypeList, Raw: append([]byte{2}, append(str("job 1"), str("job 2")...)...), Expiry: 4e12},
	} {
		ts.Check(w.Write(&e))
	}
	ts.Check(w.Close())
	return out.Bytes()
}
