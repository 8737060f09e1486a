package redis

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// An Error is the answer of a server that refuses, such as `BUSYKEY Target key name already exists.`
type Error string

// Error gives the server's words.
func (e Error) Error() string { return string(e) }

// Code is the first word, such as BUSYKEY, OOM or MOVED.
func (e Error) Code() string {
	code, _, _ := strings.Cut(string(e), " ")
	return code
}

// Code returns the code of an [Error] in err's chain, else "".
func Code(err error) string {
	var e Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return ""
}

// A Conn is a connection to a server. One goroutine may write ([Conn.Write]) while another reads ([Conn.ReadReply]);
// [Conn.Do] does both.
type Conn struct {
	net  net.Conn
	in   *bufio.Reader
	out  []byte
	addr string
	low  *lowWater // nil where the connection has none
	room int64     // what the reply that is read may still take of memory, in bytes
}

const readBuffer = 32 << 10

// NewConn speaks to what is at the other end of a connection, without any login.
func NewConn(c net.Conn) *Conn {
	addr := ""
	if a := c.RemoteAddr(); a != nil {
		addr = a.String()
	}
	low := newLowWater(c)
	if low != nil {
		return &Conn{net: c, low: low, in: bufio.NewReaderSize(low, readBuffer), addr: addr}
	}
	return &Conn{net: c, in: bufio.NewReaderSize(c, readBuffer), addr: addr}
}

// Addr is the address that was dialled.
func (c *Conn) Addr() string { return c.addr }

// LocalIP is the address of this end as the server sees it, unless something between them changes it; nil where it is no
// TCP connection.
func (c *Conn) LocalIP() net.IP {
	if a, ok := c.net.LocalAddr().(*net.TCPAddr); ok {
		return a.IP
	}
	return nil
}

// Close ends the connection. Whoever reads or writes gets an error.
func (c *Conn) Close() error { return c.net.Close() }

// SetDeadline bounds all reading and writing from now on; the zero time lifts it.
func (c *Conn) SetDeadline(at time.Time) error { return c.net.SetDeadline(at) }

// SetReadDeadline bounds reading alone.
func (c *Conn) SetReadDeadline(at time.Time) error { return c.net.SetReadDeadline(at) }

// SetWriteDeadline bounds writing alone.
func (c *Conn) SetWriteDeadline(at time.Time) error { return c.net.SetWriteDeadline(at) }

// Write sends bytes as they are: commands made by [AppendCommand].
func (c *Conn) Write(p []byte) (int, error) { return c.net.Write(p) }

// Reader gives the bytes that the server sends, as they are: the payload after PSYNC or SYNC, say. What [Conn.ReadReply]
// has not used is in it, so it must be used instead of the connection.
func (c *Conn) Reader() *bufio.Reader { return c.in }

