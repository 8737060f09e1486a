package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// shared holds real dumps of public test suites, beside the repository.
const shared = "../../../shared/rdb"

type fixture struct {
	name    string
	data    []byte
	version int
	loads   bool   // redis-server 7.0 loads it
	reason  string // why not
}

func fixtures(tb testing.TB) []fixture {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(shared, "MANIFEST.tsv"))
	if errors.Is(err, os.ErrNotExist) {
		tb.Skip("the dumps of ../shared/rdb are not here")
	}
	if err != nil {
		tb.Fatal(err)
	}
	var list []fixture
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if f[0] == "file" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(shared, f[0]))
		if err != nil {
			tb.Fatal(err)
		}
		version, err := strconv.Atoi(f[7])
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, fixture{name: f[0], data: data, version: version, loads: f[12] == "ok", reason: f[12]})
	}
	return list
}

func bytesSource(name string, data []byte) plan.Source {
	return plan.Source{Name: name, Size: int64(len(data)), Open: func(_ context.Context, offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data[offset:])), nil
	}}
}

func targetOf(t testing.TB, url string) *redis.Target {
	t.Helper()
	target, err := redis.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// state is all that two servers with the same data must agree on, as one line a fact.
func state(s *redistest.Server) []string {
	s.TB.Helper()
	facts := []string{fmt.Sprint("digest ", s.Do("DEBUG", "DIGEST"))}
	libraries, _ := s.Do("FUNCTION", "LIST", "WITHCODE").([]any)
	for _, library := range libraries {
		facts = append(facts, fmt.Sprint("functions ", library))
	}
	keyspace, _ := s.Do("INFO", "keyspace").(string)
	for line := range strings.Lines(keyspace) {
		name, _, _ := strings.Cut(line, ":")
		db, ok := strings.CutPrefix(name, "db")
		if !ok {
			continue
		}
		s.Do("SELECT", db)
		// One script, because a command for each key would take most of the test's time.
		const script = "local out = {} for _, k in ipairs(redis.call('KEYS', '*')) do local at = redis.call('PEXPIRETIME', k) " +
			"if at ~= -1 then out[#out+1] = k .. ' expires at ' .. string.format('%.0f', at) end end return out"
		list, _ := s.Do("EVAL", script, "0").([]any)
		for _, fact := range list {
			facts = append(facts, fmt.Sprintf("db %s %q", db, fact))
		}
	}
	s.Do("SELECT", "0")
	slices.Sort(facts)
	return facts
}

func empty(s *redistest.Server) {
	s.Do("FLUSHALL")
	s.Do("FUNCTION", "FLUSH")
}

// TestOracle: for every dump that the server itself loads, both ways of importing give what it then has; for the others,
// what can be imported is, and what cannot is told.
func TestOracle(t *testing.T) {
	target := redistest.Start(t)
	var table strings.Builder
	fmt.Fprintf(&table, "%-70s %-7s %-5s %-22s %s\n", "dump", "version", "loads", "restore", "commands")
	equal, told := 0, 0
	for _, f := range fixtures(t) {
		if strings.HasSuffix(f.name, ".aof") {
			continue // a server that loads it as a dump leaves its commands out
		}
		t.Run(f.name, func(t *testing.T) {
			target.TB = t
			var want []string
			if f.loads {
				want = state(redistest.StartDump(t, f.data))
			}
			var cells []string
			for _, method := range []plan.Method{plan.Auto, plan.Commands} {
				empty(target)
				report, err := Import(t.Context(), bytesSource(f.name, f.data), targetOf(t, target.URL()), plan.Options{Method: method, Verify: plan.VerifyFull})
				got := state(target)
				cell := ""
				switch {
				case f.loads && err == nil && reflect.DeepEqual(got, want):
					cell = "equal"
					if report.Failed() > 0 {
						t.Errorf("%v: equal, but the report says %+v, %v, %v", method, report.Total, report.Failures, report.Differences)
					}
					equal++
				case f.loads:
					cell = "DIFFERS"
					if strings.HasSuffix(f.name, "/zset_zl_v6.rdb") && err == nil && report.Failed() == 0 {
						cell = "equal but for -0" // ZADD makes 0 of -0 in a listpack
						break
					}
					t.Errorf("%v: %v, %+v, %v, %v\ngot %.2000s\nwant %.2000s", method, err, report.Total, report.Failures, report.Differences,
						strings.Join(got, "\n"), strings.Join(want, "\n"))
				case err == nil && report.Failed() == 0:
					cell = fmt.Sprintf("%d of %d keys", report.Total.Written, report.Total.Read)
					if report.Total.Written+report.Total.Expired+report.Total.Skipped != report.Total.Read {
						t.Errorf("%v: keys are lost: %+v", method, report.Total)
					}
				case err == nil:
					cell = fmt.Sprintf("%d failed: %s", report.Failed(), firstFailure(report))
					told++
				default:
					cell = strings.SplitN(strings.TrimPrefix(err.Error(), f.name+": "), "\n", 2)[0]
					told++
				}
				cells = append(cells, cell)
			}
			fmt.Fprintf(&table, "%-70s %-7d %-5v %-22s %s\n", f.name, f.version, f.loads, cells[0], cells[1])
		})
	}
	target.TB = t
	t.Logf("%d imports equal to the server's own loading, %d refused with words\n%s", equal, told, &table)
}

func firstFailure(r *account.Report) string {
	if len(r.Failures) > 0 {
		return r.Failures[0].Reply
	}
	return r.Differences[0].Reason
}
