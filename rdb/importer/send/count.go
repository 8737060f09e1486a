package send

import (
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// count returns the counts of a row for keys that are not sent.
func (p *pass) count(row int32) *account.Counts {
	for len(p.counts) <= int(row) {
		p.counts = append(p.counts, account.Counts{})
	}
	return &p.counts[row]
}

// rowFor returns the row of a database and type.
func (p *pass) rowFor(db int, kind string) int32 {
	name := account.RowName{DB: db, Kind: kind}
	if p.row >= 0 && p.rowOf == name {
		return p.row
	}
	row, ok := p.rows[name]
	if !ok {
		row = int32(p.Ledger.Row(db, kind))
		p.rows[name] = row
	}
	p.row, p.rowOf = row, name
	return row
}

// rowOfType is rowFor for keys, of which every one asks.
func (p *pass) rowOfType(db int, t rdb.Type) int32 {
	if int(t) >= len(p.typeRows) {
		return p.rowFor(db, t.Kind())
	}
	if db != p.typesDB {
		p.typesDB = db
		clear(p.typeRows[:])
	}
	if p.typeRows[t] == 0 {
		p.typeRows[t] = p.rowFor(db, t.Kind()) + 1
	}
	return p.typeRows[t] - 1
}

// countLosses takes account of what plain commands cannot set.
func (p *pass) countLosses(e *rdb.Entry) {
	if p.epoch.Repair || p.reread == e.Offset {
		return
	}
	if e.HasFreq {
		p.Losses.Freq++
	}
	if e.HasIdle {
		p.Losses.Idle++
	}
	if e.Type.Kind() == "stream" {
		p.Losses.Streams++
	}
}

// refuse notes a key that could not be sent.
func (p *pass) refuse(e *rdb.Entry, row int32, err error) {
	if p.epoch.Repair {
		return
	}
	p.count(row).Failed++
	p.Ledger.Fail(account.Failure{DB: e.DB, Key: string(e.Key), Type: e.Type.String(), Offset: e.Offset, Reply: err.Error()})
}

// explain adds to the reply of a target that refuses a value what to do about it.
func (s *Sender) explain(t rdb.Type, reply redis.Error) error {
	switch {
	case !strings.Contains(string(reply), "Bad data format"): // redis src/cluster.c, restoreCommand
		return reply
	case capability.Knows(s.Server.Version, t):
		return fmt.Errorf("%w: the target rejects the value as damaged; check the dump with rdb verify --deep", reply)
	}
	return fmt.Errorf("%w: the target does not support the encoding %q of RDB version %d", reply, t, t.Since())
}
