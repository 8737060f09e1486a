package verify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// key asks for one key, together with others. What the entry points to must stay as it is.
func (v *verifier) key(ctx context.Context, e *rdb.Entry) error {
	l, err := v.lane(ctx, e.Key)
	if err != nil {
		return err
	}
	if len(l.asked) > 0 && l.asked[0].DB != e.DB {
		if err := v.exchange(ctx, l, 0); err != nil {
			return err
		}
	}
	l.asked = append(l.asked, question{Entry: *e, get: e.Type == rdb.TypeString && !v.noGet})
	l.size += len(e.Raw)
	if fresh := len(l.asked) - l.sent; fresh >= verifyBatch || l.size >= verifyBytes {
		// The server answers these while the replies to those before are compared.
		return v.exchange(ctx, l, fresh)
	}
	return nil
}

func (v *verifier) flush(ctx context.Context) error {
	for _, l := range v.lanes {
		if err := v.exchange(ctx, l, 0); err != nil {
			return err
		}
	}
	return nil
}

// append appends the commands that ask for a key. GET costs the server a third of DUMP, which compresses and sums up.
func (v *verifier) append(dst []byte, q *question) []byte {
	if v.exists {
		return redis.AppendArg(redis.AppendArg(redis.AppendArgs(dst, 2), "EXISTS"), q.Key)
	}
	word := "DUMP"
	if q.get {
		word = "GET"
	}
	dst = redis.AppendArg(redis.AppendArg(redis.AppendArgs(dst, 2), word), q.Key)
	return redis.AppendArg(redis.AppendArg(redis.AppendArgs(dst, 2), v.expiryCommand()), q.Key)
}

