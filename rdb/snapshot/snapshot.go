// Package snapshot takes a dump of a running server: of one moment, as a replica gets it ([Open]), or, where the server
// forbids that, key by key ([Scan]). Neither touches the disk on this side.
package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Options of [Open] and [Scan].
type Options struct {
	// FromMaster reads from the master even where Sentinels know a replica, which would not slow the master down.
	FromMaster bool
	// IdleTimeout ends the transfer when nothing arrives for so long. 0 stands for 60 s; a server that is still
	// preparing its snapshot sends a sign of life every 10 s (repl-ping-replica-period).
	IdleTimeout time.Duration
	// Waiting, if not nil, is called when the server says that it is still preparing its snapshot.
	Waiting func()
}

const (
	defaultIdleTimeout = time.Minute
	// minProgress is how many bytes must arrive while a read waits for IdleTimeout in all: a server that sends a byte now and
	// then would never be idle, and never be done. Time that the reader of the dump takes does not count.
	minProgress = 64 << 10
	// maxSize is the largest size of a dump that is believed, in bytes: a petabyte.
	maxSize = 1 << 50
)

// ErrStalled is in the chain of the error when a server sends next to nothing.
var ErrStalled = errors.New("the transfer has stalled")

func (o *Options) idleTimeout() time.Duration {
	if o.IdleTimeout > 0 {
		return o.IdleTimeout
	}
	return defaultIdleTimeout
}

// ErrForbidden is in the chain of [Open]'s error where the server knows no replication or the user has no right to it.
var ErrForbidden = errors.New("replication is not permitted")

// Source is what is known of a server before its data is read.
type Source struct {
	Addr    string
	Version string // such as "7.0.15"; empty where the server does not say
	Role    string // "master" or "slave"
	Cluster bool   // a node of a cluster: its dump has only its own slots
	DBs     []int  // that have keys, where the server says so
	UsedMem string
	// RunID and ReplID identify the process and the data set that it replicates; empty where the server does not say.
	RunID, ReplID string
	// Clock is how far the server's clock is ahead of the one here, give or take a round trip; 0 where TIME is refused.
	Clock time.Duration
	// FieldTTL reports that the server has hashes of which fields expire (INFO keyspace: subexpiry since Redis 7.4,
	// keys_with_volatile_items since Valkey 9.0).
	FieldTTL bool
}

// Describe connects to a server and gives what [Open] and [Scan] know before they read data. Where the server does not let
// the user see whether it is a node of a cluster, that is an error: a dump of a node alone lacks most keys without a word.
func Describe(ctx context.Context, t *redis.Target, opts Options) (Source, error) {
	c, src, err := connect(ctx, t, opts)
	if err != nil {
		return src, err
	}
	defer c.Close()
	if src.Version != "" || src.Cluster {
		return src, nil
	}
	_, err = c.Do(ctx, "CLUSTER", "INFO")
	switch code := redis.Code(err); {
	case err == nil:
		src.Cluster = true
	case code == "":
		return src, err
	case code == "NOPERM":
		return src, fmt.Errorf("cannot check whether %s is a cluster node; grant +info, or use --only-node", c.Addr())
	}
	return src, nil
}

func connect(ctx context.Context, t *redis.Target, opts Options) (*redis.Conn, Source, error) {
	dial := t.ConnectReplica
	if opts.FromMaster {
		dial = t.Connect
	}
	c, err := dial(ctx)
	if err != nil {
		return nil, Source{}, err
	}
	src := Source{Addr: c.Addr()}
	// Without the right to INFO all of this is unknown, which is no reason to give up.
	if info, err := c.Info(ctx, ""); err == nil {
		src.fill(info)
	} else if code := redis.Code(err); code == "NOAUTH" || code == "" || ctx.Err() != nil {
		c.Close()
		if code == "NOAUTH" {
			err = fmt.Errorf("%s requires a password; pass it in a variable or a file", c.Addr())
		}
		return nil, src, err
	}
	if src.Clock, _, err = c.Clock(ctx); err != nil {
		c.Close()
		return nil, src, err
	}
	return c, src, nil
}

