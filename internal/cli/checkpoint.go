package cli

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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

// Save writes beside the file and renames, each synced to the disk, so that a loss of power leaves the old or the new one.
func (c *checkpointFile) Save(text []byte) (err error) {
	dir := filepath.Dir(c.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".import-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), c.path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (c *checkpointFile) Remove() error {
	err := os.Remove(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
