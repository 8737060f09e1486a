package instance

import (
	"slices"

	"github.com/redis-gitops/redis-gitops/cue"
)

// Selects reports whether a label selector matches pods with labels: all of matchLabels, and all of matchExpressions. An empty one
// matches every pod, as that of a policy or budget does.
func Selects(selector any, labels map[string]string) bool {
	for key, value := range Texts(cue.At(selector, "matchLabels")) {
		if labels[key] != value {
			return false
		}
	}
	return Hold(list(cue.At(selector, "matchExpressions")), labels)
}

// Hold reports whether all expressions of a label selector hold. One with an unknown operator does not.
func Hold(expressions []any, labels map[string]string) bool {
	return !slices.ContainsFunc(expressions, func(e any) bool {
		value, has := labels[Text(cue.At(e, "key"))]
		in := slices.ContainsFunc(list(cue.At(e, "values")), func(v any) bool { return Text(v) == value })
		switch Text(cue.At(e, "operator")) {
		case "In":
			return !has || !in
		case "NotIn":
			return has && in
		case "Exists":
			return !has
		case "DoesNotExist":
			return has
		}
		return true
	})
}
