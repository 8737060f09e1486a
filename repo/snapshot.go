package repo

import (
	"io/fs"
	"sync"

	"github.com/spf13/afero"
)

// Snapshot gives the repository for a time in which nobody changes it: what kind of file a name is, is asked for only once. On
// disk that is half of the calls of a run that reads everything.
func (r *Repo) Snapshot() *Repo { return &Repo{fs: &snapshotFs{Fs: r.fs}, layout: r.layout} }

// On gives the repository on another file system, which has to say the same: one that takes down what is asked for, or that
// answers out of memory. What deploys applications, and the ConfigMaps for that, are asked of this repository, which looks for them in all
// files once; [Repo.Beside] stands for them.
func (r *Repo) On(fsys afero.Fs) *Repo { return &Repo{fs: fsys, layout: r.layout, whole: r} }

type snapshotFs struct {
	afero.Fs
	stats, lstats sync.Map // by name
}

type stat struct {
	info fs.FileInfo
	err  error
}

func once(known *sync.Map, name string, ask func() (fs.FileInfo, error)) (fs.FileInfo, error) {
	if s, ok := known.Load(name); ok {
		return s.(stat).info, s.(stat).err
	}
	info, err := ask()
	known.Store(name, stat{info, err})
	return info, err
}

// Stat implements [afero.Fs].
func (s *snapshotFs) Stat(name string) (fs.FileInfo, error) {
	return once(&s.stats, name, func() (fs.FileInfo, error) { return s.Fs.Stat(name) })
}

// LstatIfPossible implements [afero.Lstater].
func (s *snapshotFs) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	_, possible := s.Fs.(afero.Lstater)
	info, err := once(&s.lstats, name, func() (fs.FileInfo, error) { return lstat(s.Fs, name) })
	return info, possible, err
}
