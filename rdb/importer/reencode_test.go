package importer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// newerStream is a stream of Redis 7.2: entry 4-0 is deleted and pending on a consumer, 5-0 exists, and the second consumer has
// nothing pending. The value is that of XADD, XREADGROUP and XDEL; entries 6-0 and later make it as large as is asked for.
func newerStream(key string, size int) rdb.Entry {
	id := func(ms uint64) []byte {
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, ms), 0)
	}
	value := bytes.Repeat([]byte("v"), 60)
	var nodes [][]byte
	last := uint64(4)
	for left := size; left >= 0; left -= len(value) {
		last++
		pack := []byte{0, 0, 0, 0, 11, 0, 1, 1, 0, 1, 1, 1, 0x81, 'f', 2, 0, 1, 2, 1, 0, 1, 0, 1}
		pack = append(append(append(pack, 0x80|byte(len(value))), value...), byte(len(value)+1), 4, 1, 0xff)
		binary.LittleEndian.PutUint32(pack, uint32(len(pack)))
		pack[4] = 10
		nodes = append(nodes, append(rdb.AppendString(nil, id(last)), rdb.AppendString(nil, pack)...))
	}
	raw := rdb.AppendLength(nil, uint64(len(nodes)))
	raw = append(raw, bytes.Join(nodes, nil)...)
	for _, n := range []uint64{uint64(len(nodes)), last, 0, 5, 0, 4, 0, uint64(len(nodes)) + 2, 1} { // length, last, first, largest deleted, added; groups
		raw = rdb.AppendLength(raw, n)
	}
	raw = rdb.AppendString(raw, []byte("g"))
	for _, n := range []uint64{5, 0, 3, 2} { // last delivered, read; pending
		raw = rdb.AppendLength(raw, n)
	}
	for _, ms := range []uint64{4, 5} {
		raw = binary.LittleEndian.AppendUint64(append(raw, id(ms)...), 1_700_000_000_000)
		raw = rdb.AppendLength(raw, 7)
	}
	raw = rdb.AppendLength(raw, 2)
	for i, name := range []string{"busy", "idle"} {
		raw = rdb.AppendString(raw, []byte(name))
		raw = binary.LittleEndian.AppendUint64(raw, 1_700_000_000_001)
		raw = binary.LittleEndian.AppendUint64(raw, 1_700_000_000_002)
		raw = rdb.AppendLength(raw, uint64(2-2*i))
		if i == 0 {
			raw = append(append(raw, id(4)...), id(5)...)
		}
	}
	return rdb.Entry{Key: []byte(key), Type: rdb.TypeStream3, Raw: raw}
}

// What is newer than the target is re-encoded: pending items of deleted entries and the time of the last use arrive, and what
// the target has no room for is named. Plain commands keep the pending items, too.
func TestReencodedForTarget(t *testing.T) {
	set := rdb.Entry{Key: []byte("set"), Type: rdb.TypeSetListpack, Raw: rdb.AppendString(nil, []byte{13, 0, 0, 0, 2, 0, 0x81, 'a', 2, 0x81, 'b', 2, 0xff})}
	set.Idle, set.HasIdle = 5000, true
	data := dumpOf(t, set, newerStream("s", 0), newerStream("large", 400_000))
	for _, live := range []bool{false, true} {
		for _, method := range []plan.Method{plan.Auto, plan.Restore, plan.Commands} {
			t.Run(fmt.Sprint(method, " live ", live), func(t *testing.T) {
				s := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
				src := bytesSource("dump", data)
				src.Once = live
				report, err := Import(t.Context(), src, targetOf(t, s.URL()), plan.Options{Method: method, Verify: plan.VerifyFull})
				if err != nil || report.Failed() > 0 || report.Total.Written != 3 {
					t.Fatalf("%v, %+v, %v, %v", err, report.Total, report.Failures, report.Differences)
				}
				for _, key := range []string{"s", "large"} {
					if got := fmt.Sprint(s.Do("XPENDING", key, "g")); got != "[2 4-0 5-0 [[busy 2]]]" {
						t.Errorf("%s: pending %s", key, got)
					}
					if got := fmt.Sprint(s.Do("XRANGE", key, "4-0", "4-0")); got != "[]" {
						t.Errorf("%s: the deleted entry is %s", key, got)
					}
					if info := fmt.Sprint(s.Do("XINFO", "STREAM", key)); !strings.Contains(info, "max-deleted-entry-id 4-0") {
						t.Errorf("%s: %s", key, info)
					}
				}
				notes := strings.Join(report.Notes, "\n")
				idle := s.Do("OBJECT", "IDLETIME", "set").(int64)
				if method == plan.Commands {
					if !strings.Contains(notes, "(LRU)") || !strings.Contains(notes, "2 streams were written with plain commands") {
						t.Errorf("losses are not named: %s", notes)
					}
					return
				}
				if idle > 5 || !strings.Contains(notes, "does not support CLIENT NO-TOUCH, so the verification") { // VerifyFull has read it
					t.Errorf("idle for %d s: %s", idle, notes)
				}
				if !strings.Contains(notes, "2 keys were re-encoded without the active time of stream consumers") || !strings.Contains(notes, "re-encoded for RDB version 10") {
					t.Errorf("losses are not named: %s", notes)
				}
			})
		}
	}
}