// fill takes over what INFO says.
func (src *Source) fill(info map[string]string) {
	src.Version, src.Role, src.Cluster, src.UsedMem = info["redis_version"], info["role"], info["cluster_enabled"] == "1", info["used_memory"]
	src.RunID, src.ReplID = info["run_id"], info["master_replid"]
	for name, value := range info {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, "db")); err == nil && strings.HasPrefix(name, "db") {
			src.DBs = append(src.DBs, n)
			for _, name := range []string{"subexpiry=", "keys_with_volatile_items="} {
				_, fields, ok := strings.Cut(value, name)
				src.FieldTTL = src.FieldTTL || ok && !strings.HasPrefix(fields, "0")
			}
		}
	}
}

// A Snapshot is a dump that a server sends. Read gives io.EOF at its end only when all of it has arrived.
type Snapshot struct {
	// Source is the server that sends it.
	Source Source
	// Size in bytes, or -1 where the server does not know it beforehand, because it sends the dump as it makes it
	// (repl-diskless-sync).
	Size int64

	conn    *redis.Conn
	ctx     context.Context
	stop    func() bool
	timeout time.Duration
	waiting func()
	waited  time.Duration // in reads, since progress was counted anew
	arrived int           // bytes meanwhile
	left    int64         // of Size
	mark    []byte        // ends a dump of unknown size
	buf     []byte
	held    []byte // of buf: read, and not given away
	ready   int    // bytes of held that are no part of the mark
	err     error  // after them
}

// markLength of a diskless transfer (redis src/replication.c, CONFIG_RUN_ID_SIZE).
const markLength = 40

