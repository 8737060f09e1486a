package importer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
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
)

// A verifier asks for keys and compares them.
type verifier struct {
	im     *importer
	report *account.Report
	slots  *server.SlotMap
	lanes  map[string]*lane

	exists   bool // ask only whether keys are there
	plain    bool // without DUMP: element by element
	compared bool // every key
	missing  uint64
}

// A lane is the connection to one node and the keys that are asked for over it.
type lane struct {
	node  string
	conn  *redis.Conn
	db    int
	out   []byte
	asked []rdb.Entry
	size  int
}

// close ends the connections. What is asked for stays, and is asked over new ones.
func (v *verifier) close() {
	for _, l := range v.lanes {
		if l.conn != nil {
			l.conn.Close()
			l.conn = nil
		}
	}
	v.slots = nil
}

// values compares the values of keys with the dump: all, or a sample, and those that may be another's.
func (v *verifier) values(ctx context.Context) error {
	im := v.im
	full := im.Options.Verify == plan.VerifyFull
	if full && im.Source.Once {
		v.report.Note("a live snapshot cannot be read again, so a sample was compared instead of every key")
		full = false
	}
	doubtful := !im.Doubtful.Empty() && !im.Source.Once
	if full || doubtful {
		if !full {
			v.report.Note("the target was replaced by another process with its own data; the values of existing keys were compared with the dump")
		}
		v.compared = full
		return v.each(ctx, func(e *rdb.Entry) error {
			if !full && !im.Doubtful.Has(e.Offset) {
				return v.skip(e)
			}
			if e.Raw == nil || v.plain {
				return v.element(ctx, e)
			}
			c := *e
			c.Key, c.Raw = bytes.Clone(e.Key), bytes.Clone(e.Raw)
			return v.key(ctx, &c)
		})
	}
	if im.sampler == nil || im.Options.Verify == plan.VerifyOff {
		return nil
	}
	for _, kept := range im.sampler.Values() {
		for i := range kept {
			if im.IsGone(kept[i].Expiry) {
				continue
			}
			var err error
			if v.plain {
				err = v.retry(ctx, func() error { return v.element(ctx, &kept[i]) })
			} else {
				err = v.key(ctx, &kept[i])
			}
			if err != nil {
				return err
			}
		}
	}
	if err := v.flush(ctx); err != nil {
		return err
	}
	for _, h := range im.sampler.Huge() {
		if err := v.retry(ctx, func() error { return v.huge(ctx, h) }); err != nil {
			return err
		}
	}
	return nil
}

// skip passes over a value that nobody reads.
func (v *verifier) skip(e *rdb.Entry) error {
	if !e.Unread() {
		return nil
	}
	return e.Chunks(nil)
}

// retry does something again while the connection breaks or slots move.
func (v *verifier) retry(ctx context.Context, fn func() error) error {
	began := time.Now()
	for backoff := server.FirstBackoff; ; backoff = min(2*backoff, server.MaxBackoff) {
		err := fn()
		if err == nil || server.IsFinal(err) || time.Since(began) > v.im.Options.Patience || len(v.report.Differences) > v.im.Options.MaxFailures {
			return err
		}
		v.close()
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// huge reads one large value again and compares it. Of a dump that was read once, only the type is known.
func (v *verifier) huge(ctx context.Context, h survey.HugeKey) error {
	if v.im.IsGone(h.Key.Expiry) {
		return nil
	}
	if v.im.Source.Once {
		l, err := v.lane(ctx, h.Key.Key)
		if err != nil {
			return err
		}
		_, err = v.typeOf(ctx, l, &h.Key)
		return err
	}
	body, err := v.im.Source.Open(ctx, h.At.Offset)
	if err != nil {
		return err
	}
	defer body.Close()
	e, err := rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: true, Start: h.At}).Next()
	if err != nil {
		return err
	}
	e.DB, e.Expiry = h.Key.DB, h.Key.Expiry
	return v.element(ctx, e)
}

