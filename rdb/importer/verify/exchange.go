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
		if n, ok := value.(int64); ok && n == 0 && !v.IsGone(e.Expiry) && (e.Raw == nil || e.Type == rdb.TypeModule2 || !plan.IsEmpty(e)) {
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
		if replies[1] == int64(0) && !v.IsGone(s.entry.Expiry) {
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
		if !v.IsGone(e.Expiry) && (e.Type == rdb.TypeModule2 || !plan.IsEmpty(e)) {
			v.differ(*e, notThere)
		}
		return
	}
	if v.Options.Existing == plan.Skip {
		return // it may be another's
	}
	if reason := v.differentValue(e, []byte(payload)); reason != "" {
		v.differ(*e, reason)
		return
	}
	at, _ := ttl.(int64)
	if v.expiryCommand() == "PTTL" && at > 0 {
		at += asked.Add(v.Ahead).UnixMilli()
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
