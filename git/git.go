// Package git reads the history of a repository's files with the git command, without running anything that the repository
// names.
//
// A repository's configuration can name programs in dozens of keys (filters, textconv, signatures, transports, hooks, …), and
// files that look like a bare repository can be committed in a directory. So git never reads the configuration of the
// repository, nor looks for a repository itself: it works in a private Git directory with a configuration of our own, which
// borrows the objects and references. It never reads the content of the work tree either: what differs from a commit is
// computed here, by the identifiers of blobs. Nothing is fetched.
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
	"sync"
	"time"
)

const (
	// maxFile bounds one file of a commit, in bytes: the limit that package repo has for files.
	maxFile = 4 << 20
	// maxList bounds a list of files, in bytes; 200,000 files with long names take half of it.
	maxList = 64 << 20
)

// timeout bounds one question. Repositories with millions of commits need some seconds to find when a file came.
const timeout = 30 * time.Second

// errTooLarge is the error of [Repo.File] for a file over 4 MiB.
var errTooLarge = errors.New("file is larger than 4 MiB")

// Repo is a directory inside a work tree. Its paths are relative to that directory and use "/". Close it after use.
type Repo struct {
	Dir string

	mu      sync.Mutex
	private *private
	entries map[string]*entry // of the index; nil until somebody asks
}

// Close removes the private Git directory.
func (r *Repo) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.private == nil {
		return nil
	}
	err := os.RemoveAll(r.private.dir)
	r.private = nil
	return err
}

// open makes the private Git directory at the first question.
func (r *Repo) open(ctx context.Context) (*private, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.private == nil {
		p, err := newPrivate(ctx, r.Dir)
		if err != nil {
			return nil, err
		}
		r.private = p
	}
	return r.private, nil
}

// Added returns the name of the commit that added a file, the newest one where it came several times. The error is
// [fs.ErrNotExist] when none of the current branch did, and another one when a shallow clone does not reach back to it.
func (r *Repo) Added(ctx context.Context, file string) (string, error) {
	out, err := r.run(ctx, maxFile, "log", "--max-count=1", "--no-renames", "--diff-filter=A", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--ignore-submodules=all", "--format=%H", "HEAD", "--", file)
	if err != nil && strings.Contains(err.Error(), "bad revision 'HEAD'") { // there is no commit yet
		return "", fmt.Errorf("%s is not in any commit: %w", file, fs.ErrNotExist)
	}
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(out))
	if commit == "" {
		return "", fmt.Errorf("%s is not in any commit: %w", file, fs.ErrNotExist)
	}
	// The oldest commit of a shallow clone seems to add every file.
	shallow, err := r.run(ctx, maxFile, "rev-parse", "--is-shallow-repository")
	if err != nil || strings.TrimSpace(string(shallow)) != "true" {
		return commit, err
	}
	family, err := r.run(ctx, maxFile, "rev-list", "--max-count=1", "--parents", commit)
	if err != nil {
		return "", err
	}
	if len(strings.Fields(string(family))) == 1 {
		return "", errors.New("the clone is shallow and does not include the commit that added the file; run git fetch --unshallow")
	}
	return commit, nil
}

// File returns a file as it was in a commit. The error is [fs.ErrNotExist] when it was not there, and errTooLarge when it has
// more than 4 MiB.
func (r *Repo) File(ctx context.Context, commit, file string) ([]byte, error) {
	listed, err := r.run(ctx, maxFile, "ls-tree", "-z", "--end-of-options", commit, "--", file)
	if err != nil {
		return nil, err
	}
	// A line is mode, type and name of the object, then the path (git-ls-tree(1)).
	fields := strings.Fields(string(listed))
	if len(fields) < 4 || fields[1] != "blob" || !strings.HasPrefix(fields[0], "100") {
		return nil, fmt.Errorf("%s is not a file in commit %.7s: %w", file, commit, fs.ErrNotExist)
	}
	src, err := r.run(ctx, maxFile, "cat-file", "blob", fields[2])
	if err != nil && !errors.Is(err, errTooLarge) && r.private.partial {
		return nil, fmt.Errorf("%[2]s of commit %.7[1]s is missing in this partial clone; clone without --filter", commit, file)
	}
	return src, err
}

// run calls git in the private Git directory. What git prints beyond limit bytes is an error.
func (r *Repo) run(ctx context.Context, limit int, args ...string) ([]byte, error) {
	p, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	return p.run(ctx, limit, args...)
}

// command calls git and nothing else: no pager, no prompt, no lock.
func command(ctx context.Context, dir string, env []string, limit int, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks", "--no-pager", "--literal-pathspecs"}, args...)...)
	c.Dir = dir
	c.Env = env
	c.WaitDelay = time.Second
	var out, problem bytes.Buffer
	c.Stdout = &limited{Writer: &out, left: limit + 1}
	c.Stderr = &limited{Writer: &problem, left: 4096}
	err := c.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("git is not installed; install Git")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s: %w", args[0], ctx.Err())
	case out.Len() > limit:
		if limit == maxFile {
			return nil, fmt.Errorf("git %s: %w", args[0], errTooLarge)
		}
		return nil, fmt.Errorf("git %s: more than %d MiB of output", args[0], limit>>20)
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

// Base returns the commit that a revision and the current branch have in common, or the revision's own where this clone does not
// know one.
func (r *Repo) Base(ctx context.Context, rev string) (string, error) {
	if err := valid(rev); err != nil {
		return "", err
	}
	if common, err := r.run(ctx, maxFile, "merge-base", rev, "HEAD"); err == nil {
		return strings.TrimSpace(string(common)), nil
	}
	return r.Commit(ctx, rev)
}

// valid refuses what git would take for an option.
func valid(rev string) error {
	if strings.HasPrefix(rev, "-") {
		return fmt.Errorf("invalid revision %q; use a branch, tag or commit", rev)
	}
	return nil
}

// Commit returns the commit of a revision.
func (r *Repo) Commit(ctx context.Context, rev string) (string, error) {
	if err := valid(rev); err != nil {
		return "", err
	}
	out, err := r.run(ctx, maxFile, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		if ctx.Err() != nil || r.private == nil {
			return "", err
		}
		shallow, serr := r.run(ctx, maxFile, "rev-parse", "--is-shallow-repository")
		if serr != nil {
			return "", serr
		}
		if strings.TrimSpace(string(shallow)) == "true" {
			return "", fmt.Errorf("revision %q is not in this shallow clone; fetch it (fetch-depth: 0), or remove the flag", rev)
		}
		return "", fmt.Errorf("revision %q does not exist; fetch it, or fix its name", rev)
	}
	return strings.TrimSpace(string(out)), nil
}

// mainBranches are where the main branch of a repository is looked for, in this order.
var mainBranches = []string{"refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master"}

// Main returns the main branch: that of the remote origin, or else a branch of its usual name.
func (r *Repo) Main(ctx context.Context) (string, error) {
	out, err := r.run(ctx, maxFile, append([]string{"for-each-ref", "--format=%(refname)"}, mainBranches...)...)
	if err != nil {
		return "", err
	}
	found := strings.Fields(string(out))
	for _, ref := range mainBranches {
		if slices.Contains(found, ref) {
			return ref, nil
		}
	}
	return "", errors.New("neither origin/HEAD nor a branch named main or master exists; pass a revision")
}
