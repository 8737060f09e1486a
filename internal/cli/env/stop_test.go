package env

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/memlimit"
	"github.com/redis-gitops/redis-gitops/redact"
)

// TestWatch ends the process of a run that does not look at its context, after what it left has been put in order.
func TestWatch(t *testing.T) {
	ended := make(chan int, 1)
	var out bytes.Buffer
	e := New()
	e.Err = &out
	e.Exit = func(code int) { ended <- code }
	cleaned, kept := 0, 0
	e.AtExit(func() { cleaned++ })
	e.AtExit(func() { kept++ })()
	ctx, cancel := context.WithCancel(context.Background())
	defer e.watch(ctx, time.Millisecond)()
	cancel()
	select {
	case code := <-ended:
		if code != exitcode.Error || cleaned != 1 || kept != 0 || out.String() != "error: interrupted\n" {
			t.Errorf("exit code %d, cleaned %d and %d, %q", code, cleaned, kept, out.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the process went on")
	}
	// A run that ends in time is left alone.
	ctx, cancel = context.WithCancel(context.Background())
	stop := e.watch(ctx, 50*time.Millisecond)
	cancel()
	stop()
	select {
	case <-ended:
		t.Error("a run that had ended was ended again")
	case <-time.After(300 * time.Millisecond):
	}
}

// TestLastWords: a run that ends says why, also where nobody knows in time what is secret in the files that it has read.
func TestLastWords(t *testing.T) {
	for _, limit := range []struct {
		cause error
		want  string
	}{
		{&limitError{"at 1Gi of memory", " while it rendered applications/s3cr3t", "raise --max-memory"}, "error: the run was stopped at 1Gi of memory; raise --max-memory\n"},
		{nil, "error: interrupted\n"},
	} {
		e := New()
		var out bytes.Buffer
		e.Err = &out
		ended := make(chan int, 1)
		e.Exit = func(code int) { ended <- code }
		scan := make(chan struct{})
		e.Secrets.From(func() []*redact.File { <-scan; return nil })
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(limit.cause)
		go e.die(ctx)
		select {
		case code := <-ended:
			if code != exitcode.Error || out.String() != limit.want {
				t.Errorf("exit code %d, %q", code, out.String())
			}
		case <-time.After(10 * time.Second):
			t.Error("the process went on")
		}
		close(scan)
	}
}

// TestEndsGreedyRun ends the process of a run that does not stop at the limit of its memory.
func TestEndsGreedyRun(t *testing.T) {
	e := New()
	e.Err = &bytes.Buffer{}
	ended := make(chan int, 1)
	e.Exit = func(code int) { ended <- code }
	_, end := e.limit(context.Background(), 0, memlimit.Least, "%s")
	defer end()
	var kept [][]byte
	for range 300 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
	select {
	case code := <-ended:
		if code != exitcode.Error {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Error("it went on")
	}
	runtime.KeepAlive(kept)
}

// A command may deal with an interrupt, as long as it runs.
func TestOnInterrupt(t *testing.T) {
	e := New()
	if e.Interrupted() {
		t.Error("nobody deals with it")
	}
	deals := true
	release := e.OnInterrupt(func() bool { return deals })
	if !e.Interrupted() {
		t.Error("it is not dealt with")
	}
	if deals = false; e.Interrupted() {
		t.Error("the run goes on")
	}
	deals = true
	if release(); e.Interrupted() {
		t.Error("it is dealt with after the command")
	}
}