// The time of the last use arrives where nothing is compared afterwards.
func TestReencodeKeepsUse(t *testing.T) {
	set := rdb.Entry{Key: []byte("set"), Type: rdb.TypeSetListpack, Raw: rdb.AppendString(nil, []byte{13, 0, 0, 0, 2, 0, 0x81, 'a', 2, 0x81, 'b', 2, 0xff})}
	set.Idle, set.HasIdle = 5000, true
	lru, lfu := redistest.Start(t, "--maxmemory-policy", "allkeys-lru"), redistest.Start(t, "--maxmemory-policy", "allkeys-lfu")
	if _, err := Import(t.Context(), bytesSource("dump", dumpOf(t, set)), targetOf(t, lru.URL()), plan.Options{Verify: plan.VerifyOff}); err != nil {
		t.Fatal(err)
	}
	if idle := lru.Do("OBJECT", "IDLETIME", "set").(int64); idle < 5000 {
		t.Errorf("idle for %d s", idle)
	}
	set.HasIdle, set.HasFreq, set.Freq = false, true, 200
	if _, err := Import(t.Context(), bytesSource("dump", dumpOf(t, set)), targetOf(t, lfu.URL()), plan.Options{Verify: plan.VerifyOff}); err != nil {
		t.Fatal(err)
	}
	if freq := lfu.Do("OBJECT", "FREQ", "set").(int64); freq < 190 {
		t.Errorf("frequency %d", freq)
	}
}

// A damaged value of an encoding that the target does not know fails alone; an older server would take it.
func TestReencodeRefusesDamage(t *testing.T) {
	e := newerStream("shared", 0)
	e.Raw[len(e.Raw)-1] = 1 // the second consumer has the first one's item
	e.Raw = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(e.Raw, 4), 0)
	s := redistest.Start(t)
	report, err := Import(t.Context(), bytesSource("dump", dumpOf(t, text(0, "a"), e)), targetOf(t, s.URL()), plan.Options{})
	if err != nil || report.Total.Failed != 1 || report.Total.Written != 1 || s.Do("EXISTS", "shared") != int64(0) {
		t.Errorf("%v, %+v, %v", err, report.Total, report.Failures)
	}
	if len(report.Failures) == 1 && !strings.Contains(report.Failures[0].Reply, "pending twice") {
		t.Errorf("the reason is %q", report.Failures[0].Reply)
	}
}

// Hashes whose fields expire are refused before the first write, also where none is small enough to be kept as a sample.
func TestLargeTypesAreRefusedFirst(t *testing.T) {
	raw := rdb.AppendLength(binary.LittleEndian.AppendUint64(nil, 4_000_000_000_000), 2000)
	for i := range 2000 {
		raw = rdb.AppendString(rdb.AppendString(append(raw, 1), fmt.Append(nil, i)), []byte("some value"))
	}
	s := redistest.Start(t)
	e := rdb.Entry{Key: []byte("h"), Type: rdb.TypeHashTTL, Raw: raw}
	report, err := Import(t.Context(), bytesSource("dump", dumpOf(t, text(0, "a"), e)), targetOf(t, s.URL()), plan.Options{})
	if err == nil || len(report.Refusals) != 1 || report.Refusals[0].Code != "types" || s.Do("DBSIZE") != int64(0) {
		t.Errorf("%v, %+v", err, report)
	}
}
