package lint

import "github.com/redis-gitops/redis-gitops/policy"

// check is [unit.check], or what it gave before.
func (o *Options) check(l *linter, u *unit, check func() error) error {
	if o.Keeper != nil {
		return o.Keeper.check(l, u, check)
	}
	return o.Cache.check(l, u, check)
}

// source is [linter.readSource], or what it gave before.
func (o *Options) source(l *linter, name string, rendered bool) source {
	if o.Keeper != nil {
		return o.Keeper.source(l, name, rendered)
	}
	return o.Cache.source(l, name, rendered)
}

// repository is what evaluate gives, or what it gave before.
func (o *Options) repository(l *linter, evaluate func() ([]policy.Violation, error)) ([]policy.Violation, error) {
	if o.Keeper == nil {
		return evaluate()
	}
	return o.Keeper.repository(l, evaluate)
}
