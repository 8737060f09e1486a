// Package git asks the Git command about the past of a repository's files.
//
// Libraries that read a repository's objects themselves differ from Git in its newer formats; the command does not. The
// repository's configuration is not trusted: only plumbing that runs no filter, hook, pager or external diff is used, and
// nothing is fetched.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// maxOutput bounds what is read of one file, in bytes: the limit that package repo has for files.
const maxOutput = 4 << 20

// timeout bounds one question. Repositories with millions of commits need some seconds to find when a file came.
const timeout = 30 * time.Second

// Repo is a folder inside a work tree. Its paths are relative to that folder and use "/".
type Repo struct{ Dir string }

// Added gives the name of the commit that added a file, the newest one where it came several times. The error is
// [fs.ErrNotExist] when none of the current branch did, and another one when a shallow clone does not reach back to it.
func (r Repo) Added(ctx context.Context, file string) (string, error) {
	out, err := r.run(ctx, "log", "--max-count=1", "--no-renames", "--diff-filter=A", "--no-ext-diff", "--no-textconv", "--format=%H", "HEAD", "--", file)
	if err != nil && strings.Contains(err.Error(), "bad revision 'HEAD'") { // there is no commit yet
		return "", fmt.Errorf("%s is in no commit: %w", file, fs.ErrNotExist)
	}
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(out))
	if commit == "" {
		return "", fmt.Errorf("%s is in no commit: %w", file, fs.ErrNotExist)
	}
	// The oldest commit of a shallow clone seems to add every file.
	shallow, err := r.run(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil || strings.TrimSpace(string(shallow)) != "true" {
		return commit, err
	}
	family, err := r.run(ctx, "rev-list", "--max-count=1", "--parents", commit)
	if err != nil {
		return "", err
	}
	if len(strings.Fields(string(family))) == 1 {
		return "", errors.New("the clone is shallow and ends before the file came; run git fetch --unshallow")
	}
	return commit, nil
}

// File gives a file as it was in a commit. The error is [fs.ErrNotExist] when it was not there.
func (r Repo) File(ctx context.Context, commit, file string) ([]byte, error) {
	listed, err := r.run(ctx, "ls-tree", "-z", commit, "--", file)
	if err != nil {
		return nil, err
	}
	// A line is mode, type and name of the object, then the path (git-ls-tree(1)).
	fields := strings.Fields(string(listed))
	if len(fields) < 4 || fields[1] != "blob" || !strings.HasPrefix(fields[0], "100") {
		return nil, fmt.Errorf("%s is no file in commit %.7s: %w", file, commit, fs.ErrNotExist)
	}
	return r.run(ctx, "cat-file", "blob", fields[2])
}

func (r Repo) run(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false"}, args...)...)
	c.Dir = r.Dir
	c.Env = append(os.Environ(), "LC_ALL=C", "GIT_LITERAL_PATHSPECS=1", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0")
	c.WaitDelay = time.Second
	var out, problem bytes.Buffer
	c.Stdout = &limited{Writer: &out, left: maxOutput}
	c.Stderr = &limited{Writer: &problem, left: 4096}
	err := c.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("there is no git command; install Git")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s: %w", args[0], ctx.Err())
	case out.Len() >= maxOutput:
		return nil, fmt.Errorf("git %s: more than %d MiB", args[0], maxOutput>>20)
	case err != nil:
		first, _, _ := strings.Cut(strings.TrimSpace(problem.String()), "\n")
		if first == "" {
			first = err.Error()
		}
		return nil, fmt.Errorf("git %s: %s", args[0], strings.TrimPrefix(first, "fatal: "))
	}
	return out.Bytes(), nil
}

// limited drops what goes over a limit, so that the writer never has to wait.
type limited struct {
	io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.Writer.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Base gives the commit that a revision and the current branch have in common, or the revision's own where this clone does not
// know one.
func (r Repo) Base(ctx context.Context, rev string) (string, error) {
	if strings.HasPrefix(rev, "-") {
		return "", fmt.Errorf("%q is not a revision; give a branch, a tag or a commit", rev)
	}
	out, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		shallow, serr := r.run(ctx, "rev-parse", "--is-shallow-repository")
		if serr != nil {
			return "", serr
		}
		if strings.TrimSpace(string(shallow)) == "true" {
			return "", fmt.Errorf("revision %q is not in this clone, which is shallow; fetch it (fetch-depth: 0), or leave the flag out", rev)
		}
		return "", fmt.Errorf("revision %q does not exist; fetch it, or correct its name", rev)
	}
	commit := strings.TrimSpace(string(out))
	if common, err := r.run(ctx, "merge-base", commit, "HEAD"); err == nil {
		commit = strings.TrimSpace(string(common))
	}
	return commit, nil
}

// Changed gives the files that differ between a commit and the work tree, sorted: what was committed, what is not committed, and
// what Git does not track yet and does not ignore.
func (r Repo) Changed(ctx context.Context, commit string) ([]string, error) {
	diff, err := r.run(ctx, "diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--relative", commit, "--")
	if err != nil {
		return nil, err
	}
	untracked, err := r.run(ctx, "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, name := range strings.Split(string(diff)+string(untracked), "\x00") {
		if name != "" && !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files, nil
}
