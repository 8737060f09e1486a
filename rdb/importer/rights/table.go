package rights

// A command is one that an import sends to its target.
type command struct {
	name string // a subcommand follows its command: "CONFIG SET"
	or   string // does the same under an older name
	// args are what the preflight asks with. A key of the dump replaces KEY, the name of a temporary key TMP. A server that
	// carried them out would refuse or find nothing to do, as far as there are such arguments.
	args string
	// when reports that an import cannot do without. Of the others, the preflight sends some itself, and the rest is not
	// missed: what follows without them is noted in the report.
	when func(*intent) bool
	// value reports that only some values need it.
	value bool
	// first reports that nothing was changed before it is sent.
	first bool
	// read reports that it changes nothing.
	read bool
}

// names are those under which a target may have a command.
func (c *command) names() []string {
	if c.or != "" {
		return []string{c.name, c.or}
	}
	return []string{c.name}
}

// An intent is what a run will do, as far as it is known before the first write.
type intent struct {
	flush, replace, follow, functions, verify bool
	transactions                              bool            // MULTI and EXEC
	temporary                                 bool            // keys are made under another name
	lookUp                                    bool            // whether a key exists, before it is made
	search                                    bool            // for temporary keys of an earlier run
	expiring                                  bool            // some keys may have an expiry
	fieldTTL                                  bool            // the target knows fields that expire
	expireTime                                bool            // and the time at which a key does
	whole                                     map[string]bool // kinds made by plain commands at once,
	pieces                                    map[string]bool // and piece by piece, of values that are large
	compare                                   map[string]bool // kinds that are compared element by element
}

func (p *intent) made(kind string) bool { return p.whole[kind] || p.pieces[kind] }

