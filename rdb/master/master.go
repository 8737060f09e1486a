// Package master plays the master of a replication: a server that becomes its replica loads a dump the way it loads its
// master's, which costs it half of what RESTORE does. Afterwards it gets the commands of an append-only file, where there are
// some, and nothing else.
package master

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Dump is what replicas get.
type Dump struct {
	// Open gives the dump from its beginning. Each replica reads it for itself.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Size in bytes, without anything that follows the dump. Where it is 0 the end is marked instead (as with diskless
	// replication), which servers before 2.8.18 do not know.
	Size int64
	// Commands writes what a master sends after the dump, such as the commands of an append-only file; nil for nothing. They
	// are sent once the replica has loaded the dump.
	Commands func(ctx context.Context, w io.Writer) error
}

// Options of [Serve].
type Options struct {
	// Username and Password are what replicas have to log in with (masteruser, masterauth). Without a password all may, with
	// any login.
	Username, Password string
	// Event is called for what happens to each replica, until Serve returns, from several goroutines; it may be nil.
	Event func(Event)
	// Ping is how often a replica that has the dump hears of its master, so that it keeps the link (its repl-timeout is a
	// minute). 0 stands for 10 s.
	Ping time.Duration
}

// An Event is something that happened to one replica.
type Event struct {
	Replica string // its address
	Kind    EventKind
	Bytes   int64 // of the dump, sent so far
	Err     error // why it Left; nil where it hung up
}

// EventKind describes what happened.
type EventKind uint8

// What can happen to a replica.
const (
	Joined  EventKind = iota // connected
	Syncing                  // asked for the dump
	Sending                  // Bytes were sent
	Sent                     // all of it was
	Loaded                   // it has loaded the dump, has carried out all commands after it, and follows
	Left                     // the connection ended
)

const (
	defaultPing  = 10 * time.Second
	writeTimeout = 5 * time.Minute // a replica that writes what it gets to a slow disk reads slowly
	chunk        = 256 << 10
	maxWords     = 64
	maxWord      = 64 << 10
)

// Serve takes connections of replicas until ctx ends or the listener is closed, and then returns when all have left.
func Serve(ctx context.Context, l net.Listener, dump Dump, opts Options) error {
	if opts.Ping <= 0 {
		opts.Ping = defaultPing
	}
	var id [20]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	m := &master{dump: dump, opts: opts, id: hex.EncodeToString(id[:])}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var replicas sync.WaitGroup
	defer replicas.Wait()
	defer cancel()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			var temporary interface{ Timeout() bool }
			if errors.As(err, &temporary) && temporary.Timeout() {
				continue
			}
			return err
		}
		replicas.Go(func() {
			r := &replica{master: m, conn: c, in: bufio.NewReaderSize(c, maxWord), name: c.RemoteAddr().String()}
			stop := context.AfterFunc(ctx, func() { c.Close() })
			r.event(Event{Kind: Joined})
			err := r.serve(ctx)
			stop()
			c.Close()
			r.work.Wait()
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				err = nil
			}
			if failed := r.failure(); failed != nil && ctx.Err() == nil {
				err = failed
			}
			r.event(Event{Kind: Left, Err: err})
		})
	}
}

type master struct {
	dump Dump
	opts Options
	id   string // of the replication
}

// A replica is one connection.
type replica struct {
	*master
	conn   net.Conn
	in     *bufio.Reader
	name   string
	logged bool

	sent    atomic.Int64
	loaded  bool
	online  bool // has the dump, and gets pings
	applies bool // has loaded the dump, and gets commands
	work    sync.WaitGroup

	write  sync.Mutex // the pings, the commands and the answers; guards what follows
	busy   bool       // commands are being sent, into which no ping may go
	offset int64      // bytes sent after the dump, as the replica counts them
	end    int64      // the offset after the last command; 0 where they are not all sent
	failed error      // why the commands could not be sent
}

func (r *replica) event(e Event) {
	if r.opts.Event != nil {
		e.Replica, e.Bytes = r.name, r.sent.Load()
		r.opts.Event(e)
	}
}

func (r *replica) say(text string) error {
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := io.WriteString(r.conn, text)
	return err
}

