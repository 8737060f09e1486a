package capability_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// What a target can do is found out without INFO, as long as it says so in any way. ACL cannot deny HELLO.
func TestAbilitiesWithoutInfo(t *testing.T) {
	can := func(name, release string, version int, absTTL, noRestore bool) server.Abilities {
		return server.Abilities{Name: name, Release: release, Version: version, AbsTTL: absTTL, NoRestore: noRestore}
	}
	s := redistest.Start(t)
	for _, tt := range []struct {
		denied string
		method plan.Method
		want   server.Abilities
		fails  string
	}{
		{"", plan.Auto, can("Redis 7.0", "7.0", 10, true, false), ""},
		{"INFO", plan.Auto, can("Redis 7.0", "7.0", 10, true, false), ""},
		{"INFO HELLO", plan.Auto, can("the target", "", 10, true, false), ""},
		{"RESTORE", plan.Commands, can("Redis 7.0", "7.0", 10, false, true), ""},
		{"INFO RESTORE", plan.Commands, can("Redis 7.0", "7.0", 10, false, true), ""},
		{"INFO RESTORE HELLO", plan.Commands, can("the target", "", 10, false, true), ""},
		{"INFO RESTORE HELLO COMMAND", plan.Commands, server.Abilities{}, "cannot find out the version of the target, because RESTORE, INFO, HELLO and COMMAND"},
		{"INFO RESTORE", plan.Auto, server.Abilities{}, "the user lacks permissions"},
	} {
		for _, reply := range []string{"-NOPERM this user has no permissions to run the command\r\n", "-ERR unknown command, with args beginning with: \r\n"} {
			addr := redistest.Disguise(t, s, func(args []string) (string, []string) {
				if slices.Contains(strings.Fields(tt.denied), args[0]) {
					return reply, nil
				}
				return "", args
			})
			target, err := redis.ParseTarget("redis://" + addr)
			if err != nil {
				t.Fatal(err)
			}
			l := &server.Link{Target: target, Patience: time.Minute, Anonymous: true}
			l.Ledger.Report = &account.Report{}
			conn, err := l.TryConnect(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			l.Control = conn
			ways := capability.New(l, plan.New(plan.Source{}, plan.Options{Method: tt.method}))
			ok := ways.Learn(t.Context(), conn, []byte("x"), func(e error) { err = e })
			l.Leave()
			if tt.fails != "" && strings.HasPrefix(reply, "-NOPERM") {
				if ok || err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("%s, %v: %v, %v, want %s", tt.denied, tt.method, ok, err, tt.fails)
				}
				continue
			}
			got := l.Server.Abilities
			for _, text := range []*string{&got.Name, &got.Release} { // without the last number
				if i := strings.LastIndexByte(*text, '.'); i > 0 {
					*text = (*text)[:i]
				}
			}
			if tt.fails == "" && (!ok || err != nil || got != tt.want) {
				t.Errorf("%s, %v: %v, %v, %+v, want %+v", tt.denied, tt.method, ok, err, got, tt.want)
			}
		}
	}
}
