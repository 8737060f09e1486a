// Package render turns a chart or kustomization into resources.
//
// It never leaves what it is given: templates can read no file, no environment variable and no network, and every run is
// bounded in time and in the size of its output, because a template is text that a stranger may have sent in a pull request.
package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/Masterminds/sprig/v3"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/diag"
)

// Limits of one run of a template.
const (
	// MaxOutput is the largest output of a template, in bytes.
	MaxOutput = 16 << 20
	// MaxTime is the longest time that a template may take.
	MaxTime = 10 * time.Second
	// maxCount is the largest list or text that one function call may make.
	maxCount = 100_000
)

// Input is what a template sees.
type Input struct {
	Chart     string         // .Chart.Name
	Namespace string         // .Release.Namespace
	Values    map[string]any // .Values
}

// Template renders one Helm template. It knows Go's and sprig's functions and Helm's toYaml, fromYaml, toJson, fromJson,
// required, fail and tpl. Errors are problems with the template's line.
func Template(ctx context.Context, file, text string, in Input) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	data := map[string]any{
		"Chart":   map[string]any{"Name": in.Chart},
		"Release": map[string]any{"Name": in.Chart, "Namespace": in.Namespace, "Service": "Helm"},
		"Values":  in.Values,
	}
	out := &bounded{}
	t := template.New(file)
	t.Funcs(functions(ctx, t, out)).Option("missingkey=zero")
	if _, err := t.Parse(text); err != nil {
		return "", problem(file, err)
	}
	for _, each := range t.Templates() {
		if each.Tree != nil {
			guard(each.Root)
		}
	}
	if err := t.Execute(out, data); err != nil {
		return "", problem(file, err)
	}
	// Helm prints this for a missing key and then takes it out; so do we.
	return strings.ReplaceAll(out.String(), "<no value>", ""), nil
}

// errStopped ends a template that takes too long or writes too much.
type errStopped string

func (e errStopped) Error() string { return string(e) }

// bounded is a buffer that refuses to grow beyond MaxOutput.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > MaxOutput {
		return 0, errStopped(fmt.Sprintf("stopped: the output is over %d MiB", MaxOutput>>20))
	}
	return b.Buffer.Write(p)
}

// guardName is the function that guard calls; no template can have a name with a blank in it.
const guardName = "redisGitopsGuard"

// guard puts a call that checks the deadline in front of every list of nodes, so that an endless range ends too:
// text/template cannot be cancelled.
func guard(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.IfNode:
			guard(n.List)
			guard(n.ElseList)
		case *parse.RangeNode:
			guard(n.List)
			guard(n.ElseList)
		case *parse.WithNode:
			guard(n.List)
			guard(n.ElseList)
		}
	}
	call := &parse.ActionNode{
		NodeType: parse.NodeAction,
		Pos:      list.Pos,
		Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: list.Pos, Cmds: []*parse.CommandNode{{
			NodeType: parse.NodeCommand, Pos: list.Pos, Args: []parse.Node{parse.NewIdentifier(guardName).SetPos(list.Pos)},
		}}},
	}
	list.Nodes = append([]parse.Node{call}, list.Nodes...)
}

// functions is sprig's map without what reads the machine, the network or chance, with bounds, and with Helm's own.
func functions(ctx context.Context, t *template.Template, out *bounded) template.FuncMap {
	funcs := sprig.HermeticTxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(funcs, name)
	}
	count := func(n int) error {
		if n < 0 || n > maxCount {
			return errStopped(fmt.Sprintf("stopped: a list or text of %d parts; at most %d are allowed", n, maxCount))
		}
		return nil
	}
	until := func(stop int) ([]int, error) {
		if err := count(max(stop, -stop)); err != nil {
			return nil, err
		}
		return steps(0, stop, sign(stop)), nil
	}
	funcs["until"] = until
	funcs["untilStep"] = func(start, stop, step int) ([]int, error) {
		if step == 0 || (stop-start)/step < 0 {
			return nil, nil
		}
		if err := count((stop - start) / step); err != nil {
			return nil, err
		}
		return steps(start, stop, step), nil
	}
	funcs["repeat"] = func(n int, s string) (string, error) {
		if err := count(n * max(1, len(s))); err != nil {
			return "", err
		}
		return strings.Repeat(s, n), nil
	}
	delete(funcs, "seq")
	funcs[guardName] = func() (string, error) {
		if ctx.Err() != nil {
			return "", errStopped("stopped: it takes too long")
		}
		return "", nil
	}
	funcs["toYaml"] = toYAML
	funcs["fromYaml"] = func(s string) map[string]any {
		var m map[string]any
		if err := yaml.Unmarshal([]byte(s), &m); err != nil {
			return map[string]any{"Error": err.Error()}
		}
		return m
	}
	funcs["required"] = func(warn string, v any) (any, error) {
		if s, ok := v.(string); v == nil || ok && s == "" {
			return nil, errors.New(warn)
		}
		return v, nil
	}
	funcs["fail"] = func(msg string) (string, error) { return "", errors.New(msg) }
	funcs["tpl"] = func(text string, data any) (string, error) {
		inner, err := t.New("tpl").Parse(text)
		if err != nil {
			return "", err
		}
		guard(inner.Root)
		w := &bounded{}
		if err := inner.Execute(w, data); err != nil {
			return "", err
		}
		if out.Len()+w.Len() > MaxOutput {
			return "", errStopped("stopped: the output is too large")
		}
		return w.String(), nil
	}
	return funcs
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

func steps(start, stop, step int) []int {
	var out []int
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		out = append(out, i)
	}
	return out
}

// toYAML writes a value with Helm's indentation of 2 and without the last line end.
func toYAML(v any) (string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

var (
	templateLine = regexp.MustCompile(`^template: ?(.*?):(\d+):(?:(\d+):)? ?`)
	executing    = regexp.MustCompile(`^executing ".*?" at <(.*?)>: `)
)

// problem takes the place out of a template error and leaves the words that help.
func problem(file string, err error) error {
	at := diag.Position{File: file}
	text := err.Error()
	if m := templateLine.FindStringSubmatch(text); m != nil {
		at.Line, _ = strconv.Atoi(m[2])
		if m[3] != "" {
			column, _ := strconv.Atoi(m[3])
			at.Column = column + 1 // text/template counts bytes from 0
		}
		text = text[len(m[0]):]
	}
	text = executing.ReplaceAllString(text, "$1: ")
	if i := strings.Index(text, "error calling "); i >= 0 {
		text = strings.TrimPrefix(text[i+len("error calling "):], "fail: ")
	}
	return diag.Errorf(at, "", "%s", text)
}
