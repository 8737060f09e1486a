package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

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

// commandTable has every command that an import sends. The preflight asks for those that a run needs, and a test compares
// the table with what the sources name and with what a server has received.
var commandTable = []command{
	{name: "AUTH"}, {name: "HELLO"}, {name: "PING"}, {name: "INFO"}, {name: "TIME"}, {name: "SELECT"}, {name: "DBSIZE"}, {name: "ASKING"}, {name: "WAIT"},
	{name: "DISCARD"}, {name: "RESTORE"}, {name: "DUMP"}, {name: "SCRIPT LOAD"}, {name: "CLIENT NO-TOUCH"}, {name: "CLUSTER SLOTS"},
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

// kinds of values that plain commands make.
var kinds = []string{"string", "list", "set", "zset", "hash", "stream"}

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

// intent finds out what will be sent. Of a source that is read once, everything may come that is not excluded.
func (im *importer) intent() *intent {
	s, once := im.survey, im.Source.Once
	p := &intent{
		replace: im.Options.Existing == plan.Replace, follow: im.Options.Method == plan.Replication, verify: im.Options.Verify != plan.VerifyOff && s.Tail == nil,
		fieldTTL: im.Server.Version >= 12, expireTime: im.Server.Version >= capability.ExpireAtSince, search: im.keeper.Resumed(),
		whole: map[string]bool{}, pieces: map[string]bool{}, compare: map[string]bool{},
	}
	if p.verify && (once || s.Large[rdb.TypeModule2.Kind()] > 0) { // only the type of the largest is compared
		p.compare["type"] = true
	}
	plainly := im.Options.Method == plan.Commands || im.Server.NoRestore || !im.Server.AbsTTL
	for _, kind := range kinds {
		large := s.Large[kind] > 0 || once && wants(im.Options.Filter.Types, kind)
		some := large || slices.ContainsFunc(slices.Collect(maps.Keys(s.Types)), func(t rdb.Type) bool { return t.Kind() == kind })
		if p.verify && (large && !once || some && im.Server.NoDump) {
			p.compare[kind] = true
		}
		if p.follow || !some && !large || kind == "stream" && im.Server.Version < 9 {
			continue
		}
		p.expiring = p.expiring || once || s.Expiring
		p.whole[kind] = plainly
		p.pieces[kind] = large && (plainly || kind != "stream" || s.Huge)
		p.lookUp = p.lookUp || large && !p.replace
		p.temporary = p.temporary || p.pieces[kind] || plainly && (kind != "string" || p.expiring && im.Server.Version < capability.ExpireAtSince)
		p.transactions = p.transactions || p.pieces[kind] && p.replace || plainly && (kind != "string" || p.expiring && im.Server.Version < capability.ExpireAtSince)
	}
	if !p.follow {
		// At the end the keys are looked up where counting them proves nothing.
		merged := len(im.Server.DBs) > 0 && (p.replace || im.Options.Existing == plan.Skip)
		p.lookUp = p.lookUp || !once && im.Options.Verify != plan.VerifyFull && (merged || im.keeper.Resumed() || im.Options.Anonymous)
		p.flush = im.Options.Existing == plan.Flush && !im.keeper.Resumed() && (once || len(im.survey.Databases(&im.Link)) > 0)
		p.functions = len(s.Libraries) > 0 && im.Server.Version >= 10
	}
	return p
}

// checkRights asks whether the masters have the commands that a run needs, and the user may run them.
func (im *importer) checkRights(ctx context.Context, add func(error)) {
	if im.intent().verify {
		im.EveryMaster(ctx, add, im.checkDump)
	}
	p := im.intent()
	var needed []command
	for _, c := range commandTable {
		if c.when != nil && c.when(p) {
			needed = append(needed, c)
		}
	}
	var nodes []string
	var refusals []refusal
	im.EveryMaster(ctx, add, func(ctx context.Context, add func(error)) {
		refused, err := im.mayRun(ctx, needed)
		if err != nil {
			add(err)
			return
		}
		nodes = append(nodes, im.Place.Node)
		for _, r := range refused {
			r.node = im.Place.Node
			refusals = append(refusals, r)
		}
	})
	refusals, err := im.reallyNeeded(ctx, refusals)
	if err != nil {
		add(err)
	}
	var found server.NodeProblems
	for _, node := range nodes {
		of := slices.DeleteFunc(slices.Clone(refusals), func(r refusal) bool { return r.node != node })
		for _, err := range im.explainRefused(of) {
			found.Add(node, err)
		}
	}
	for _, err := range found.Errors(len(nodes)) {
		add(err)
	}
}

// checkDump asks whether one server gives the values that are compared.
func (im *importer) checkDump(ctx context.Context, add func(error)) {
	_, err := im.Ask(ctx, "DUMP", im.ProbeKey(im.survey.LikeKey()))
	switch {
	case redis.Code(err) == "NOPERM":
		add(fmt.Errorf("%w: verification requires DUMP permission; grant it, or use --verify off", err))
	case server.UnknownCommand(err):
		im.Server.NoDump = true
		im.Ledger.Note("the target has no DUMP command (renamed or disabled); values were compared element by element, which is slower")
	}
}

// A refusal is a command that the target would not carry out.
type refusal struct {
	command
	node    string      // of a cluster
	unknown bool        // the target does not have it
	unsure  bool        // the target does not answer the question
	reply   redis.Error // why the user may not run it
}

// A need is what keys of the dump may need of a master: a command, or to be one that keys go to at all ("").
type need struct{ node, command string }

// need returns what has to come of the dump for a refusal to matter, or nil where it matters without any key.
func (im *importer) need(r *refusal) *need {
	switch {
	case r.value:
		return &need{r.node, r.name}
	case !im.Server.Cluster || r.name == "UNLINK" && im.keeper.Resumed(): // temporary keys are searched for in every node
		return nil
	case r.name == "MULTI" || r.name == "EXEC" || strings.Contains(r.args, "KEY") || strings.Contains(r.args, "TMP"):
		return &need{r.node, ""}
	}
	return nil
}

// reallyNeeded leaves out commands that no value needs, and nodes of a cluster that no key goes to. That is not counted when
// the dump is read first, so it is read again where it matters.
func (im *importer) reallyNeeded(ctx context.Context, refused []refusal) ([]refusal, error) {
	open := map[need]bool{}
	for i := range refused {
		if n := im.need(&refused[i]); n != nil {
			open[*n] = true
		}
	}
	if len(open) == 0 || im.Source.Once {
		return refused, nil
	}
	err := im.meetNeeds(ctx, open)
	if err != nil {
		return refused, err
	}
	return slices.DeleteFunc(refused, func(r refusal) bool { n := im.need(&r); return n != nil && open[*n] }), nil
}

// meetNeeds reads the dump until every need has been met, and leaves those that are not.
func (im *importer) meetNeeds(ctx context.Context, open map[need]bool) error {
	nodeOf := func([]byte) string { return "" }
	if im.Server.Cluster {
		m, err := im.Slots(ctx)
		if err != nil {
			return err
		}
		nodeOf = func(key []byte) string { return m.Routes[m.Route(key)] }
	}
	body, err := im.Source.Open(ctx, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	scanner := rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: true})
	filter := im.Options.Filter
	for len(open) > 0 {
		e, err := scanner.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if e.Kind != rdb.KeyEntry || filter.Apply(e) != rdb.Kept {
			continue
		}
		node := nodeOf(e.Key)
		delete(open, need{node, ""})
		if err := im.commandsOf(ctx, e, func(name string) { delete(open, need{node, name}) }); err != nil {
			return err
		}
	}
	return nil
}

