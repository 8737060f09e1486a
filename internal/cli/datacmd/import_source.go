package datacmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/internal/spool"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
	"github.com/redis-gitops/redis-gitops/rdb/source"
)

// importSource says how a server is read that is FILE of import.
type importSource struct {
	server         flags.Server
	scan, onlyNode bool
}

// open opens what is to be imported. What comes through a pipe or over the network is kept in a temporary file, because
// it is read twice; release removes that.
func (s *importSource) open(ctx context.Context, e *env.Env, from string, show *ui.Progress) (plan.Source, func(), error) {
	nothing := func() {}
	if file, ok := strings.CutPrefix(from, "@"); ok {
		text, err := inputfile.Read(file, inputfile.MaxSecret)
		if err != nil {
			return plan.Source{}, nothing, err
		}
		if from = strings.TrimSpace(string(text)); !source.IsURL(from) {
			return plan.Source{}, nothing, fmt.Errorf("%s does not contain an http:// or https:// URL", file)
		}
	}
	switch {
	case source.IsURL(from):
		return spooled(e, source.NameOf(from), func(w io.Writer) error {
			began := time.Now()
			return source.Download(ctx, nil, from, w, func(done, total int64) {
				show.Print(ui.Status{Stage: "downloading", Bytes: done, Total: total, Elapsed: time.Since(began)})
			})
		})
	case from == "-":
		in, err := openDump(e, from)
		if err != nil {
			return plan.Source{}, nothing, err
		}
		return spooled(e, "standard input", func(w io.Writer) error {
			_, err := io.Copy(w, in)
			return err
		})
	case redis.IsTarget(from):
		live, err := s.live(ctx, e, from)
		return live, nothing, err
	}
	if err := source.Check(from); err != nil {
		return plan.Source{}, nothing, err
	}
	if info, err := os.Stat(from); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
		file, err := fileSource(from, info)
		return file, nothing, inFile(from, err)
	}
	in, err := openDump(e, from)
	if err != nil {
		return plan.Source{}, nothing, err
	}
	return spooled(e, from, func(w io.Writer) error { // a pipe or device
		defer in.Close()
		_, err := io.Copy(w, in)
		return err
	})
}

// live returns the data of a running server, as it arrives.
func (s *importSource) live(ctx context.Context, e *env.Env, from string) (plan.Source, error) {
	server, err := s.server.Target(e.UI, from)
	if err != nil {
		return plan.Source{}, err
	}
	var about snapshot.Source
	if !s.onlyNode {
		if about, err = snapshot.Describe(ctx, server, snapshot.Options{FromMaster: true}); err != nil {
			return plan.Source{}, err
		}
	}
	live := &plan.Live{Clock: about.Clock, FieldTTL: about.FieldTTL}
	if live.Modules, err = snapshot.Modules(ctx, server); err != nil {
		return plan.Source{}, err
	}
	live.FindTypes = func(ctx context.Context, types []string) ([]string, error) {
		return snapshot.FindTypes(ctx, server, about.Cluster, types)
	}
	out := plan.Source{Name: server.String(), Once: true, Live: live}
	for _, id := range []string{about.RunID, about.ReplID} {
		if id != "" {
			live.IDs = append(live.IDs, id)
		}
	}
	if about.Cluster {
		if live.IDs, err = snapshot.ClusterIDs(ctx, server); err != nil {
			return plan.Source{}, err
		}
	}
	out.Open = func(ctx context.Context, _ int64) (io.ReadCloser, error) {
		if about.Cluster {
			return clusterStream(ctx, server, s.scan)
		}
		return serverStream(ctx, server, s.scan)
	}
	return out, nil
}

// spooled keeps what fill writes in a temporary file.
func spooled(e *env.Env, name string, fill func(io.Writer) error) (plan.Source, func(), error) {
	f, err := spool.Create("redis-gitops-*.rdb")
	if err != nil {
		return plan.Source{}, func() {}, err
	}
	done := e.AtExit(f.Remove)
	release := func() {
		f.Remove()
		done()
	}
	if err := fill(f); err != nil {
		release()
		return plan.Source{}, func() {}, err
	}
	size, err := f.Size()
	if err != nil {
		release()
		return plan.Source{}, func() {}, err
	}
	s, err := source.File(name, size, f.Open)
	if err != nil {
		release()
		return plan.Source{}, func() {}, fmt.Errorf("%s: %w", name, err)
	}
	return s, release, nil
}
