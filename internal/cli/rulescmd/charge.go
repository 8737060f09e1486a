package rulescmd

import (
	"context"
	"errors"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
)

// chargeOf returns the configuration and the operator of the repository, or the defaults where there is none.
func chargeOf(ctx context.Context, e *env.Env) (config *cue.Config, charge instance.Charge, err error) {
	var installed []instance.Installation
	r, err := e.Open(ctx, false)
	switch {
	case err == nil:
		defer r.FS.Close()
		config = r.Config
		if installed, err = instance.Installed(ctx, r.Repo); err != nil {
			return nil, charge, err
		}
	case !errors.Is(err, env.ErrNoRepository):
		return nil, charge, err
	default:
		if config, err = cue.LoadConfig(cue.ConfigFile, nil); err != nil {
			return nil, charge, err
		}
	}
	operators, err := cue.Operators()
	if err != nil {
		return nil, charge, err
	}
	return config, instance.InCharge(config, installed, operators), nil
}
