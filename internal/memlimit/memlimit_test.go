package memlimit

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestSize reads what a person may write, and writes it so that it can be read again.
func TestSize(t *testing.T) {
	for text, want := range map[string]string{"1Gi": "1Gi", "512Mi": "512Mi", "1.5Gi": "1536Mi", "2GB": "2000MB", "900MB": "900MB", "0": "0"} {
		var s, again Size
		if err := s.Set(text); err != nil || s.String() != want {
			t.Errorf("%q: %v, %v", text, s.String(), err)
		}
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%q: %v and then %v, %v", text, s, again, err)
		}
	}
	for _, text := range []string{"", "1", "Gi", "-1Gi", "1gb", "1 Gi", "127Mi", "1e30Gi", "NaNGi", "InfGi", "99999999999Gi"} {
		var s Size
		if err := s.Set(text); err == nil {
			t.Errorf("%q is taken for %d", text, s)
		}
	}
}

// fill takes n MiB.
func fill(n int) [][]byte {
	var kept [][]byte
	for range n {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
	return kept
}

// TestWatch reports once that there is too much, and kills when it goes on growing.
func TestWatch(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over, killed := make(chan bool, 9), make(chan bool, 9)
	end := Watch(ctx, Least, func() { over <- true; cancel() }, func() { killed <- true })
	if limit := debug.SetMemoryLimit(-1); limit != Least.soft() {
		t.Errorf("the collector has a limit of %d bytes", limit)
	}
	kept := fill(300)
	select {
	case <-killed:
	case <-time.After(10 * time.Second):
		t.Error("it went on")
	}
	runtime.KeepAlive(kept)
	end()
	if len(over) != 1 || len(killed) != 0 {
		t.Errorf("reported %d times, killed %d times more", len(over), len(killed))
	}
	if limit := debug.SetMemoryLimit(-1); limit != before {
		t.Errorf("the limit of the collector is %d afterwards, not %d", limit, before)
	}
}

// TestCollectSeldom has hardly any collections while little is kept, stays below its limit while much is, and leaves alone what the
// user has set. Each runs as a process of its own, since it is for the whole process.
func TestCollectSeldom(t *testing.T) {
	if os.Getenv("MEMLIMIT_TEST") != "" {
		CollectSeldom(Least)
		before := runs()
		var kept []byte
		for range 500 { // 500 MB of garbage
			kept = make([]byte, 1<<20)
		}
		runtime.KeepAlive(kept)
		many := runs() - before
		if os.Getenv("GOGC") != "" {
			if many < 100 {
				t.Errorf("GOGC was ignored: %d collections", many)
			}
			return
		}
		if many > 20 {
			t.Errorf("%d collections of 500 MB of garbage", many)
		}
		if n := inUse(); n > Least {
			t.Errorf("takes %d MiB", n>>20)
		}
		return
	}
	for _, env := range []string{"GOGC=", "GOGC=10"} {
		// On a busy machine the collector may fall behind the garbage: it has three attempts.
		for attempt := 1; ; attempt++ {
			c := exec.Command(os.Args[0], "-test.run=^TestCollectSeldom$")
			c.Env = append(os.Environ(), "MEMLIMIT_TEST=1", "GOMEMLIMIT=", env)
			out, err := c.CombinedOutput()
			if err == nil {
				break
			}
			if attempt == 3 {
				t.Errorf("%s: %v: %s", env, err, out)
				break
			}
		}
	}
}

// runs is how often garbage was collected.
func runs() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}

func TestCollectOften(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	restore := CollectOften()
	if p := debug.SetGCPercent(frugalGrowth); p != frugalGrowth {
		t.Errorf("the heap grows by %d %%", p)
	}
	restore()
	if p := debug.SetGCPercent(100); p != 100 {
		t.Errorf("afterwards by %d %%", p)
	}
}
