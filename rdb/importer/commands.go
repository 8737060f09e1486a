package importer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// temporaryPrefix begins the names under which keys are made, before they are renamed.
const temporaryPrefix = "redis-gitops:import:"

// temporary is the name under which a key of a dump is made. n differs by attempt, where pieces of two attempts could mix: a
// server may carry out late what it got from a connection that broke. 0 is for what is made at once.
func (p *pass) temporary(key []byte, n int64) []byte {
	name := temporaryPrefix + p.im.keeper.ID() + ":" + strconv.FormatInt(n, 36)
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
	replace := p.im.Options.Existing == plan.Replace
	start := len(b.buf)
	if e.Type == rdb.TypeString && (e.Expiry == 0 || p.im.Server.Version >= capability.ExpireAtSince) {
		return p.appendSet(b, k, e, replace)
	}
	temporary := p.temporary(e.Key, 0)
	b.buf = redis.AppendArg(redis.AppendArgs(b.buf, 1), "MULTI")
	b.buf = redis.AppendCommand(b.buf, []byte("UNLINK"), temporary)
	made := *e
	made.Key = temporary
	n := int32(2)
	err := rdb.Commands(&made, rdb.CommandOptions{RDBVersion: p.im.Server.Version, Shift: p.im.Shift}, func(args [][]byte) error {
		b.buf = redis.AppendCommand(b.buf, args...)
		n++
		if c := p.im.Sent.Of(args[0]); c != nil {
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
	out, lost, err := rdb.Reencode(e, rdb.ReencodeOptions{Version: p.im.Server.Version, Shift: p.im.Shift})
	if err == nil && !p.epoch.Repair && p.reread != e.Offset {
		p.im.Losses.Lose(lost)
	}
	return out, err
}

// function loads a library.
func (p *pass) function(ctx context.Context, e *rdb.Entry) error {
	v := p.im.Options.Filter.Apply(e)
	row := p.rowFor(0, "function")
	c := p.count(row)
	c.Read++
	if v != rdb.Kept {
		c.Filtered++
		return nil
	}
	policy := "APPEND"
	if p.im.Options.Existing == plan.Replace || e.Offset < p.uncertain || e.Offset == p.reread {
		policy = "REPLACE"
	}
	payload, err := rdb.AppendFunctions(nil, e)
	if err != nil {
		return err
	}
	for _, r := range p.routes {
		conn, err := p.connOf(ctx, r)
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
		_, err = conn.Do(limited, "FUNCTION", "RESTORE", string(payload), policy)
		cancel()
		var refused redis.Error
		switch {
		case err == nil:
		case !errors.As(err, &refused):
			p.drop(r)
			c.Read--
			return errReread
		case p.im.Options.Existing == plan.Skip && policy == "APPEND":
			c.Skipped++
			return nil
		case p.im.Source.Once && (server.UnknownCommand(refused) || refused.Code() == "NOPERM"):
			return server.Fatal(fmt.Errorf("function libraries: %w; exclude them with --type", server.Advise(refused)))
		default:
			p.refuse(e, row, server.Advise(refused))
			return nil
		}
	}
	c.Written++
	p.im.Ledger.AddLibrary(server.ParseLibrary(string(e.Raw)).Name)
	return nil
}

// connOf returns a connection of the goroutine that reads the dump.
func (p *pass) connOf(ctx context.Context, r *route) (*redis.Conn, error) {
	if c := p.big[r]; c != nil {
		return c, nil
	}
	c, err := p.im.Connect(ctx, r.addr)
	if err == nil {
		p.big[r] = c
	}
	return c, err
}

func (p *pass) drop(r *route) {
	if c := p.big[r]; c != nil {
		c.Close()
		delete(p.big, r)
	}
}

// large writes a value of any size, on a connection of its own. A collection is made piece by piece under another name. A
// stream keeps more of itself in one piece (who has seen it when), and reading that is quick; what a module wrote cannot be
// cut.
func (p *pass) large(ctx context.Context, e *rdb.Entry, to int, row int32, how capability.Way) error {
	value, err := p.wholeStream(e, how)
	if err != nil && e.Raw != nil && (!p.im.Source.Once || !errors.Is(err, rdb.ErrTarget)) { // it was read, and is damaged
		p.refuse(e, row, err)
		return nil
	}
	if err != nil {
		return server.Fatal(err)
	}
	r := p.routes[to]
	conn, err := p.connOf(ctx, r)
	if err != nil {
		return err
	}
	l := &largeKey{pass: p, conn: conn, entry: value}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	size, known := p.im.survey.Length(value)
	whole := e.Type == rdb.TypeModule2 || e.Type.Kind() == "stream" && how != capability.Plain && value.Raw != nil
	if !whole {
		p.countLosses(e)
	}
	if e.Type == rdb.TypeModule2 && (!known || size > maxBulk) {
		p.refuse(e, row, fmt.Errorf("a module value of %d bytes cannot be sent; commands are limited to 512 MB", size))
		return nil
	}
	refused, err := l.run(ctx, size, whole)
	conn.SetDeadline(time.Time{})
	c := p.count(row)
	switch {
	case err != nil:
		p.drop(r)
		return p.largeFailed(ctx, e, row, err)
	case refused == "":
		if l.empty {
			c.Skipped++
			return nil
		}
		c.Written++
		c.Bytes += e.RawSize()
		if e.Expiry == 0 {
			c.Lasting++
		}
		return nil
	}
	return p.largeRefused(ctx, e, value, r, row, refused)
}

// largeFailed says what follows from an error while a large key was sent: the connection is gone, or the key itself is wrong.
func (p *pass) largeFailed(ctx context.Context, e *rdb.Entry, row int32, err error) error {
	var wrong *rdb.Error
	if errors.As(err, &wrong) {
		if !p.im.Source.Once && (errors.Is(err, rdb.ErrTarget) || errors.Is(err, rdb.ErrUnsupported)) {
			p.refuse(e, row, err)
			return nil
		}
		return server.Fatal(err)
	}
	var fatal *server.FatalError
	if errors.As(err, &fatal) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.im.Progress.Waiting("lost the connection: " + err.Error())
	return errReread
}

// largeRefused says what follows from an error reply to a large key.
func (p *pass) largeRefused(ctx context.Context, e, value *rdb.Entry, r *route, row int32, refused redis.Error) error {
	switch server.ClassifyReply(refused) {
	case server.Exists:
		switch {
		case p.im.Options.Existing == plan.Skip:
			p.count(row).Skipped++
		case e.Offset < p.uncertain || p.epoch.Repair || p.reread == e.Offset:
			if p.im.Foreign.Load() {
				p.im.Doubtful.Add(e.Offset)
			}
			if !p.epoch.Repair {
				p.count(row).Written++
			}
		default:
			p.refuse(e, row, server.Advise(refused))
		}
		return nil
	case server.KeyFailed:
		p.refuse(e, row, p.im.explain(value.Type, refused))
		return nil
	case server.GiveUp:
		return server.Fatal(server.Advise(refused))
	}
	p.drop(r)
	if p.slots != nil && server.ClassifyReply(refused) == server.Moved {
		if err := p.refreshSlots(ctx); err != nil {
			return err
		}
	}
	return errReread
}

// wholeStream returns a stream that is in memory as a whole, in an encoding that the target knows, where it is not too large
// for that; other values as they are.
func (p *pass) wholeStream(e *rdb.Entry, how capability.Way) (*rdb.Entry, error) {
	if e.Type.Kind() != "stream" {
		return e, nil
	}
	loaded, err := e.Load(plan.MaxWhole)
	if err == nil && loaded && how != capability.Plain {
		err = p.im.ways.Restorable(e)
	}
	if err != nil || !loaded || how != capability.Reencoded {
		return e, err
	}
	return p.reencode(e)
}

const maxBulk = 512 << 20 // proto-max-bulk-len

// A largeKey is one key while it is sent in pieces.
type largeKey struct {
	pass  *pass
	conn  *redis.Conn
	entry *rdb.Entry
	buf   []byte
	sent  int // commands in buf
	empty bool
	dues  chan int // replies that are due, piece by piece
}

const (
	pieceBytes  = 64 << 10
	piecesAhead = 32
)

func (l *largeKey) add(args ...[]byte) {
	l.buf = redis.AppendCommand(l.buf, args...)
	l.sent++
}

// run sends the key and gives the first reply that refuses.
func (l *largeKey) run(ctx context.Context, size int64, whole bool) (redis.Error, error) {
	p, e, replace := l.pass, l.entry, l.pass.im.Options.Existing == plan.Replace
	if err := l.selectDB(ctx, e.DB); err != nil {
		var refused redis.Error
		if errors.As(err, &refused) {
			return refused, nil
		}
		return "", err
	}
	key := append([]byte(nil), e.Key...)
	if !replace {
		there, err := l.exists(ctx, key)
		if err != nil || there {
			if there {
				return "BUSYKEY", nil
			}
			var refused redis.Error
			if errors.As(err, &refused) {
				return refused, nil
			}
			return "", err
		}
	}
	var err error
	var refused redis.Error
	if whole {
		refused, err = l.pipeline(ctx, func() error { return l.restore(ctx, size, replace) })
		return refused, err
	}
	temporary := p.temporary(key, p.im.names.Add(1))
	p.im.leftovers.add(e.DB, string(temporary))
	p.im.Sent.Made(3, replace)
	refused, err = l.pipeline(ctx, func() error { return l.pieces(ctx, temporary) })
	e.Key = key
	if err != nil {
		return "", err
	}
	// All pieces are there, or the key must not get its name.
	if refused == "" && !l.empty {
		refused, err = l.rename(ctx, key, temporary, replace)
	}
	if refused != "" && err == nil {
		limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
		_, err = l.conn.Do(limited, "UNLINK", string(temporary))
		cancel()
		if redis.Code(err) != "" {
			return refused, nil // it stays among the leftovers
		}
	}
	if err == nil {
		p.im.leftovers.remove(e.DB, string(temporary))
	}
	return refused, err
}

// pipeline sends what fn gives while it reads the replies, and gives the first one that refuses.
func (l *largeKey) pipeline(ctx context.Context, fn func() error) (redis.Error, error) {
	l.dues = make(chan int, piecesAhead)
	type outcome struct {
		refused redis.Error
		err     error
	}
	read := make(chan outcome, 1)
	go func() {
		refused, err := l.read()
		if err != nil {
			l.conn.Close()
		}
		for range l.dues { // the writer may wait
		}
		read <- outcome{refused, err}
	}()
	err := fn()
	if err == nil {
		err = l.flush(ctx)
	}
	var wrong *rdb.Error
	if err != nil && !errors.As(err, &wrong) {
		l.conn.Close()
	}
	close(l.dues)
	out := <-read
	if err == nil {
		err = out.err
	}
	return out.refused, err
}

// rename renames the key to its name. RENAME alone would free an old value at once, however large.
func (l *largeKey) rename(ctx context.Context, key, temporary []byte, replace bool) (redis.Error, error) {
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	var reply any
	var err error
	if replace {
		for _, args := range [][]string{{"MULTI"}, {"UNLINK", string(key)}, {"RENAME", string(temporary), string(key)}, {"EXEC"}} {
			if reply, err = l.conn.Do(limited, args...); err != nil {
				break
			}
		}
	} else {
		reply, err = l.conn.Do(limited, "RENAMENX", string(temporary), string(key))
	}
	var refused redis.Error
	if err != nil && !errors.As(err, &refused) {
		return "", err
	}
	if refused == "" {
		refused = insideError(reply)
	}
	switch {
	case strings.HasPrefix(string(refused), "ERR no such key") && l.entry.Expiry != 0 && l.pass.im.IsGone(l.entry.Expiry):
		return "", nil // it expired in between
	case refused == "" && reply == int64(0):
		return "BUSYKEY", nil
	}
	return refused, nil
}

func (l *largeKey) selectDB(ctx context.Context, db int) error {
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	if l.pass.slots != nil {
		return nil
	}
	_, err := l.conn.Do(limited, "SELECT", strconv.Itoa(db))
	return err
}

func (l *largeKey) exists(ctx context.Context, key []byte) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	n, err := l.conn.Int(limited, "EXISTS", string(key))
	return n > 0, err
}

// pieces sends the commands that make the key under another name.
func (l *largeKey) pieces(ctx context.Context, temporary []byte) error {
	l.add([]byte("UNLINK"), temporary)
	l.entry.Key = temporary
	l.empty = true
	return rdb.Commands(l.entry, rdb.CommandOptions{RDBVersion: l.pass.im.Server.Version, ChunkBytes: pieceBytes / 2, Shift: l.pass.im.Shift}, func(args [][]byte) error {
		l.empty = false
		if c := l.pass.im.Sent.Of(args[0]); c != nil {
			c.Add(1)
		}
		l.add(args...)
		if len(l.buf) < pieceBytes {
			return nil
		}
		return l.flush(ctx)
	})
}

// restore sends the value in one command, as it is read.
func (l *largeKey) restore(ctx context.Context, size int64, replace bool) error {
	e := l.entry
	l.buf = appendRestoreHead(l.buf, e, size, replace)
	err := rdb.DumpChunks(e, capability.PayloadVersion(e.Type), func(part []byte) error {
		l.buf = append(l.buf, part...)
		if len(l.buf) < pieceBytes {
			return nil
		}
		return l.flush(ctx)
	})
	l.buf = appendRestoreTail(l.buf, e, replace)
	l.sent++
	return err
}

func (l *largeKey) flush(ctx context.Context) error {
	if err := l.pass.mayPass(ctx, l.entry.Offset+1, len(l.buf)); err != nil {
		return err
	}
	select {
	case l.dues <- l.sent:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(server.WriteTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(l.buf)
	l.buf, l.sent = l.buf[:0], 0
	return err
}

// read reads all replies.
func (l *largeKey) read() (refused redis.Error, err error) {
	for n := range l.dues {
		for range n {
			if err := l.conn.SetReadDeadline(time.Now().Add(server.ReplyTimeout)); err != nil {
				return refused, err
			}
			reply, err := l.conn.ReadReply()
			var e redis.Error
			if err != nil && !errors.As(err, &e) {
				return refused, err
			}
			if unclaimed(reply) {
				l.pass.im.Losses.Unclaimed.Add(1)
			}
			if refused == "" {
				refused = e
			}
		}
	}
	return refused, nil
}

// insideError returns the first error of an array, such as the reply of EXEC.
func insideError(reply any) redis.Error {
	list, _ := reply.([]any)
	for _, v := range list {
		if e, ok := v.(redis.Error); ok {
			return e
		}
	}
	return ""
}

// unclaimed reports that XCLAIM, the only command sent that answers an array of its own, found no stream entry to claim.
func unclaimed(reply any) bool {
	list, ok := reply.([]any)
	return ok && len(list) == 0
}

// leftovers are temporary keys that may be left where a connection broke.
type leftovers struct {
	mu    sync.Mutex
	names map[leftover]bool
}

type leftover struct {
	db   int
	name string
}

func (l *leftovers) add(db int, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names == nil {
		l.names = map[leftover]bool{}
	}
	l.names[leftover{db, name}] = true
}

func (l *leftovers) remove(db int, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, leftover{db, name})
}

// tidyTime bounds the removal of temporary keys of an import that has failed.
const tidyTime = 5 * time.Second

// tidy removes temporary keys that this run, or an interrupted one before, has left. Where it cannot be done, the next run
// does it.
func (im *importer) tidy(ctx context.Context, failed bool) error {
	if failed {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
		defer cancel()
	}
	im.leftovers.mu.Lock()
	names := slices.Collect(maps.Keys(im.leftovers.names))
	im.leftovers.mu.Unlock()
	search := (im.keeper.Resumed() || im.Restarted) && !failed
	if len(names) == 0 && !search {
		return nil
	}
	nodes, err := im.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		conn, err := im.TryConnect(ctx, node)
		if err != nil {
			return err
		}
		err = im.tidyNode(ctx, conn, names, search)
		conn.Close()
		if err != nil {
			return server.Advise(err)
		}
	}
	return nil
}

func (im *importer) tidyNode(ctx context.Context, conn *redis.Conn, names []leftover, search bool) error {
	for _, db := range im.survey.Databases(&im.Link) {
		if !im.Server.Cluster {
			if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
				return err
			}
		}
		for _, l := range names {
			if l.db != db {
				continue
			}
			im.Sent.Add("UNLINK", 1)
			if _, err := conn.Do(ctx, "UNLINK", l.name); err != nil && redis.Code(err) != "MOVED" {
				return err
			}
			im.leftovers.remove(l.db, l.name)
		}
		for cursor := "0"; search; {
			list, err := conn.List(ctx, "SCAN", cursor, "MATCH", temporaryPrefix+im.keeper.ID()+":*", "COUNT", "2000")
			if err != nil {
				return err
			}
			if len(list) != 2 {
				return errors.New("unexpected reply to SCAN")
			}
			found, _ := list[1].([]any)
			im.Sent.Add("UNLINK", int64(len(found)))
			for _, key := range found {
				if _, err := conn.Do(ctx, "UNLINK", fmt.Sprint(key)); err != nil {
					return err
				}
			}
			if cursor, _ = list[0].(string); cursor == "0" {
				break
			}
		}
	}
	return nil
}

// explain adds to the reply of a target that refuses a value what to do about it.
func (im *importer) explain(t rdb.Type, reply redis.Error) error {
	switch {
	case !strings.Contains(string(reply), "Bad data format"): // redis src/cluster.c, restoreCommand
		return reply
	case capability.Knows(im.Server.Version, t):
		return fmt.Errorf("%w: the target rejects the value as damaged; check the dump with rdb verify --deep", reply)
	}
	return fmt.Errorf("%w: the target does not support the encoding %q of RDB version %d", reply, t, t.Since())
}
