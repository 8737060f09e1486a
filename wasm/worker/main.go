//go:build js && wasm

// Command worker is the linter and scaffolder for a Web Worker. It puts a function redisGitops(name,
// request, progress, done) into the global object, where request and what done gets are texts of JSON, and lives until it is ended.
package main

import (
	"context"
	"crypto/rand"
	"runtime"
	"runtime/debug"
	"syscall/js"
	"time"

	"github.com/redis-gitops/redis-gitops/scaffold"
	"github.com/redis-gitops/redis-gitops/wasm"
)

// version is set when the page is built.
var version = "0.1.0-dev"

func main() {
	// There is one thread, so that collecting garbage makes everybody wait; a page may have some memory. What is held and never
	// touched makes the collector wait for 80 MB, which a change of the form takes minutes to fill.
	held := make([]byte, 16<<20)
	defer runtime.KeepAlive(held)
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30)
	session := wasm.NewSession(wasm.Options{
		Version: version,
		Deps:    func() scaffold.Deps { return scaffold.Deps{Random: rand.Reader, Now: now()} },
	})
	js.Global().Set("redisGitops", js.FuncOf(func(_ js.Value, args []js.Value) any {
		name, request, progress, done := args[0].String(), args[1].String(), args[2], args[3]
		tell := func(p wasm.Progress) { progress.Invoke(p.Phase, p.Done, p.Total, p.Found) }
		// Not in the call itself: to wait there for another goroutine would block the one thread for ever.
		go func() { done.Invoke(string(session.Run(context.Background(), name, []byte(request), tell))) }()
		return nil
	}))
	js.Global().Call("redisGitopsReady")
	select {}
}

// now is the time, which a test may fix.
func now() time.Time {
	if fixed := js.Global().Get("redisGitopsNow"); fixed.Type() == js.TypeNumber {
		return time.Unix(int64(fixed.Int()), 0).UTC()
	}
	return time.Now()
}