// Do sends a command and waits for its reply: a string (simple or bulk), an int64, nil, or []any of these and of [Error].
// A reply that is an error as a whole is the error. When ctx ends, the connection is of no use any more.
func (c *Conn) Do(ctx context.Context, args ...string) (any, error) {
	c.out = appendHeader(c.out[:0], '*', len(args))
	for _, a := range args {
		c.out = append(append(appendHeader(c.out, '$', len(a)), a...), '\r', '\n')
	}
	stop := context.AfterFunc(ctx, func() { c.net.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := c.net.Write(c.out)
	clear(c.out[:cap(c.out)]) // it may have been a password
	var reply any
	if err == nil {
		reply, err = c.ReadReply()
	}
	var refused Error
	if err != nil && !errors.As(err, &refused) && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return reply, err
}

// Pipeline sends commands at once and gives all replies; one that refuses is an [Error] among them. When ctx ends, the
// connection is of no use any more.
func (c *Conn) Pipeline(ctx context.Context, commands ...[]string) ([]any, error) {
	c.out = c.out[:0]
	for _, args := range commands {
		c.out = AppendArgs(c.out, len(args))
		for _, a := range args {
			c.out = AppendArg(c.out, a)
		}
	}
	stop := context.AfterFunc(ctx, func() { c.net.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := c.net.Write(c.out)
	replies := make([]any, 0, len(commands))
	for range commands {
		if err != nil {
			break
		}
		var reply any
		reply, err = c.ReadReply()
		var refused Error
		if errors.As(err, &refused) {
			reply, err = refused, nil
		}
		replies = append(replies, reply)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return replies, err
}

// Text is Do where the reply is a text; nil is "".
func (c *Conn) Text(ctx context.Context, args ...string) (string, error) {
	reply, err := c.Do(ctx, args...)
	if err != nil {
		return "", err
	}
	switch v := reply.(type) {
	case string:
		return v, nil
	case nil:
		return "", nil
	}
	return "", unexpected(args, reply)
}

// Int is Do where the reply is a number.
func (c *Conn) Int(ctx context.Context, args ...string) (int64, error) {
	reply, err := c.Do(ctx, args...)
	if err != nil {
		return 0, err
	}
	if n, ok := reply.(int64); ok {
		return n, nil
	}
	return 0, unexpected(args, reply)
}

// List is Do where the reply is an array; nil is an empty one.
func (c *Conn) List(ctx context.Context, args ...string) ([]any, error) {
	reply, err := c.Do(ctx, args...)
	if err != nil {
		return nil, err
	}
	switch v := reply.(type) {
	case []any:
		return v, nil
	case nil:
		return nil, nil
	}
	return nil, unexpected(args, reply)
}

func unexpected(args []string, reply any) error {
	return fmt.Errorf("%s: unexpected reply of type %T; check that it is a Redis server", args[0], reply)
}

// AppendCommand appends a command as the protocol has it.
func AppendCommand(dst []byte, args ...[]byte) []byte {
	dst = appendHeader(dst, '*', len(args))
	for _, a := range args {
		dst = append(append(appendHeader(dst, '$', len(a)), a...), '\r', '\n')
	}
	return dst
}

// AppendArgs appends the beginning of a command of n arguments, which [AppendArg] appends.
func AppendArgs(dst []byte, n int) []byte { return appendHeader(dst, '*', n) }

// AppendArg appends one argument.
func AppendArg[T string | []byte](dst []byte, arg T) []byte {
	return append(append(appendHeader(dst, '$', len(arg)), arg...), '\r', '\n')
}

func appendHeader(dst []byte, kind byte, n int) []byte {
	dst = strconv.AppendInt(append(dst, kind), int64(n), 10)
	return append(dst, '\r', '\n')
}

// Bounds of a reply; the server may be anybody.
const (
	maxBulk  = 512 << 20 // proto-max-bulk-len of Redis, by default
	maxList  = 64 << 20
	maxDepth = 16
	maxReply = maxBulk + 256<<20 // of memory, in bytes, for all parts of a reply
	partSize = 96                // what a part of a list takes besides its text while the list grows, in bytes
)

// ReadReply reads one reply, as [Conn.Do] gives it.
func (c *Conn) ReadReply() (any, error) {
	c.room = maxReply
	return c.readReply(maxDepth)
}

// ReadOK reads a reply of which only the failure is of interest. It allocates nothing for one that is +OK.
func (c *Conn) ReadOK() error {
	if p, err := c.in.Peek(5); err == nil && string(p) == "+OK\r\n" {
		_, err = c.in.Discard(5)
		return err
	}
	_, err := c.ReadReply()
	return err
}

// ReadInt reads a reply that is a number, without allocating.
func (c *Conn) ReadInt() (int64, error) {
	if p, err := c.in.Peek(1); err == nil && p[0] == ':' {
		line, err := c.line()
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(string(line[1:]), 10, 64)
		if err != nil {
			return 0, c.broken(line)
		}
		return n, nil
	}
	reply, err := c.ReadReply()
	if n, ok := reply.(int64); ok || err != nil {
		return n, err
	}
	return 0, fmt.Errorf("%s: unexpected reply of type %T; check that it is a Redis server", c.addr, reply)
}

// ReadBytes reads a reply that is a text and appends it to dst; where it is nil, there is none.
func (c *Conn) ReadBytes(dst []byte) (_ []byte, there bool, err error) {
	if p, err := c.in.Peek(1); err == nil && p[0] == '$' {
		line, err := c.line()
		if err != nil {
			return dst, false, err
		}
		n, err := strconv.ParseInt(string(line[1:]), 10, 64)
		switch {
		case err != nil || n < -1 || n > maxBulk:
			return dst, false, c.broken(line)
		case n == -1:
			return dst, false, nil
		case n+2 > readBuffer:
			text, err := c.bulk(int(n))
			return append(dst, text...), err == nil, err
		}
		p, err := c.in.Peek(int(n) + 2)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return dst, false, err
		}
		if p[n] != '\r' || p[n+1] != '\n' {
			return dst, false, c.broken(p[n:])
		}
		dst = append(dst, p[:n]...)
		_, err = c.in.Discard(len(p))
		return dst, true, err
	}
	reply, err := c.ReadReply()
	text, there := reply.(string)
	if !there && reply != nil && err == nil {
		err = fmt.Errorf("%s: unexpected reply of type %T; check that it is a Redis server", c.addr, reply)
	}
	return append(dst, text...), there, err
}

// AwaitBytes waits until so many bytes of replies can be read, or the connection ends, so that a reader wakes up once for many replies:
// the server writes them a few dozen at a time. It may return earlier. It must not be asked for more than what is surely on its way,
// and heeds the read deadline.
func (c *Conn) AwaitBytes(n int) error {
	if n = min(n, readBuffer) - c.in.Buffered(); c.low == nil || n <= 1 {
		return nil
	}
	return c.low.await(n)
}

func (c *Conn) readReply(depth int) (any, error) {
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	text := string(line[1:])
	if c.room -= partSize + int64(len(text)); c.room < 0 {
		return nil, c.tooLarge()
	}
	switch line[0] {
	case '+':
		return text, nil
	case '-':
		return nil, Error(text)
	case ':', '$', '*':
	default:
		return nil, c.broken(line)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return nil, c.broken(line)
	case line[0] == ':':
		return n, nil
	case n == -1:
		return nil, nil
	case n < 0 || line[0] == '$' && n > maxBulk || line[0] == '*' && (n > maxList || depth == 0):
		return nil, c.broken(line)
	case line[0] == '$':
		if c.room -= n; c.room < 0 {
			return nil, c.tooLarge()
		}
		return c.bulk(int(n))
	}
	list := make([]any, 0, min(n, 1024))
	for range n {
		v, err := c.readReply(depth - 1)
		var inside Error
		if errors.As(err, &inside) {
			v, err = inside, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// line reads up to the end of the line; empty lines are keep-alives of a master that is saving.
func (c *Conn) line() ([]byte, error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, c.broken(line)
		}
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		line = line[:len(line)-1]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) > 0 {
			return line, nil
		}
	}
}

func (c *Conn) bulk(n int) (string, error) {
	if n < readBuffer/2 { // without copying twice
		if p, err := c.in.Peek(n + 2); err == nil && p[n] == '\r' && p[n+1] == '\n' {
			text := string(p[:n])
			_, err = c.in.Discard(n + 2)
			return text, err
		}
	}
	var b strings.Builder
	b.Grow(min(n, 64<<10))
	if _, err := io.CopyN(&b, c.in, int64(n)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	var end [2]byte
	if _, err := io.ReadFull(c.in, end[:]); err != nil {
		return "", err
	}
	if end != [2]byte{'\r', '\n'} {
		return "", c.broken(end[:])
	}
	return b.String(), nil
}

func (c *Conn) tooLarge() error {
	return fmt.Errorf("%s: reply exceeds %d MiB; check that it is a Redis server", c.addr, maxReply>>20)
}

func (c *Conn) broken(line []byte) error {
	return fmt.Errorf("%s: unexpected reply %.40q; check that it is a Redis server, and whether it requires TLS (rediss://)", c.addr, line)
}

// Connect connects to the server: by its address, or to the one that the Sentinels say is the master, asked anew each
// time. It logs in and selects the database.
func (t *Target) Connect(ctx context.Context) (*Conn, error) {
	if t.Master != "" {
		return t.connectMaster(ctx)
	}
	return t.connect(ctx, t.Addrs[0])
}

func (t *Target) connect(ctx context.Context, addr string) (*Conn, error) {
	c, err := t.dial(ctx, addr, t.Username, t.Password)
	if err != nil || t.DB == 0 {
		return c, err
	}
	if err := c.step(ctx, t.timeout(), func(ctx context.Context) error {
		_, err := c.Do(ctx, "SELECT", strconv.Itoa(t.DB))
		return err
	}); err != nil {
		c.Close()
		return nil, fmt.Errorf("%s: SELECT %d: %w", addr, t.DB, err)
	}
	return c, nil
}

// dial connects and logs in.
func (t *Target) dial(ctx context.Context, addr, username, password string) (*Conn, error) {
	network := "tcp"
	if t.Unix {
		network = "unix"
	}
	dial := t.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	dialing, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	raw, err := dial(dialing, network, addr)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", addr, plain(err))
	}
	if t.TLS != nil {
		if raw, err = t.handshake(ctx, raw, addr); err != nil {
			return nil, err
		}
	}
	c := NewConn(raw)
	c.addr = addr
	if password == "" {
		return c, nil
	}
	err = c.step(ctx, t.timeout(), func(ctx context.Context) error {
		args := []string{"AUTH", username, password}
		if username == "" {
			args = []string{"AUTH", password}
		}
		_, err := c.Do(ctx, args...)
		return err
	})
	if err != nil {
		c.Close()
		return nil, loginError(addr, err)
	}
	return c, nil
}

// Failures of a login.
var (
	ErrWrongPassword = errors.New("wrong user or password")
	ErrNoPassword    = errors.New("the server has no password, but one was passed")
)

// loginError describes what an AUTH failed of, in words of ours: an old server or a proxy may repeat the arguments of a command
// that it does not know.
func loginError(addr string, err error) error {
	var refused Error
	if !errors.As(err, &refused) {
		return fmt.Errorf("%s: authentication: %w", addr, err)
	}
	switch {
	case refused.Code() == "WRONGPASS" || strings.Contains(string(refused), "invalid password"):
		return fmt.Errorf("%s: %w; check both", addr, ErrWrongPassword)
	case strings.Contains(string(refused), "no password is set") || strings.Contains(string(refused), "without any password"):
		return fmt.Errorf("%s: %w; remove it", addr, ErrNoPassword)
	}
	return fmt.Errorf("%s: the server rejects AUTH with %s; user names require Redis 6 or later", addr, refused.Code())
}

func (t *Target) handshake(ctx context.Context, raw net.Conn, addr string) (net.Conn, error) {
	config := t.TLS.Clone()
	if config.ServerName == "" && !t.Unix {
		config.ServerName, _, _ = net.SplitHostPort(addr)
	}
	secure := tls.Client(raw, config)
	shaking, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	err := secure.HandshakeContext(shaking)
	if err == nil {
		return secure, nil
	}
	raw.Close()
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &record):
		err = fmt.Errorf("%s: the server does not use TLS on this port; use redis://", addr)
	case errors.As(err, &verify):
		err = fmt.Errorf("%s: %w; pass the CA certificate with --tls-ca, or the name in its certificate with --tls-server-name", addr, err)
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%s: no response to the TLS handshake: %w; if this port does not use TLS, use redis://", addr, err)
	default:
		err = fmt.Errorf("%s: TLS: %w", addr, err)
	}
	return nil, err
}

// step bounds the time of one step of making a connection.
func (c *Conn) step(ctx context.Context, timeout time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return do(ctx)
}

// plain takes the operation and address off, which are said already.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// ModuleNames reads the reply of MODULE LIST.
func ModuleNames(list []any) []string {
	var names []string
	for _, item := range list {
		fields, _ := item.([]any)
		for i := 0; i+1 < len(fields); i += 2 {
			if name, ok := fields[i+1].(string); ok && fields[i] == "name" {
				names = append(names, name)
			}
		}
	}
	return names
}