// commandsOf names the plain commands that an entry is written with.
func (im *importer) commandsOf(ctx context.Context, e *rdb.Entry, use func(name string)) error {
	if e.Type == rdb.TypeModule2 {
		return nil
	}
	how, err := im.ways.Of(ctx, e)
	if err != nil {
		return err
	}
	if n, _ := im.survey.Length(e); how != capability.Plain && (e.Raw != nil || e.Type.Kind() == "stream" && n <= plan.MaxWhole) {
		return nil
	}
	if e.Type == rdb.TypeString && e.Raw != nil && im.Server.Version >= capability.ExpireAtSince { // SET with its expiry
		return nil
	}
	// What is wrong with a value is reported when it is written.
	_ = rdb.Commands(e, rdb.CommandOptions{RDBVersion: im.Server.Version, Shift: im.Shift}, func(args [][]byte) error {
		use(string(args[0]))
		return nil
	})
	return nil
}

// explainRefused turns refusals into one error a cause.
func (im *importer) explainRefused(refused []refusal) (errs []error) {
	var unknown, denied, unsure, grants []string
	var other []redis.Error
	for _, r := range refused {
		name := r.name
		if r.or != "" {
			name += " or " + r.or
		}
		switch {
		case r.unknown:
			unknown = append(unknown, name)
		case r.unsure:
			unsure = append(unsure, name)
		case strings.Contains(string(r.reply), "permissions to access"): // not the command, but its key
			if !slices.Contains(other, r.reply) {
				other = append(other, r.reply)
			}
		default:
			denied = append(denied, name)
			grants = append(grants, "+"+strings.ToLower(strings.ReplaceAll(r.name, " ", "|")))
		}
	}
	denied, grants = slices.Compact(denied), slices.Compact(grants)
	unknown = slices.Compact(unknown)
	way := "choose another --method"
	only := func(name string) bool { return len(unknown) == 1 && unknown[0] == name }
	switch {
	case only("FLUSHDB"):
		way = "remove --flush"
	case only("FUNCTION RESTORE"):
		way = "exclude functions with --type"
	case im.survey.Tail != nil:
		way = "import the file into a separate empty server, and import from that server"
	case im.Options.Method == plan.Replication:
		way = "remove --method replication"
	}
	if len(unknown) > 0 {
		errs = append(errs, fmt.Errorf("the target has no %s command (renamed or disabled), which the import requires; enable it, or %s", strings.Join(unknown, ", "), way))
	}
	if len(denied) > 0 {
		errs = append(errs, fmt.Errorf("the user has no permission to run %s, which the import requires; grant %s (ACL SETUSER), or use another user", strings.Join(denied, ", "), strings.Join(grants, " ")))
	}
	for _, reply := range other {
		errs = append(errs, fmt.Errorf("%w: keys are first written under names that begin with %q; grant ~%s*, or use another user", reply, plan.TemporaryPrefix, plan.TemporaryPrefix))
	}
	if len(unsure) > 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("cannot check whether the user may run %s, because neither ACL DRYRUN nor MULTI is permitted; grant +multi, or +acl|dryrun and +acl|whoami", strings.Join(unsure, ", ")))
	}
	return errs
}

