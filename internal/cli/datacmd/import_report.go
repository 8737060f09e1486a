package datacmd

import (
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
)

func importStatus(now account.Progress) ui.Status {
	return ui.Status{Stage: now.Stage, DB: now.DB, Bytes: now.Bytes, Total: now.Total, Keys: now.Keys, Elapsed: now.Elapsed, Note: now.Note}
}

// printImport prints what became of every key.
func printImport(e *env.Env, r *account.Report, form string) error {
	if form == "json" {
		return e.JSON(struct {
			*account.Report
			Seconds float64 `json:"seconds"`
		}{r, r.Took.Seconds()})
	}
	for _, f := range r.Failures {
		where := fmt.Sprintf(" (%s, offset %d)", f.Type, f.Offset)
		if f.Type == "any" { // a key that commands made
			where = ""
		}
		e.PrintErrf("key %q in database %d%s: %s\n", f.Key, f.DB, where, f.Reply)
	}
	if more := r.Total.Failed - min(r.Total.Failed, uint64(len(r.Failures))); more > 0 {
		e.PrintErrf("and %d more\n", more)
	}
	for _, d := range r.Differences {
		e.PrintErrf("key %q in database %d: %s\n", d.Key, d.DB, d.Reason)
	}
	for _, d := range r.Doubts {
		e.PrintErrf("%s %s\n", e.Paint(ui.Red, "error:"), d)
	}
	for _, n := range r.Notes {
		e.PrintErrf("%s %s\n", e.Paint(ui.Yellow, "note:"), n)
	}
	if e.Quiet {
		return nil
	}
	w := e.Table(tabwriter.AlignRight)
	w.Row("db\ttype\tread\twritten\tskipped\texpired\tfiltered\tfailed\t")
	for _, row := range append(slices.Clone(r.Rows), account.Row{DB: -1, Type: "all", Counts: r.Total}) {
		db := strconv.Itoa(row.DB)
		if row.DB < 0 {
			db = ""
		}
		w.Row("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t", db, row.Type, row.Read, row.Written, row.Skipped, row.Expired, row.Filtered, row.Failed)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.DryRun {
		if r.Replay != nil {
			e.Infof("then %s of the append-only file would be replayed", finding.Count(r.Replay.Commands, "command"))
		}
		e.Infof("nothing was written; the keys need about %s in %s", rdb.FormatBytes(uint64(r.Estimate)), r.Target)
		return nil
	}
	rate := float64(r.Total.Written) / max(r.Took.Seconds(), 1e-3)
	line := fmt.Sprintf("%s in %.1f s (%.0f/s)", finding.Count(r.Total.Written, "key"), r.Took.Seconds(), rate)
	if r.Replay != nil {
		line = fmt.Sprintf("%s replayed, %d refused; ", finding.Count(r.Replay.Commands, "command"), r.Replay.Refused) + line
	}
	if r.Repaired > 0 {
		line += fmt.Sprintf("; %d were rewritten", r.Repaired)
	}
	if r.Verified > 0 {
		line += fmt.Sprintf("; %d compared, %d differ", r.Verified, r.Differing)
	}
	e.Infof("%s", line)
	return nil
}
