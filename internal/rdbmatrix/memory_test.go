//go:build integration

package rdbmatrix

import (
	"bytes"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/inspect"
)

// layouts are those of the servers of the matrix, which Debian builds with its own jemalloc.
var layouts = map[string]rdb.Layout{
	"redis-6.0": {Release: rdb.Redis60, Allocator: rdb.SystemJemalloc},
	"redis-7.0": {Release: rdb.Redis70, Allocator: rdb.SystemJemalloc},
	"redis-8.0": {Release: rdb.Redis80, Allocator: rdb.SystemJemalloc},
}

// TestMemory: what each server takes for its own dump is within 5 percent of the estimate.
func TestMemory(t *testing.T) {
	for _, r := range available(t) {
		layout, known := layouts[r.name]
		if !known {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			empty := redistest.StartProgram(t, r.program, nil).SettledMemory()
			for _, kind := range redistest.Kinds {
				s := redistest.StartProgram(t, r.program, nil)
				dump := s.SavedAgain(kind)
				used := s.SettledMemory()
				info, err := inspect.Inspect(bytes.NewReader(dump), inspect.Options{Layout: &layout})
				if err != nil {
					t.Fatal(err)
				}
				data := info.Total.Memory + info.Tables
				t.Logf("%s: used_memory %d, empty %d, estimate %d (%+.1f %%); data %d, estimate %d (%+.1f %%)", kind, used, empty, info.UsedMemory,
					off(info.UsedMemory, used), used-empty, data, off(data, used-empty))
				if e := off(info.UsedMemory, used); e < -5 || e > 5 {
					t.Errorf("%s: used_memory is %d, the estimate %d", kind, used, info.UsedMemory)
				}
				if e := off(data, used-empty); e < -5 || e > 5 {
					t.Errorf("%s: the data takes %d, the estimate is %d", kind, used-empty, data)
				}
			}
		})
	}
}

// off is by how many percent an estimate is off.
func off(estimate, real uint64) float64 { return 100 * (float64(estimate)/float64(real) - 1) }
