package rdb

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// CommandOptions of [Commands].
type CommandOptions struct {
	// ChunkBytes is the size of arguments at which a command is sent and the next begun. 0 stands for 64 KiB. A single
	// element, and a piece of a string (1 MiB), are not split.
	ChunkBytes int
	// RDBVersion is the newest RDB version that the target reads, from which the commands it knows follow: 8 is Redis
	// 4.0, the oldest; 9 is 5.0, 10 is 7.0, 12 is 7.4. 0 stands for the newest.
	RDBVersion int
	// Shift is added to the expiry of hash fields, in milliseconds.
	Shift int64
}

const defaultChunk = 64 << 10

// Overhead of an argument, so that a command of many tiny ones does not block the target for long either.
const argOverhead = 16

// Commands returns the commands that make the entry anew in a server that does not have the key, with its expiry last. The
// arguments are valid until emit returns. The caller selects the database. A library of functions gives FUNCTION LOAD, the
// script of an "lua" field SCRIPT LOAD; other entries, and values without any element, give nothing.
//
// What no command can set is lost: idle time and frequency, when consumers were last seen, consumers with nothing pending in
// a target before 7.0, and the sign of a score of -0 (servers since 7.0 make it 0 in a small zset). Pending items of deleted
// stream entries are kept for a value that is in memory (Raw): the entry is added, claimed and deleted again. Those of a larger
// value are lost; XCLAIM answers an empty array.
//
// Needs of a value that the target does not meet end with [ErrTarget], a module's value with [ErrUnsupported].
func Commands(e *Entry, opts CommandOptions, emit func(args [][]byte) error) error {
	if opts.ChunkBytes <= 0 {
		opts.ChunkBytes = defaultChunk
	}
	if opts.RDBVersion <= 0 {
		opts.RDBVersion = math.MaxInt
	}
	r := &replay{e: e, opts: opts, emit: emit}
	switch {
	case e.Kind == FunctionEntry && opts.RDBVersion < 10:
		return r.tooOld("functions", "Redis 7.0")
	case e.Kind == FunctionEntry:
		return r.send("FUNCTION", []byte("LOAD"), e.Raw)
	case e.Kind == AuxEntry && string(e.Key) == "lua":
		return r.send("SCRIPT", []byte("LOAD"), e.Raw)
	case e.Kind != KeyEntry:
		return nil
	case e.Type.Kind() == "stream" && opts.RDBVersion < 9:
		return r.tooOld("streams", "Redis 5.0")
	case e.Type.FieldExpiry() && opts.RDBVersion < 12:
		return r.tooOld("hash fields with an expiry", "Redis 7.4 or Valkey 9.0")
	}
	if e.Type.Kind() == "stream" && e.Raw != nil {
		var err error
		if r.ghosts, err = deletedPending(e); err != nil {
			return err
		}
	}
	if err := Decode(e, r.element); err != nil {
		return err
	}
	if err := r.flush(); err != nil {
		return err
	}
	if err := r.removeGhosts(); err != nil {
		return err
	}
	if e.Expiry == 0 || !r.made {
		return nil
	}
	return r.send("PEXPIREAT", e.Key, decimal(e.Expiry))
}

// A replay turns elements into commands.
type replay struct {
	e    *Entry
	opts CommandOptions
	emit func([][]byte) error
	made bool // a command that makes the key was sent

	batch byteList // the command that is being filled
	ttls  []fieldTTL
	args  [][]byte // of a command that is sent at once

	added    bool // the stream has an item
	group    []byte
	consumer []byte
	ghosts   []StreamID // deleted entries that are pending, in order
	revived  int        // of those, how many were added
	state    StreamInfo // of a stream with ghosts
}

// fieldTTL is the expiry of a hash field, which is argument number arg of the batch.
type fieldTTL struct {
	arg int
	at  int64
}

func (r *replay) tooOld(what, need string) error {
	return &Error{r.e.Offset, fmt.Sprintf("%s require %s or later; the target supports RDB version %d at most", what, need, r.opts.RDBVersion), ErrTarget}
}

func (r *replay) element(el *Element) error {
	key := r.e.Key
	switch el.Kind {
	case StringChunk:
		if r.made {
			return r.send("APPEND", key, el.Bytes)
		}
		return r.send("SET", key, el.Bytes)
	case ListItem:
		return r.add("RPUSH", el.Bytes)
	case SetMember:
		return r.add("SADD", el.Bytes)
	case ZSetMember:
		return r.add("ZADD", strconv.AppendFloat(nil, el.Score, 'g', -1, 64), el.Bytes)
	case HashField:
		return r.hashField(el)
	case StreamItem:
		if err := r.addGhosts(el.ID); err != nil {
			return err
		}
		r.added = true
		return r.send("XADD", append([][]byte{key, []byte(el.ID.String())}, el.Fields...)...)
	case StreamState:
		return r.streamState(el)
	case StreamGroup:
		r.group = append(r.group[:0], el.Bytes...)
		args := [][]byte{[]byte("CREATE"), key, r.group, []byte(el.ID.String())}
		if r.opts.RDBVersion >= 10 && el.EntriesRead >= 0 {
			args = append(args, []byte("ENTRIESREAD"), decimal(el.EntriesRead))
		}
		return r.send("XGROUP", args...)
	case StreamConsumer:
		r.consumer = append(r.consumer[:0], el.Bytes...)
		if r.opts.RDBVersion < 10 { // 6.2 has it, but cannot be distinguished from 5.0
			return nil
		}
		return r.send("XGROUP", []byte("CREATECONSUMER"), key, r.group, r.consumer)
	case StreamPending:
		return r.send("XCLAIM", key, r.group, r.consumer, []byte("0"), []byte(el.ID.String()),
			[]byte("TIME"), decimal(el.Delivered), []byte("RETRYCOUNT"), strconv.AppendUint(nil, el.Deliveries, 10),
			[]byte("FORCE"), []byte("JUSTID"))
	}
	return nil
}

