package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// private is a Git directory of our own beside a repository: its configuration is ours, its objects and references are those
// of the repository.
type private struct {
	dir     string // to be removed
	gitDir  string
	common  string // the same as gitDir, but for a linked work tree
	top     string // the work tree
	cwd     string // where the paths begin
	objects string
	index   string
	indexed int64 // when the index was written, in nanoseconds; 0 without one
	partial bool  // the clone may lack objects
	sha256  bool
}

// maxSmall bounds the files of a Git directory that are read here, in bytes.
const maxSmall = 1 << 20

// newPrivate finds the repository of a directory and makes the private Git directory.
func newPrivate(ctx context.Context, dir string) (_ *private, err error) {
	cwd, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if cwd, err = filepath.EvalSymlinks(cwd); err != nil {
		return nil, err
	}
	top, real, err := find(cwd)
	if err != nil {
		return nil, err
	}
	common, err := commonDir(real)
	if err != nil {
		return nil, err
	}
	if err := (&special{ctx, map[string]bool{}}).gitDir(real, common); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "redis-gitops-git-*")
	if err != nil {
		return nil, fmt.Errorf("cannot create a temporary directory: %w; set TMPDIR", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	p := &private{dir: tmp, gitDir: filepath.Join(tmp, "git"), top: top, cwd: cwd, objects: filepath.Join(common, "objects"), index: filepath.Join(real, "index")}
	p.common = p.gitDir
	if real != common {
		p.common = filepath.Join(tmp, "common")
	}
	if info, err := os.Stat(p.index); err == nil {
		p.indexed = info.ModTime().UnixNano()
	}
	for _, d := range []string{p.gitDir, p.common, filepath.Join(p.common, "info"), filepath.Join(p.common, "objects"), filepath.Join(tmp, "hooks")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	if err := borrowFile(real, p.gitDir, "HEAD"); err != nil {
		return nil, err
	}
	if p.common != p.gitDir {
		// Git takes a directory for a repository only with HEAD. It finds the branches by the file commondir, not by GIT_COMMON_DIR.
		if err := borrowFile(common, p.common, "HEAD"); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(p.gitDir, "commondir"), []byte(p.common+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"shallow", "info/exclude"} {
		if err := borrowFile(common, p.common, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	for _, name := range []string{"refs", "packed-refs", "reftable", "logs"} {
		if err := borrow(common, p.common, name); err != nil {
			return nil, err
		}
	}
	if p.common != p.gitDir {
		for _, name := range []string{"refs", "reftable", "logs"} {
			if err := borrow(real, p.gitDir, name); err != nil {
				return nil, err
			}
		}
	}
	shared, _ := filepath.Glob(filepath.Join(real, "sharedindex.*")) // the pattern is right
	for _, name := range shared {
		if err := borrow(real, p.gitDir, filepath.Base(name)); err != nil {
			return nil, err
		}
	}
	return p, p.configure(ctx, common)
}

// find goes up from a directory to the one with .git. Unlike Git it never takes a directory for a bare repository: such files
// can be committed.
func find(dir string) (top, gitDir string, err error) {
	for at := dir; ; at = filepath.Dir(at) {
		mark := filepath.Join(at, ".git")
		info, err := os.Stat(mark)
		switch {
		case err == nil && info.IsDir() && isGitDir(mark):
			return at, mark, nil
		case err == nil && info.IsDir():
			if err := (&special{context.Background(), map[string]bool{}}).check(filepath.Join(mark, "objects")); err != nil {
				return "", "", err
			}
		case err == nil:
			src, err := readSmall(mark)
			if err != nil {
				return "", "", err
			}
			to, ok := strings.CutPrefix(strings.TrimRight(string(src), "\r\n"), "gitdir: ")
			if !ok {
				return "", "", fmt.Errorf("%s does not point to a Git directory; clone the repository again", mark)
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(at, to)
			}
			if !isGitDir(to) {
				return "", "", fmt.Errorf("%s points to %q, which is not a Git directory; run git worktree repair, or clone the repository again", mark, to)
			}
			return at, to, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", "", err
		}
		if at == filepath.Dir(at) {
			return "", "", fmt.Errorf("not a Git repository: no .git in %s or a parent directory", dir)
		}
	}
}

// isGitDir reports whether a directory holds a repository or a linked work tree.
func isGitDir(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil {
		return false
	}
	if _, err := os.Stat(filepath.Join(dir, "commondir")); err == nil {
		return true
	}
	objects, err := os.Stat(filepath.Join(dir, "objects"))
	return err == nil && objects.IsDir()
}

// commonDir returns the directory with the objects and branches, which linked work trees share (gitrepository-layout(5)).
func commonDir(gitDir string) (string, error) {
	src, err := readSmall(filepath.Join(gitDir, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return gitDir, nil
	}
	if err != nil {
		return "", err
	}
	dir := strings.TrimRight(string(src), "\r\n")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(gitDir, dir)
	}
	return filepath.Clean(dir), nil
}

// readSmall reads a regular file of a Git directory.
func readSmall(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file; remove it", name)
	}
	src, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(src) > maxSmall {
		err = fmt.Errorf("%s is larger than %d MiB", name, maxSmall>>20)
	}
	return src, err
}

// borrowFile copies a small file.
func borrowFile(from, to, name string) error {
	src, err := readSmall(filepath.Join(from, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, filepath.FromSlash(name)), src, 0o600)
}

// borrow links to what git only reads, or copies it where the system has no links. Git takes a directory for a repository
// only with refs, so that one is made in any case.
func borrow(from, to, name string) error {
	at := filepath.Join(from, name)
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist) && name == "refs":
		return os.Mkdir(filepath.Join(to, name), 0o700)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir() && !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file; remove it", at)
	}
	if err := os.Symlink(at, filepath.Join(to, name)); err == nil {
		return nil
	}
	if info.IsDir() {
		return os.CopyFS(filepath.Join(to, name), os.DirFS(at))
	}
	src, err := os.ReadFile(at)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, name), src, 0o600)
}

