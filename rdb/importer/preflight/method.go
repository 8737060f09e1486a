package preflight

import (
	"fmt"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// forCommands chooses the method for an append-only file.
func (ch *checker) forCommands() error {
	for _, n := range ch.Source.Notes {
		ch.Ledger.Note("%s", n)
	}
	t := ch.dump.Tail
	if t == nil {
		return nil
	}
	if t.Cut != nil {
		ch.Ledger.Note("%s", t.Cut)
	}
	if ch.Options.Method != plan.Auto && ch.Options.Method != plan.Replication {
		return fmt.Errorf("%s has %s, which can only be replayed with --method replication; remove --method %s", ch.Source.Name, t.Describe(), ch.Options.Method)
	}
	ch.Options.Method = plan.Replication
	ch.Ledger.Report.Method = plan.Replication.String()
	return nil
}
