package env

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// A Repository is one with its configuration.
type Repository struct {
	*repo.Repo
	Config *cue.Config
	FS     FS
	Dir    string // the repository's folder on disk; never printed in reports
}

// Open finds the repository that holds the folder of -C, locks it when the command writes, finishes or undoes what a killed
// run left, and reads the configuration.
func (e *Env) Open(ctx context.Context, write bool) (*Repository, error) {
	root := e.Bare
	if root == "" {
		var err error
		if root, err = FindRoot(e.Dir); err != nil {
			return nil, err
		}
	}
	on, err := e.OpenFS(root)
	if err != nil {
		return nil, err
	}
	fs := watch(on, e.Secrets)
	o := &Repository{FS: fs, Dir: root}
	if err := e.load(ctx, o, write); err != nil {
		return nil, errors.Join(err, fs.Close()) // and with it the lock, which the next request to the same process needs
	}
	return o, nil
}

// load reads the configuration of an opened folder and the tree of its repository, after it finished what an earlier run left.
func (e *Env) load(ctx context.Context, o *Repository, write bool) error {
	fs, root := o.FS, o.Dir
	if write {
		if err := e.Recover(ctx, fs); err != nil {
			return err
		}
	}
	file := e.configName()
	var err error
	if o.Config, err = readConfig(fs, file, e.ConfigFile != ""); err != nil {
		return err
	}
	e.Debugf("repository %s", root)
	l := o.Config.Layout
	o.Repo, err = repo.Open(fs, repo.Options{Layout: repo.Layout{
		Applications: l.Applications, Generators: l.Generators, Platform: l.Platform, PlatformApplications: l.PlatformApplications,
	}, Secret: e.SecretIn})
	if err != nil {
		return located(fs, file, err)
	}
	return nil
}

// located puts problems of a configuration, identified by their paths, at their lines.
func located(fs afero.Fs, file string, err error) error {
	problems := finding.All(err)
	plain, openErr := repo.Open(fs, repo.Options{})
	if openErr != nil {
		return err
	}
	docs, docsErr := plain.Documents(file)
	for _, p := range problems {
		if p.Path == "" || p.File != "" || docsErr != nil || len(docs) == 0 {
			continue
		}
		p.File = file
		if n := docs[0].Get(strings.Split(p.Path, ".")...); n != nil {
			p.Position = docs[0].At(n)
		}
	}
	return err
}

// Recover locks the repository and finishes or undoes what a killed run left, and says so.
func (e *Env) Recover(ctx context.Context, fs FS) error {
	if err := e.lock(ctx, fs); err != nil {
		return err
	}
	recovery, err := repo.Recover(fs)
	if err != nil || recovery == nil {
		return err
	}
	done := "rolled back; the repository is unchanged"
	if recovery.Finished {
		done = "finished"
	}
	e.PrintErrf("the interrupted `%s` was %s: %s\n", recovery.Command, done, strings.Join(recovery.Files, ", "))
	return nil
}

// lockWait is how long a run waits for another one, which takes milliseconds unless it asks its user something.
const lockWait = 10 * time.Second

// lock keeps other runs out of the repository, and waits for one that is at work.
func (e *Env) lock(ctx context.Context, fs FS) error {
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for waits := false; ; waits = true {
		err := fs.Lock()
		if !errors.Is(err, rootfs.ErrLocked) {
			return err
		}
		if !waits {
			e.Debugf("waiting for another redis-gitops process to finish")
		}
		select {
		case <-retry.C:
		case <-wait.Done():
			return cmp.Or(ctx.Err(), err)
		}
	}
}

// configName is the configuration's file in the repository.
func (e *Env) configName() string {
	if e.ConfigFile == "" {
		return cue.ConfigFile
	}
	return filepath.ToSlash(filepath.Clean(e.ConfigFile))
}

func readConfig(fs afero.Fs, file string, must bool) (*cue.Config, error) {
	plain, err := repo.Open(fs, repo.Options{})
	if err != nil {
		return nil, err
	}
	src, err := plain.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && !must {
		return cue.LoadConfig(file, nil)
	}
	if err != nil {
		return nil, err
	}
	// The same words and lines for broken YAML as in every other file.
	if _, err := repo.ParseDocuments(file, src); err != nil {
		return nil, err
	}
	return cue.LoadConfig(file, src)
}

// ErrNoRepository is about a directory in which there is no repository, nor above it.
var ErrNoRepository = errors.New("not in a GitOps repository")

// FindRoot goes up from dir to the folder with the configuration or, failing that, with .git.
func FindRoot(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(start); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory; pass one with -C", dir)
	}
	for at := start; ; at = filepath.Dir(at) {
		for _, mark := range []string{cue.ConfigFile, ".git"} {
			if _, err := os.Lstat(filepath.Join(at, mark)); err == nil {
				return at, nil
			}
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%w: no .git or %s in this or any parent directory; change directory or use -C", ErrNoRepository, cue.ConfigFile)
		}
	}
}

// SecretIn reports whether a part of a file's text, which consists of whole lines, has a secret value in it: one that the file
// itself shows, or one that the other files of the run do.
func (e *Env) SecretIn(file string, text []byte, from, to int) bool {
	e.Secrets.Update()
	sources := []*redact.File{redact.Scan(file, text), e.Secrets.File(file)}
	first := bytes.Count(text[:from], []byte("\n")) + 1
	for i, line := range strings.Split(string(text[from:to]), "\n") {
		for _, f := range sources {
			if len(e.Secrets.Hide(f, first+i, line)) > 0 {
				return true
			}
		}
	}
	return false
}
