package env

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Stdin is the argument that stands for standard input, and StdinFile the file that the findings in it name.
const (
	Stdin     = "-"
	StdinFile = "stdin.yaml"
)

// OpenStdin reads the manifests on standard input as a repository of one file. The configuration is that of the repository that holds
// the folder of -C, if there is one, without its layout.
func (e *Env) OpenStdin() (*Repository, error) {
	src, err := io.ReadAll(io.LimitReader(e.In, repo.MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read standard input: %w", err)
	}
	if len(src) > repo.MaxFileSize {
		return nil, fmt.Errorf("standard input is larger than %d MiB; write it into several files and pass their directory", repo.MaxFileSize>>20)
	}
	return e.OpenMemory(map[string][]byte{StdinFile: src})
}

// OpenMemory opens files that are on no disk as a repository, with the configuration of the repository that holds the folder of -C.
func (e *Env) OpenMemory(contents map[string][]byte) (*Repository, error) {
	config, err := e.surrounding()
	if err != nil {
		return nil, err
	}
	files := afero.NewMemMapFs()
	for name, src := range contents {
		if err := afero.WriteFile(files, name, src, 0o600); err != nil {
			return nil, err
		}
	}
	o := &Repository{FS: watch(memory{files}, e.Secrets), Config: config, Dir: e.Dir}
	o.Repo, err = repo.Open(o.FS, repo.Options{Secret: e.SecretIn})
	return o, err
}

// surrounding reads the configuration of the repository that holds the folder of -C.
func (e *Env) surrounding() (*cue.Config, error) {
	root, err := FindRoot(e.Dir)
	if errors.Is(err, ErrNoRepository) && e.ConfigFile == "" {
		return cue.LoadConfig(cue.ConfigFile, nil)
	}
	if err != nil {
		return nil, err
	}
	fs, err := e.OpenFS(root)
	if err != nil {
		return nil, err
	}
	config, err := readConfig(fs, e.configName(), e.ConfigFile != "")
	return config, errors.Join(err, fs.Close())
}

// memory is a file system that nobody else sees.
type memory struct{ afero.Fs }

func (memory) Lock() error { return nil }

func (memory) Close() error { return nil }
