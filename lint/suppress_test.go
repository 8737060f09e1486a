package lint_test

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
)

// TestFrozenInCategory: suppressing a category does not cover a rule that the configuration freezes, and covers the others in it.
func TestFrozenInCategory(t *testing.T) {
	t.Parallel()
	r, config := open(t, []txtar.File{
		{Name: ".redis-gitops.yaml", Data: []byte("frozen: [ha/zero-means-three]\n")},
		{Name: "redis.yaml", Data: []byte("apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: shop, namespace: shop}\n" +
			"# redis-gitops:ignore-file ha/* -- a test cluster\nspec: {redis: {replicas: 0}, sentinel: {replicas: 1}}\n")},
	})
	suppressed := map[string]bool{}
	for _, f := range run(t, r, lint.Options{Config: config}).Findings {
		suppressed[f.Rule] = f.Suppressed != nil
	}
	if is, found := suppressed["ha/zero-means-three"]; !found || is {
		t.Errorf("the frozen rule: found %v, suppressed %v", found, is)
	}
	if !suppressed["ha/pdb-uses-redis-count"] {
		t.Errorf("the rest of the category is not suppressed: %v", suppressed)
	}
}
