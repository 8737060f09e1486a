package cli

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// moduleDump has a string, and values and data of modules, in the version of Redis 7.4 and 8.0.
func moduleDump(t *testing.T, modules ...string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, 12)
	if err != nil {
		t.Fatal(err)
	}
	entries := []rdb.Entry{{Key: []byte("plain"), Type: rdb.TypeString, Raw: []byte("\x01v")}}
	for _, name := range modules {
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		id := uint64(0)
		for _, c := range []byte(name) {
			id = id<<6 | uint64(strings.IndexByte(letters, c))
		}
		raw := binary.BigEndian.AppendUint64([]byte{0x81}, id<<10)
		entries = append(entries, rdb.Entry{Kind: rdb.ModuleAuxEntry, Module: name, Raw: append(bytes.Clone(raw), 2, 1, 2, 7, 0)},
			rdb.Entry{Key: []byte("of " + name), Type: rdb.TypeModule2, Module: name, Raw: append(raw, 2, 7, 0)})
	}
	for _, e := range entries {
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dump.rdb")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Vector sets and data of modules are in no dump for a server that does not have them: it would not start.
func TestConvertModules(t *testing.T) {
	vectors, module := moduleDump(t, "vectorset"), moduleDump(t, "fakemodul")
	out := filepath.Join(t.TempDir(), "out.rdb")
	for _, tt := range []struct {
		from, to string
		args     []string
		refused  string
	}{
		{vectors, "7.4", nil, "vector sets, which require Redis 8.0 or later"},
		{vectors, "12", nil, "vector sets"},
		{vectors, "11", nil, "vector sets"},
		{vectors, "valkey-9.0", nil, "vector sets"},
		{vectors, "7.2", nil, "vector sets"},
		{vectors, "8.0", nil, ""},
		{vectors, "13", nil, ""},
		{vectors, "7.4", []string{"--module", "vectorset"}, ""},
		{module, "8.0", nil, `data of module "fakemodul"; a server without it cannot load the dump`},
		{module, "7.4", nil, `data of module "fakemodul"`},
		{module, "8.0", []string{"--module", "fakemodul"}, ""},
	} {
		_, errs, code := tool(t, nil, append([]string{"rdb", "convert", tt.from, out, "--to-version", tt.to}, tt.args...)...)
		if tt.refused == "" {
			if code != 0 {
				t.Errorf("to %s: %s", tt.to, errs)
			}
			continue
		}
		if code != exitcode.Findings || !strings.Contains(errs, tt.refused) || !strings.Contains(errs, "2 items cannot be represented") {
			t.Errorf("to %s: exit %d, %s", tt.to, code, errs)
		}
		os.Remove(out)
		if _, errs, code = tool(t, nil, "rdb", "convert", tt.from, out, "--to-version", tt.to, "--lossy"); code != exitcode.Findings {
			t.Errorf("to %s, lossy: exit %d, %s", tt.to, code, errs)
		}
		if text, _, _ := tool(t, nil, "rdb", "info", out, "--output", "json"); strings.Contains(text, "module") && strings.Contains(text, "fakemodul") {
			t.Errorf("to %s: a module is left: %s", tt.to, text)
		}
	}
	// What is left loads.
	if _, errs, code := tool(t, nil, "rdb", "convert", vectors, out, "--to-version", "7.0", "--lossy"); code != exitcode.Findings {
		t.Fatal(errs)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if s := redistest.StartDump(t, data); s.Do("DBSIZE") != int64(1) || s.Do("GET", "plain") != "v" {
		t.Error("the server has other keys")
	}
}

// A dump with data of modules is served only where the server is known to have them.
func TestServeModules(t *testing.T) {
	for _, name := range []string{"vectorset", "fakemodul"} {
		_, errs, code := tool(t, nil, "rdb", "serve", moduleDump(t, name), "--listen", "127.0.0.1:0")
		if code != exitcode.Error || !strings.Contains(errs, name) || !strings.Contains(errs, "pass --module for each") {
			t.Errorf("%s: exit %d, %s", name, code, errs)
		}
		s := serveDump(t, nil, moduleDump(t, name), "--module", name)
		if err := s.c.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = s.c.Wait()
	}
}