// mayRun returns the commands that the target would refuse. Nothing that it sends changes the target: ACL DRYRUN (Redis 7.0)
// decides without carrying out, and a command within MULTI is queued and then discarded.
func (im *importer) mayRun(ctx context.Context, commands []command) ([]refusal, error) {
	if len(commands) == 0 {
		return nil, nil
	}
	refused, known, err := im.dryRun(ctx, commands)
	if err != nil || known {
		return refused, err
	}
	refused, known, err = im.queue(ctx, commands)
	if err != nil || known {
		return refused, err
	}
	return im.lookUp(ctx, commands)
}

// arguments returns the words that ask for a command.
func (im *importer) arguments(name, args string) []string {
	like := im.survey.LikeKey()
	temporary := plan.TemporaryPrefix + "probe"
	if im.Server.Cluster {
		temporary += im.ProbeTag(like)
	}
	words := strings.Fields(name + " " + args)
	for i, w := range words {
		switch w {
		case "KEY":
			words[i] = im.ProbeKey(like)
		case "TMP":
			words[i] = temporary
		}
	}
	return words
}

// names are those under which a target may have a command.
func (c *command) names() []string {
	if c.or != "" {
		return []string{c.name, c.or}
	}
	return []string{c.name}
}

// each asks for every command under each of its names, until one is not refused.
func each(commands []command, ask func(c *command, name string) (refusal, bool, error)) (refused []refusal, err error) {
	for i := range commands {
		c := &commands[i]
		var last refusal
		for _, name := range c.names() {
			r, ok, err := ask(c, name)
			if err != nil {
				return nil, err
			}
			if ok {
				last = refusal{}
				break
			}
			if last.name == "" || last.unknown { // a missing permission explains more than a missing command
				last = r
			}
		}
		if last.name != "" {
			refused = append(refused, last)
		}
	}
	return refused, nil
}

// dryRun asks by ACL DRYRUN. known is false where the target does not answer that.
func (im *importer) dryRun(ctx context.Context, commands []command) (refused []refusal, known bool, err error) {
	reply, err := im.Ask(ctx, "ACL", "WHOAMI")
	user, ok := reply.(string)
	if err != nil || !ok {
		return nil, false, server.UnlessRefused(err)
	}
	var no redis.Error // the question itself was refused
	refused, err = each(commands, func(c *command, name string) (refusal, bool, error) {
		reply, err := im.Ask(ctx, append([]string{"ACL", "DRYRUN", user}, im.arguments(name, c.args)...)...)
		var e redis.Error
		switch {
		case errors.As(err, &e) && strings.HasPrefix(string(e), "ERR Command ") && strings.HasSuffix(string(e), "not found"):
			return refusal{command: *c, unknown: true}, false, nil
		case errors.As(err, &e):
			no = e
			return refusal{}, false, err
		case err != nil || reply == "OK":
			return refusal{}, true, err
		}
		text, _ := reply.(string)
		return refusal{command: *c, reply: redis.Error("NOPERM " + text)}, false, nil
	})
	if no != "" {
		return nil, false, nil
	}
	return refused, err == nil, err
}

