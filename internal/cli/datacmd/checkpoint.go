package datacmd

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/redis-gitops/redis-gitops/internal/atomicfile"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
)

// maxCheckpoint is the size limit of a checkpoint, in bytes.
const maxCheckpoint = 16 << 20

// A checkpointFile keeps the checkpoint of an import in a file.
type checkpointFile struct{ path string }

// newCheckpointFile returns the file that is named, or one for a dump and a target in the user's folder of states
// (XDG_STATE_HOME, else ~/.local/state), where it survives what /tmp does not.
func newCheckpointFile(path, source, target string) (*checkpointFile, error) {
	if path != "" {
		return &checkpointFile{path}, nil
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("no default location for the checkpoint (%w); pass --checkpoint FILE, or --checkpoint none", err)
		}
		dir = filepath.Join(home, ".local", "state")
	}
	if abs, err := filepath.Abs(source); err == nil {
		source = abs
	}
	sum := sha256.Sum256([]byte(source + "\n" + target))
	return &checkpointFile{filepath.Join(dir, "redis-gitops", fmt.Sprintf("import-%x.json", sum[:8]))}, nil
}

func (c *checkpointFile) Load() ([]byte, error) {
	text, err := inputfile.Read(c.path, maxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Save replaces the file so that a loss of power leaves the old or the new one.
func (c *checkpointFile) Save(text []byte) error {
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return err
	}
	f, err := atomicfile.Create(c.path, atomicfile.Private)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Publish()
}

func (c *checkpointFile) Remove() error {
	err := os.Remove(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
