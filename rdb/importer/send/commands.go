package send

import (
	"strconv"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// temporary is the name under which a key of a dump is made. n differs by attempt, where pieces of two attempts could mix: a
// server may carry out late what it got from a connection that broke. 0 is for what is made at once.
func (p *pass) temporary(key []byte, n int64) []byte {
	name := plan.TemporaryPrefix + p.Keeper.ID() + ":" + strconv.FormatInt(n, 36)
	if p.slots != nil {
		name += p.slots.Tag(key)
	}
	return []byte(name)
}

// appendCommands appends the plain commands that make a key whole, or not at all where it exists. Without any element there
// are none.
//
// They are one transaction: what is cut off is not carried out, and where the server refuses one command (OOM, say) it
// carries out none. A name that all share is enough then.
func (p *pass) appendCommands(b *batch, k *keyRef, e *rdb.Entry) error {
	replace := p.Options.Existing == plan.Replace
	start := len(b.buf)
	if e.Type == rdb.TypeString && (e.Expiry == 0 || p.Server.Version >= capability.ExpireAtSince) {
		return p.appendSet(b, k, e, replace)
	}
	temporary := p.temporary(e.Key, 0)
	b.buf = redis.AppendArg(redis.AppendArgs(b.buf, 1), "MULTI")
	b.buf = redis.AppendCommand(b.buf, []byte("UNLINK"), temporary)
	made := *e
	made.Key = temporary
	n := int32(2)
	err := rdb.Commands(&made, rdb.CommandOptions{RDBVersion: p.Server.Version, Shift: p.Shift}, func(args [][]byte) error {
		b.buf = redis.AppendCommand(b.buf, args...)
		n++
		if c := p.Sent.Of(args[0]); c != nil {
			k.removes = append(k.removes, c)
		}
		return nil
	})
	if err != nil || n == 2 {
		b.buf = b.buf[:start]
		return err
	}
	word := "RENAMENX"
	if replace {
		word = "RENAME"
	}
	b.buf = redis.AppendArg(redis.AppendArg(redis.AppendArgs(b.buf, 3), word), temporary)
	b.buf = redis.AppendArg(b.buf, e.Key)
	k.nameAt, k.nameLen = len(b.buf)-2-len(e.Key), len(e.Key)
	b.buf = redis.AppendCommand(b.buf, []byte("UNLINK"), temporary) // where the key exists
	b.buf = redis.AppendArg(redis.AppendArgs(b.buf, 1), "EXEC")
	k.replies, k.how = n+3, byTransaction
	return nil
}

func (p *pass) appendSet(b *batch, k *keyRef, e *rdb.Entry, replace bool) error {
	return rdb.Decode(e, func(el *rdb.Element) error {
		n := 3
		if !replace {
			n++
		}
		if e.Expiry != 0 {
			n += 2
		}
		b.buf = redis.AppendArg(redis.AppendArg(redis.AppendArgs(b.buf, n), "SET"), e.Key)
		k.nameAt, k.nameLen = len(b.buf)-2-len(e.Key), len(e.Key)
		b.buf = redis.AppendArg(b.buf, el.Bytes)
		if !replace {
			b.buf = redis.AppendArg(b.buf, "NX")
		}
		if e.Expiry != 0 {
			b.buf = appendInt(redis.AppendArg(b.buf, "PXAT"), e.Expiry)
		}
		k.replies, k.how = 1, bySet
		return nil
	})
}

// reencode returns an entry that the target loads, and takes account of what it loses.
func (p *pass) reencode(e *rdb.Entry) (*rdb.Entry, error) {
	out, lost, err := rdb.Reencode(e, rdb.ReencodeOptions{Version: p.Server.Version, Shift: p.Shift})
	if err == nil && !p.epoch.Repair && p.reread != e.Offset {
		p.Losses.Lose(lost)
	}
	return out, err
}
