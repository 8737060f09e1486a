package importer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// A dump with a key twice is refused before the first write by every way to import, because only one of the values would be
// there at the end. Of a source that is read once, the first value is written and the second is a failure.
func TestDuplicateKeys(t *testing.T) {
	s := redistest.Start(t)
	second := text(0, "a")
	second.Raw = rdb.AppendString(nil, []byte("other"))
	large := rdb.Entry{Key: []byte("large"), Type: rdb.TypeString, Raw: rdb.AppendString(nil, make([]byte, 2*plan.Split))}
	over := text(0, "a")
	over.Expiry = 1000
	for _, tt := range []struct {
		name    string
		entries []rdb.Entry
		filter  rdb.Filter
		want    string // "" for an import that succeeds
	}{
		{"twice", []rdb.Entry{text(0, "a"), text(0, "b"), second}, rdb.Filter{}, `duplicate key "a" in database 0: only one`},
		{"thrice, and another", []rdb.Entry{text(0, "a"), second, second, text(0, "b"), text(0, "b")}, rdb.Filter{}, `3 duplicate keys, the first is "a" in database 0`},
		{"with a database between", []rdb.Entry{text(0, "a"), text(1, "a"), second}, rdb.Filter{}, `duplicate key "a" in database 0`},
		{"large", []rdb.Entry{large, text(0, "a"), large}, rdb.Filter{}, `duplicate key "large" in database 0`},
		{"two databases become one", []rdb.Entry{text(0, "a"), text(1, "a")}, rdb.Filter{MapDB: map[int]int{1: 0}}, "map each database to another one (--map-db)"},
		{"in two databases", []rdb.Entry{text(0, "a"), text(1, "a")}, rdb.Filter{}, ""},
		{"left out", []rdb.Entry{text(0, "b"), text(0, "a"), second}, rdb.Filter{Exclude: []string{"a"}}, ""},
		{"one has expired", []rdb.Entry{over, text(0, "a")}, rdb.Filter{}, ""},
	} {
		for _, r := range runs() {
			if r.commands || r.verify == plan.VerifyOff || r.method == plan.Replication && (!tt.filter.Empty() || tt.want == "") {
				continue
			}
			for _, once := range []bool{false, true} {
				if once && r.method == plan.Replication {
					continue
				}
				t.Run(fmt.Sprint(tt.name, " ", r, " ", once), func(t *testing.T) { r.twice(t, s, dump10(t, tt.entries...), tt.filter, once, tt.want) })
			}
		}
	}
}

// twice imports a dump with duplicate keys.
func (r run) twice(t *testing.T, s *redistest.Server, data []byte, filter rdb.Filter, once bool, want string) {
	s.TB = t
	empty(s)
	if r.existing != plan.Flush {
		s.Do("SET", "precious", "1")
	}
	src := bytesSource("dump", data)
	src.Once = once
	report, err := Import(t.Context(), src, targetOf(t, s.URL()), plan.Options{Filter: filter, Method: r.method, Existing: r.existing, Verify: r.verify, Confirm: func(string) error { return nil }})
	switch {
	case want == "":
		if err != nil || report.Failed() > 0 {
			t.Errorf("%v, %+v", err, report)
		}
	case once:
		said := fmt.Sprint(report.Failures)
		if err != nil || report.Failed() == 0 || !strings.Contains(said, plan.ErrTwice.Error()) && !strings.Contains(said, "BUSYKEY") {
			t.Errorf("%v, %+v", err, report)
		}
		if strings.Contains(want, `"a"`) && s.Do("GET", "a") != "value" {
			t.Errorf("the first value is gone: %v", s.Do("GET", "a"))
		}
	case r.method == plan.Replication:
		if err == nil || !strings.Contains(err.Error(), "duplicate key") || s.Do("DBSIZE") != int64(0) {
			t.Errorf("%v", err)
		}
	default:
		if err == nil || !strings.Contains(err.Error(), want) || len(report.Refusals) != 1 || report.Refusals[0].Code != "dump" || s.Do("EXISTS", "a", "b", "large") != int64(0) {
			t.Errorf("got %v, want %s; %+v", err, want, report.Refusals)
		}
	}
}
