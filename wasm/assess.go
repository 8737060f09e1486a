package wasm

import (
	"context"

	"github.com/redis-gitops/redis-gitops/assess"
	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
)

// question is one that assess answers, in the order of the answers.
type question struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

type assessed struct {
	Questions []question       `json:"questions"`
	Instances []assess.Located `json:"instances"`
	Problems  []Problem        `json:"problems"` // what could not be rendered
}

// assess says what each Redis of the repository survives.
func (s *Session) assess(ctx context.Context, _ empty) (any, error) {
	side, problems, err := diff.Everything(ctx, s.repo, s.config)
	if err != nil {
		return nil, err
	}
	operators, err := cue.Operators()
	if err != nil {
		return nil, err
	}
	tables, err := assess.Of(side, operators)
	if err != nil {
		return nil, err
	}
	out := &assessed{Instances: assess.Locate(tables), Problems: s.masked(problems)}
	for _, q := range assess.Questions() {
		out.Questions = append(out.Questions, question{q.Name, q.Title})
	}
	return out, nil
}
