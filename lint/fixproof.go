package lint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/policy"
)

func newWorld(l *linter) (*world, error) {
	w := &world{lint: l, units: map[string]*unit{}}
	for _, u := range l.units {
		w.units[u.id] = u
	}
	return w, nil
}

// objection is a reason to revert fixes. resource and path are of the rendered field that is not as it was meant, if the objection is
// about one.
type objection struct {
	reason   string
	resource finding.Resource
	path     []string
}

// judge returns the objections to fixes that were made, which are all safe or all suggestions. A suggestion has to help, to render as
// meant and to cause no error; what it changes for clients and selectors is what its rule says to check first.
func (w *world) judge(after *world, made []*candidate) []objection {
	left := map[string]bool{}
	for _, f := range after.lint.findings {
		left[fingerprint(f)] = true
	}
	lenient := false
	for _, c := range made {
		lenient = lenient || c.suggested != ""
		for _, f := range c.findings {
			if left[fingerprint(f)] {
				return []objection{{reason: "the finding would remain"}}
			}
		}
	}
	for _, f := range newFindings(w.lint.findings, after.lint.findings, lenient) {
		if rule := after.lint.rules.all[f.Rule]; lenient && !breaks(f.Rule) && (rule == nil || rule.Severity != policy.Error) {
			continue
		}
		return []objection{{reason: fmt.Sprintf("it would cause %s at %s", f.Rule, f.Position)}} // without the message, which may quote a secret
	}
	switch sources := sourceFixes(made); {
	case sources == len(made):
		return nil // a change of a source file itself, such as the name of a chart, renders as its rule says
	case sources > 0:
		return []objection{{reason: "it is tried apart from fixes of source files"}}
	}
	changed, objections := w.rendersAsMeant(after, made)
	if len(objections) > 0 || !changed || lenient {
		return objections
	}
	before, reached, err := w.reached(after)
	if err != nil {
		return []objection{{reason: err.Error()}}
	}
	if reason := before.keptBy(reached); reason != "" {
		return []objection{{reason: reason}}
	}
	if dirs := after.lint.missing().dirs; len(dirs) > 0 && !before.sameTargets(reached) {
		dirs = slices.Compact(slices.Sorted(slices.Values(dirs)))
		if dirs[0] == "." {
			dirs[0] = "the repository root"
		}
		return []objection{{reason: fmt.Sprintf("%s cannot be rendered, so what selects or names these pods is unknown", strings.Join(dirs, ", "))}}
	}
	return nil
}

// sourceFixes counts suggestions that edit a source file rather than what it renders.
func sourceFixes(made []*candidate) (n int) {
	for _, c := range made {
		if c.suggested != "" && len(c.meant) == 0 {
			n++
		}
	}
	return n
}

// blame finds the fix behind each objection that is about a field only one of the fixes sets. It is made without trying that fix
// alone: whole batches of fixes need one more check then, instead of one for each half.
func (w *world) blame(objections []objection, made []*candidate) map[*candidate]string {
	blamed := map[*candidate]string{}
	for _, o := range objections {
		var by []*candidate
		for _, c := range made {
			if w.sets(c, o) {
				by = append(by, c)
			}
		}
		if len(by) == 1 && blamed[by[0]] == "" {
			blamed[by[0]] = o.reason
		}
	}
	return blamed
}

// sets reports whether a fix edits the field of an objection, in any resource of that name.
func (w *world) sets(c *candidate, o objection) bool {
	if o.path == nil {
		return false
	}
	for _, m := range w.meant(c) {
		u := w.units[m.unit]
		if u == nil || m.resource >= len(u.resources) {
			continue
		}
		if r := u.resources[m.resource].Resource; r.Kind != o.resource.Kind || r.Name != o.resource.Name {
			continue
		}
		for _, e := range m.edits {
			if n := min(len(e.Path), len(o.path)); n > 0 && slices.Equal(e.Path[:n], o.path[:n]) {
				return true
			}
		}
	}
	return false
}

// newFindings returns the findings that have no counterpart before: the same one, one with the same message in another line or at
// another index, or one with another message about the same path. A suggestion may also give the resource another name.
func newFindings(before, after []*finding.Finding, renamed bool) []*finding.Finding {
	keys := []func(f *finding.Finding) string{
		fingerprint,
		func(f *finding.Finding) string {
			return strings.Join([]string{f.Rule, f.File, f.Resource.String(), f.Message}, "\x01")
		},
		func(f *finding.Finding) string {
			return strings.Join([]string{f.Rule, f.Resource.String(), f.Message}, "\x01")
		},
		func(f *finding.Finding) string {
			return strings.Join([]string{f.Rule, f.Resource.String(), strings.Join(f.Path, "\x00")}, "\x01")
		},
	}
	if renamed {
		keys = append(keys, func(f *finding.Finding) string {
			return strings.Join([]string{f.Rule, f.File, strings.Join(f.Path, "\x00")}, "\x01")
		})
	}
	counts := func(f *finding.Finding) bool { return f.Suppressed == nil }
	for _, key := range keys {
		had := map[string]int{}
		for _, f := range before {
			if counts(f) {
				had[key(f)]++
			}
		}
		var left []*finding.Finding
		gone := map[string]int{}
		for _, f := range after {
			if !counts(f) {
				continue
			}
			if had[key(f)] > 0 {
				had[key(f)]--
				gone[key(f)]++
				continue
			}
			left = append(left, f)
		}
		if len(left) == 0 {
			return nil
		}
		var rest []*finding.Finding
		for _, f := range before {
			if counts(f) && gone[key(f)] > 0 {
				gone[key(f)]--
				continue
			}
			rest = append(rest, f)
		}
		before, after = rest, left
	}
	return after
}

