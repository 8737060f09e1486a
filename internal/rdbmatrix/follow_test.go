//go:build integration

package rdbmatrix

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/internal/spool"
	"github.com/redis-gitops/redis-gitops/rdb/follow"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// TestFollowFields: when fields of a hash expire arrives with the snapshot and with the writes after it, and a field that has expired is gone.
func TestFollowFields(t *testing.T) {
	for _, r := range available(t) {
		if !r.fieldTTL {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			source, target := redistest.StartProgram(t, r.program, nil, "--repl-diskless-sync-delay", "0"), redistest.StartProgram(t, r.program, nil)
			do := func(command string) { source.Do(strings.Fields(command)...) }
			do("HSET fields kept 1 prolonged 2 soon 3 plain 4")
			do("HPEXPIRE fields 600000 FIELDS 3 kept prolonged soon")
			from, err := redis.ParseTarget(source.URL())
			if err != nil {
				t.Fatal(err)
			}
			to, err := redis.ParseTarget(target.URL())
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", t.TempDir())
			f := follow.New(from, plan.Source{Name: source.URL()}, to, follow.Options{Temp: func() (follow.File, error) { return spool.Create("follow-*") }})
			done := make(chan error, 1)
			go func() {
				_, err := f.Run(t.Context())
				done <- err
			}()
			redistest.Until(t, "the snapshot is there", func() bool { return target.Do("HLEN", "fields") == int64(4) })
			do("HPEXPIRE fields 900000 FIELDS 1 prolonged")
			do("HPERSIST fields FIELDS 1 kept")
			do("HPEXPIRE fields 200 FIELDS 1 soon")
			do("HSET fields new 5")
			do("HPEXPIRE fields 700000 FIELDS 1 new")
			redistest.Until(t, "the field has expired", func() bool { return target.Do("HEXISTS", "fields", "soon") == int64(0) })
			redistest.Until(t, "the cut-over can be asked for", f.Cutover)
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("it does not end")
			}
			state := func(s *redistest.Server) string {
				return fmt.Sprint(s.Do("HMGET", "fields", "kept", "prolonged", "soon", "plain", "new"), s.Do("HPEXPIRETIME", "fields", "FIELDS", "5", "kept", "prolonged", "soon", "plain", "new"))
			}
			if got, want := state(target), state(source); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if got := fmt.Sprint(target.Do("HPEXPIRETIME", "fields", "FIELDS", "2", "kept", "plain")); got != "[-1 -1]" {
				t.Errorf("fields that never expire: %s", got)
			}
		})
	}
}
