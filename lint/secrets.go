package lint

import (
	"context"

	"github.com/redis-gitops/redis-gitops/redact"
)

// readSecrets finds the secret values of the repository, which no report may show.
func (l *linter) readSecrets() *redact.Secrets {
	defer l.clock.measure("secrets")()
	var names []string
	for _, name := range l.files {
		if redact.Holds(name) {
			names = append(names, name)
		}
	}
	files := make([]*redact.File, len(names))
	var scans redact.Scans
	_ = l.parallel(context.Background(), len(names), func(_ context.Context, i int) error {
		files[i] = l.opts.secretsOf(l, names[i], func(src []byte) *redact.File { return scans.Scan(names[i], src) })
		return nil
	})
	read := func(name string) ([]byte, bool) {
		src, err := l.repo.ReadFile(name)
		return src, err == nil
	}
	s := &redact.Secrets{}
	if k := l.opts.Keeper; k != nil {
		s.AddFile(redact.LinkWhere(files, read, func(name string, chains []string) bool { return k.mentions(l, name, chains) })...)
	} else {
		s.AddFile(redact.Link(files, read)...)
	}
	return s
}

// secretsOf is what scan gives of a file, or what it gave before.
func (o *Options) secretsOf(l *linter, name string, scan func(src []byte) *redact.File) *redact.File {
	if o.Keeper != nil {
		return o.Keeper.secretsOf(l, name, scan)
	}
	return o.Cache.secretsOf(l, name, func() *redact.File {
		src, err := l.repo.ReadFile(name)
		if err != nil {
			return &redact.File{Name: name}
		}
		return scan(src)
	})
}
