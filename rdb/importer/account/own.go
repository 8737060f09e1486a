package account

import (
	"strings"
	"sync/atomic"
)

// Removing are commands that take keys away, or what is in them. An import sends some of them itself, for its temporary
// keys.
var Removing = []string{
	"del", "unlink", "getdel", "flushall", "flushdb", "swapdb", "move", "migrate", "rename", "renamenx", "expire", "pexpire", "expireat",
	"pexpireat", "getex", "lpop", "rpop", "blpop", "brpop", "lmpop", "ltrim", "lrem", "rpoplpush", "lmove", "spop", "srem", "smove", "zrem",
	"zpopmin", "zpopmax", "zremrangebyrank", "zremrangebyscore", "zremrangebylex", "hdel", "hgetdel", "xtrim", "xdel",
}

// OwnCommands count those of Removing that an import has sent: at least as many as were carried out.
type OwnCommands map[string]*atomic.Int64

// NewOwnCommands returns counters for all commands that take keys away.
func NewOwnCommands() OwnCommands {
	sent := OwnCommands{}
	for _, name := range Removing {
		sent[strings.ToUpper(name)] = &atomic.Int64{}
	}
	return sent
}

// Add counts a command, if it is one of them.
func (o OwnCommands) Add(name string, n int64) {
	if c := o[name]; c != nil {
		c.Add(n)
	}
}

// Of returns the counter of a command that takes away, or nil.
func (o OwnCommands) Of(name []byte) *atomic.Int64 { return o[string(name)] }

// Made counts the commands that give a key its name, with so many UNLINK at most.
func (o OwnCommands) Made(unlinks int64, replace bool) {
	o.Add("UNLINK", unlinks)
	if replace {
		o.Add("RENAME", 1)
	} else {
		o.Add("RENAMENX", 1)
	}
}
