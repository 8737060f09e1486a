package importer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const (
	sampleKeys  = 1000
	sampleBytes = 16 << 10 // larger values are not sampled
	verifyBatch = 128      // keys asked for at once
	verifyBytes = 1 << 20  // or when their values are so large
)

// A sampler keeps some of the keys that were sent, each with the same chance (Vitter's algorithm R).
type sampler struct {
	seen   uint64
	kept   []rdb.Entry
	random *rand.Rand
}

func newSampler() *sampler {
	return &sampler{random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))}
}

func (s *sampler) offer(e *rdb.Entry) {
	if len(e.Raw) > sampleBytes {
		return
	}
	s.seen++
	at := len(s.kept)
	if at < sampleKeys {
		s.kept = append(s.kept, rdb.Entry{})
	} else if at = int(s.random.Uint64N(s.seen)); at >= sampleKeys {
		return
	}
	c := *e
	c.Key, c.Raw = bytes.Clone(e.Key), bytes.Clone(e.Raw)
	s.kept[at] = c
}

// verify compares the target with the dump.
func (im *importer) verify(ctx context.Context) error {
	if im.opts.Verify == VerifyOff {
		return nil
	}
	im.progress.stage("verifying", im.size())
	v := &verifier{im: im, report: im.ledger.report}
	defer v.close()
	if im.opts.Verify == VerifyFull {
		if im.source.Once {
			v.report.note("a live snapshot cannot be read again, so that a sample was compared instead of every key")
		} else {
			return v.full(ctx)
		}
	}
	if err := v.sizes(ctx); err != nil {
		return err
	}
	if im.sampler == nil {
		return nil
	}
	for i := range im.sampler.kept {
		if err := v.key(ctx, &im.sampler.kept[i]); err != nil {
			return err
		}
	}
	return v.flush(ctx)
}

// A verifier asks for keys and compares them.
type verifier struct {
	im     *importer
	report *Report
	slots  *slotMap
	lanes  map[string]*lane
}

// A lane is the connection to one node and the keys that are asked for over it.
type lane struct {
	conn  *redis.Conn
	db    int
	out   []byte
	asked []rdb.Entry
	size  int
}

func (v *verifier) close() {
	for _, l := range v.lanes {
		l.conn.Close()
	}
}

// sizes compares how many keys there are at least with what was written. Others may write too, so more are none of our business.
func (v *verifier) sizes(ctx context.Context) error {
	if v.im.opts.Existing != Refuse && v.im.opts.Existing != Flush || v.im.server.cluster {
		return nil
	}
	var total Report
	v.im.ledger.fill(&total)
	lasting := map[int]uint64{}
	for _, r := range total.Rows {
		lasting[r.DB] += r.Lasting
	}
	for db, want := range lasting {
		if want == 0 {
			continue
		}
		l, err := v.lane(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := l.conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			return err
		}
		l.db = db
		n, err := l.conn.Int(ctx, "DBSIZE")
		if err != nil {
			return err
		}
		if uint64(n) < want {
			v.differ(rdb.Entry{DB: db}, fmt.Sprintf("the database has %d keys, but %d that do not expire were written to it", n, want))
			v.report.Differing += want - uint64(n) - 1
		}
	}
	return nil
}

func (v *verifier) lane(ctx context.Context, key []byte) (*lane, error) {
	node := ""
	if v.im.server.cluster {
		if v.slots == nil {
			m, err := v.im.slots(ctx)
			if err != nil {
				return nil, err
			}
			v.slots = m
		}
		node = v.slots.routes[v.slots.route(key)]
	}
	if l := v.lanes[node]; l != nil {
		return l, nil
	}
	conn, err := v.im.connect(ctx, node)
	if err != nil {
		return nil, err
	}
	if v.lanes == nil {
		v.lanes = map[string]*lane{}
	}
	// Where the server knows how (7.2), reading does not make the keys look as if they were used.
	if _, err := conn.Do(ctx, "CLIENT", "NO-TOUCH", "ON"); err != nil && redis.Code(err) == "" {
		return nil, err
	}
	l := &lane{conn: conn, db: v.im.target.DB}
	v.lanes[node] = l
	return l, nil
}

