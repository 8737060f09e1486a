package render

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/internal/reads"
	"github.com/redis-gitops/redis-gitops/repo"
)

const (
	// maxKept is how many results are kept: a plan renders one application in a few ways, before and after it.
	maxKept = 32
	// maxKeptText is how large the text of one of them may be, in bytes.
	maxKeptText = 1 << 20
)

// Kept keeps the results of charts for somebody who renders the same ones again and again, as a plan does and a form that is changed. A
// result is given again only while everything that was read for it is as it was, so nobody may change one. It may be used by several
// goroutines.
type Kept struct {
	parsed Parsed

	mu      sync.Mutex
	results []*keptResult // the one that was asked for last is the last
}

type keptResult struct {
	key    string
	result *Result
	reads  reads.States
}

// NewKept returns one that is empty. It keeps what is parsed of a chart the first time, which is asked for again at once.
func NewKept() *Kept { return &Kept{parsed: Parsed{First: true}} }

type keptKey struct{}

// Keep has [Render] take results out of k and put them into it, for calls with ctx and without options.
func Keep(ctx context.Context, k *Kept) context.Context { return context.WithValue(ctx, keptKey{}, k) }

// keptIn returns what results are kept in: nil for nothing.
func keptIn(ctx context.Context, t Target, opts Options) *Kept {
	if t.Kind != repo.Chart || len(opts.APIVersions) > 0 || opts.KubeVersion != "" || opts.Timeout != 0 || opts.Parsed != nil {
		return nil // a kustomization may depend on what deploys others
	}
	k, _ := ctx.Value(keptKey{}).(*Kept)
	return k
}

// render is what a function makes of a chart, or what it made before.
func (k *Kept) render(r *repo.Repo, t Target, make func(*repo.Repo, Options) (*Result, error)) (*Result, error) {
	key := t.Key()
	if known := k.known(r, key); known != nil {
		return known, nil
	}
	seen := reads.Record(r.Fs())
	result, err := make(r.On(seen), Options{Parsed: &k.parsed})
	if err != nil {
		return nil, err
	}
	size := 0
	for _, text := range result.texts {
		size += len(text.text)
	}
	if size > maxKeptText {
		return result, nil
	}
	seen.Saw(t.Sources()...)
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.results) >= maxKept {
		k.results = slices.Delete(k.results, 0, 1)
	}
	k.results = append(k.results, &keptResult{key, result, seen.States(r.Fs())})
	return result, nil
}

func (k *Kept) known(r *repo.Repo, key string) *Result {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, kept := range slices.Backward(k.results) {
		if kept.key == key && kept.reads.Unchanged(r.Fs()) {
			k.results = append(slices.Delete(k.results, i, i+1), kept)
			return kept.result
		}
	}
	return nil
}

// Key identifies a target among all others of a repository, and among the ways in which it is deployed, as long as the files in Sources
// are the same.
func (t Target) Key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %d %q %q %+v", t.Dir, t.Kind, t.ValueFiles, t.Files, t.Parameters)
	if d := t.Deployment; d != nil {
		fmt.Fprintf(&b, " %+v %q %q %q %q %v %q %v %v %+v", d.Source, d.Kind, d.Name, d.Path, d.Namespace, d.NoChartValues, d.ValueFiles, d.IgnoreMissingValueFiles, d.ValuesErr, d.Parameters)
		fmt.Fprintf(&b, " %q %+v %v %q %q", d.ReleaseName, d.NamespaceAt, d.SkipSchema, d.Substitute.Key(), d.ValuesSubstitute.Key())
		fmt.Fprintf(&b, " %v %v", d.ValueFilesAt, d.Missing)
		for _, from := range d.ValuesFrom {
			fmt.Fprintf(&b, " %v %q %q %v", from.At, from.Unknown, from.File, from.Err)
		}
		if d.Values != nil { // a generator of an ApplicationSet may have them from other files
			text, err := yaml.Marshal(d.Values)
			fmt.Fprintf(&b, " %q %v", text, err)
		}
	}
	return b.String()
}

// Sources returns the files that say how the target is deployed.
func (t Target) Sources() []string {
	d := t.Deployment
	if d == nil {
		return nil
	}
	files := []string{d.Source.File} // inline values
	for _, from := range d.ValuesFrom {
		if from.File != "" {
			files = append(files, from.File)
		}
	}
	return files
}
