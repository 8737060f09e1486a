package scaffold

import (
	"slices"
	"strconv"

	"github.com/redis-gitops/redis-gitops/finding"
)

// StageState says whether a stage was done, as far as the files of the repository show.
type StageState string

// The states.
const (
	StageDone    StageState = "done"
	StageNext    StageState = "next"
	StagePending StageState = "pending"
)

// A Stage is one of the steps of a change that is not safe in one: a change in Git, which is merged and applied before the next stage
// begins, or one of running servers. The names of the fields are those of the JSON.
type Stage struct {
	Number int        `json:"number"`
	Title  string     `json:"title"` // an imperative: "add the Secret"
	Live   bool       `json:"live"`  // about running servers, which no file shows
	State  StageState `json:"state"`
	Then   string     `json:"then"` // what has to be so before the next stage
}

// Stages is a change in several stages.
type Stages struct {
	Command string   `json:"command"` // to which --stage is added
	Stages  []Stage  `json:"stages"`
	Notes   []string `json:"notes"`
}

// newStages numbers stages. done reports whether one that changes files was done; one of running servers counts as done with the next
// of those.
func newStages(command string, stages []Stage, done func(number int) bool) Stages {
	s := Stages{Command: command, Stages: stages, Notes: []string{}}
	last := 0
	for i := range stages {
		stages[i].Number, stages[i].State = i+1, StagePending
		if !stages[i].Live && done(i+1) {
			last = i + 1
		}
	}
	for i := range stages[:last] {
		stages[i].State = StageDone
	}
	if last < len(stages) {
		stages[last].State = StageNext
	}
	return s
}

// Stage returns a stage by its number.
func (s *Stages) Stage(number int) (*Stage, error) {
	if number < 1 || number > len(s.Stages) {
		return nil, finding.Errorf(finding.Position{}, "", "stage %d does not exist; use 1 to %d", number, len(s.Stages)).About(CodeRequest, "stage")
	}
	return &s.Stages[number-1], nil
}

// begin returns the empty plan of a stage that changes files. The stage is nil if it was done, so that the plan stays empty.
func (s *Stages) begin(number int) (p *Plan, stage *Stage, err error) {
	if stage, err = s.Stage(number); err != nil {
		return nil, nil, err
	}
	if stage.Live {
		return nil, nil, finding.Errorf(finding.Position{}, "", "stage %d changes running servers, not files", number).About(CodeRequest, "stage")
	}
	p = &Plan{Command: s.Command + " --stage " + strconv.Itoa(number)}
	if stage.State == StageDone {
		return p, nil, nil
	}
	return p, stage, s.ready(number)
}

// ready refuses a stage in Git while an earlier one is to be done.
func (s *Stages) ready(number int) error {
	i := slices.IndexFunc(s.Stages[:number-1], func(st Stage) bool { return !st.Live && st.State != StageDone })
	if i < 0 {
		return nil
	}
	return finding.Errorf(finding.Position{}, "", "stage %d comes first: %s; run redis-gitops %s --stage %[1]d", i+1, s.Stages[i].Title, s.Command).About(CodeRequest, "stage")
}
