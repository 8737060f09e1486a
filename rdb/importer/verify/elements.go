package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// typeOf compares the type of a key, and says whether its elements can be compared, too.
func (v *verifier) typeOf(ctx context.Context, l *lane, e *rdb.Entry) (bool, error) {
	if !v.Server.Cluster && l.db != e.DB {
		if _, err := l.conn.Do(ctx, "SELECT", strconv.Itoa(e.DB)); err != nil {
			return false, err
		}
		l.db = e.DB
	}
	kind, err := l.conn.Text(ctx, "TYPE", string(e.Key))
	if err != nil {
		return false, err
	}
	v.report.Verified++
	switch {
	case kind == "none":
		if !v.IsGone(e.Expiry) {
			v.differ(*e, notThere)
		}
		return false, nil
	case e.Type == rdb.TypeModule2, v.Options.Existing == plan.Skip:
		return false, nil
	case kind != e.Type.Kind():
		v.differ(*e, fmt.Sprintf("is a %s, expected a %s", kind, e.Type.Kind()))
		return false, nil
	}
	return true, nil
}

// element compares a value element by element: the target never has to give it as a whole.
func (v *verifier) element(ctx context.Context, e *rdb.Entry) error {
	l, err := v.lane(ctx, e.Key)
	if err != nil {
		return err
	}
	if err := v.exchange(ctx, l, 0); err != nil {
		return err
	}
	if e.Raw != nil && e.Type != rdb.TypeModule2 && plan.IsEmpty(e) {
		return nil
	}
	if same, err := v.typeOf(ctx, l, e); err != nil || !same {
		return errors.Join(err, v.skip(e))
	}
	c := &largeCheck{verifier: v, conn: l.conn, key: bytes.Clone(e.Key)}
	err = rdb.Decode(e, func(el *rdb.Element) error { return c.element(ctx, el) })
	if err == nil {
		err = c.end(ctx)
	}
	switch {
	case errors.Is(err, errDiffers):
		v.differ(*e, "has a different value")
		return v.skip(e)
	case err != nil:
		return err
	}
	at, err := l.conn.Int(ctx, v.expiryCommand(), string(c.key))
	if err != nil {
		return err
	}
	if (at == -1) != (e.Expiry == 0) && !v.IsGone(e.Expiry) {
		v.differ(*e, "has a different expiry")
	}
	return nil
}

// A largeCheck asks for the elements of one key, many at a time.
type largeCheck struct {
	verifier *verifier

	conn     *redis.Conn
	key      []byte
	out      []byte
	want     []any // the replies
	n        int64 // elements, or bytes of a string
	size     string
	group    []byte // of a stream, and its consumer
	consumer string
	differs  bool
}

// wantPending is the reply of XPENDING for one item: its ID, consumer, idle time and deliveries.
type wantPending struct {
	id, consumer string
	deliveries   int64
}

func (w wantPending) equal(reply any) bool {
	list, _ := reply.([]any)
	if len(list) != 1 {
		return false
	}
	item, _ := list[0].([]any)
	return len(item) == 4 && item[0] == w.id && item[1] == w.consumer && item[3] == w.deliveries
}

func (c *largeCheck) ask(ctx context.Context, want any, args ...[]byte) error {
	c.out = redis.AppendCommand(c.out, args...)
	c.want = append(c.want, want)
	if len(c.want) < verifyBatch && len(c.out) < verifyBytes {
		return nil
	}
	return c.exchange(ctx)
}

func (c *largeCheck) exchange(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.conn.Close() })
	defer stop()
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	for _, want := range c.want {
		got, err := c.conn.ReadReply()
		var refused redis.Error
		switch {
		case errors.As(err, &refused) && refused.Code() == "WRONGTYPE":
			got = nil
		case err != nil:
			return server.Advise(err)
		}
		c.differs = c.differs || !equalReply(got, want)
	}
	c.out, c.want = c.out[:0], c.want[:0]
	return nil
}

func equalReply(got, want any) bool {
	if f, ok := want.(float64); ok {
		text, _ := got.(string)
		g, err := strconv.ParseFloat(text, 64)
		return err == nil && g == f
	}
	if p, ok := want.(wantPending); ok {
		return p.equal(got)
	}
	return fmt.Sprint(got) == fmt.Sprint(want)
}

func (c *largeCheck) element(ctx context.Context, el *rdb.Element) error {
	text := string(el.Bytes)
	c.n++
	switch el.Kind {
	case rdb.StringChunk:
		from := c.n - 1
		c.n += int64(len(el.Bytes)) - 1
		c.size = "STRLEN"
		if len(el.Bytes) == 0 {
			return nil
		}
		return c.ask(ctx, text, []byte("GETRANGE"), c.key, strconv.AppendInt(nil, from, 10), strconv.AppendInt(nil, c.n-1, 10))
	case rdb.ListItem:
		c.size = "LLEN"
		return c.ask(ctx, text, []byte("LINDEX"), c.key, strconv.AppendInt(nil, c.n-1, 10))
	case rdb.SetMember:
		c.size = "SCARD"
		return c.ask(ctx, int64(1), []byte("SISMEMBER"), c.key, el.Bytes)
	case rdb.ZSetMember:
		c.size = "ZCARD"
		return c.ask(ctx, el.Score, []byte("ZSCORE"), c.key, el.Bytes)
	case rdb.HashField:
		c.size = "HLEN"
		if c.verifier.IsGone(c.verifier.FieldExpiry(el.Expiry)) {
			c.n--
			return nil
		}
		return c.ask(ctx, string(el.Value), []byte("HGET"), c.key, el.Bytes)
	case rdb.StreamItem:
		c.size = "XLEN"
		id := []byte(el.ID.String())
		fields := make([]any, len(el.Fields))
		for i, f := range el.Fields {
			fields[i] = string(f)
		}
		return c.ask(ctx, []any{[]any{el.ID.String(), fields}}, []byte("XRANGE"), c.key, id, id)
	case rdb.StreamGroup:
		c.group = append(c.group[:0], el.Bytes...)
	case rdb.StreamConsumer:
		c.consumer = string(el.Bytes)
	case rdb.StreamPending:
		c.n--
		id := []byte(el.ID.String())
		return c.ask(ctx, wantPending{el.ID.String(), c.consumer, int64(el.Deliveries)}, []byte("XPENDING"), c.key, c.group, id, id, []byte("1"))
	}
	c.n--
	return nil
}

func (c *largeCheck) end(ctx context.Context) error {
	if c.size != "" {
		if err := c.ask(ctx, c.n, []byte(c.size), c.key); err != nil {
			return err
		}
	}
	if err := c.exchange(ctx); err != nil {
		return err
	}
	if c.differs {
		return errDiffers
	}
	return nil
}
