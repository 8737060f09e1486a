package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/internal/s3test"
)

// storesOf are a store of each kind, and the variables with which it is reached.
func storesOf(t *testing.T) map[string]struct {
	name string
	env  []string
} {
	t.Helper()
	type store = struct {
		name string
		env  []string
	}
	all := map[string]store{"directory": {filepath.Join(t.TempDir(), "shop"), nil}}
	if s3test.Built() {
		s := s3test.Start(t)
		s.Bucket(t, "backups")
		all["bucket"] = store{"s3://backups/production/shop", s.Env()}
	}
	return all
}

// TestBackup backs a server up and restores it: the data is the same. What is damaged, too old or not for this key is not restored.
func TestBackup(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key := func(name string, id *age.X25519Identity) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte("# created by a test\n"+id.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	mine, theirs := key("key.txt", id), key("other.txt", other)
	for kind, store := range storesOf(t) {
		t.Run(kind, func(t *testing.T) {
			from := redistest.Start(t, "--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0")
			to := redistest.Start(t, "--enable-debug-command", "yes")
			for _, server := range []*redistest.Server{from, to} {
				server.Do("CONFIG", "SET", "requirepass", dumpSecret) // the connection that it has goes on
			}
			env := append(slices.Clone(store.env), "REDIS_PASSWORD="+dumpSecret)
			run := func(code int, args ...string) (string, string) {
				t.Helper()
				out, errs, got := tool(t, env, args...)
				if got != code {
					t.Fatalf("%v: exit code %d instead of %d\n%s%s", args, got, code, out, errs)
				}
				return out, errs
			}
			digest := func(s *redistest.Server) any { return s.Do("DEBUG", "DIGEST") }

			from.Do("DEBUG", "POPULATE", "2000", "key", "100")
			from.Do("RPUSH", "list", "a", "b", "c")
			from.Do("SET", "expiring", "x", "EX", "3600")
			first := digest(from)
			run(exitcode.OK, "backup", "create", from.URL(), store.name, "--recipient", id.Recipient().String())
			from.Do("DEL", "list")
			time.Sleep(1100 * time.Millisecond) // the names of backups have seconds
			out, _ := run(exitcode.OK, "backup", "create", from.URL(), store.name, "--recipient", id.Recipient().String(), "--keep-last", "2", "-o", "json")
			var made struct {
				Backup struct {
					Time time.Time
					File string
					Dump struct{ Keys int }
				}
			}
			if err := json.Unmarshal([]byte(out), &made); err != nil || made.Backup.Dump.Keys != 2001 {
				t.Fatalf("%v: %s", err, out)
			}
			listed, _ := run(exitcode.OK, "backup", "list", store.name, "--max-age", "1h")
			if strings.Count(listed, "yes") != 2 || !strings.Contains(listed, "2002") {
				t.Errorf("%s", listed)
			}
			run(exitcode.OK, "backup", "verify", store.name, "--all")
			run(exitcode.Findings, "backup", "verify", store.name, "--max-age", "1ms")

			// The older one, which has the list.
			run(exitcode.OK, "restore", to.URL(), store.name, "--identity-file", mine, "--verify", "full", "--at", made.Backup.Time.Add(-time.Second).Format(time.RFC3339))
			if got := digest(to); got != first {
				t.Errorf("digest %v instead of %v", got, first)
			}
			for what, more := range map[string][]string{
				"already contains 2002 keys; use --replace, --skip-existing or --flush": {"--identity-file", mine},
				"it is encrypted; pass the file of an age identity":                     {"--flush", "--yes"},
				"it is encrypted for other recipients":                                  {"--flush", "--yes", "--identity-file", theirs},
				"no backup is as old as 2020-01-01T00:00:00Z":                           {"--identity-file", mine, "--at", "2020-01-01T00:00:00Z"},
			} {
				if _, errs := run(exitcode.Error, append([]string{"restore", to.URL(), store.name}, more...)...); !strings.Contains(errs, what) {
					t.Errorf("%s: %s", what, errs)
				}
			}
			if _, errs := run(exitcode.Findings, "restore", to.URL(), store.name, "--identity-file", mine, "--flush", "--yes", "--max-age", "1ms"); !strings.Contains(errs, "the newest backup is of") {
				t.Errorf("%s", errs)
			}
			if got := digest(to); got != first {
				t.Errorf("a refused restore has changed the target")
			}
			run(exitcode.OK, "restore", to.URL(), store.name, "--identity-file", mine, "--flush", "--yes", "--verify", "full")
			if got := digest(to); got != digest(from) {
				t.Errorf("digest %v instead of %v", got, digest(from))
			}
			if kind != "directory" {
				return
			}
			file := filepath.Join(store.name, made.Backup.File)
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src[len(src)/2] ^= 1
			if err := os.WriteFile(file, src, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, errs := run(exitcode.Findings, "backup", "verify", store.name); !strings.Contains(errs, "it is damaged: its SHA-256 is not that of the record") {
				t.Errorf("%s", errs)
			}
			if _, errs := run(exitcode.Findings, "restore", to.URL(), store.name, "--identity-file", mine, "--flush", "--yes"); !strings.Contains(errs, "it is damaged") {
				t.Errorf("%s", errs)
			}
			if got := digest(to); got != digest(from) {
				t.Errorf("a damaged backup has changed the target")
			}
		})
	}
}

// TestBackupLoadable fails a restore whose backup is what was written, but is not what the target can load: the monthly drill is to fail then.
func TestBackupLoadable(t *testing.T) {
	from := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	small := redistest.Start(t, "--maxmemory", "4mb")
	store := filepath.Join(t.TempDir(), "shop")
	for i := range 64 {
		from.Do("SETRANGE", "key"+string(rune('A'+i)), "200000", "x")
	}
	if out, errs, code := tool(t, nil, "backup", "create", from.URL(), store); code != exitcode.OK {
		t.Fatal(out, errs)
	}
	for _, more := range [][]string{nil, {"--ignore-memory"}} {
		out, errs, code := tool(t, nil, append([]string{"restore", small.URL(), store}, more...)...)
		if code == exitcode.OK || strings.Contains(out, "restored") {
			t.Errorf("%v: exit code %d\n%s%s", more, code, out, errs)
		}
	}
}
