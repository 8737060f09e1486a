// Package render turns charts, kustomizations and manifests into resources that remember where each of their parts is
// written: in a template, a value file, a manifest or a patch.
//
// It never leaves the repository: templates can read no file but those of their chart, no environment variable and no
// network, and every run is bounded in time and in the size of its output, because what it reads may come from a stranger
// with a pull request.
package render

import (
	"context"
	"strings"
)

// Input is what a template that stands alone sees.
type Input struct {
	Chart     string         // .Chart.Name
	Namespace string         // .Release.Namespace
	Values    map[string]any // .Values
}

// Template renders one Helm template that belongs to no chart, such as a generator's. It knows all functions of Helm, and
// no templates but those that it defines itself. Errors are problems with the template's line.
func Template(ctx context.Context, file, text string, in Input) (string, error) {
	e := startEngine(ctx, 0, nil)
	defer e.stop()
	s := newSource(file, file, text)
	if err := e.parse(s); err != nil {
		f := parseFailure(err)
		return "", f.problem(file)
	}
	out, err := e.execute(s, map[string]any{
		"Chart":        map[string]any{"Name": in.Chart},
		"Release":      map[string]any{"Name": in.Chart, "Namespace": in.Namespace, "Service": "Helm"},
		"Capabilities": newCapabilities("", nil),
		"Files":        chartFiles{},
		"Values":       in.Values,
	})
	if err != nil {
		f := parseFailure(err)
		return "", f.problem(file)
	}
	return strings.ReplaceAll(string(out.text), "<no value>", ""), nil
}
