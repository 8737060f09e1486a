package lint

import (
	"context"
)

// readSources looks at every text that may hold YAML or a suppression, whether it is rendered or not.
func (l *linter) readSources(ctx context.Context) error {
	defer l.clock.measure("files")()
	rendered := map[string]bool{}
	for _, u := range l.units {
		for _, f := range u.files {
			rendered[f] = true
		}
	}
	sources := make([]source, len(l.files))
	err := l.parallel(ctx, len(l.files), func(_ context.Context, i int) error {
		sources[i] = l.opts.source(l, l.files[i], rendered[l.files[i]])
		return nil
	})
	l.templates = map[string]templateFacts{}
	for i, s := range sources {
		if s.template.any() {
			l.templates[l.files[i]] = s.template
		}
		l.findings = append(l.findings, s.findings...)
		l.failures = append(l.failures, s.failures...)
		l.documents = append(l.documents, s.documents...)
		l.suppressions = append(l.suppressions, s.suppressions...)
	}
	return err
}
