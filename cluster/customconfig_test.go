package cluster

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// Each line is judged as a real server judges what the operator would send for it.
func TestJudgeConfig(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	have, version := pairs(s.Do("CONFIG", "GET", "*")), "7.0"
	for _, line := range []string{
		"maxmemory 100mb", "maxmemory  100mb", "maxmemory 100mb ", " maxmemory 100mb", "maxmemory\t100mb", "maxmemory=100mb", "maxmemory 1Gi", "maxmemory 1.5gb", "maxmemory lots",
		"maxmemory-policy allkeys-lru", "maxmemory-policy allkeys-lru ", "maxmemory-policy lru", "MAXMEMORY-POLICY NOEVICTION",
		"appendonly", "appendonly yes", "appendonly  yes", "appendonly true", "appendonly YES", `appendonly "yes"`, "appendfsync everysec", "appendfsync never",
		"nosuch 1", "nosuch", "", " ", "# a comment", "rename-command FLUSHALL x", "rename-command FLUSHALL \"\"", "user alice on", "include /x", "loadmodule /x",
		`save ""`, "save ''", "save 900 1", "save 900 1 300 10", "save 900  1", "save 900", "save  900 1", "save 900 1 ", `save "900 1"`,
		"databases 2", "io-threads 4", "tcp-backlog 10", "dir /tmp", "dbfilename x.rdb", "logfile x", "aclfile x", "unixsocket x",
		"maxclients 100", "timeout 0", "timeout ten", "hz 20", "tcp-keepalive 60", "lfu-log-factor 10", "replica-priority 100", "slave-priority 100",
		"notify-keyspace-events Ex", "notify-keyspace-events Q", "client-output-buffer-limit replica 1mb 1mb 60", "client-output-buffer-limit replica 1mb",
		"repl-backlog-size 10mb", "repl-diskless-sync yes", "repl-diskless-sync maybe", "min-replicas-to-write 1", "activedefrag no", "list-max-listpack-size -2", "lazyfree-lazy-eviction yes",
		"latency-tracking-info-percentiles 50 99", "oom-score-adj relative", "maxmemory-clients 5%", "proc-title-template {title}", "stop-writes-on-bgsave-error no",
	} {
		v := judgeConfig([]any{line}, have, version)[0]
		// What the operator does with it.
		accepted, skipped := false, false
		if name, value, ok := splitConfig(line); ok {
			if skipped = strings.TrimSpace(name) == ""; !skipped {
				_, err := s.Try("CONFIG", "SET", name, value)
				accepted = err == nil
			}
		}
		if v.Skipped != skipped {
			t.Errorf("%q: skipped is %v, want %v", line, v.Skipped, skipped)
		}
		if refused := v.Refused != ""; !skipped && refused == accepted && !slices.Contains(unseen, line) {
			t.Errorf("%q: refused is %q, and Redis accepts it: %v", line, v.Refused, accepted)
		}
		if accepted {
			s.Do("CONFIG", "SET", "maxmemory", "0")
		}
	}
}

// unseen are lines whose refusal does not show without trying them; then the line is reported as not in force.
var unseen = []string{"notify-keyspace-events Q", "client-output-buffer-limit replica 1mb", "proc-title-template {title}"}

// The tables of refused directives are those of the rules.
func TestDirectives(t *testing.T) {
	src, err := os.ReadFile("../policy/lib/directives.rego")
	if err != nil {
		t.Fatal(err)
	}
	for name, have := range map[string][]string{"immutable": immutable, "protected": protected, "free_text": freeText, "split_by_redis": quoted} {
		_, rest, ok := strings.Cut(string(src), "\n"+name+" := {")
		if !ok {
			t.Fatalf("policy/lib/directives.rego has no set %s", name)
		}
		set, _, _ := strings.Cut(rest, "}")
		var want []string
		for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(set, -1) {
			want = append(want, m[1])
		}
		slices.Sort(want)
		got := slices.Sorted(slices.Values(have))
		if !slices.Equal(want, got) {
			t.Errorf("%s: the rules have %q, doctor has %q", name, want, got)
		}
	}
}

// A customConfig that stops the operator is reported once: the first line that does, and what comes after it.
func TestDoctorConfig(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 2, 1)
	c := o.open(t, Options{})
	redis := o.all[failoverKind][0]["spec"].(map[string]any)["redis"].(map[string]any)
	sentinel := o.all[failoverKind][0]["spec"].(map[string]any)["sentinel"].(map[string]any)
	_ = b
	for _, tt := range []struct {
		lines    []any
		sentinel []any
		want     []string
	}{
		{[]any{"timeout 0", "nosuch 1"}, nil, []string{`error config: spec.redis.customConfig line 2, "nosuch 1", stops the operator: Redis 7.0`, "until it is fixed, the operator does not replace outdated pods or repair the sentinels"}},
		{[]any{"appendonly", "maxclients 99", "requirepass hidden"}, nil, []string{`error config: spec.redis.customConfig line 1, "appendonly", stops the operator: it has no value; until it is fixed, the operator does not apply the lines after it ("maxclients 99", "requirepass ***"), replace outdated pods or repair the sentinels`}},
		{[]any{"maxmemory  100mb"}, nil, []string{`line 1, "maxmemory  100mb", stops the operator: Redis gets the extra blank as part of the value`}},
		{[]any{"maxmemory 100mb "}, nil, []string{`line 1, "maxmemory 100mb ", stops the operator`}},
		{[]any{" maxmemory 100mb"}, nil, []string{`warning config: spec.redis.customConfig line 1, " maxmemory 100mb", starts with a blank, so the operator ignores it; remove the blank`}},
		{[]any{"rename-command FLUSHALL x"}, nil, []string{`stops the operator: commands cannot be renamed at run time`}},
		{[]any{"notify-keyspace-events Q", "maxclients 99"}, nil, []string{`pod rfr-shop-0, rfr-shop-1: customConfig "notify-keyspace-events Q" is not in force, the value is "notify-keyspace-events "`, "if it stays, Redis refuses this line"}},
		{nil, []any{"down-after-milliseconds 5000", "maxmemory 1gb", "failover-timeout 1"}, []string{`error config: spec.sentinel.customConfig line 2, "maxmemory 1gb", stops the operator: SENTINEL SET knows no such parameter; until it is fixed, the operator does not apply the lines after it ("failover-timeout 1") or configure the other sentinels`}},
		{nil, []any{"down-after-milliseconds"}, []string{"it has no value"}},
	} {
		redis["customConfig"], sentinel["customConfig"] = tt.lines, tt.sentinel
		report := doctor(t, c, "shop")
		all := texts(report.Problems)
		for _, want := range tt.want {
			if !strings.Contains(all, want) {
				t.Errorf("%q: %q is missing in\n%s", fmt.Sprint(tt.lines, tt.sentinel), want, all)
			}
		}
		if n := strings.Count(all, " config: "); n != 1 {
			t.Errorf("%q: reported %d times:\n%s", fmt.Sprint(tt.lines, tt.sentinel), n, all)
		}
		if strings.Contains(all, "hidden") {
			t.Errorf("a password is shown: %s", all)
		}
	}
}