// known are the extensions of the repository's format that change nothing of what is read here, or that are taken over
// (gitrepository-layout(5), git-config(1) "extensions"). The others would be read wrongly.
var known = []string{"objectformat", "refstorage", "compatobjectformat", "noop", "noop-v1", "partialclone", "preciousobjects", "relativeworktrees", "worktreeconfig"}

// configure writes the private configuration. Of the repository's own it takes the object and reference formats, how file
// names are compared, and which branch follows which, so that @{upstream} is a revision; none of these names a program.
func (p *private) configure(ctx context.Context, common string) error {
	config := filepath.Join(p.common, "config")
	if err := os.WriteFile(config, []byte("[core]\n\trepositoryformatversion = 0\n\tbare = false\n"), 0o600); err != nil {
		return err
	}
	src, err := readSmall(filepath.Join(common, "config"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// From a copy, since the original could be replaced by a pipe after it was looked at.
	copied := filepath.Join(p.dir, "theirs")
	if err := os.WriteFile(copied, src, 0o600); err != nil {
		return err
	}
	list, err := p.run(ctx, maxList, "config", "--file", copied, "--no-includes", "--null", "--list")
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(common, "config"), err)
	}
	var ours strings.Builder
	ours.WriteString("[core]\n\trepositoryformatversion = 1\n\tbare = false\n\thooksPath = " + quote(filepath.Join(p.dir, "hooks")) + "\n\tfsmonitor = false\n")
	for entry := range strings.SplitSeq(string(list), "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		section, rest, _ := strings.Cut(key, ".")
		var sub string
		variable := rest
		if i := strings.LastIndexByte(rest, '.'); i >= 0 {
			sub, variable = rest[:i], rest[i+1:]
		}
		switch {
		case section == "extensions" && !slices.Contains(known, rest):
			return fmt.Errorf("the repository uses the Git extension %q, which is not supported with --new-from-rev", rest)
		case section == "extensions" && rest == "partialclone", section == "remote" && (variable == "promisor" || variable == "partialclonefilter"):
			p.partial = true
		case section == "extensions" && rest == "objectformat":
			p.sha256 = strings.EqualFold(value, "sha256")
			fmt.Fprintf(&ours, "[extensions]\n\tobjectFormat = %s\n", quote(value))
		case section == "extensions" && rest == "refstorage":
			fmt.Fprintf(&ours, "[extensions]\n\trefStorage = %s\n", quote(value))
		case section == "core" && (rest == "ignorecase" || rest == "precomposeunicode") && isBool(value):
			fmt.Fprintf(&ours, "[core]\n\t%s = %s\n", rest, quote(value))
		case section == "branch" && sub != "" && (variable == "remote" || variable == "merge"), section == "remote" && sub != "" && variable == "fetch":
			fmt.Fprintf(&ours, "[%s %s]\n\t%s = %s\n", section, quote(sub), variable, quote(value))
		}
	}
	if err := os.WriteFile(config, []byte(ours.String()), 0o600); err != nil {
		return err
	}
	return nil
}

// excludes returns core.excludesFile of the user's own configuration, which is trusted, as arguments of git; none are Git's default.
func (p *private) excludes(ctx context.Context) []string {
	own := slices.DeleteFunc(p.env(), func(v string) bool { return strings.HasPrefix(v, "GIT_CONFIG_") })
	out, err := command(ctx, p.dir, append(own, userConfig()...), maxFile, "config", "--type=path", "--get", "core.excludesFile")
	if file := strings.TrimRight(string(out), "\n"); err == nil && file != "" {
		return []string{"-c", "core.excludesFile=" + file}
	}
	return nil
}

// isBool is about values that git can read; it ends at others.
func isBool(value string) bool {
	return slices.Contains([]string{"", "true", "yes", "on", "1", "false", "no", "off", "0"}, strings.ToLower(value))
}

// quote writes a value or subsection of a configuration (git-config(1), "Syntax").
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// run calls git in the private Git directory.
func (p *private) run(ctx context.Context, limit int, args ...string) ([]byte, error) {
	return command(ctx, p.cwd, p.env(), limit, args...)
}

// env is the environment of git. Variables of Git can name programs and other repositories, so none is passed on but the one
// that reports where Git itself is installed. GIT_DIR and GIT_INDEX_FILE, which Git sets in hooks, are among those: .git leads to
// the same repository, also in a linked work tree.
func (p *private) env() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(strings.ToUpper(v), "GIT_") && !strings.HasPrefix(v, "GIT_EXEC_PATH=")
	})
	nothing := filepath.Join(p.dir, "nothing") // a file that does not exist
	env = append(env, "LC_ALL=C", "GIT_DIR="+p.gitDir, "GIT_WORK_TREE="+p.top, "GIT_OBJECT_DIRECTORY="+p.objects, "GIT_INDEX_FILE="+p.index,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM="+nothing, "GIT_CONFIG_GLOBAL="+nothing, "GIT_ATTR_NOSYSTEM=1",
		"GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=", "GIT_PROTOCOL_FROM_USER=0")
	return env
}

// userConfig are the variables that say where the user's own configuration is.
func userConfig() []string {
	var env []string
	for _, name := range []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
