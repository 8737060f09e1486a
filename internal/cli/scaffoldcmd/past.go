package scaffoldcmd

import (
	"context"
	"errors"
	"io/fs"

	"github.com/redis-gitops/redis-gitops/git"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
)

// past returns a function that returns a file of the repository as it was when it was committed first, and another as it was in that
// commit. The caller calls end when it needs no more.
func (o *planOptions) past(r *env.Repository) (past func(ctx context.Context, file, beside string) (first, other []byte, err error), end func()) {
	history := &git.Repo{Dir: r.Dir}
	done := o.AtExit(func() { history.Close() })
	past = func(ctx context.Context, file, beside string) (first, other []byte, err error) {
		commit, err := history.Added(ctx, file)
		if err != nil {
			return nil, nil, err
		}
		if first, err = history.File(ctx, commit, file); err != nil || beside == "" {
			return first, nil, err
		}
		if other, err = history.File(ctx, commit, beside); errors.Is(err, fs.ErrNotExist) {
			return first, nil, nil
		}
		return first, other, err
	}
	return past, func() {
		history.Close()
		done()
	}
}
