package lint

import "github.com/redis-gitops/redis-gitops/instance"

// running reports which operators the repository installs.
func (l *linter) running() []instance.Running {
	var running []instance.Running
	for _, in := range l.installed() {
		if in.Operator != "" {
			running = append(running, in.Running)
		}
	}
	return running
}

func (l *linter) instanceOptions() instance.Options {
	options := instance.Options{Found: l.running(), Fallback: l.config.Operator.Name}
	if l.config.NamesOperator() {
		options.Operator, options.Version = l.config.Operator.Name, l.config.Operator.Version
	}
	return options
}

// beside is what a target depends on that is not in the files that are read for it.
func (l *linter) beside() []any {
	releases, err := l.repo.Beside()
	return []any{l.charge(), l.running(), releases, err}
}
