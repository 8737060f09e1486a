package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A store is a checkpoint in memory.
type store struct {
	text       []byte
	load, save error
}

func (s *store) Load() ([]byte, error) { return s.text, s.load }

func (s *store) Save(text []byte) error {
	if s.save == nil {
		s.text = text
	}
	return s.save
}

func (s *store) Remove() error { s.text = nil; return nil }

// begin returns the keeper of an import of one key, and what is in its dump.
func begin(t *testing.T, s plan.Store, opts plan.Options) (*Keeper, *survey.Survey) {
	t.Helper()
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(&rdb.Entry{Key: []byte("a"), Type: rdb.TypeString, Raw: rdb.AppendString(nil, []byte("b"))}), w.Close()); err != nil {
		t.Fatal(err)
	}
	src := plan.Source{Name: "dump", Open: func(_ context.Context, at int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b.Bytes()[at:])), nil
	}}
	opts.Checkpoint = s
	target, err := redis.ParseTarget("redis://localhost")
	if err != nil {
		t.Fatal(err)
	}
	l, p := &server.Link{Target: target}, plan.New(src, opts)
	l.Ledger.Report = &account.Report{}
	dump, err := survey.Scan(t.Context(), p, &l.Account)
	if err != nil {
		t.Fatal(err)
	}
	return New(l, p), dump
}

// What one run has written, the next one goes on from, by the same clock and under the same name.
func TestGoesOn(t *testing.T) {
	s := &store{}
	first, dump := begin(t, s, plan.Options{})
	first.plan.Shift, first.plan.Options.Filter.Now = 1234, time.Unix(1000, 0).UTC()
	if err := first.Begin(dump); err != nil {
		t.Fatal(err)
	}
	if first.Resumed() || !first.Saved() || !first.Binds() || first.Limit() != ahead {
		t.Errorf("resumed %v, saved %v, binds %v, limit %d", first.Resumed(), first.Saved(), first.Binds(), first.Limit())
	}
	written := string(s.text)
	if err := first.Begin(dump); err != nil || string(s.text) != written {
		t.Errorf("it began twice: %v", err)
	}
	second, dump := begin(t, s, plan.Options{Resume: true})
	if err := errors.Join(second.Load(), second.Fits(dump), second.Begin(dump)); err != nil {
		t.Fatal(err)
	}
	if !second.Resumed() || second.ID() != first.ID() || second.ID() == "" || second.plan.Shift != 1234 || !second.plan.Options.Filter.Now.Equal(time.Unix(1000, 0)) {
		t.Errorf("resumed %v, ID %q of %q, shift %d, now %v", second.Resumed(), second.ID(), first.ID(), second.plan.Shift, second.plan.Options.Filter.Now)
	}
}

// A checkpoint of another import, or none, is refused with what to do about it.
func TestRefusals(t *testing.T) {
	s := &store{}
	k, dump := begin(t, s, plan.Options{})
	if err := k.Begin(dump); err != nil {
		t.Fatal(err)
	}
	change := func(name string, value any) *store {
		var all map[string]any
		if err := json.Unmarshal(s.text, &all); err != nil {
			t.Fatal(err)
		}
		all[name] = value
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return &store{text: text}
	}
	for _, tt := range []struct {
		name  string
		store plan.Store
		opts  plan.Options
		want  string
	}{
		{"no store", nil, plan.Options{}, "no checkpoint to resume from"},
		{"nothing in it", &store{}, plan.Options{}, "no checkpoint to resume from"},
		{"unreadable", &store{load: errors.New("denied")}, plan.Options{}, "cannot read the checkpoint: denied"},
		{"damaged", &store{text: []byte("{")}, plan.Options{}, "the checkpoint is damaged"},
		{"another format", change("format", 2), plan.Options{}, "written by another version of redis-gitops (format 2)"},
		{"another dump", change("checksum", "0"), plan.Options{}, "belongs to another dump (dump, "},
		{"another size", change("size", 1), plan.Options{}, "belongs to another dump (dump, 1 bytes)"},
		{"another policy", s, plan.Options{Existing: plan.Replace}, "other filters or another policy"},
		{"another filter", s, plan.Options{Filter: rdb.Filter{Types: []string{"set"}}}, "other filters or another policy"},
		{"another target", change("target", "redis://other"), plan.Options{}, "an import into redis://other"},
		{"behind the end", change("offset", 1<<40), plan.Options{}, "the checkpoint is damaged"},
		{"a limit before its offset", change("limit", -1), plan.Options{}, "the checkpoint is damaged"},
	} {
		k, dump := begin(t, tt.store, tt.opts)
		err := k.Load()
		if err == nil {
			err = k.Fits(dump)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// Nothing is sent beyond what a checkpoint says, so a store that fails ends the import before its first write.
func TestFullDisk(t *testing.T) {
	k, dump := begin(t, &store{save: errors.New("no space left on device")}, plan.Options{})
	err := k.Begin(dump)
	if err == nil || !strings.Contains(err.Error(), "cannot write the checkpoint: no space left on device; free some space") || k.Limit() != 0 || k.Saved() {
		t.Errorf("got %v, limit %d, saved %v", err, k.Limit(), k.Saved())
	}
}

// Without a store, and of a dump that is read once, sending has no limit and nothing is written.
func TestUnbound(t *testing.T) {
	k, dump := begin(t, nil, plan.Options{})
	if err := errors.Join(k.Begin(dump), k.Save(), k.Remove(), k.Write(1), k.SaveRegularly(t.Context())); err != nil || k.Binds() || k.Saved() {
		t.Errorf("got %v, binds %v, saved %v", err, k.Binds(), k.Saved())
	}
	s := &store{}
	k, dump = begin(t, s, plan.Options{})
	k.plan.Source.Once = true
	if err := errors.Join(k.Begin(dump), k.Save()); err != nil || k.Binds() || s.text != nil {
		t.Errorf("got %v, binds %v, wrote %q", err, k.Binds(), s.text)
	}
}
