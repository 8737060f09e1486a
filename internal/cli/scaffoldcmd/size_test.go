package scaffoldcmd

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/rdb/inspect"
)

func operatorOf(t *testing.T) *cue.Operator {
	t.Helper()
	operator, err := cue.OperatorNamed(cue.DefaultOperator())
	if err != nil {
		t.Fatal(err)
	}
	return operator
}

// TestSize: maxmemory holds the data with its growth and the backlog, and the next smaller memory would not.
func TestSize(t *testing.T) {
	operator, random := operatorOf(t), rand.New(rand.NewPCG(5, 8))
	for range 60 {
		o := &sizeOptions{growth: 1 + 3*random.Float64()}
		percent := 25 + random.IntN(56)
		info := &inspect.Info{UsedMemory: 1 + random.Uint64N(1<<(20+random.IntN(17)))}
		s, memory, err := o.size(info, operator, percent)
		if err != nil {
			t.Fatal(err)
		}
		needed := float64(info.UsedMemory) * o.growth / mebi
		if s.Maxmemory-s.Backlog < needed || s.Maxmemory > memory*float64(percent)/100 {
			t.Errorf("%+v does not hold %.1f MiB", s, needed)
		}
		if disk, ok := mebibytes(s.Disk); !ok || disk < 2*memory {
			t.Errorf("disk %s for %v MiB", s.Disk, memory)
		}
		smaller := memory - 64
		for smaller > 0 && roundUp(smaller) >= memory {
			smaller -= 64
		}
		if smaller <= 0 {
			continue
		}
		less, err := operator.Sizes(roundUp(smaller), percent)
		if err != nil || less.Maxmemory-less.Backlog >= math.Ceil(needed) {
			t.Errorf("%v MiB would hold %.1f MiB too, not only %v; %v", roundUp(smaller), needed, memory, err)
		}
	}
}

func TestSizeValues(t *testing.T) {
	operator, o := operatorOf(t), &sizeOptions{growth: 2}
	info := &inspect.Info{UsedMemory: 100 * mebi}
	for _, tt := range []struct {
		values map[string]any
		want   string
		notes  string
	}{
		{nil, "memory=320Mi disk=1Gi", "100 MiB of used_memory, and 200 MiB with growth 2; maxmemory is 240 MiB"},
		{map[string]any{"memory": "256Mi", "disk": "1Gi"}, "memory=320Mi", ""},
		{map[string]any{"memory": "256Mi", "disk": ""}, "memory=320Mi", ""},
		{map[string]any{"memory": "256Mi", "disk": "512Mi"}, "memory=320Mi disk=1Gi", "allowVolumeExpansion"},
		{map[string]any{"memory": "1Gi", "disk": "5Gi"}, "memory=320Mi", "shrinks from 1Gi to 320Mi|the volume size stays 5Gi"},
		{map[string]any{"memory": "256Mi", "disk": "1Gi", "maxmemoryPercent": 50}, "memory=448Mi", "maxmemory is 224 MiB"},
	} {
		set, notes, err := o.values(info, operator, tt.values)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range set {
			got = append(got, s.Key+"="+s.Value)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%v: %s, want %s", tt.values, got, tt.want)
		}
		for note := range strings.SplitSeq(tt.notes, "|") {
			if !strings.Contains(strings.Join(notes, "\n"), note) {
				t.Errorf("%v: no %q in %q", tt.values, note, notes)
			}
		}
	}
}
