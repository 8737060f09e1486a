package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if os.Getenv(killAt) != "" {
		killMain()
	}
	testscript.Main(m, map[string]func(){
		"redis-gitops": func() { os.Exit(newApp().run(context.Background(), os.Args[1:])) },
	})
}

// TestScript runs every script of testdata/script. UPDATE=1 writes what the commands print into them.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// Tests of git must not read the user's configuration.
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			for _, v := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
				env.Setenv(v+"_NAME", "tester")
				env.Setenv(v+"_EMAIL", "tester@example.com")
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// crlf FILE... gives files line ends of CRLF.
			"crlf": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, name := range args {
					text := ts.ReadFile(name)
					ts.Check(os.WriteFile(ts.MkAbs(name), []byte(strings.ReplaceAll(text, "\n", "\r\n")), 0o644))
				}
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
