package lint

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
)

// applyTo makes edits in plain data: what a fix is meant to give. The indexes of all are those before the first one.
func applyTo(data any, edits []policy.Edit) (any, error) {
	order := func(e policy.Edit) int {
		switch {
		case e.Op == "remove":
			return 1
		case len(e.Path) > 0 && e.Path[len(e.Path)-1] == "-":
			return 2
		}
		return 0
	}
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b policy.Edit) int {
		if c := cmp.Compare(order(a), order(b)); c != 0 || a.Op != "remove" {
			return c
		}
		return slices.CompareFunc(b.Path, a.Path, func(x, y string) int { return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)) })
	})
	var err error
	for _, e := range sorted {
		if data, err = applyOne(data, e, e.Path); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func applyOne(data any, e policy.Edit, path []string) (any, error) {
	if len(path) == 0 {
		return e.Value, nil
	}
	step := path[0]
	switch data := data.(type) {
	case map[string]any:
		if e.Op == "remove" && len(path) == 1 {
			delete(data, step)
			if len(data) == 0 {
				return nil, nil // the line of a key without entries says null
			}
			return data, nil
		}
		below, err := applyOne(data[step], e, path[1:])
		if err == nil {
			data[step] = below
		}
		return data, err
	case []any:
		if step == "-" {
			below, err := applyOne(nil, e, path[1:])
			return append(data, below), err
		}
		i := indexOf(step)
		if i < 0 || i >= len(data) {
			return data, errNothing
		}
		if e.Op == "remove" && len(path) == 1 {
			return slices.Delete(data, i, i+1), nil
		}
		below, err := applyOne(data[i], e, path[1:])
		if err == nil {
			data[i] = below
		}
		return data, err
	case nil:
		if e.Op == "remove" {
			return nil, errNothing
		}
		if step == "-" {
			below, err := applyOne(nil, e, path[1:])
			return []any{below}, err
		}
		below, err := applyOne(nil, e, path[1:])
		return map[string]any{step: below}, err
	}
	return data, errNoList
}

func fingerprint(f *finding.Finding) string {
	return strings.Join([]string{f.Rule, f.File, f.Resource.String(), strings.Join(f.Path, "\x00"), f.Message}, "\x01")
}

// breaks are the rules whose findings no fix may bring, not even one that was asked for.
func breaks(rule string) bool {
	return strings.HasPrefix(rule, "yaml/") || rule == "val/render-fails" || rule == "val/not-yaml" || rule == "op/unknown-field" || rule == "op/invalid-value"
}

// indexOf reads the index of a list; -1 for what is none.
func indexOf(step string) int {
	if i, err := strconv.Atoi(step); err == nil {
		return i
	}
	return -1
}
