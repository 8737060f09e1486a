// Package policy holds the rules, which are written in Rego, and says what an engine that evaluates them on plain data has to do.
//
// A rule is a folder category/rule with rule.rego and testdata/{bad,good}.txtar, found by iteration. It says which path of
// which resource is wrong and never which line. Rego can call nothing outside: what rules may use is a list (opa/capabilities.go).
package policy

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed lib/*.rego */*/rule.rego
var files embed.FS

// Package is the Rego package that all of ours are below.
const Package = "redisgitops"

// Engine makes rules ready and evaluates them: package opa, and package wasmrules in the browser.
type Engine interface {
	// Rules returns the embedded rules, sorted by name. They are shared, and the slice is the caller's.
	Rules() ([]*Rule, error)
	// Compile makes rules ready. The error is finding.Problems: what is wrong with the user's modules and where.
	Compile(Options) (Evaluator, error)
	// Values returns what makes values for the evaluators of this engine.
	Values() Values
}

// Evaluator evaluates rules. It may be used by several goroutines.
type Evaluator interface {
	// Wants reports whether any rule that is on looks at resources of a kind.
	Wants(kind string) bool
	// Resource evaluates the rules about single resources on one.
	Resource(ctx context.Context, resource Value) ([]Violation, error)
	// Repository evaluates the rules about the whole repository, once, on data.repo.
	Repository(ctx context.Context, repo Value) ([]Violation, error)
	// With returns an evaluator of the same rules with other settings.
	With(settings map[string]any) (Evaluator, error)
}

// Value is plain data as the rules of one engine see it. nil is null.
type Value interface {
	// Equal reports whether two values are the same.
	Equal(other Value) bool
	// Plain returns the value as plain data again, whole numbers as int64.
	Plain() (any, error)
}

// Values makes values. It may be used by several goroutines.
type Values interface {
	// Value makes a value of maps with string keys, slices, strings, numbers, bools, nil, other values, and structs with the
	// names of their json tags. It keeps no reference to them.
	Value(data any) (Value, error)
	// Share returns an equal value to be kept, which has parts in common with others that Share gave. It takes the value over, which
	// nobody else may use any more. Rules about single resources are evaluated faster before.
	Share(value Value) Value
	// Plains returns a function that gives values as plain data, as [Value.Plain] does. What values have in common may be the same maps
	// and slices there, which nobody may change. It is for one goroutine.
	Plains() func(Value) (any, error)
}

// Packer is implemented by Values that can be kept as bytes from one process to the next.
type Packer interface {
	// Pack returns a value as bytes, the same for equal values. Texts are in them as they are, between line feeds. The error is that of a value
	// which is no plain data.
	Pack(value Value) ([]byte, error)
	// Unpack returns the value of bytes that Pack of the same program wrote, as [Values.Share] does, or an error for any others.
	Unpack(packed []byte) (Value, error)
}

// Options describes what to evaluate. Rules holds the rules that are on; the modules of all others are not even parsed.
type Options struct {
	Rules    []*Rule
	Settings map[string]any // data.settings: strict, operator, options by rule
	Modules  []Module       // the user's own rules, and what these import
}

// Module is a file of Rego that is not embedded.
type Module struct{ File, Source string }

// ErrModules reports that this program cannot take rules in Rego.
var ErrModules = errors.New("this build only includes the built-in rules; custom rules require the build with OPA")

// Rules reads the METADATA of the embedded rules and returns them, sorted by name. They are shared, and the slice is the caller's.
// Where another engine than OPA may evaluate them, ask that one.
func Rules() ([]*Rule, error) {
	embedded.once.Do(func() { embedded.rules, embedded.err = readRules() })
	return slices.Clone(embedded.rules), embedded.err
}

// Without an initializer, so that a program that does not call [Rules] leaves out the sources of the rules.
var embedded struct {
	once  sync.Once
	rules []*Rule
	err   error
}

func readRules() ([]*Rule, error) {
	names, err := fs.Glob(files, "*/*/rule.rego")
	if err != nil {
		return nil, err
	}
	rules := make([]*Rule, 0, len(names))
	for _, file := range names {
		src, err := Source(file)
		if err != nil {
			return nil, err
		}
		rule, err := parseRule(file, src, path.Dir(file))
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b *Rule) int { return strings.Compare(a.Name, b.Name) })
	return rules, nil
}

// Source returns an embedded file of Rego: that of a rule, or lib/NAME.rego.
func Source(file string) (string, error) {
	src, err := files.ReadFile(file)
	return string(src), err
}
