package importer

import (
	"context"
	"errors"
)

// ReplicationOptions say how the target reaches us.
type ReplicationOptions struct{}

func (im *importer) checkReplication(ctx context.Context, info map[string]string, add func(error)) {}

func (im *importer) replicate(ctx context.Context) error { return errors.New("not yet") }
