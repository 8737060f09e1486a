package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

var (
	errorPlace   = lazyregexp.New(`template: ?([^\n"<>]*?):(\d+)(?::(\d+))?: `)
	executing    = lazyregexp.New(`^executing "(?:[^"\\]|\\.)*" at <((?s:.*?))>: `)
	calling      = lazyregexp.New(`^error calling ([A-Za-z0-9_]+): `)
	undefinedFn  = lazyregexp.New(`^function "(.*)" not defined`)
	noTemplate   = lazyregexp.New(`(?:no template|template) "(.*?)" (?:associated with template ".*"|not defined)`)
	nilPointer   = lazyregexp.New(`nil pointer evaluating (?:interface \{\}|.*?)\.(\S+)$`)
	noField      = lazyregexp.New(`can't evaluate field (\S+) in type (.*)$`)
	wrongType    = lazyregexp.New(`^(?:wrong type for value; expected (\S+); got (.*)|invalid value; expected (\S+))$`)
	goFault      = lazyregexp.New(`runtime error: ([^\n]*)`)
	closedByline = lazyregexp.New(`unclosed action started at [^\n]*?:(\d+)`)
)

// failure is an error of a template: where it is, what led there, and in whose words.
type failure struct {
	places  []failurePlace // outermost first
	message string
}

type failurePlace struct {
	name         string // of the template's file
	line, column int    // column from 1; 0 is unknown
	expression   string
}

// parseFailure takes the text of an error of text/template apart.
func parseFailure(err error) failure {
	var f failure
	text := err.Error()
	function := ""
	for {
		m := errorPlace.FindStringSubmatchIndex(text)
		if m == nil || m[0] > 0 && !f.wraps(text[:m[0]]) {
			break
		}
		p := failurePlace{name: text[m[2]:m[3]]}
		p.line, _ = strconv.Atoi(text[m[4]:m[5]])
		if m[6] >= 0 {
			column, _ := strconv.Atoi(text[m[6]:m[7]])
			p.column = column + 1 // text/template counts from 0
		}
		text = text[m[1]:]
		if m := executing.FindStringSubmatchIndex(text); m != nil {
			p.expression = text[m[2]:m[3]]
			text = text[m[1]:]
		}
		f.places = append(f.places, p)
		if m := calling.FindStringSubmatch(text); m != nil {
			function = m[1]
			if function == "include" || function == "tpl" {
				text = text[len(m[0]):]
				function = ""
			}
		}
	}
	text = strings.TrimPrefix(text, "template: ")
	if m := calling.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if m[1] != "fail" {
			text = m[1] + ": " + text
		}
	}
	// A panic of a function, such as chunk 0.
	f.message = goFault.ReplaceAllString(text, "invalid arguments ($1)")
	return f
}

// wraps reports whether what stands before the next place is only the way there.
func (f *failure) wraps(before string) bool {
	return strings.HasPrefix(before, "in ") || before == ""
}

// plain puts the message of a template that stands alone into our words.
func (f *failure) problem(file string) *finding.Problem {
	at := finding.Position{File: file}
	if len(f.places) > 0 {
		last := f.places[len(f.places)-1]
		at.Line, at.Column = last.line, last.column
	}
	return finding.Errorf(at, "", "%s", f.message)
}

// explain makes a problem of a template's error: at the innermost place, which is where it has to be changed, with the
// places that lead there.
func (cr *chartRun) explain(s *source, err error, out *output) *finding.Problem {
	f := parseFailure(err)
	p := finding.Errorf(finding.Position{File: s.file}, "", "%s", f.message).WithCode(CodeFails)
	for i, place := range f.places {
		of := cr.source(place.name)
		if of == nil {
			of = s
			if place.name == "tpl" {
				continue // lines of a text in the values
			}
		}
		at := finding.Position{File: of.file, Line: place.line, Column: place.column}
		if place.column > 0 && place.line > 0 && place.line <= len(of.starts) {
			at = of.position(min(of.starts[place.line-1]+place.column-1, len(of.text)))
		}
		if i > 0 && p.Line > 0 && p.Position != at {
			p.Related = append([]finding.Related{{Position: p.Position, Message: "included here"}}, p.Related...)
		}
		p.Position = at
		s = of
	}
	if len(f.places) == 0 && out != nil && out.last >= 0 { // what was written last is where it was
		m := cr.engine.pieces[out.last]
		p.Position = cr.sources[m.source].position(int(m.offset))
	}
	var last failurePlace
	if len(f.places) > 0 {
		last = f.places[len(f.places)-1]
	}
	p.Message = cr.words(s, last, f.message)
	if s.facts != nil && last.line > 0 {
		p.Values = s.facts.dependsOn(s, last.line)
	}
	return p
}