// queue asks within a transaction that is discarded. Each reply is awaited: a server that refused MULTI, or a proxy that does
// not know it, would carry out what follows. known is false where the target has no transactions.
func (im *importer) queue(ctx context.Context, commands []command) (refused []refusal, known bool, err error) {
	exists := im.arguments("EXISTS", "KEY")
	if _, err := im.Ask(ctx, exists...); err != nil && (redis.Code(err) == "" || im.Server.Cluster) { // leads to the node of the slot
		return nil, false, server.Advise(err)
	}
	var last []refusal
	if slices.ContainsFunc(commands, func(c command) bool { return c.name == "EXEC" }) {
		last, err = each(slices.DeleteFunc(slices.Clone(commands), func(c command) bool { return c.name != "EXEC" }), func(c *command, name string) (refusal, bool, error) {
			return im.askPlainly(ctx, c, name)
		})
		if err != nil {
			return nil, false, err
		}
	}
	conn := im.Control
	if conn == nil {
		return nil, false, errors.New("lost the connection to the target; try again")
	}
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	if reply, err := conn.Do(limited, "MULTI"); err != nil || reply != "OK" {
		var e redis.Error
		if err != nil && !errors.As(err, &e) {
			return nil, false, err
		}
		return nil, false, nil
	}
	done := false
	defer func() {
		if _, err := conn.Do(limited, "DISCARD"); err != nil || !done { // a server discards what a connection has queued when that ends
			conn.Close()
			im.Control = nil
		}
	}()
	ask := func(args []string) (redis.Error, error) {
		reply, err := conn.Do(limited, args...)
		var e redis.Error
		if err == nil && reply != "QUEUED" {
			err = fmt.Errorf("the target does not queue commands after MULTI (%s was answered with %.40q); use a server that supports transactions", args[0], fmt.Sprint(reply))
		}
		if errors.As(err, &e) {
			return e, nil
		}
		return "", err
	}
	if _, err := ask(exists); err != nil { // only reads
		return nil, false, err
	}
	refused, err = each(commands, func(c *command, name string) (refusal, bool, error) {
		if name == "MULTI" || name == "EXEC" { // the first is in use, and the second was asked for before
			return refusal{}, true, nil
		}
		reply, err := ask(im.arguments(name, c.args))
		if err != nil {
			return refusal{}, false, err
		}
		return judge(c, reply)
	})
	done = err == nil
	return append(refused, last...), done, err
}

// judge returns what a reply to the question for a command means.
func judge(c *command, reply redis.Error) (refusal, bool, error) {
	switch {
	case reply == "":
	case server.UnknownCommand(reply):
		return refusal{command: *c, unknown: true}, false, nil
	case reply.Code() == "NOPERM":
		return refusal{command: *c, reply: reply}, false, nil
	case server.ClassifyReply(reply) == server.GiveUp || server.ClassifyReply(reply) == server.TryAgain:
		return refusal{}, false, server.Advise(reply)
	}
	return refusal{}, true, nil
}

// askPlainly asks for a command by sending it: one that reads, or EXEC, which does nothing without MULTI.
func (im *importer) askPlainly(ctx context.Context, c *command, name string) (refusal, bool, error) {
	_, err := im.Ask(ctx, im.arguments(name, c.args)...)
	var reply redis.Error
	if err != nil && !errors.As(err, &reply) {
		return refusal{}, false, err
	}
	// What a server says about EXEC, it puts after this (redis src/multi.c, execCommandAbort).
	return judge(c, redis.Error(strings.TrimPrefix(string(reply), "EXECABORT Transaction discarded because of: ")))
}

// lookUp asks which commands the target has. Whether the user may run them is not known then.
func (im *importer) lookUp(ctx context.Context, commands []command) ([]refusal, error) {
	return each(commands, func(c *command, name string) (refusal, bool, error) {
		word, _, _ := strings.Cut(name, " ")
		reply, err := im.Ask(ctx, "COMMAND", "INFO", word)
		if server.UnlessRefused(err) != nil {
			return refusal{}, false, err
		}
		list, _ := reply.([]any)
		if len(list) == 1 && list[0] == nil {
			return refusal{command: *c, unknown: true}, false, nil
		}
		switch {
		case word == "MULTI": // it was refused a moment ago
			return refusal{command: *c, reply: "NOPERM"}, false, nil
		case c.read || word == "EXEC":
			return im.askPlainly(ctx, c, name)
		}
		return refusal{command: *c, unsure: true}, c.first, nil
	})
}
