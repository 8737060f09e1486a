package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/redis-gitops/redis-gitops/finding"
)

func init() {
	register("json", "application/json", "JSON, described by docs/schema/findings.schema.json", writeJSON)
}

// The JSON format is a contract: a field keeps its name and meaning as long as jsonVersion stays.
const jsonVersion = 1

type jsonReport struct {
	Version  int           `json:"version"`
	Findings []jsonFinding `json:"findings"`
	Notices  []jsonNotice  `json:"notices"`
	Summary  Summary       `json:"summary"`
	Stats    *jsonStats    `json:"stats,omitempty"`
}

type jsonFinding struct {
	Rule       string            `json:"rule"`
	Severity   finding.Severity  `json:"severity"`
	Message    string            `json:"message"`
	File       string            `json:"file"`
	Line       int               `json:"line"`
	Column     int               `json:"column"`
	EndLine    int               `json:"endLine"`
	EndColumn  int               `json:"endColumn"`
	Resource   *finding.Resource `json:"resource"`
	Path       []string          `json:"path"`
	Related    []jsonRelated     `json:"related"`
	Fixable    bool              `json:"fixable"`
	Fix        string            `json:"fix,omitempty"`
	FixSafe    *bool             `json:"fixSafe,omitempty"`
	FixReason  string            `json:"fixReason,omitempty"`
	Help       string            `json:"help"`
	Count      int               `json:"count,omitempty"`
	Sets       []string          `json:"sets,omitempty"`
	Suppressed *jsonSuppression  `json:"suppressed,omitempty"`
}

type jsonRelated struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

type jsonSuppression struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	Until  string `json:"until,omitempty"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

type jsonNotice struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

type jsonStats struct {
	Run     int         `json:"run"`
	Passed  int         `json:"passed"`
	Skipped []Skip      `json:"skipped"`
	Phases  []jsonPhase `json:"phases"`
}

type jsonPhase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

func writeJSON(b *bytes.Buffer, v *view) {
	out := jsonReport{Version: jsonVersion, Findings: []jsonFinding{}, Notices: []jsonNotice{}, Summary: v.summary}
	for _, f := range v.all {
		j := jsonFinding{
			Rule: f.Rule, Severity: f.Severity, Message: f.Message,
			File: f.File, Line: f.Line, Column: f.Column, EndLine: f.EndLine, EndColumn: f.EndColumn,
			Resource: f.Resource, Path: f.Path, Related: []jsonRelated{},
			Fixable: f.Fixable(), Fix: f.Fix, Help: f.Help, Sets: f.Sets,
		}
		if f.Fixable() {
			safe := f.Suggested == ""
			j.FixSafe, j.FixReason = &safe, f.Suggested
		}
		if j.Path == nil {
			j.Path = []string{}
		}
		if f.Count > 1 {
			j.Count = f.Count
		}
		for _, r := range f.Related {
			j.Related = append(j.Related, jsonRelated{r.File, r.Line, r.Column, r.Message})
		}
		if s := f.Suppressed; s != nil {
			j.Suppressed = &jsonSuppression{s.Kind, s.Reason, s.Until, s.File, s.Line, s.Column}
		}
		out.Findings = append(out.Findings, j)
	}
	for _, n := range v.notices {
		out.Notices = append(out.Notices, jsonNotice{n.File, n.Line, n.Column, n.Path, n.Message})
	}
	if s := v.run.Stats; s != nil {
		out.Stats = &jsonStats{Run: s.Run, Passed: s.Passed, Skipped: append([]Skip{}, s.Skipped...), Phases: []jsonPhase{}}
		for _, p := range s.Phases {
			out.Stats.Phases = append(out.Stats.Phases, jsonPhase{p.Name, p.Duration.Seconds()})
		}
	}
	encode(b, out)
}

// encode writes indented JSON in which hidden characters are escaped too, since it may be read on a terminal.
func encode(b *bytes.Buffer, value any) {
	var raw bytes.Buffer
	e := json.NewEncoder(&raw)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		panic("report: " + err.Error()) // only unsupported types and values fail, and a test encodes each
	}
	for _, r := range strings.ReplaceAll(raw.String(), "##[", `##\u005b`) {
		switch {
		case r == '\n' || !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
}
