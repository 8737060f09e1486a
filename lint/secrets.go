package lint

import (
	"context"

	"github.com/redis-gitops/redis-gitops/redact"
)

// readSecrets finds the secret values of the repository, which no report may show.
func (l *linter) readSecrets() *redact.Secrets {
	defer l.clock.measure("secrets")()
	read := func(name string) ([]byte, bool) {
		src, err := l.repo.ReadFile(name)
		return src, err == nil
	}
	var names []string
	for _, name := range l.files {
		if redact.Holds(name) {
			names = append(names, name)
		}
	}
	files := make([]*redact.File, len(names))
	var scans redact.Scans
	_ = l.parallel(context.Background(), len(names), func(_ context.Context, i int) error {
		files[i] = l.opts.Cache.secretsOf(l, names[i], func() *redact.File {
			src, ok := read(names[i])
			if !ok {
				return &redact.File{Name: names[i]}
			}
			return scans.Scan(names[i], src)
		})
		return nil
	})
	s := &redact.Secrets{}
	s.AddFile(redact.Link(files, read)...)
	return s
}
