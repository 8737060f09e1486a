package lintcmd

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/diskcache"
	"github.com/redis-gitops/redis-gitops/lint"
)

// keep has the run use what earlier ones found where nothing has changed since, until done is called. Without a cache it is as right, and
// slower.
func keep(e *env.Env, r *env.Repository, opts *lint.Options) (done func()) {
	none := func() {}
	program := diskcache.Program()
	if program == "" {
		e.Debugf("no cache: the program cannot be read")
		return none
	}
	dir, err := diskcache.Open("redis-gitops")
	if err != nil {
		e.Debugf("no cache: %v", err)
		return none
	}
	name := path.Clean(filepath.ToSlash(cmp.Or(e.ConfigFile, cue.ConfigFile)))
	config, err := r.ReadFile(name)
	opts.Keeper = lint.NewKeeper(dir, fmt.Sprintf("%q", []string{program, r.Dir, name, string(config), fmt.Sprint(err == nil)}))
	return func() { _ = dir.Close() }
}