// full reads the dump again and asks for every key.
func (v *verifier) full(ctx context.Context) error {
	body, err := v.im.source.Open(ctx, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	filter := v.im.opts.Filter
	scanner := rdb.NewScanner(body, rdb.Options{Window: split, SkipChecksum: true})
	for {
		e, err := scanner.Next()
		if err == io.EOF {
			return v.flush(ctx)
		}
		if err != nil {
			return err
		}
		v.im.progress.at(e)
		if e.Kind != rdb.KeyEntry || filter.Apply(e) != rdb.Kept || isGone(e.Expiry) {
			continue
		}
		if e.Raw == nil {
			err = v.large(ctx, e)
		} else {
			c := *e
			c.Key, c.Raw = bytes.Clone(e.Key), bytes.Clone(e.Raw)
			err = v.key(ctx, &c)
		}
		if err != nil {
			return err
		}
	}
}

// isGone says whether a key's time is over, or so nearly that it may be gone.
func isGone(expiry int64) bool { return expiry != 0 && expiry <= time.Now().UnixMilli()+1000 }

func (v *verifier) expiryCommand() string {
	if v.im.server.version >= expireAtSince {
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
	if l.db != e.DB {
		if err := v.exchange(ctx, l); err != nil {
			return err
		}
		if _, err := l.conn.Do(ctx, "SELECT", strconv.Itoa(e.DB)); err != nil {
			return err
		}
		l.db = e.DB
	}
	l.out = redis.AppendCommand(l.out, []byte("DUMP"), e.Key)
	l.out = redis.AppendCommand(l.out, []byte(v.expiryCommand()), e.Key)
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

// exchange sends what is gathered and compares the replies. Where the connection breaks it asks again.
func (v *verifier) exchange(ctx context.Context, l *lane) error {
	if len(l.asked) == 0 {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	if err := l.conn.SetDeadline(time.Now().Add(2 * replyTimeout)); err != nil {
		return err
	}
	asked := time.Now()
	if _, err := l.conn.Write(l.out); err != nil {
		return err
	}
	for i := range l.asked {
		dump, err := l.conn.ReadReply()
		if err != nil {
			return advise(err)
		}
		ttl, err := l.conn.ReadReply()
		if err != nil {
			return advise(err)
		}
		v.compare(&l.asked[i], dump, ttl, asked)
	}
	l.out, l.asked, l.size = l.out[:0], l.asked[:0], 0
	return l.conn.SetDeadline(time.Time{})
}

func (v *verifier) compare(e *rdb.Entry, dump, ttl any, asked time.Time) {
	v.report.Verified++
	payload, there := dump.(string)
	if !there {
		if !isGone(e.Expiry) && !isEmptyEntry(e) {
			v.differ(*e, "missing")
		}
		return
	}
	if v.im.opts.Existing == Skip {
		return // it may be another's
	}
	if reason := differentValue(e, []byte(payload)); reason != "" {
		v.differ(*e, reason)
		return
	}
	at, _ := ttl.(int64)
	if v.expiryCommand() == "PTTL" && at > 0 {
		at += asked.UnixMilli()
	}
	const tolerance = 1000
	slack := tolerance + time.Since(asked).Milliseconds()
	switch {
	case e.Expiry == 0 && at < 0:
	case e.Expiry == 0:
		v.differ(*e, "expires, but should not")
	case at == -1:
		v.differ(*e, "does not expire, but should")
	case at >= 0 && max(at-e.Expiry, e.Expiry-at) > slack:
		v.differ(*e, fmt.Sprintf("expires at %d, but should at %d", at, e.Expiry))
	}
}

func (v *verifier) differ(e rdb.Entry, reason string) {
	v.report.Differing++
	if len(v.report.Differences) < v.im.opts.MaxFailures {
		v.report.Differences = append(v.report.Differences, Difference{DB: e.DB, Key: string(e.Key), Type: e.Type.Kind(), Reason: reason})
	}
}

// differentValue says how the value of a key differs from its payload of DUMP. Where the bytes do, the elements decide: the
// server may encode them in another way than the dump.
func differentValue(e *rdb.Entry, payload []byte) string {
	const footer = 2 + 8
	if n := len(payload) - footer; n > 0 && payload[0] == e.Type.Byte() && bytes.Equal(payload[1:n], e.Raw) {
		return ""
	}
	there, _, err := rdb.ParseDump(payload)
	if err != nil {
		return "its DUMP cannot be read: " + err.Error()
	}
	if there.Type.Kind() != e.Type.Kind() {
		return fmt.Sprintf("is a %s, but should be a %s", there.Type.Kind(), e.Type.Kind())
	}
	if e.Type == rdb.TypeModule2 {
		return "" // only the module knows
	}
	want, err := valueSum(e)
	if err != nil {
		return "cannot be decoded: " + err.Error()
	}
	got, err := valueSum(there)
	if err != nil {
		return "its DUMP cannot be decoded: " + err.Error()
	}
	if want != got {
		return "has another value"
	}
	return ""
}

// valueSum is equal for equal values, however they are encoded. What commands cannot set is left out.
func valueSum(e *rdb.Entry) (sum [sha256.Size]byte, err error) {
	var buf []byte
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
		case rdb.StreamConsumer, rdb.StreamPending:
			return nil
		case rdb.ZSetMember:
			buf = binary.AppendUvarint(buf, math.Float64bits(el.Score+0)) // -0 and 0 are one
		case rdb.HashField:
			add(el.Value)
			if el.Expiry != 0 {
				buf = append(buf, 1)
			}
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

// large compares a value larger than the window element by element: the target never has to give it as a whole.
func (v *verifier) large(ctx context.Context, e *rdb.Entry) error {
	l, err := v.lane(ctx, e.Key)
	if err != nil {
		return err
	}
	if err := v.exchange(ctx, l); err != nil {
		return err
	}
	v.report.Verified++
	if !v.im.server.cluster {
		if _, err := l.conn.Do(ctx, "SELECT", strconv.Itoa(e.DB)); err != nil {
			return err
		}
		l.db = e.DB
	}
	kind, err := l.conn.Text(ctx, "TYPE", string(e.Key))
	if err != nil {
		return err
	}
	switch {
	case kind == "none":
		v.differ(*e, "missing")
		return nil
	case e.Type == rdb.TypeModule2, v.im.opts.Existing == Skip:
		return nil
	case kind != e.Type.Kind():
		v.differ(*e, fmt.Sprintf("is a %s, but should be a %s", kind, e.Type.Kind()))
		return nil
	}
	c := &largeCheck{conn: l.conn, key: bytes.Clone(e.Key)}
	err = rdb.Decode(e, func(el *rdb.Element) error { return c.element(ctx, el) })
	if err == nil {
		err = c.end(ctx)
	}
	switch {
	case errors.Is(err, errDiffers):
		v.differ(*e, "has another value")
		if e.Unread() {
			err = e.Chunks(nil)
		} else {
			err = nil
		}
		return err
	case err != nil:
		return err
	}
	at, err := l.conn.Int(ctx, v.expiryCommand(), string(c.key))
	if err != nil {
		return err
	}
	if (at == -1) != (e.Expiry == 0) && !isGone(e.Expiry) {
		v.differ(*e, "has another expiry")
	}
	return nil
}

var errDiffers = errors.New("differs")

// A largeCheck asks for the elements of one key, many at a time.
type largeCheck struct {
	conn    *redis.Conn
	key     []byte
	out     []byte
	want    []any // the replies
	n       int64 // elements, or bytes of a string
	size    string
	differs bool
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
		if err != nil {
			return advise(err)
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
		if isGone(el.Expiry) {
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