// serve answers commands.
func (r *replica) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		words, err := r.command()
		if err != nil {
			return err
		}
		if len(words) == 0 {
			continue
		}
		if err := r.answer(ctx, words); err != nil {
			return err
		}
	}
}

func (r *replica) answer(ctx context.Context, words []string) error {
	name := strings.ToUpper(words[0])
	if name == "AUTH" {
		return r.login(words[1:])
	}
	if r.opts.Password != "" && !r.logged && name != "QUIT" {
		return r.say("-NOAUTH Authentication required.\r\n")
	}
	switch name {
	case "PING":
		return r.say("+PONG\r\n")
	case "REPLCONF":
		return r.replconf(ctx, words[1:])
	case "PSYNC", "SYNC":
		return r.sync(ctx, name == "PSYNC")
	case "ROLE":
		return r.say("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
	case "INFO":
		text := fmt.Sprintf("# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:%s\r\nmaster_repl_offset:0\r\nloading:0\r\n", r.id)
		return r.say(fmt.Sprintf("$%d\r\n%s\r\n", len(text), text))
	case "CLIENT", "SELECT", "CONFIG", "COMMAND", "HELLO", "ACL":
		return r.say("-ERR this is not a Redis server but an RDB file served to replicas; use REPLICAOF\r\n")
	case "QUIT":
		return errors.Join(r.say("+OK\r\n"), io.EOF)
	}
	return r.say(fmt.Sprintf("-ERR unknown command %.32q; this is not a Redis server but an RDB file served to replicas\r\n", name))
}

func (r *replica) login(args []string) error {
	if r.opts.Password == "" {
		r.logged = true
		return r.say("+OK\r\n")
	}
	user, password := "default", ""
	switch len(args) {
	case 1:
		password = args[0]
	case 2:
		user, password = args[0], args[1]
	}
	want := r.opts.Username
	if want == "" {
		want = "default"
	}
	if user != want || subtle.ConstantTimeCompare([]byte(password), []byte(r.opts.Password)) != 1 {
		return r.say("-WRONGPASS invalid username-password pair or user is disabled.\r\n")
	}
	r.logged = true
	return r.say("+OK\r\n")
}

// replconf takes what replicas tell of themselves. ACK is not answered: it comes all the time, the first one when the dump is
// loaded (redis src/replication.c, replicationCron and replconfCommand).
func (r *replica) replconf(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return r.say("-ERR wrong number of arguments for 'replconf' command\r\n")
	}
	switch strings.ToUpper(args[0]) {
	case "ACK":
		if len(args) > 1 {
			r.ack(ctx, args[1])
		}
		return nil
	case "GETACK":
		return nil
	}
	return r.say("+OK\r\n")
}

// ack notes how far the replica is: the first one comes when it has loaded the dump.
func (r *replica) ack(ctx context.Context, offset string) {
	if !r.online || r.loaded {
		return
	}
	if r.dump.Commands != nil {
		if !r.applies {
			r.applies = true
			r.work.Go(func() { r.commands(ctx) })
			return
		}
		at, err := strconv.ParseInt(offset, 10, 64)
		r.write.Lock()
		end := r.end
		r.write.Unlock()
		if err != nil || end == 0 || at < end {
			return
		}
	}
	r.loaded = true
	r.event(Event{Kind: Loaded})
}

// commands sends what follows the dump, and asks the replica to say when it has carried it out.
func (r *replica) commands(ctx context.Context) {
	r.write.Lock()
	r.busy = true
	r.write.Unlock()
	w := bufio.NewWriterSize(stream{r}, chunk)
	err := r.dump.Commands(ctx, w)
	if err == nil {
		err = w.Flush()
	}
	r.write.Lock()
	r.busy = false
	if err == nil {
		r.end = r.offset
		_, err = r.follow([]byte("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"))
	}
	r.failed = err
	r.write.Unlock()
	if err != nil {
		r.conn.Close() // half of the commands must not pass for all
	}
}

func (r *replica) failure() error {
	r.write.Lock()
	defer r.write.Unlock()
	return r.failed
}

// keepAlive sends a ping, unless it would be within a command or transaction.
func (r *replica) keepAlive() error {
	r.write.Lock()
	defer r.write.Unlock()
	if r.busy {
		return nil
	}
	_, err := r.follow([]byte("*1\r\n$4\r\nPING\r\n"))
	return err
}

