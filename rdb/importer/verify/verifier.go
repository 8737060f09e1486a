// Package verify makes sure that the keys of an import are in the target: it compares values, counts keys, and looks up every key where
// the counts prove nothing. "Written" means that the target said yes; what it lost since is found here.
package verify

import (
	"context"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const (
	verifyBatch = 128     // keys asked for at once
	verifyBytes = 1 << 20 // or when their values are so large
	verifyPiece = 64 << 10
)

// A Verifier compares the target with one dump. Its fields are set once.
type Verifier struct {
	*server.Link
	*plan.Plan
	Dump    *survey.Survey
	Sampler *survey.Sampler // the keys to compare; may be nil
	Resumed bool            // the import went on from a checkpoint
}

// A verifier asks for keys and compares them.
type verifier struct {
	*Verifier
	report *account.Report
	slots  *server.SlotMap
	lanes  map[string]*lane

	exists   bool // ask only whether keys are there
	plain    bool // without DUMP: element by element
	noGet    bool // the user may not read strings by GET
	reply    []byte
	compared bool // every key
	missing  uint64
}

// A lane is the connection to one node and the keys that are asked for over it.
type lane struct {
	node   string
	conn   *redis.Conn
	db     int
	out    []byte
	asked  []question
	sent   int    // of those, how many were asked for over the connection
	size   int    // bytes of the values of the others
	memory []byte // where keys and values are copied to
}

// A question is a key that is asked for.
type question struct {
	rdb.Entry
	get bool      // by GET, else by DUMP
	at  time.Time // when it was asked
}

// keep copies what an entry points to, many entries into one piece of memory.
func (l *lane) keep(e rdb.Entry) rdb.Entry {
	copied := func(p []byte) []byte {
		if len(p) > cap(l.memory)-len(l.memory) {
			l.memory = make([]byte, 0, max(len(p), verifyPiece))
		}
		start := len(l.memory)
		l.memory = append(l.memory, p...)
		return l.memory[start:len(l.memory):len(l.memory)]
	}
	e.Key = copied(e.Key)
	if e.Raw != nil {
		e.Raw = copied(e.Raw)
	}
	return e
}

// close ends the connections. What is asked for stays, and is asked over new ones.
func (v *verifier) close() {
	for _, l := range v.lanes {
		if l.conn != nil {
			l.conn.Close()
			l.conn, l.sent = nil, 0
		}
	}
	v.slots = nil
}

func (v *verifier) lane(ctx context.Context, key []byte) (*lane, error) {
	node := ""
	if v.Server.Cluster {
		if v.slots == nil {
			m, err := v.Slots(ctx)
			if err != nil {
				return nil, err
			}
			v.slots = m
		}
		node = v.slots.Routes[v.slots.Route(key)]
	}
	if l := v.lanes[node]; l != nil {
		if l.conn == nil {
			return l, v.connect(ctx, l)
		}
		return l, nil
	}
	l := &lane{node: node}
	if err := v.connect(ctx, l); err != nil {
		return nil, err
	}
	if v.lanes == nil {
		v.lanes = map[string]*lane{}
	}
	v.lanes[node] = l
	return l, nil
}

// connect opens the connection of a lane, in the database of the target's URL.
func (v *verifier) connect(ctx context.Context, l *lane) error {
	if l.conn != nil {
		l.conn.Close()
	}
	l.sent = 0
	return v.On(ctx, l.node, func(conn *redis.Conn) (bool, error) {
		// Where the server knows how (7.2), reading does not make the keys look as if they were used.
		_, err := conn.Do(ctx, "CLIENT", "NO-TOUCH", "ON")
		if err != nil && redis.Code(err) == "" {
			return false, err
		}
		if err != nil && v.Losses.Known {
			v.Ledger.Note("%s does not support CLIENT NO-TOUCH, so the verification updated the LRU and LFU of keys; use --verify off to avoid that", v.Server.Name)
		}
		l.conn, l.db = conn, v.Target.DB
		return true, nil
	})
}

func (v *verifier) expiryCommand() string {
	if v.Server.Version >= capability.ExpireAtSince {
		return "PEXPIRETIME"
	}
	return "PTTL"
}

// skip passes over a value that nobody reads.
func (v *verifier) skip(e *rdb.Entry) error {
	if !e.Unread() {
		return nil
	}
	return e.Chunks(nil)
}

// notThere is the reason for a key that is missing.
const notThere = "missing"

func (v *verifier) differ(e rdb.Entry, reason string) {
	v.report.Differing++
	if reason == notThere {
		v.missing++
	}
	if len(v.report.Differences) < v.Options.MaxFailures {
		v.report.Differences = append(v.report.Differences, account.Difference{DB: e.DB, Key: string(e.Key), Type: e.Type.Kind(), Reason: reason})
	}
}