func (r *replay) hashField(el *Element) error {
	if err := r.add("HSET", el.Bytes, el.Value); err != nil || el.Expiry == 0 {
		return err
	}
	r.ttls = append(r.ttls, fieldTTL{r.batch.len() - 2, shifted(el.Expiry, r.opts.Shift)})
	return nil
}

// streamState makes a stream without items by adding one to a length of 0, as Redis does for its own append-only file
// (src/aof.c, rewriteStreamObject), and sets what the items do not say.
func (r *replay) streamState(el *Element) error {
	s, key := el.Stream, r.e.Key
	if len(r.ghosts) > 0 {
		r.state = s
		return r.addGhosts(StreamID{math.MaxUint64, math.MaxUint64}) // and the state after they are deleted
	}
	if !r.added {
		if err := r.send("XADD", key, []byte("MAXLEN"), []byte("0"), []byte("0-1"), []byte("x"), []byte("y")); err != nil {
			return err
		}
	}
	return r.setState(s)
}

func (r *replay) setState(s StreamInfo) error {
	args := [][]byte{r.e.Key, []byte(s.Last.String())}
	if r.opts.RDBVersion >= 10 {
		args = append(args, []byte("ENTRIESADDED"), strconv.AppendUint(nil, s.Added, 10), []byte("MAXDELETEDID"), []byte(s.MaxDeleted.String()))
	}
	return r.send("XSETID", args...)
}

// deletedPending returns the pending items of a stream whose entry is deleted, in order. XCLAIM makes an item pending only
// while its entry exists (redis src/t_stream.c, xclaimCommand).
func deletedPending(e *Entry) ([]StreamID, error) {
	var pending []StreamID
	var last StreamID
	err := Decode(e, func(el *Element) error {
		switch el.Kind {
		case StreamState:
			last = el.Stream.Last
		case StreamPending:
			if el.ID.compare(last) <= 0 && el.ID != (StreamID{}) {
				pending = append(pending, el.ID)
			}
		}
		return nil
	})
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	slices.SortFunc(pending, StreamID.compare)
	pending = slices.Compact(pending)
	deleted, at := pending[:0], 0
	err = Decode(e, func(el *Element) error {
		if el.Kind != StreamItem {
			return nil
		}
		for ; at < len(pending) && pending[at].compare(el.ID) < 0; at++ {
			deleted = append(deleted, pending[at])
		}
		if at < len(pending) && pending[at] == el.ID {
			at++
		}
		return nil
	})
	return append(deleted, pending[at:]...), err
}

// addGhosts adds the deleted entries before an ID, so that they can be claimed.
func (r *replay) addGhosts(before StreamID) error {
	for ; r.revived < len(r.ghosts) && r.ghosts[r.revived].compare(before) < 0; r.revived++ {
		r.added = true
		if err := r.send("XADD", r.e.Key, []byte(r.ghosts[r.revived].String()), []byte("x"), []byte("y")); err != nil {
			return err
		}
	}
	return nil
}

// removeGhosts deletes them again. What XDEL changes in the state of the stream is set afterwards.
func (r *replay) removeGhosts() error {
	if len(r.ghosts) == 0 {
		return nil
	}
	for _, id := range r.ghosts {
		if err := r.add("XDEL", []byte(id.String())); err != nil {
			return err
		}
	}
	if err := r.flush(); err != nil {
		return err
	}
	return r.setState(r.state)
}

func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// add appends an element to the batch, and sends what is in it before where it is full.
func (r *replay) add(command string, element ...[]byte) error {
	size := 0
	for _, p := range element {
		size += len(p) + argOverhead
	}
	if len(r.batch.bytes)+r.batch.len()*argOverhead+size > r.opts.ChunkBytes {
		if err := r.flush(); err != nil {
			return err
		}
	}
	if r.batch.len() == 0 {
		r.batch.add([]byte(command))
		r.batch.add(r.e.Key)
	}
	for _, p := range element {
		r.batch.add(p)
	}
	return nil
}

// flush sends the batch, and then the expiry of the fields in it.
func (r *replay) flush() error {
	if r.batch.len() == 0 {
		return nil
	}
	r.made = true
	args := r.batch.slices()
	if err := r.emit(args); err != nil {
		return err
	}
	for _, ttl := range r.ttls {
		err := r.send("HPEXPIREAT", r.e.Key, decimal(ttl.at), []byte("FIELDS"), []byte("1"), args[ttl.arg])
		if err != nil {
			return err
		}
	}
	r.ttls = r.ttls[:0]
	r.batch.reset()
	return nil
}

// send emits a command at once.
func (r *replay) send(command string, args ...[]byte) error {
	r.made = true
	r.args = append(append(r.args[:0], []byte(command)), args...)
	return r.emit(r.args)
}