func (v *verifier) lane(ctx context.Context, key []byte) (*lane, error) {
	node := ""
	if v.im.Server.Cluster {
		if v.slots == nil {
			m, err := v.im.Slots(ctx)
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
	return v.im.On(ctx, l.node, func(conn *redis.Conn) (bool, error) {
		// Where the server knows how (7.2), reading does not make the keys look as if they were used.
		_, err := conn.Do(ctx, "CLIENT", "NO-TOUCH", "ON")
		if err != nil && redis.Code(err) == "" {
			return false, err
		}
		if err != nil && v.im.Losses.Known {
			v.im.Ledger.Note("%s does not support CLIENT NO-TOUCH, so the verification updated the LRU and LFU of keys; use --verify off to avoid that", v.im.Server.Name)
		}
		l.conn, l.db = conn, v.im.Target.DB
		return true, nil
	})
}

func (v *verifier) expiryCommand() string {
	if v.im.Server.Version >= capability.ExpireAtSince {
		return "PEXPIRETIME"
	}
	return "PTTL"
}

// key asks for one key, together with others.
func (v *verifier) key(ctx context.Context, e *rdb.Entry) error {
	l, err := v.lane(ctx, e.Key)
	if err != nil {
		return err
	}
	if len(l.asked) > 0 && l.asked[0].DB != e.DB {
		if err := v.exchange(ctx, l); err != nil {
			return err
		}
	}
	l.asked = append(l.asked, *e)
	l.size += len(e.Raw)
	if len(l.asked) >= verifyBatch || l.size >= verifyBytes {
		return v.exchange(ctx, l)
	}
	return nil
}

func (v *verifier) flush(ctx context.Context) error {
	for _, l := range v.lanes {
		if err := v.exchange(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// append appends the commands that ask for a key, and says how many they are.
func (v *verifier) append(dst []byte, e *rdb.Entry) []byte {
	if v.exists {
		return redis.AppendCommand(dst, []byte("EXISTS"), e.Key)
	}
	return redis.AppendCommand(redis.AppendCommand(dst, []byte("DUMP"), e.Key), []byte(v.expiryCommand()), e.Key)
}

// exchange sends what is gathered and compares the replies. Where the connection breaks it asks again, and where a key has
// moved, at its new node.
func (v *verifier) exchange(ctx context.Context, l *lane) error {
	began := time.Now()
	for backoff := server.FirstBackoff; len(l.asked) > 0; backoff = min(2*backoff, server.MaxBackoff) {
		if l.conn == nil {
			if err := v.connect(ctx, l); err != nil {
				return err
			}
		}
		elsewhere, err := v.round(ctx, l)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && redis.Code(err) != "" {
			return server.Advise(err)
		}
		for i := range elsewhere {
			if err := v.follow(ctx, &elsewhere[i]); err != nil {
				return err
			}
		}
		if err == nil {
			continue
		}
		if time.Since(began) > v.im.Options.Patience {
			return err
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := v.connect(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// A strayed key is one that its node refused, because of its slot or for a while.
type strayed struct {
	entry rdb.Entry
	reply redis.Error
}

// round sends the commands for all keys of a lane once. What was answered leaves the lane; an error of the connection leaves
// the rest.
func (v *verifier) round(ctx context.Context, l *lane) (elsewhere []strayed, err error) {
	conn := l.conn
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if db := l.asked[0].DB; db != l.db {
		if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			return nil, err
		}
		l.db = db
	}
	l.out = l.out[:0]
	for i := range l.asked {
		l.out = v.append(l.out, &l.asked[i])
	}
	if err := conn.SetDeadline(time.Now().Add(2 * server.ReplyTimeout)); err != nil {
		return nil, err
	}
	asked := time.Now()
	if _, err := conn.Write(l.out); err != nil {
		return nil, err
	}
	for len(l.asked) > 0 {
		e := &l.asked[0]
		refused, err := v.answer(conn, e, asked)
		if err != nil {
			return elsewhere, err
		}
		if refused != "" {
			switch server.ClassifyReply(refused) {
			case server.Moved, server.Ask, server.TryAgain:
				elsewhere = append(elsewhere, strayed{*e, refused})
			default:
				return elsewhere, refused
			}
		}
		l.size -= len(e.Raw)
		l.asked = l.asked[1:]
	}
	l.asked, l.size = nil, 0
	return elsewhere, conn.SetDeadline(time.Time{})
}

// answer reads the replies for one key and takes account of them.
func (v *verifier) answer(conn *redis.Conn, e *rdb.Entry, asked time.Time) (redis.Error, error) {
	var refused redis.Error
	value, err := conn.ReadReply()
	if err != nil && !errors.As(err, &refused) {
		return "", err
	}
	if v.exists {
		if n, ok := value.(int64); ok && n == 0 && !v.im.IsGone(e.Expiry) && (e.Raw == nil || e.Type == rdb.TypeModule2 || !plan.IsEmpty(e)) {
			v.differ(*e, notThere)
		}
		return refused, nil
	}
	ttl, err := conn.ReadReply()
	if err != nil && refused == "" && !errors.As(err, &refused) {
		return "", err
	}
	if refused == "" {
		v.compare(e, value, ttl, asked)
	}
	return refused, nil
}

// follow asks for one key where it is now, as long as it moves.
func (v *verifier) follow(ctx context.Context, s *strayed) error {
	began := time.Now()
	for backoff := server.FirstBackoff; ; backoff = min(2*backoff, server.MaxBackoff) {
		if time.Since(began) > v.im.Options.Patience {
			return server.Advise(s.reply)
		}
		select { // while slots move, nodes may disagree
		case <-time.After(backoff):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		refused, err := v.askAt(ctx, s)
		if err != nil {
			return err
		}
		if refused == "" {
			return nil
		}
		if v := server.ClassifyReply(refused); v != server.Moved && v != server.Ask && v != server.TryAgain {
			return server.Advise(refused)
		}
		s.reply = refused
	}
}

// askAt asks the node that the last reply named, or the same one again.
func (v *verifier) askAt(ctx context.Context, s *strayed) (redis.Error, error) {
	words := strings.Fields(string(s.reply))
	node := ""
	switch kind := server.ClassifyReply(s.reply); {
	case (kind == server.Moved || kind == server.Ask) && len(words) == 3 && v.im.Server.Cluster:
		node = words[2]
	case v.im.Server.Cluster:
		m, err := v.im.Slots(ctx)
		if err != nil {
			return "", err
		}
		node = m.Routes[m.Route(s.entry.Key)]
	}
	l := &lane{node: node}
	if err := v.connect(ctx, l); err != nil {
		return "", err
	}
	defer l.conn.Close()
	if !v.im.Server.Cluster {
		if _, err := l.conn.Do(ctx, "SELECT", strconv.Itoa(s.entry.DB)); err != nil {
			return "", err
		}
	}
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	defer context.AfterFunc(limited, func() { l.conn.Close() })()
	var out []byte
	if server.ClassifyReply(s.reply) == server.Ask {
		return v.askEarly(l.conn, s)
	}
	out = v.append(out, &s.entry)
	asked := time.Now()
	if _, err := l.conn.Write(out); err != nil {
		return s.reply, nil // another time
	}
	refused, err := v.answer(l.conn, &s.entry, asked)
	if err != nil {
		return s.reply, nil
	}
	return refused, nil
}

// askEarly asks the node that a slot is on its way to: ASKING is for one command only.
func (v *verifier) askEarly(conn *redis.Conn, s *strayed) (redis.Error, error) {
	out := redis.AppendCommand(nil, []byte("ASKING"))
	first := "DUMP"
	if v.exists {
		first = "EXISTS"
	}
	out = redis.AppendCommand(out, []byte(first), s.entry.Key)
	if !v.exists {
		out = redis.AppendCommand(redis.AppendCommand(out, []byte("ASKING")), []byte(v.expiryCommand()), s.entry.Key)
	}
	asked := time.Now()
	if _, err := conn.Write(out); err != nil {
		return s.reply, nil
	}
	var replies [4]any
	n := 2
	if !v.exists {
		n = 4
	}
	for i := range n {
		reply, err := conn.ReadReply()
		var refused redis.Error
		switch {
		case errors.As(err, &refused):
			return refused, nil
		case err != nil:
			return s.reply, nil
		}
		replies[i] = reply
	}
	if v.exists {
		if replies[1] == int64(0) && !v.im.IsGone(s.entry.Expiry) {
			v.differ(s.entry, notThere)
		}
		return "", nil
	}
	v.compare(&s.entry, replies[1], replies[3], asked)
	return "", nil
}

func (v *verifier) compare(e *rdb.Entry, dump, ttl any, asked time.Time) {
	v.report.Verified++
	payload, there := dump.(string)
	if !there {
		if !v.im.IsGone(e.Expiry) && (e.Type == rdb.TypeModule2 || !plan.IsEmpty(e)) {
			v.differ(*e, notThere)
		}
		return
	}
	if v.im.Options.Existing == plan.Skip {
		return // it may be another's
	}
	if reason := v.differentValue(e, []byte(payload)); reason != "" {
		v.differ(*e, reason)
		return
	}
	at, _ := ttl.(int64)
	if v.expiryCommand() == "PTTL" && at > 0 {
		at += asked.Add(v.im.Ahead).UnixMilli()
	}
	const tolerance = 1000
	slack := tolerance + time.Since(asked).Milliseconds()
	switch {
	case e.Expiry == 0 && at < 0:
	case e.Expiry == 0:
		v.differ(*e, "expires, expected no expiry")
	case at == -1:
		v.differ(*e, "does not expire, expected an expiry")
	case at >= 0 && max(at-e.Expiry, e.Expiry-at) > slack:
		v.differ(*e, fmt.Sprintf("expires at %d, expected %d", at, e.Expiry))
	}
}

// notThere is the reason for a key that is missing.
const notThere = "missing"

func (v *verifier) differ(e rdb.Entry, reason string) {
	v.report.Differing++
	if reason == notThere {
		v.missing++
	}
	if len(v.report.Differences) < v.im.Options.MaxFailures {
		v.report.Differences = append(v.report.Differences, account.Difference{DB: e.DB, Key: string(e.Key), Type: e.Type.Kind(), Reason: reason})
	}
}

// differentValue describes how the value of a key differs from its payload of DUMP. Where the bytes do, the elements decide: the
// server may encode them in another way than the dump.
func (v *verifier) differentValue(e *rdb.Entry, payload []byte) string {
	const footer = 2 + 8
	if n := len(payload) - footer; n > 0 && v.im.Shift == 0 && payload[0] == e.Type.Byte() && bytes.Equal(payload[1:n], e.Raw) {
		return ""
	}
	there, _, err := rdb.ParseDump(payload)
	if err != nil {
		return "invalid DUMP payload: " + err.Error()
	}
	if there.Type.Kind() != e.Type.Kind() {
		return fmt.Sprintf("is a %s, expected a %s", there.Type.Kind(), e.Type.Kind())
	}
	if e.Type == rdb.TypeModule2 {
		return "" // only the module knows
	}
	want, err := valueSum(e, v.im.FieldExpiry, v.im.IsGone)
	if err != nil {
		return "cannot be decoded: " + err.Error()
	}
	got, err := valueSum(there, func(at int64) int64 { return at }, v.im.IsGone)
	if err != nil {
		return "cannot decode its DUMP payload: " + err.Error()
	}
	if want != got {
		return "has a different value"
	}
	return ""
}

// valueSum is equal for equal values, however they are encoded. What commands cannot set is left out: consumers without
// pending items, and times of consumers; and so are fields whose time is over. expiry gives that of a field by the target's
// clock.
func valueSum(e *rdb.Entry, expiry func(int64) int64, isGone func(int64) bool) (sum [sha256.Size]byte, err error) {
	var buf, group, consumer []byte
	whole := sha256.New() // of what has an order
	err = rdb.Decode(e, func(el *rdb.Element) error {
		buf = append(buf[:0], byte(el.Kind))
		add := func(p []byte) { buf = append(binary.AppendUvarint(buf, uint64(len(p))), p...) }
		add(el.Bytes)
		switch el.Kind {
		case rdb.StringChunk:
			whole.Write(el.Bytes)
			return nil
		case rdb.ListItem:
			whole.Write(buf)
			return nil
		case rdb.StreamItem:
			buf = binary.AppendUvarint(binary.AppendUvarint(buf, el.ID.Ms), el.ID.Seq)
			for _, f := range el.Fields {
				add(f)
			}
			whole.Write(buf)
			return nil
		case rdb.StreamState:
			buf = binary.AppendUvarint(binary.AppendUvarint(buf, el.Stream.Last.Ms), el.Stream.Last.Seq)
		case rdb.StreamGroup:
			buf = binary.AppendUvarint(binary.AppendUvarint(buf, el.ID.Ms), el.ID.Seq)
			group = append(group[:0], el.Bytes...)
		case rdb.StreamConsumer:
			consumer = append(consumer[:0], el.Bytes...)
			return nil
		case rdb.StreamPending:
			add(group)
			add(consumer)
			for _, n := range []uint64{el.ID.Ms, el.ID.Seq, uint64(el.Delivered), el.Deliveries} {
				buf = binary.AppendUvarint(buf, n)
			}
		case rdb.ZSetMember:
			buf = binary.AppendUvarint(buf, math.Float64bits(el.Score+0)) // -0 and 0 are one
		case rdb.HashField:
			at := expiry(el.Expiry)
			if isGone(at) {
				return nil
			}
			add(el.Value)
			buf = binary.AppendUvarint(buf, uint64(at))
		}
		one := sha256.Sum256(buf)
		for i := range sum {
			sum[i] ^= one[i]
		}
		return nil
	})
	for i, b := range whole.Sum(nil) {
		sum[i] ^= b
	}
	return sum, err
}
