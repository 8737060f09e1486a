package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
)

// onlyNodeUsage is of dump and import.
const onlyNodeUsage = "for a Redis Cluster: read only the keys of the given node instead of all masters"

// useScan adds to a refusal that there is another way.
func useScan(err error) error {
	return fmt.Errorf("%w; use --scan to read the keys one by one (slower, and not a consistent snapshot)", err)
}

// serverStream is the data of one server.
func serverStream(ctx context.Context, server *redis.Target, scan bool) (io.ReadCloser, error) {
	live, err := snapshot.Open(ctx, server, snapshot.Options{})
	if err == nil {
		return live, nil
	}
	if !errors.Is(err, snapshot.ErrForbidden) {
		return nil, err
	}
	if !scan {
		return nil, useScan(err)
	}
	return piped(func(w io.Writer) error {
		_, err := snapshot.Scan(ctx, server, w, snapshot.Options{}, nil)
		return err
	}), nil
}

// clusterStream is the data of every master of a cluster, as one dump.
func clusterStream(ctx context.Context, server *redis.Target, scan bool) (io.ReadCloser, error) {
	return piped(func(w io.Writer) error {
		out := &firstWrite{w: w}
		_, err := snapshot.Cluster(ctx, server, out, snapshot.Options{FromMaster: true}, nil)
		if !errors.Is(err, snapshot.ErrForbidden) {
			return err
		}
		if !scan {
			return useScan(err)
		}
		if out.written {
			return err
		}
		_, err = snapshot.ClusterScan(ctx, server, w, snapshot.Options{}, nil)
		return err
	}), nil
}

// piped returns what fill writes, and its error instead of an end.
func piped(fill func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(fill(w)) }()
	return r
}

// firstWrite knows whether anything was written.
type firstWrite struct {
	w       io.Writer
	written bool
}

func (f *firstWrite) Write(p []byte) (int, error) {
	f.written = true
	return f.w.Write(p)
}