// rendersAsMeant holds what is rendered against what was rendered before with the edits of the fixes. changed says whether
// anything is different at all.
func (w *world) rendersAsMeant(after *world, made []*candidate) (changed bool, objections []objection) {
	against := func(format string, args ...any) {
		objections = append(objections, objection{reason: fmt.Sprintf(format, args...)})
	}
	wanted := map[string]map[int][]policy.Edit{}
	for _, c := range made {
		for _, m := range w.meant(c) {
			if wanted[m.unit] == nil {
				wanted[m.unit] = map[int][]policy.Edit{}
			}
			wanted[m.unit][m.resource] = append(wanted[m.unit][m.resource], m.edits...)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.units)) {
		was, is := w.units[id], after.units[id]
		if is == nil {
			against("it would change how %s is deployed", was.target.Dir)
			continue
		}
		if len(was.resources) > 0 && len(is.resources) > 0 && &was.resources[0] == &is.resources[0] {
			continue // nothing that it is made of is different
		}
		if len(was.resources) != len(is.resources) {
			against("it would change which resources %s renders", was.where())
			continue
		}
		for i := range was.resources {
			different, off := asMeant(was, was.resources[i], is.resources[i], wanted[id][i])
			changed = changed || different
			objections = append(objections, off...)
		}
	}
	if len(w.units) != len(after.units) {
		against("it would change what is deployed")
	}
	return changed, objections
}

// meant returns what a fix is for in every way to deploy, which the user's own run may not have looked at.
func (w *world) meant(c *candidate) []meant {
	all := slices.Clone(c.meant)
	id := c.id()
	for _, fx := range w.lint.located {
		if len(fx.edits) > 0 && fx.id() == id {
			all = append(all, fx.meant...)
		}
	}
	var out []meant
	seen := map[string]bool{}
	for _, m := range all {
		if key := fmt.Sprintf("%s\x00%d\x00%v", m.unit, m.resource, m.edits); !seen[key] {
			seen[key] = true
			out = append(out, m)
		}
	}
	return out
}

// asMeant compares one resource. It may also be as it was: another value can be stronger there.
func asMeant(u *unit, was, is resource, edits []policy.Edit) (changed bool, off []objection) {
	a, err := was.data.get()
	b, other := is.data.get()
	if err == nil && other == nil && a.Equal(b) {
		return false, nil
	}
	before, err := was.data.plain()
	if err != nil {
		return true, []objection{{reason: err.Error()}}
	}
	got, err := is.data.plain()
	if err != nil {
		return true, []objection{{reason: err.Error()}}
	}
	if canonical(before) == canonical(got) {
		return false, nil
	}
	want, err := applyTo(before, edits)
	if err != nil {
		want = before
	}
	if canonical(want) == canonical(got) {
		return true, nil
	}
	paths := differences(want, got, nil)
	if len(paths) == 0 {
		paths = [][]string{nil}
	}
	paths = slices.DeleteFunc(paths, func(at []string) bool { return carriesValues(was.Kind, at) })
	for _, at := range paths {
		off = append(off, objection{
			reason:   fmt.Sprintf("it would also change %s of %s, in %s", cmp.Or(strings.Join(at, "."), "all"), was.Resource.String(), u.where()),
			resource: was.Resource, path: at,
		})
	}
	return true, off
}

// carriesValues reports whether a field of an object that deploys holds values or variables, which are judged by what they render.
func carriesValues(kind string, path []string) bool {
	at := strings.Join(path, ".") + "."
	switch kind {
	case "Application":
		return strings.HasPrefix(at, "spec.source.helm.") || sourcesHelm.MatchString(at)
	case "ApplicationSet":
		return strings.HasPrefix(at, "spec.template.spec.source.helm.") || strings.HasPrefix(at, "spec.generators.")
	case "HelmRelease":
		return strings.HasPrefix(at, "spec.values.")
	case "Kustomization":
		return strings.HasPrefix(at, "spec.postBuild.substitute.")
	}
	return false
}

var sourcesHelm = lazyregexp.New(`^spec\.sources\.[0-9]+\.helm\.`)

// where reports which way to deploy a unit is.
func (u *unit) where() string {
	if len(u.values) > 0 {
		return u.target.Dir + " with " + strings.Join(u.values, " ")
	}
	return u.target.Dir
}

// canonical writes data so that what Kubernetes takes for the same is the same: a field that is null, and a list without elements.
func canonical(data any) string {
	text, _ := json.Marshal(withoutNulls(data)) // it came from JSON
	return string(text)
}

func withoutNulls(data any) any {
	switch data := data.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range data {
			if v = withoutNulls(v); v != nil {
				out[k] = v
			}
		}
		return out
	case []any:
		if len(data) == 0 {
			return nil
		}
		out := make([]any, len(data))
		for i, v := range data {
			out[i] = withoutNulls(v)
		}
		return out
	}
	return data
}

// differences returns the paths at which data differ, in the order of their keys.
func differences(a, b any, at []string) [][]string {
	var out [][]string
	if x, ok := a.(map[string]any); ok {
		if y, ok := b.(map[string]any); ok {
			for _, k := range slices.Sorted(maps.Keys(both(x, y))) {
				if canonical(x[k]) != canonical(y[k]) {
					out = append(out, differences(x[k], y[k], append(slices.Clip(at), k))...)
				}
			}
			return out
		}
	}
	if x, ok := a.([]any); ok {
		if y, ok := b.([]any); ok && len(x) == len(y) {
			for i := range x {
				if canonical(x[i]) != canonical(y[i]) {
					out = append(out, differences(x[i], y[i], append(slices.Clip(at), strconv.Itoa(i)))...)
				}
			}
			return out
		}
	}
	return [][]string{at}
}

func both(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
