package lintcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/git"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
)

// history opens the Git repository until end is called.
func history(e *env.Env, r *env.Repository) (g *git.Repo, end func()) {
	g = &git.Repo{Dir: r.Dir}
	done := e.AtExit(func() { g.Close() })
	return g, func() { g.Close(); done() }
}

// tree opens a commit that find finds; side names it in errors.
func tree(ctx context.Context, g *git.Repo, side, rev string, find func(context.Context, string) (string, error)) (*git.Tree, error) {
	commit, err := find(ctx, rev)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", side, err)
	}
	t, err := g.Tree(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", side, err)
	}
	return t, nil
}

// workTree is a commit as the old side and the working tree as the new one. Only what differs is read from Git, so that a file that a filter
// rewrites is the same on both.
func workTree(e *env.Env, r *env.Repository, base *git.Tree, changed []string) (old, new diff.Source, err error) {
	files := base.Fs()
	before := map[string][]byte{}
	for _, name := range changed {
		src, err := afero.ReadFile(files, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			src = nil
		case err != nil:
			return old, new, err
		case src == nil:
			src = []byte{}
		}
		before[name] = src
		if src != nil && len(src) <= repo.MaxFileSize {
			e.Secrets.AddFile(redact.Scan(name, src))
		}
	}
	old.Files = base.Files()
	if old.Repo, err = repo.Open(lint.Overlay(r.FS, before), repo.Options{Layout: r.Layout()}); err != nil {
		return old, new, err
	}
	new.Repo = r.Repo
	gone := map[string]bool{}
	for _, name := range changed {
		if _, err := r.FS.Stat(name); err != nil {
			gone[name] = true
		} else if before[name] == nil {
			new.Files = append(new.Files, name)
		}
	}
	new.Files = append(new.Files, slices.DeleteFunc(slices.Clone(old.Files), func(name string) bool { return gone[name] })...)
	return old, new, nil
}