// words describes what an error of text/template means for the one who has to mend it.
func (cr *chartRun) words(s *source, at failurePlace, message string) string {
	if m := undefinedFn.FindStringSubmatch(message); m != nil {
		if m[1] == "env" || m[1] == "expandenv" {
			return fmt.Sprintf("function %q is not available in Helm; pass the value in the values file", m[1])
		}
		return fmt.Sprintf("function %q is not defined%s", m[1], hint(m[1], cr.engine.names(), "; check its spelling"))
	}
	if m := noTemplate.FindStringSubmatch(message); m != nil {
		var defined []string
		for _, t := range cr.engine.set.Templates() {
			defined = append(defined, t.Name())
		}
		return fmt.Sprintf("template %q is not defined%s", m[1], hint(m[1], defined, "; define it in templates/, or add the chart that defines it to charts/"))
	}
	if m := closedByline.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("\"{{\" at line %s has no \"}}\"; close it", m[1])
	}
	nilAt, field, typed := nilPointer.FindStringSubmatch(message), noField.FindStringSubmatch(message), wrongType.FindStringSubmatch(message)
	if nilAt == nil && field == nil && typed == nil {
		return message
	}
	r, missing := cr.culprit(s, at)
	if missing == nil {
		if typed != nil && typed[1] != "" {
			if path := cr.ofKind(s, at, typed[2]); path != nil {
				v, _ := lookupValue(s.chart.scope, path)
				advice := "change it"
				if typed[1] == "string" && kindOf(v) == "a number" {
					advice = "quote it"
				}
				return fmt.Sprintf(".Values.%s is %s, expected %s; %s in %s", strings.Join(path, "."), kindOf(v), article(typed[1]), advice, cr.setAt(s.chart, path))
			}
		}
		switch {
		case nilAt != nil:
			return fmt.Sprintf("field %q of an undefined value; set the value, or guard it with \"if\" or \"with\"", nilAt[1])
		case typed != nil && typed[3] != "":
			return fmt.Sprintf("missing value, expected %s; set it, or use default", article(typed[3]))
		}
		return message
	}
	full := "." + strings.Join(append([]string{"Values"}, r...), ".")
	v, found := lookupValue(s.chart.scope, missing)
	name := ".Values." + strings.Join(missing, ".")
	if found && v != nil {
		if field != nil {
			return fmt.Sprintf("%s is %s, so %s is undefined; make it a mapping in %s", name, kindOf(v), full, cr.setAt(s.chart, missing))
		}
		return fmt.Sprintf("%s is %s, expected %s; change it in %s", name, kindOf(v), article(cmpOr(typed[1], typed[3])), cr.setAt(s.chart, missing))
	}
	if len(missing) < len(r) {
		return fmt.Sprintf("%s is not set, so %s is undefined; set %s in %s", name, full, strings.Join(r, "."), cr.setAt(s.chart, missing))
	}
	return fmt.Sprintf("%s is not set; set %s in %s", name, strings.Join(r, "."), cr.setAt(s.chart, missing))
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func article(kind string) string {
	switch kind {
	case "string":
		return "a string"
	case "int", "int64", "float64":
		return "a number"
	case "map[string]interface", "map[string]interface {}":
		return "a mapping"
	}
	return kind
}

func hint(name string, known []string, otherwise string) string {
	slices.Sort(known)
	if h := finding.DidYouMean(name, known); h != "" {
		return h
	}
	return otherwise
}

// culprit returns the value that an expression reads and that of its steps which has no value, or is of a kind that has
// nothing below it.
func (cr *chartRun) culprit(s *source, at failurePlace) (read, missing []string) {
	if s.facts == nil || s.chart == nil || at.line == 0 {
		return nil, nil
	}
	best := -1
	for i, r := range s.facts.reads {
		if s.line(r.offset) != at.line {
			continue
		}
		if m := firstMissing(s.chart.scope, r.path); m != nil && (best < 0 || !r.guarded) {
			if best < 0 || s.facts.reads[best].guarded {
				best, missing = i, m
			}
		}
	}
	if best < 0 {
		return nil, nil
	}
	return s.facts.reads[best].path, missing
}

// ofKind returns the value that a line reads and that is of a Go type.
func (cr *chartRun) ofKind(s *source, at failurePlace, kind string) []string {
	if s.facts == nil || s.chart == nil {
		return nil
	}
	for _, r := range s.facts.reads {
		if v, ok := lookupValue(s.chart.scope, r.path); ok && s.line(r.offset) == at.line && fmt.Sprintf("%T", v) == kind {
			return r.path
		}
	}
	return nil
}

// firstMissing returns the shortest part of a path that has no value, or has one that is no mapping although the path goes
// on. nil when all is there.
func firstMissing(values any, path []string) []string {
	for i := range path {
		v, ok := lookupValue(values, path[:i+1])
		if !ok || v == nil {
			return path[:i+1]
		}
		if _, isMap := v.(map[string]any); !isMap && i+1 < len(path) {
			return path[:i+1]
		}
	}
	return nil
}
