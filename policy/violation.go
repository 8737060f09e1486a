package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis-gitops/redis-gitops/finding"
)

// Violation is one thing that a rule has against something. Of a resource rule it is about that resource.
type Violation struct {
	Rule string
	Place
	Strict   bool  // counts in strict mode only
	Severity Level // in the place of the rule's own; "" keeps that
	Fix      *Fix  // nil when there is none
	Related  []Place
	// Absent is what the rule found nowhere in the repository; nil for a violation that does not depend on it. Where something
	// cannot be rendered that may hold it, lint drops the violation.
	Absent *Absent
}

// Place is what a violation is about, or another place that has a part in it, with what is wrong or is there.
type Place struct {
	finding.Violation
	Resource int    // the id of a resource of data.repo; -1 for none
	File     string // a document of data.repo.documents, or any file
	Document int    // its number in File
	Line     int    // of File, when there is no path to point at
}

// NewViolation returns a violation of a rule that is not about a resource of data.repo.
func NewViolation(rule string, v finding.Violation) *Violation {
	return &Violation{Rule: rule, Place: Place{Violation: v, Resource: -1}}
}

// Absent is an object that a rule found nowhere. An empty Name is any object of some kind, an empty Namespace one that is unknown or
// any.
type Absent struct{ Namespace, Name string }

// Fix changes one or more values of a document, all of them or none.
type Fix struct {
	Edit
	Also []Edit // of the same document
	// Suggested explains why the fix may do harm that nothing in the repository shows: then lint makes it only when it is asked for
	// suggestions too. "" leaves that to the proof.
	Suggested string
}

// Edits gives all changes of a fix.
func (f *Fix) Edits() []Edit { return append([]Edit{f.Edit}, f.Also...) }

// Edit changes one value of a document.
type Edit struct {
	Path  []string
	Op    string // "set", "add" or "remove"; add makes missing parents, and appends to a list with the last step "-"
	Value any
}

// ReadViolation reads what a rule answers, in plain data.
func ReadViolation(rule string, plain any) (Violation, error) {
	v := Violation{Rule: string(rule)}
	switch plain := plain.(type) {
	case string: // as conftest takes it
		v.Message, v.Resource = plain, -1
		return v, nil
	case map[string]any:
		if err := v.read(plain); err != nil {
			return v, fmt.Errorf("rule %s: %w", rule, err)
		}
		return v, nil
	}
	return v, fmt.Errorf("rule %s: deny holds %v, which is neither an object nor a text; give {\"message\": …, \"path\": […]}", rule, plain)
}

func (v *Violation) read(m map[string]any) error {
	message, _ := m["message"].(string)
	if message == "" {
		message, _ = m["msg"].(string) // as conftest and Gatekeeper have it
	}
	if message == "" {
		return errors.New("a violation has no message; add \"message\"")
	}
	var err error
	if v.Place, err = place(m); err != nil {
		return err
	}
	v.Message = message
	v.Key, _ = m["key"].(bool)
	v.Strict, _ = m["strict"].(bool)
	if s, ok := m["severity"].(string); ok {
		v.Severity = Level(s)
		if !slices.Contains([]Level{Info, Warning, Error}, v.Severity) {
			return fmt.Errorf("severity %q is not allowed; %s", s, finding.OneOf([]string{"error", "info", "warning"}))
		}
	}
	if f, ok := m["fix"].(map[string]any); ok {
		if v.Fix, err = fix(f); err != nil {
			return err
		}
	}
	if a, ok := m["absent"].(map[string]any); ok {
		v.Absent = &Absent{}
		v.Absent.Namespace, _ = a["namespace"].(string)
		v.Absent.Name, _ = a["name"].(string)
	}
	related, _ := m["related"].([]any)
	for _, r := range related {
		each, ok := r.(map[string]any)
		if !ok {
			return errors.New("an element of related is not an object")
		}
		p, err := place(each)
		if err != nil {
			return err
		}
		p.Message, _ = each["message"].(string)
		v.Related = append(v.Related, p)
	}
	return nil
}

func fix(m map[string]any) (*Fix, error) {
	first, err := edit(m)
	if err != nil {
		return nil, err
	}
	f := &Fix{Edit: first}
	f.Suggested, _ = m["suggested"].(string)
	also, _ := m["also"].([]any)
	for _, each := range also {
		m, ok := each.(map[string]any)
		if !ok {
			return nil, errors.New("an element of fix.also is not an object; write {\"path\": […], \"op\": …}")
		}
		e, err := edit(m)
		if err != nil {
			return nil, err
		}
		f.Also = append(f.Also, e)
	}
	return f, nil
}

func edit(m map[string]any) (Edit, error) {
	path, err := steps(m["path"])
	if err != nil {
		return Edit{}, err
	}
	op, _ := m["op"].(string)
	if !slices.Contains([]string{"add", "remove", "set"}, op) {
		return Edit{}, fmt.Errorf("fix.op %q is not allowed; %s", op, finding.OneOf([]string{"add", "remove", "set"}))
	}
	return Edit{Path: path, Op: op, Value: Numbers(m["value"])}, nil
}

// Numbers makes the numbers of JSON whole ones where they are, and else floats.
func Numbers(data any) any {
	switch data := data.(type) {
	case map[string]any:
		for k, v := range data {
			data[k] = Numbers(v)
		}
	case []any:
		for i, v := range data {
			data[i] = Numbers(v)
		}
	case json.Number:
		if n, err := data.Int64(); err == nil {
			return n
		}
		f, _ := data.Float64() // a number of Rego is one of JSON
		return f
	}
	return data
}

func place(m map[string]any) (Place, error) {
	p := Place{Resource: -1}
	if id, ok := m["resource"]; ok {
		n, err := strconv.Atoi(fmt.Sprint(id))
		if err != nil {
			return p, fmt.Errorf("resource %v is not an ID in data.repo.resources", id)
		}
		p.Resource = n
	}
	p.File, _ = m["file"].(string)
	if d, ok := m["document"]; ok {
		p.Document, _ = strconv.Atoi(fmt.Sprint(d))
	}
	if l, ok := m["line"]; ok {
		p.Line, _ = strconv.Atoi(fmt.Sprint(l))
	}
	var err error
	p.Path, err = steps(m["path"])
	return p, err
}

func steps(path any) ([]string, error) {
	if path == nil {
		return nil, nil
	}
	list, ok := path.([]any)
	if !ok {
		return nil, fmt.Errorf("path %v is not an array; write it like [\"spec\", \"redis\"]", path)
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprint(s)
	}
	return out, nil
}
