package importer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// check makes sure that the keys are there: it compares values, as many as the options say, and then counts. "Written" means
// that the target said yes; what it lost since is found here.
func (im *importer) check(ctx context.Context) error {
	r := im.Ledger.Report
	r.Verified, r.Differing, r.Differences, r.Doubts = 0, 0, nil, nil
	if err := im.settle(ctx); err != nil {
		return err
	}
	im.Progress.Stage("verifying", im.survey.Size)
	v := &verifier{im: im, report: r, plain: im.Server.NoDump}
	defer v.close()
	if err := v.values(ctx); err != nil {
		return err
	}
	if err := im.SameServer(ctx); err != nil {
		return err
	}
	if err := im.audit(ctx, v); err != nil {
		return err
	}
	return im.checkLibraries(ctx)
}

// settleTime bounds how long the import waits for a target that evicts keys to be done with it.
const settleTime = 5 * time.Second

// settle waits while the target frees memory, which it goes on with after the last command. Each command has it free more.
func (im *importer) settle(ctx context.Context) error {
	for began := time.Now(); ; {
		if err := im.SameServer(ctx); err != nil {
			return err
		}
		busy := false
		for _, f := range im.Facts.Now {
			busy = busy || f.Limit > 0 && f.Used > f.Limit && f.Policy != "noeviction"
		}
		if !busy || time.Since(began) > settleTime {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// audit compares what was counted with what the target says, and where they do not agree for sure, looks for every key.
func (im *importer) audit(ctx context.Context, v *verifier) error {
	r := im.Ledger.Report
	evicted := im.Facts.Since(func(f server.Facts) int64 { return f.Evicted })
	short, reasons := im.countKeys()
	if evicted > 0 {
		reasons = append(reasons, fmt.Sprintf("the target evicted %s (maxmemory-policy)", finding.Count(evicted, "key")))
	}
	if names := im.removals(); len(names) > 0 {
		reasons = append(reasons, "other clients sent "+strings.Join(names, ", "))
	}
	if im.keeper.Resumed() || im.Restarted || im.Options.Anonymous {
		reasons = append(reasons, "the import was interrupted, or the target was restarted in between")
	}
	if len(reasons) == 0 {
		return nil
	}
	if v.compared && evicted == 0 {
		return nil // every key was looked at a moment ago
	}
	if im.Source.Once {
		switch {
		case short > 0:
			r.Differing += short
			r.Doubt("%s missing in the target: %s; empty the target and import again", importedAre(short), strings.Join(reasons, "; "))
		case evicted > 0:
			r.Doubt("the target evicted %s during the import, and a live source cannot be read again to find out which; raise maxmemory, empty the target and import again", finding.Count(evicted, "key"))
		}
		return nil
	}
	err := v.presence(ctx)
	if redis.Code(err) == "NOPERM" {
		r.Doubt("cannot verify that all keys exist: %s, and looking them up requires EXISTS permission: %v", strings.Join(reasons, "; "), err)
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case v.missing > 0:
		r.Doubt("%s missing in the target: %s; fix the cause, then import again with --skip-existing to write the missing keys", importedAre(v.missing), strings.Join(reasons, "; "))
	case evicted > 0:
		r.Note("the target evicted %s during the import, but all keys of the dump exist", finding.Count(evicted, "key"))
	}
	return nil
}

func importedAre(n uint64) string {
	return finding.Count(n, "imported key", finding.Verb(n, "is", "are"))
}

// countKeys compares the number of keys in each database with what must be there. short is how many are not there for sure.
func (im *importer) countKeys() (short uint64, reasons []string) {
	var total account.Report
	im.Ledger.Fill(&total)
	written, expired := map[int]uint64{}, map[int]uint64{}
	for _, row := range total.Rows {
		if row.Type == server.FunctionRow {
			continue
		}
		written[row.DB] += row.Written
		expired[row.DB] += row.Expired
	}
	var before map[int]uint64 // counted as expired before the first write
	if im.survey != nil && !im.Source.Once {
		before = map[int]uint64{}
		for _, row := range im.survey.Rows {
			before[row.DB] += row.Expired
		}
	}
	for _, db := range slices.Sorted(maps.Keys(written)) {
		if written[db] == 0 {
			continue
		}
		gone := im.Lifetimes.Over(db, im.Now())
		if before != nil { // those among them that were not sent, because their time was over
			gone -= min(gone, expired[db]-min(expired[db], before[db]))
		}
		must, most := written[db]-min(written[db], gone), written[db]
		have, had := im.Facts.Keys(im.Facts.Now, db), im.Facts.Keys(im.Facts.Before, db)
		if im.Options.Existing == plan.Flush {
			had = 0
		}
		switch {
		case have < must:
			short += must - have
			reasons = append(reasons, fmt.Sprintf("database %d has %s, but %s written to it", db, finding.Count(have, "key"), finding.Count(must, "unexpired key", finding.Verb(must, "was", "were"))))
		case had > 0 && (im.Options.Existing == plan.Replace || im.Options.Existing == plan.Skip):
			reasons = append(reasons, fmt.Sprintf("database %d already had %s, so counting proves nothing", db, finding.Count(had, "key")))
		case have > most+had:
			reasons = append(reasons, fmt.Sprintf("other clients wrote to database %d", db))
		}
	}
	return short, reasons
}

// removals names commands of other clients that may have taken keys away.
func (im *importer) removals() []string {
	var names []string
	for _, name := range account.Removing {
		n := im.Facts.Since(func(f server.Facts) int64 { return f.Removals[name] })
		n -= im.Sent[strings.ToUpper(name)].Load()
		if n > 0 {
			names = append(names, fmt.Sprintf("%s (%s)", strings.ToUpper(name), finding.Count(n, "time")))
		}
	}
	return names
}

// presence looks for every key of the dump, and names those that are missing.
func (v *verifier) presence(ctx context.Context) error {
	im := v.im
	im.Progress.Stage("looking up every key", im.survey.Size)
	failed := im.Ledger.FailedAt()
	known := map[string]bool{} // differ already
	for _, d := range v.report.Differences {
		known[fmt.Sprint(d.DB, " ", d.Key)] = true
	}
	v.exists = true
	defer func() { v.exists = false }()
	return v.each(ctx, func(e *rdb.Entry) error {
		if failed[e.Offset] || known[fmt.Sprint(e.DB, " ", string(e.Key))] {
			return nil
		}
		c := rdb.Entry{DB: e.DB, Key: bytes.Clone(e.Key), Type: e.Type, Expiry: e.Expiry, Offset: e.Offset}
		if e.Raw != nil && len(e.Raw) < plan.MaxEmpty { // it may be empty
			c.Raw = bytes.Clone(e.Raw)
		}
		return v.key(ctx, &c)
	})
}

// each calls yield for every key of the dump that must be in the target.
func (v *verifier) each(ctx context.Context, fn func(*rdb.Entry) error) error {
	im := v.im
	body, err := im.Source.Open(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { body.Close() }()
	filter := im.Options.Filter
	scanner := rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: true})
	began, attempts := time.Now(), 0
	for {
		at := scanner.Position()
		e, err := scanner.Next()
		if err == io.EOF {
			return v.flush(ctx)
		}
		if err != nil {
			return err
		}
		im.Progress.At(e)
		if e.Kind != rdb.KeyEntry || filter.Apply(e) != rdb.Kept {
			continue
		}
		im.ShiftExpiry(e)
		if im.IsGone(e.Expiry) {
			continue
		}
		large := e.Raw == nil
		err = fn(e)
		if err != nil && large && !server.IsFinal(err) && time.Since(began) < im.Options.Patience && attempts < 10 {
			// The connection broke within a large value: it has to be read again.
			attempts++
			v.close()
			select {
			case <-time.After(server.FirstBackoff << min(attempts, 6)):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			body.Close()
			if body, err = im.Source.Open(ctx, at.Offset); err != nil {
				return err
			}
			scanner = rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: true, Start: at})
			continue
		}
		if err != nil {
			return err
		}
		began, attempts = time.Now(), 0
	}
}

// checkLibraries makes sure that the libraries of functions are in every node.
func (im *importer) checkLibraries(ctx context.Context) error {
	names := im.Ledger.Libraries()
	if len(names) == 0 {
		return nil
	}
	nodes, err := im.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		var have map[string][]string
		err := im.On(ctx, node, func(conn *redis.Conn) (_ bool, err error) {
			have, err = server.Libraries(ctx, conn)
			return false, err
		})
		if redis.Code(err) == "NOPERM" {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if name != "" && have[name] == nil {
				im.Ledger.Report.Differing++
				im.Ledger.Report.Differences = append(im.Ledger.Report.Differences, account.Difference{Key: name, Type: server.FunctionRow, Reason: "missing"})
			}
		}
	}
	return nil
}
