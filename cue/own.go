package cue

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// OwnFile is a file of schemas that a user or a repository brings. The files of one package belong together. A regular field
// named like a kind holds what every resource of that kind has to fit:
//
//	package limits
//
//	RedisFailover: spec: redis: resources: limits: memory: =~"^[1-4]Gi$" @problem("is more than 4Gi; ask the platform team")
type OwnFile struct{ File, Source string }

// OwnViolation is one thing that a resource has against it.
type OwnViolation struct {
	finding.Violation
	Package  string
	Resource int    // its index
	File     string // of the schema
	Line     int
}

var ownPackage = lazyregexp.New(`(?m)^package[ \t]+([A-Za-z][A-Za-z0-9_]*)[ \t]*(?://.*)?\r?$`)

// OwnPackages returns the package of each file without parsing it. The error is finding.Problems: files without one.
func OwnPackages(files []OwnFile) ([]string, error) {
	var problems finding.Problems
	packages := make([]string, len(files))
	for i, f := range files {
		m := ownPackage.FindStringSubmatch(f.Source)
		if m == nil {
			problems = append(problems, finding.Errorf(finding.Position{File: f.File, Line: 1}, "", "missing package clause; add `package NAME`"))
			continue
		}
		packages[i] = m[1]
	}
	return packages, problems.Err()
}

// CheckOwn holds resources against the packages of files. CUE cannot be stopped and can take all memory: schemas of strangers
// belong in a process of its own. They can import the packages of CUE itself and nothing else: nothing is read or fetched.
// Resources are plain data, with int64 and float64 for numbers. The error is finding.Problems about the files.
func CheckOwn(files []OwnFile, resources []any) ([]OwnViolation, error) {
	packages, err := OwnPackages(files)
	if err != nil {
		return nil, err
	}
	var problems finding.Problems
	schemas := map[string]cue.Value{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(packages))) {
		var own []OwnFile
		for i, f := range files {
			if packages[i] == name {
				own = append(own, f)
			}
		}
		v, err := compileOwn(own)
		if err != nil {
			problems = append(problems, explainOwn(own, err)...)
			continue
		}
		schemas[name] = v
	}
	var out []OwnViolation
	for i, data := range resources {
		object, _ := data.(map[string]any)
		kind, _ := object["kind"].(string)
		for _, name := range slices.Sorted(maps.Keys(schemas)) {
			schema := schemas[name].LookupPath(cue.MakePath(cue.Str(kind)))
			if kind == "" || !schema.Exists() {
				continue
			}
			for _, v := range violationsOf(kind, schema, object) {
				v.Package, v.Resource = name, i
				if v.File == "" { // CUE does not say which part of the schema it is
					v.File, v.Line = schema.Pos().Filename(), schema.Pos().Line()
				}
				out = append(out, v)
			}
		}
	}
	return out, problems.Err()
}

func compileOwn(files []OwnFile) (cue.Value, error) {
	none := func(token.Pos, string) *build.Instance { return nil }
	instance := build.NewContext(build.Loader(none)).NewInstance("", none)
	var errs errors.Error
	for _, f := range files {
		file, err := parser.ParseFile(f.File, f.Source)
		if err != nil {
			errs = errors.Append(errs, errors.Promote(err, ""))
			continue
		}
		for spec := range file.ImportSpecs() {
			if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(path, ".") {
				errs = errors.Append(errs, errors.Newf(spec.Pos(), "import %q is not allowed, only packages of the CUE standard library; copy the definitions here", path))
			}
		}
		if err := instance.AddSyntax(file); err != nil {
			errs = errors.Append(errs, err)
		}
	}
	if errs != nil {
		return cue.Value{}, errs
	}
	if err := instance.Complete(); err != nil {
		return cue.Value{}, err
	}
	v := cuecontext.New().BuildInstance(instance)
	return v, v.Err()
}

func explainOwn(files []OwnFile, err error) finding.Problems {
	var problems finding.Problems
	for _, e := range errors.Errors(err) {
		at := finding.Position{File: files[0].File}
		if p := written(append(errors.Positions(e), e.Position())); p.IsValid() {
			at = finding.Position{File: p.Filename(), Line: p.Line(), Column: p.Column()}
		}
		message := ownMessage(e)
		if !strings.Contains(message, "; ") {
			message += "; fix the schema"
		}
		problems = append(problems, finding.Errorf(at, "", "%s", message))
	}
	return problems
}

// written returns the first position that is in a file; none is no position.
func written(positions []token.Pos) token.Pos {
	for _, p := range positions {
		if p.IsValid() && p.Filename() != "" {
			return p
		}
	}
	return token.NoPos
}

func ownMessage(e errors.Error) string {
	format, args := e.Msg()
	return strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
}

// violationsOf returns one violation a path, the first that CUE reports.
func violationsOf(kind string, schema cue.Value, object map[string]any) []OwnViolation {
	var out []OwnViolation
	seen := map[string]bool{}
	add := func(path []string, words string, positions []token.Pos) {
		key := strings.Join(path, "\x00")
		if seen[key] {
			return
		}
		seen[key] = true
		at := written(positions)
		out = append(out, OwnViolation{Violation: finding.Violation{Path: slices.Clone(path), Message: words}, File: at.Filename(), Line: at.Line()})
	}
	// While one value does not fit, CUE does not tell which others are missing.
	missing(schema, object, nil, func(path []string, field cue.Value) {
		words := strings.Join(path, ".") + " is missing; add it"
		if problem := problemOf(field); problem != "" {
			words = strings.Join(path, ".") + " is missing and " + problem
		}
		add(path, words, []token.Pos{field.Pos()})
	})
	for _, e := range errors.Errors(schema.Unify(asValue(object)).Validate(cue.Concrete(true), cue.All())) {
		path := e.Path()
		if len(path) > 0 && path[0] == kind {
			path = path[1:]
		}
		words := ownMessage(e) + "; fix it, or the schema"
		selectors := make([]cue.Selector, len(path))
		for i, step := range path {
			selectors[i] = cue.Str(step)
		}
		if problem := problemOf(schema.LookupPath(cue.MakePath(selectors...))); problem != "" {
			words = describe(At(object, path...)) + " " + problem
		}
		add(path, words, errors.Positions(e))
	}
	slices.SortStableFunc(out, func(a, b OwnViolation) int { return slices.Compare(a.Path, b.Path) })
	return out
}

// missing calls report for the fields that an object has to have and lacks.
func missing(schema cue.Value, object map[string]any, path []string, report func(path []string, field cue.Value)) {
	fields, err := schema.Fields(cue.Optional(true))
	if err != nil {
		return
	}
	for fields.Next() {
		selector, field := fields.Selector(), fields.Value()
		if selector.LabelType() != cue.StringLabel {
			continue
		}
		name := selector.Unquoted()
		at := append(path[:len(path):len(path)], name)
		value, there := object[name]
		below, _ := value.(map[string]any)
		_, defaulted := field.Default()
		switch {
		case there && below == nil, selector.ConstraintType() == cue.OptionalConstraint && !there:
		case !there && selector.ConstraintType() == cue.RequiredConstraint:
			report(at, field)
		case field.IncompleteKind() == cue.StructKind:
			missing(field, below, at, report)
		case !there && !defaulted && !field.IsConcrete() && field.Err() == nil:
			report(at, field)
		}
	}
}

// problemOf returns the words of the attribute @problem.
func problemOf(field cue.Value) string {
	attribute := field.Attribute("problem")
	if attribute.Err() != nil {
		return ""
	}
	words, err := attribute.String(0)
	if err != nil {
		return ""
	}
	return words
}
