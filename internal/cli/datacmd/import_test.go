package datacmd

import (
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// TestParseBytes reads sizes in steps of 1024, and refuses what is no size or would not limit anything.
func TestParseBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"": 0, "1": 1, "500KB": 500 << 10, "20MB": 20 << 20, "20 mb": 20 << 20, "2gb": 2 << 30} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "1.5MB", "MB", "20MiB", "99999999999", "fast"} {
		if got, err := parseBytes(text); err == nil || !strings.Contains(err.Error(), "invalid size") {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
}

// TestImportMistakes reports all of them together.
func TestImportMistakes(t *testing.T) {
	t.Parallel()
	o := importOptions{method: "restor", verify: "all", rate: "x", connections: 65, filter: filterFlags{dbs: []string{"a"}, types: []string{"sets"}, ttl: "1y"}}
	_, err := o.options()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`--method: unknown value "restor"`, `did you mean "restore"?`, `--verify: unknown value "all"`, "--rate:", "--connections must be between 1 and 64", "--db:", `--type: unknown type "sets"`, "--ttl:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// TestImportOptions has a value of the importer for each that a flag may have.
func TestImportOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		set  func(o *importOptions)
		want func(o plan.Options) bool
	}{
		{func(*importOptions) {}, func(o plan.Options) bool {
			return o.Method == plan.Auto && o.Verify == plan.VerifySample && o.Rate == 0
		}},
		{func(o *importOptions) { o.replace = true }, func(o plan.Options) bool { return o.Existing == plan.Replace }},
		{func(o *importOptions) { o.skip = true }, func(o plan.Options) bool { return o.Existing == plan.Skip }},
		{func(o *importOptions) { o.flush = true }, func(o plan.Options) bool { return o.Existing == plan.Flush }},
		{func(o *importOptions) { o.method = "replication" }, func(o plan.Options) bool { return o.Method == plan.Replication }},
		{func(o *importOptions) { o.verify = "off" }, func(o plan.Options) bool { return o.Verify == plan.VerifyOff }},
		{func(o *importOptions) { o.connections = 64 }, func(o plan.Options) bool { return o.Connections == 64 }},
	} {
		o := &importOptions{method: "auto", verify: "sample", filter: filterFlags{ttl: "keep"}}
		tt.set(o)
		if opts, err := o.options(); err != nil || !tt.want(opts) {
			t.Errorf("%+v, %v", opts, err)
		}
	}
}

// TestMoment reads --at, which is relative to the run or the dump, or a time.
func TestMoment(t *testing.T) {
	t.Parallel()
	today := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		at   string
		want time.Time
		dump bool
		fail bool
	}{
		{at: "now", want: today},
		{at: "dump", want: today, dump: true},
		{at: "2027-01-31T12:00:00Z", want: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)},
		{at: "2027-01-31", fail: true},
		{at: "", fail: true},
	} {
		got, dump, err := moment(tt.at, today)
		if tt.fail != (err != nil) || !tt.fail && (!got.Equal(tt.want) || dump != tt.dump) {
			t.Errorf("%q: %v, %v, %v", tt.at, got, dump, err)
		}
	}
}