// exchange sends what is gathered and compares the replies, but for those of the last keys, as many as leave says, which are on their
// way then. Where the connection breaks it asks again, and where a key has moved, at its new node.
func (v *verifier) exchange(ctx context.Context, l *lane, leave int) error {
	began := time.Now()
	for backoff := server.FirstBackoff; len(l.asked) > min(leave, l.sent); backoff = min(2*backoff, server.MaxBackoff) {
		if l.conn == nil {
			if err := v.connect(ctx, l); err != nil {
				return err
			}
		}
		elsewhere, err := v.round(ctx, l, leave)
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
		if time.Since(began) > v.Options.Patience {
			return err
		}
		if err := server.Pause(ctx, backoff); err != nil {
			return err
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

// round sends the commands that were not sent, and reads replies until those of so many keys are due. What was answered leaves the
// lane; an error of the connection leaves the rest.
func (v *verifier) round(ctx context.Context, l *lane, leave int) (elsewhere []strayed, err error) {
	conn := l.conn
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := v.send(ctx, l); err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(2 * server.ReplyTimeout)); err != nil {
		return nil, err
	}
	for l.sent > leave {
		q := &l.asked[0]
		refused, err := v.answer(conn, q)
		if err != nil {
			return elsewhere, err
		}
		if refused != "" {
			switch kind := server.ClassifyReply(refused); {
			case kind == server.Moved, kind == server.Ask, kind == server.TryAgain:
				elsewhere = append(elsewhere, strayed{q.Entry, refused})
			case q.get: // it is no string, or the user may not read it
				v.noGet = v.noGet || refused.Code() != "WRONGTYPE"
				l.asked = append(l.asked, question{Entry: q.Entry})
			default:
				return elsewhere, refused
			}
		}
		l.asked = l.asked[1:]
		l.sent--
	}
	if len(l.asked) > 0 {
		return elsewhere, nil
	}
	l.asked, l.memory = nil, nil
	return elsewhere, conn.SetDeadline(time.Time{})
}

// send asks for the keys of a lane that were not asked for over its connection.
func (v *verifier) send(ctx context.Context, l *lane) error {
	if l.sent == len(l.asked) {
		return nil
	}
	if db := l.asked[0].DB; db != l.db { // nothing is under way
		if _, err := l.conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			return err
		}
		l.db = db
	}
	l.out = l.out[:0]
	now := time.Now()
	for i := l.sent; i < len(l.asked); i++ {
		q := &l.asked[i]
		q.at = now
		l.out = v.append(l.out, q)
	}
	if err := l.conn.SetDeadline(now.Add(2 * server.ReplyTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(l.out)
	if err == nil {
		l.sent, l.size = len(l.asked), 0
	}
	return err
}

// answer reads the replies for one key and takes account of them.
func (v *verifier) answer(conn *redis.Conn, q *question) (redis.Error, error) {
	var refused redis.Error
	if v.exists {
		n, err := conn.ReadInt()
		if err != nil && !errors.As(err, &refused) {
			return "", err
		}
		if e := &q.Entry; err == nil && n == 0 && !v.IsGone(e.Expiry) && (e.Raw == nil || e.Type == rdb.TypeModule2 || !plan.IsEmpty(e)) {
			v.differ(*e, notThere)
		}
		return refused, nil
	}
	value, there, err := conn.ReadBytes(v.reply[:0])
	if err != nil && !errors.As(err, &refused) {
		return "", err
	}
	if v.reply = value; cap(value) > verifyBytes {
		v.reply = nil
	}
	ttl, err := conn.ReadInt()
	if err != nil && refused == "" && !errors.As(err, &refused) {
		return "", err
	}
	if refused == "" {
		v.compare(q, value, there, ttl)
	}
	return refused, nil
}

// follow asks for one key where it is now, as long as it moves.
func (v *verifier) follow(ctx context.Context, s *strayed) error {
	began := time.Now()
	for backoff := server.FirstBackoff; ; backoff = min(2*backoff, server.MaxBackoff) {
		if time.Since(began) > v.Options.Patience {
			return server.Advise(s.reply)
		}
		if err := server.Pause(ctx, backoff); err != nil { // while slots move, nodes may disagree
			return err
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
	case (kind == server.Moved || kind == server.Ask) && len(words) == 3 && v.Server.Cluster:
		node = words[2]
	case v.Server.Cluster:
		m, err := v.Slots(ctx)
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
	if !v.Server.Cluster {
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
	q := &question{Entry: s.entry, at: time.Now()}
	out = v.append(out, q)
	if _, err := l.conn.Write(out); err != nil {
		return s.reply, nil // another time
	}
	refused, err := v.answer(l.conn, q)
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
		if replies[1] == int64(0) && !v.IsGone(s.entry.Expiry) {
			v.differ(s.entry, notThere)
		}
		return "", nil
	}
	payload, there := replies[1].(string)
	ttl, _ := replies[3].(int64)
	v.compare(&question{Entry: s.entry, at: asked}, []byte(payload), there, ttl)
	return "", nil
}

// compare compares a key with its replies: the value, where it is there, and at, that to PEXPIRETIME or PTTL.
func (v *verifier) compare(q *question, value []byte, there bool, at int64) {
	v.report.Verified++
	e := &q.Entry
	if !there {
		if !v.IsGone(e.Expiry) && (e.Type == rdb.TypeModule2 || !plan.IsEmpty(e)) {
			v.differ(*e, notThere)
		}
		return
	}
	if v.Options.Existing == plan.Skip {
		return // it may be another's
	}
	reason := ""
	if q.get {
		reason = differentString(e, value)
	} else {
		reason = v.differentValue(e, value)
	}
	if reason != "" {
		v.differ(*e, reason)
		return
	}
	if e.Expiry == 0 && at < 0 {
		return
	}
	if v.expiryCommand() == "PTTL" && at > 0 {
		at += q.at.Add(v.Ahead).UnixMilli()
	}
	const tolerance = 1000
	slack := tolerance + time.Since(q.at).Milliseconds()
	switch {
	case e.Expiry == 0:
		v.differ(*e, "expires, expected no expiry")
	case at == -1:
		v.differ(*e, "does not expire, expected an expiry")
	case at >= 0 && max(at-e.Expiry, e.Expiry-at) > slack:
		v.differ(*e, fmt.Sprintf("expires at %d, expected %d", at, e.Expiry))
	}
}