// follow sends something that the replica counts, with write held.
func (r *replica) follow(p []byte) (int, error) {
	if err := r.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := r.conn.Write(p)
	r.offset += int64(n)
	return n, err
}

// A stream is the commands that a replica gets after the dump.
type stream struct{ r *replica }

func (s stream) Write(p []byte) (int, error) {
	s.r.write.Lock()
	n, err := s.r.follow(p)
	s.r.write.Unlock()
	s.r.sent.Add(int64(n))
	s.r.event(Event{Kind: Sending})
	return n, err
}

// sync sends the dump. A replica that was here before and wants to go on gets it again: nothing is kept of what it missed.
func (r *replica) sync(ctx context.Context, psync bool) error {
	if r.online {
		return errors.New("requests the dump again on the same connection")
	}
	r.event(Event{Kind: Syncing})
	body, err := r.dump.Open(ctx)
	if err != nil {
		return errors.Join(err, r.say("-ERR cannot read the RDB file\r\n"))
	}
	defer body.Close()
	head := ""
	if psync {
		head = fmt.Sprintf("+FULLRESYNC %s 0\r\n", r.id)
	}
	mark := ""
	if r.dump.Size > 0 {
		head += fmt.Sprintf("$%d\r\n", r.dump.Size)
	} else {
		var random [20]byte
		if _, err := rand.Read(random[:]); err != nil {
			return err
		}
		mark = hex.EncodeToString(random[:])
		head += "$EOF:" + mark + "\r\n"
	}
	if err := r.say(head); err != nil {
		return err
	}
	if err := r.copyDump(body); err != nil {
		return err
	}
	if err := r.say(mark); err != nil {
		return err
	}
	r.event(Event{Kind: Sent})
	r.online = true
	r.work.Go(func() { r.ping(ctx) })
	return nil
}

func (r *replica) copyDump(body io.Reader) error {
	buf := make([]byte, chunk)
	left := r.dump.Size
	for {
		p := buf
		if r.dump.Size > 0 {
			if left == 0 {
				return nil
			}
			p = buf[:min(int64(len(buf)), left)]
		}
		n, err := io.ReadFull(body, p)
		if n > 0 {
			if err := r.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				return err
			}
			if _, err := r.conn.Write(p[:n]); err != nil {
				return err
			}
			left -= int64(n)
			r.sent.Add(int64(n))
			r.event(Event{Kind: Sending})
		}
		switch {
		case err == nil:
		case (err == io.EOF || err == io.ErrUnexpectedEOF) && r.dump.Size == 0:
			return nil
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return fmt.Errorf("the file is %d bytes shorter than before", left)
		default:
			return err
		}
	}
}

// ping keeps the link up.
func (r *replica) ping(ctx context.Context) {
	tick := time.NewTicker(r.opts.Ping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if r.keepAlive() != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// command reads one command, as an array of the protocol or as a line. A replica that loads sends empty lines.
func (r *replica) command() ([]string, error) {
	line, err := r.line()
	if err != nil || !strings.HasPrefix(line, "*") {
		return strings.Fields(line), err
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 || n > maxWords {
		return nil, errors.New("does not use the Redis protocol")
	}
	words := make([]string, n)
	for i := range words {
		if line, err = r.line(); err != nil {
			return nil, err
		}
		digits, ok := strings.CutPrefix(line, "$")
		size, err := strconv.Atoi(digits)
		if err != nil || !ok || size < 0 || size > maxWord {
			return nil, errors.New("does not use the Redis protocol")
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(r.in, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:size])
	}
	return words, nil
}

func (r *replica) line() (string, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errors.New("does not use the Redis protocol")
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

// Listen opens the port that [Serve] takes connections from: host:port, where an empty host is every address and port 0 one
// that is free.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("invalid address %q; use HOST:PORT, such as 127.0.0.1:6380 or :6380", addr)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	var op *net.OpError
	if errors.As(err, &op) {
		err = fmt.Errorf("cannot listen on %s: %w; choose another address with --listen", addr, op.Err)
	}
	return l, err
}

// Local reports whether only this machine can reach what listens there.
func Local(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}
