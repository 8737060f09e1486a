// Package env is what a command has around it: streams, the repository, the flags of the whole tool, and the limits of its run.
package env

import (
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/memlimit"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// Env is the environment of a run.
type Env struct {
	*ui.UI
	Random  io.Reader
	Now     time.Time
	Version string // of this program
	// OpenFS opens a directory as a file system that nothing can leave. Tests put one around it that dies on the way.
	OpenFS func(dir string) (FS, error)
	Exit   func(code int) // ends the process; nil in tests

	Dir        string // -C
	Bare       string // the directory to work in when it is no repository; only lint sets it
	ConfigFile string

	Timeout time.Duration // of a run that reads a repository
	Memory  memlimit.Size
	limited bool           // for the whole run
	running render.Running // what it is busy with

	leftovers leftovers
	interrupt atomic.Pointer[func() bool]
	dying     sync.Once // ends the process
}

// New returns the environment of the process.
func New() *Env {
	return &Env{
		UI: ui.New(), Random: rand.Reader, Now: time.Now(),
		OpenFS: func(dir string) (FS, error) { return rootfs.Open(dir) },
	}
}

// Image is that of redis-gitops in the version of this program, as make image names it.
func (e *Env) Image() string {
	return "redis-gitops:" + strings.ReplaceAll(strings.TrimPrefix(e.Version, "v"), "+", "_")
}
