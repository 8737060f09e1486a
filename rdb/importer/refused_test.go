package importer

import (
	"bytes"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// A value that the target considers damaged is a failure with the server's message, also where it is the first of its type.
// Commands must not write it: they would lose a part of it.
func TestDamagedValue(t *testing.T) {
	target := redistest.Start(t, "--sanitize-dump-payload", "yes")
	hash := func(second string) []byte {
		return []byte("\x13\x13\x00\x00\x00\x04\x00\x81a\x02\x811\x02\x81" + second + "\x02\x812\x02\xff")
	}
	for _, order := range [][]string{{"bad", "good"}, {"good", "bad"}} {
		target.Do("FLUSHALL")
		var b bytes.Buffer
		w, err := rdb.NewWriter(&b, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range order {
			e := &rdb.Entry{Kind: rdb.KeyEntry, Type: rdb.TypeHashListpack, Key: []byte(key), Raw: hash("b")}
			if key == "bad" {
				e.Raw = hash("a") // the same field twice
			}
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		report, err := Import(t.Context(), bytesSource("dump", b.Bytes()), targetOf(t, target.URL()), plan.Options{Verify: plan.VerifyFull})
		if err != nil {
			t.Fatal(err)
		}
		if report.Total.Written != 1 || report.Total.Failed != 1 || len(report.Failures) != 1 {
			t.Fatalf("%v: %+v", order, report)
		}
		if f := report.Failures[0]; f.Key != "bad" || !strings.Contains(f.Reply, "Bad data format") || !strings.Contains(f.Reply, "rdb verify --deep") {
			t.Errorf("%v: %+v", order, f)
		}
		if strings.Contains(strings.Join(report.Notes, " "), "encoding") || target.Do("EXISTS", "bad") != int64(0) {
			t.Errorf("%v: notes %q", order, report.Notes)
		}
		if order[0] != "bad" {
			continue // replication asks about the first value of a type
		}
		report, err = Import(t.Context(), bytesSource("dump", b.Bytes()), targetOf(t, target.URL()), plan.Options{Method: plan.Replication, Existing: plan.Flush})
		if err == nil || !strings.Contains(err.Error(), `rejects key "bad" as damaged`) || target.Do("EXISTS", "good") != int64(1) {
			t.Errorf("replication: %v, %+v", err, report)
		}
	}
}