// commandTable has every command that an import sends. The preflight asks for those that a run needs, and a test compares
// the table with what the sources name and with what a server has received.
var commandTable = []command{
	{name: "AUTH"}, {name: "HELLO"}, {name: "PING"}, {name: "INFO"}, {name: "TIME"}, {name: "SELECT"}, {name: "DBSIZE"}, {name: "ASKING"}, {name: "WAIT"},
	{name: "DISCARD"}, {name: "RESTORE"}, {name: "DUMP"}, {name: "GET"}, {name: "SCRIPT LOAD"}, {name: "CLIENT NO-TOUCH"}, {name: "CLUSTER SLOTS"},
	{name: "COMMAND INFO"}, {name: "CONFIG GET"}, {name: "PUBSUB NUMSUB"}, {name: "MODULE LIST"}, {name: "FUNCTION LIST"},
	{name: "FUNCTION STATS"}, {name: "ACL WHOAMI"}, {name: "ACL DRYRUN"},

	{name: "FLUSHDB", args: "ASYNC SYNC", when: func(p *intent) bool { return p.flush }, first: true},
	{name: "REPLICAOF", or: "SLAVEOF", args: "NO ONE", when: func(p *intent) bool { return p.follow }, first: true},
	{name: "SLAVEOF"},
	{name: "CONFIG SET", args: "repl-diskless-load redis-gitops", when: func(p *intent) bool { return p.follow }, first: true},
	{name: "FUNCTION RESTORE", args: "redis-gitops redis-gitops", when: func(p *intent) bool { return p.functions }},

	{name: "MULTI", when: func(p *intent) bool { return p.transactions }},
	{name: "EXEC", when: func(p *intent) bool { return p.transactions }},
	{name: "EXISTS", args: "KEY", when: func(p *intent) bool { return p.lookUp }, read: true},
	{name: "UNLINK", args: "TMP", when: func(p *intent) bool { return p.temporary || p.search }},
	{name: "RENAME", args: "TMP KEY", when: func(p *intent) bool { return p.temporary && p.replace }},
	{name: "RENAMENX", args: "TMP KEY", when: func(p *intent) bool { return p.temporary && !p.replace }},
	{name: "SCAN", args: "redis-gitops", when: func(p *intent) bool { return p.search }, read: true},

	{name: "SET", args: "KEY v NX XX", when: func(p *intent) bool { return p.whole["string"] }},
	{name: "SET", args: "TMP v NX XX", when: func(p *intent) bool { return p.made("string") && p.temporary }},
	{name: "APPEND", args: "TMP v", when: func(p *intent) bool { return p.pieces["string"] }, value: true},
	{name: "RPUSH", args: "TMP v", when: func(p *intent) bool { return p.made("list") }, value: true},
	{name: "SADD", args: "TMP v", when: func(p *intent) bool { return p.made("set") }, value: true},
	{name: "ZADD", args: "TMP x v", when: func(p *intent) bool { return p.made("zset") }, value: true},
	{name: "HSET", args: "TMP f v f", when: func(p *intent) bool { return p.made("hash") }, value: true},
	{name: "HPEXPIREAT", args: "TMP 1 FIELDS 1 f", when: func(p *intent) bool { return p.made("hash") && p.fieldTTL }, value: true},
	{name: "XADD", args: "TMP x f v", when: func(p *intent) bool { return p.made("stream") }, value: true},
	{name: "XGROUP", args: "CREATE TMP g 0", when: func(p *intent) bool { return p.made("stream") }, value: true},
	{name: "XSETID", args: "TMP x", when: func(p *intent) bool { return p.made("stream") }, value: true},
	{name: "XCLAIM", args: "TMP g c 0 x", when: func(p *intent) bool { return p.made("stream") }, value: true},
	{name: "XDEL", args: "TMP 0-1", when: func(p *intent) bool { return p.made("stream") }, value: true},
	{name: "PEXPIREAT", args: "TMP 1", when: func(p *intent) bool { return p.temporary && p.expiring }, value: true},

	{name: "PTTL", args: "KEY", when: func(p *intent) bool { return p.verify && !p.expireTime }, read: true},
	{name: "PEXPIRETIME", args: "KEY", when: func(p *intent) bool { return p.verify && p.expireTime }, read: true},
	{name: "TYPE", args: "KEY", when: func(p *intent) bool { return len(p.compare) > 0 }, read: true},
	{name: "STRLEN", args: "KEY", when: func(p *intent) bool { return p.compare["string"] }, read: true},
	{name: "GETRANGE", args: "KEY 0 0", when: func(p *intent) bool { return p.compare["string"] }, read: true},
	{name: "LLEN", args: "KEY", when: func(p *intent) bool { return p.compare["list"] }, read: true},
	{name: "LINDEX", args: "KEY 0", when: func(p *intent) bool { return p.compare["list"] }, read: true},
	{name: "SCARD", args: "KEY", when: func(p *intent) bool { return p.compare["set"] }, read: true},
	{name: "SISMEMBER", args: "KEY v", when: func(p *intent) bool { return p.compare["set"] }, read: true},
	{name: "ZCARD", args: "KEY", when: func(p *intent) bool { return p.compare["zset"] }, read: true},
	{name: "ZSCORE", args: "KEY v", when: func(p *intent) bool { return p.compare["zset"] }, read: true},
	{name: "HLEN", args: "KEY", when: func(p *intent) bool { return p.compare["hash"] }, read: true},
	{name: "HGET", args: "KEY f", when: func(p *intent) bool { return p.compare["hash"] }, read: true},
	{name: "XLEN", args: "KEY", when: func(p *intent) bool { return p.compare["stream"] }, read: true},
	{name: "XRANGE", args: "KEY 0-1 0-1", when: func(p *intent) bool { return p.compare["stream"] }, read: true},
	{name: "XPENDING", args: "KEY g 0-1 0-1 1", when: func(p *intent) bool { return p.compare["stream"] }, read: true},
}

// Commands returns the names of all commands that an import may send, some of them twice.
func Commands() []string {
	var names []string
	for _, c := range commandTable {
		names = append(names, c.name)
	}
	return names
}
