package lintcmd

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/atomicfile"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/report"
)

func formatNames() []string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// output is one report: a format and the file it goes to, "" for the terminal.
type output struct{ format, file string }

// parseFormats reads --format.
func parseFormats(formats []string) ([]output, error) {
	if len(formats) == 0 {
		formats = []string{"text"}
	}
	var out []output
	var problems finding.Problems
	for _, text := range formats {
		name, file, toFile := strings.Cut(text, "=")
		if err := report.Check(name); err != nil {
			problems = append(problems, finding.Errorf(finding.Position{File: "--format"}, "", "%v", err))
		}
		if toFile && file == "" {
			problems = append(problems, finding.Errorf(finding.Position{File: "--format"}, "", "%q has no file; use %s=FILE", text, name))
		}
		if !toFile && slices.ContainsFunc(out, func(o output) bool { return o.file == "" }) {
			problems = append(problems, finding.Errorf(finding.Position{File: "--format"}, "", "only one format can be written to standard output; use %s=FILE for the others", name))
		}
		out = append(out, output{name, file})
	}
	return out, problems.Err()
}

func writeReport(e *env.Env, run *report.Run, out output) error {
	if out.file == "" {
		if e.Quiet {
			if run = onlyErrors(run); len(run.Findings) == 0 {
				return nil
			}
		}
		return report.Write(e.Raw(e.Out), out.format, run, report.Options{Color: e.Colored()})
	}
	var b bytes.Buffer
	if err := report.Write(&b, out.format, run, report.Options{}); err != nil {
		return err
	}
	if err := writeWhole(e, out.file, b.Bytes()); err != nil {
		return fmt.Errorf("--format %s: %w", out.format, inputfile.Cause(out.file, err))
	}
	return nil
}

// onlyErrors returns a report of the findings that are errors.
func onlyErrors(run *report.Run) *report.Run {
	quiet := *run
	quiet.Notices, quiet.Stats = nil, nil
	quiet.Findings = slices.DeleteFunc(slices.Clone(run.Findings), func(f *finding.Finding) bool { return f.Severity != finding.Error || f.Suppressed != nil })
	return &quiet
}

// writeWhole writes a file outside the repository's edits whole or not at all, and never in the place of a device or pipe.
func writeWhole(e *env.Env, name string, data []byte) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", name, inputfile.ErrNotRegular)
	}
	f, err := atomicfile.Create(name, 0o644)
	if err != nil {
		return err
	}
	defer f.Discard()
	defer e.AtExit(f.Discard)()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Publish()
}