// Open asks a server for all of its data as of now, as a replica does, and gives the dump as it arrives. The server makes a
// child process (fork) for it. The context ends the transfer. An error with [ErrForbidden] in its chain says that the
// server does not do this for us.
func Open(ctx context.Context, t *redis.Target, opts Options) (*Snapshot, error) {
	conn, src, err := connect(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Source: src, conn: conn, ctx: ctx, timeout: opts.idleTimeout(), waiting: opts.Waiting}
	s.stop = context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	if err := s.begin(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// begin asks for the dump and reads up to its first byte.
func (s *Snapshot) begin() error {
	// A server that knows rdb-only does not keep the writes that follow the snapshot in memory for us.
	if err := s.configure([]string{"REPLCONF", "rdb-only", "1"}); err != nil {
		return err
	}
	reply, err := s.conn.Text(s.ctx, "PSYNC", "?", "-1")
	var refused redis.Error
	if errors.As(err, &refused) && !temporary(refused) {
		psync := refused
		if err = s.send("SYNC"); err == nil {
			err = s.header()
		}
		if errors.As(err, &refused) && !temporary(refused) {
			return fmt.Errorf("%s rejects PSYNC (%s) and SYNC (%s): %w", s.Source.Addr, psync, refused, ErrForbidden)
		}
		return s.explain(err)
	}
	if err != nil {
		return s.explain(err)
	}
	if word, _, _ := strings.Cut(reply, " "); word != "FULLRESYNC" {
		return fmt.Errorf("%s: unexpected reply to PSYNC: %.40q; check that it is a Redis server", s.Source.Addr, reply)
	}
	return s.explain(s.header())
}

// configure tells the server what we understand. It may be unknown to an old server, which then does what it did before. With eof
// it may send a dump without a size.
func (s *Snapshot) configure(more ...[]string) error {
	options := append([][]string{{"REPLCONF", "capa", "eof"}}, more...)
	if s.Source.FieldTTL {
		// Valkey 9 writes RDB version 11 for a replica that does not tell its version, and fails where fields expire, which
		// that version cannot hold (valkey src/replication.c, REPLCONF VERSION). 9.1 is the newest whose types are all read here.
		options = append(options, []string{"REPLCONF", "version", "9.1.0"})
	}
	for _, args := range options {
		if _, err := s.conn.Do(s.ctx, args...); err != nil && redis.Code(err) == "" {
			return s.broken(err)
		}
	}
	return nil
}

// temporary reports that the server would replicate, but not now.
func temporary(err redis.Error) bool {
	switch err.Code() {
	case "NOMASTERLINK", "LOADING", "MASTERDOWN", "BUSY":
		return true
	}
	return strings.Contains(string(err), "Can't SYNC")
}

func (s *Snapshot) explain(err error) error {
	var refused redis.Error
	if !errors.As(err, &refused) {
		return s.broken(err)
	}
	advice := "try again"
	switch refused.Code() {
	case "NOMASTERLINK":
		advice = "it is a replica that has lost its master; wait, or dump another server"
	case "LOADING":
		advice = "it is still loading its data; wait until it is done"
	}
	return fmt.Errorf("%s: %w; %s", s.Source.Addr, refused, advice)
}

// broken describes what a broken connection means at this point.
func (s *Snapshot) broken(err error) error {
	switch {
	case err == nil:
		return nil
	case s.ctx.Err() != nil:
		return context.Cause(s.ctx)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s closed the connection before the dump was complete; check its log: not enough memory to fork, full volume, or client-output-buffer-limit", s.Source.Addr)
	}
	return fmt.Errorf("%s: waiting for the dump: %w", s.Source.Addr, err)
}

func (s *Snapshot) send(command string) error {
	_, err := s.conn.Write(redis.AppendCommand(nil, []byte(command)))
	return err
}

// header reads the line before the dump: its size, or the mark at its end. Empty lines before it say that the server is
// still preparing.
func (s *Snapshot) header() error {
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		switch {
		case line == "":
			if s.waiting != nil {
				s.waiting()
			}
		case line[0] == '-':
			return redis.Error(line[1:])
		case strings.HasPrefix(line, "$EOF:") && len(line) == len("$EOF:")+markLength:
			s.Size, s.mark = -1, []byte(line[len("$EOF:"):])
			return nil
		case line[0] == '$':
			s.Size, err = strconv.ParseInt(line[1:], 10, 64)
			if err != nil || s.Size < 0 || s.Size > maxSize {
				return fmt.Errorf("unexpected reply %.60q instead of a dump", line)
			}
			s.left = s.Size
			return nil
		default:
			return fmt.Errorf("unexpected reply %.60q instead of a dump", line)
		}
	}
}

// line reads to the end of a line. A single \n is one, too.
func (s *Snapshot) line() (string, error) {
	if err := s.extend(); err != nil {
		return "", err
	}
	line, err := s.conn.Reader().ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// extend returns the server more time, unless the context has ended.
func (s *Snapshot) extend() error {
	if err := s.conn.SetReadDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	if s.ctx.Err() != nil { // it may have ended just before, and its deadline is gone
		return context.Cause(s.ctx)
	}
	return nil
}

// Read returns the next bytes of the dump.
func (s *Snapshot) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for s.ready == 0 {
		switch {
		case s.err != nil:
			return 0, s.err
		case s.mark != nil:
			s.err = s.fill()
		default:
			var n int
			if n, s.err = s.readSized(p); n > 0 {
				return n, nil
			}
		}
	}
	n := copy(p, s.held[:s.ready])
	s.held, s.ready = s.held[n:], s.ready-n
	return n, nil
}

func (s *Snapshot) readSized(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	if err := s.extend(); err != nil {
		return 0, err
	}
	n, err := s.receive(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, s.broken(err)
}

// receive reads what has arrived, and ends a transfer that has stalled.
func (s *Snapshot) receive(p []byte) (int, error) {
	began := time.Now()
	n, err := s.conn.Reader().Read(p)
	s.waited += time.Since(began)
	s.arrived += n
	switch {
	case s.arrived >= minProgress:
		s.waited, s.arrived = 0, 0
	case s.waited >= s.timeout && err == nil:
		err = fmt.Errorf("%w: %d bytes arrived in %v", ErrStalled, s.arrived, s.waited.Round(time.Millisecond))
	}
	return n, err
}

// fill reads more of a dump that ends with a mark. Bytes that may be the beginning of the mark are not ready.
func (s *Snapshot) fill() error {
	if err := s.extend(); err != nil {
		return err
	}
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	start := copy(s.buf, s.held) // less than a mark
	n, err := s.receive(s.buf[start:])
	s.held = s.buf[:start+n]
	if i := bytes.Index(s.held, s.mark); i >= 0 {
		s.ready = i
		return io.EOF
	}
	s.ready = max(0, len(s.held)-markLength+1)
	return s.broken(err)
}

// Close ends the connection; the server stops sending.
func (s *Snapshot) Close() error {
	s.stop()
	return s.conn.Close()
}
