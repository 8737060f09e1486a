package instance

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestSelects has selectors and the pods that they match.
func TestSelects(t *testing.T) {
	t.Parallel()
	pods := map[string]string{"app": "shop", "tier": "1"}
	for text, want := range map[string]bool{
		"{}": true, "matchLabels: {app: shop}": true, "matchLabels: {app: shop, tier: 1}": true, "matchLabels: {app: cart}": false, "matchLabels: {team: a}": false,
		"matchExpressions: [{key: app, operator: In, values: [cart, shop]}]": true, "matchExpressions: [{key: app, operator: In, values: [cart]}]": false,
		"matchExpressions: [{key: team, operator: NotIn, values: [a]}]": true, "matchExpressions: [{key: app, operator: NotIn, values: [shop]}]": false,
		"matchExpressions: [{key: app, operator: Exists}]": true, "matchExpressions: [{key: team, operator: Exists}]": false,
		"matchExpressions: [{key: team, operator: DoesNotExist}]": true, "matchExpressions: [{key: app, operator: Near}]": false,
		"{matchLabels: {app: shop}, matchExpressions: [{key: app, operator: DoesNotExist}]}": false,
	} {
		var selector any
		if err := yaml.Unmarshal([]byte(text), &selector); err != nil {
			t.Fatal(err)
		}
		if got := Selects(selector, pods); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
