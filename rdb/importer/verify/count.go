package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// countKeys compares the number of keys in each database with what must be there. short is how many are not there for sure.
func (v *verifier) countKeys() (short uint64, reasons []string) {
	var total account.Report
	v.Ledger.Fill(&total)
	written, expired := map[int]uint64{}, map[int]uint64{}
	for _, row := range total.Rows {
		if row.Type == server.FunctionRow {
			continue
		}
		written[row.DB] += row.Written
		expired[row.DB] += row.Expired
	}
	var before map[int]uint64 // counted as expired before the first write
	if v.Dump != nil && !v.Source.Once {
		before = map[int]uint64{}
		for _, row := range v.Dump.Rows {
			before[row.DB] += row.Expired
		}
	}
	for _, db := range slices.Sorted(maps.Keys(written)) {
		if written[db] == 0 {
			continue
		}
		gone := v.Lifetimes.Over(db, v.Now())
		if before != nil { // those among them that were not sent, because their time was over
			gone -= min(gone, expired[db]-min(expired[db], before[db]))
		}
		must, most := written[db]-min(written[db], gone), written[db]
		have, had := v.Facts.Keys(v.Facts.Now, db), v.Facts.Keys(v.Facts.Before, db)
		if v.Options.Existing == plan.Flush {
			had = 0
		}
		switch {
		case have < must:
			short += must - have
			reasons = append(reasons, fmt.Sprintf("database %d has %s, but %s written to it", db, finding.Count(have, "key"), finding.Count(must, "unexpired key", finding.Verb(must, "was", "were"))))
		case had > 0 && (v.Options.Existing == plan.Replace || v.Options.Existing == plan.Skip):
			reasons = append(reasons, fmt.Sprintf("database %d already had %s, so counting proves nothing", db, finding.Count(had, "key")))
		case have > most+had:
			reasons = append(reasons, fmt.Sprintf("other clients wrote to database %d", db))
		}
	}
	return short, reasons
}

// removals names commands of other clients that may have taken keys away.
func (v *verifier) removals() []string {
	var names []string
	for _, name := range account.Removing {
		n := v.Facts.Since(func(f server.Facts) int64 { return f.Removals[name] })
		n -= v.Sent[strings.ToUpper(name)].Load()
		if n > 0 {
			names = append(names, fmt.Sprintf("%s (%s)", strings.ToUpper(name), finding.Count(n, "time")))
		}
	}
	return names
}
