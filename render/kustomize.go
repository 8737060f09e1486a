package render

import (
	"context"

	"github.com/redis-gitops/redis-gitops/repo"
)

func renderKustomization(ctx context.Context, r *repo.Repo, t Target, result *Result) error {
	return renderPlain(ctx, r, t, result)
}
