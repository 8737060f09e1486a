package wasm

import (
	"maps"
	"slices"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// known returns the secret values of the repository, which no message may have. Files themselves are the page's own: it shows and
// writes them as they are.
func (s *Session) known() *redact.Secrets {
	if s.secrets != nil || s.repo == nil {
		return s.secrets
	}
	s.secrets = &redact.Secrets{}
	names, err := s.repo.Files(".")
	if err != nil {
		return s.secrets
	}
	read := func(name string) ([]byte, bool) {
		src, err := s.repo.ReadFile(name)
		return src, err == nil
	}
	s.secrets.AddFile(collected(names, read)...)
	return s.secrets
}

func collected(names []string, read func(name string) ([]byte, bool)) []*redact.File {
	return redact.Collect(names, read, func(name string) *redact.File {
		if !redact.Holds(name) {
			return nil
		}
		src, _ := read(name)
		return redact.Scan(name, src)
	})
}

// knownSince is known, and what was secret in the files before the changes of this session: their diffs show it.
func (s *Session) knownSince() *redact.Secrets {
	out := &redact.Secrets{}
	out.Merge(s.known())
	before := func(name string) ([]byte, bool) { return s.base[name], s.base[name] != nil }
	out.AddFile(collected(slices.Sorted(maps.Keys(s.base)), before)...)
	return out
}

// masked returns problems without secrets.
func (s *Session) masked(list []*finding.Problem) []Problem {
	out := problems(list)
	for i := range out {
		out[i].Message = s.known().Foreign(out[i].Message)
	}
	return out
}

// show makes a diff one that may be printed.
func (s *Session) show(diff string) string {
	text, _ := s.known().Patch(diff)
	return text
}

// showAgain is show for one plan after the other: most of their diffs are the same.
func (s *Session) showAgain() (show func(diff string) string, done func()) {
	before, now := s.shownBefore, map[string]string{}
	return func(diff string) string {
		if _, ok := now[diff]; !ok {
			if now[diff], ok = before[diff]; !ok {
				now[diff] = s.show(diff)
			}
		}
		return now[diff]
	}, func() { s.shownBefore = now }
}

// shown makes the diffs of files ones that may be printed.
func shown(files []changedFile, show func(string) string) {
	for i := range files {
		files[i].Diff = show(files[i].Diff)
	}
}
