package aof

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// A Part is the commands of one file.
type Part struct {
	Name  string // of the file, for messages; "" where the caller names it
	Start int64  // offset in the file of the first command
	// Open gives the file from Start on.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Once reports that Open can be called one time only.
	Once bool
}

// A Tail is all commands of an append-only file after its dump, in order.
type Tail struct {
	// Commands counts those that a server carries out one by one: all but SELECT, MULTI, EXEC and PING.
	Commands int64
	// Names counts the commands by their name in lower case, also SELECT, MULTI and EXEC.
	Names map[string]int64
	// Bytes is what [Tail.WriteTo] writes.
	Bytes int64
	// Cut is not nil where the last file ends within a command or transaction.
	Cut *Cut
	// Memory is about what the commands leave in use in a server that had none of their keys, in bytes.
	Memory int64

	parts []Part
	ends  []int64 // offset after the last complete command of each part
	sums  []uint32
}

// A Cut is the incomplete end of the last file: the server was killed while it wrote. A server drops it when it loads the file
// (aof-load-truncated yes, the default; redis src/aof.c, loadSingleAppendOnlyFile).
type Cut struct {
	File        string
	Offset      int64 // where it begins
	Commands    int64 // complete commands in it, of a transaction without EXEC
	Transaction bool
}

func (c *Cut) String() string {
	where := fmt.Sprintf("offset %d", c.Offset)
	if c.File != "" {
		where = c.File + ": " + where
	}
	if c.Transaction {
		return fmt.Sprintf("%s: the file ends within a transaction (MULTI without EXEC, %s), which servers also drop (aof-load-truncated)", where, plural(c.Commands, "complete command"))
	}
	return fmt.Sprintf("%s: the file ends within a command, which servers also drop (aof-load-truncated)", where)
}

// maxNames bounds how many different commands there may be. Redis has about 250 that write.
const maxNames = 1000

// selectZero comes before the commands of each file, because a server begins each with database 0.
const selectZero = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"

// never lists commands that no server writes into an append-only file. A file with one was made to do something to the server
// that loads it.
var never = map[string]bool{
	"acl": true, "asking": true, "auth": true, "bgrewriteaof": true, "bgsave": true, "client": true,
	"cluster": true, "command": true, "config": true, "debug": true, "discard": true, "failover": true,
	"hello": true, "info": true, "latency": true, "memory": true, "migrate": true, "module": true,
	"monitor": true, "psubscribe": true, "psync": true, "punsubscribe": true, "quit": true, "readonly": true,
	"readwrite": true, "replconf": true, "replicaof": true, "reset": true, "role": true, "save": true,
	"shutdown": true, "slaveof": true, "slowlog": true, "ssubscribe": true, "subscribe": true, "sunsubscribe": true,
	"sync": true, "unsubscribe": true, "unwatch": true, "wait": true, "waitaof": true, "watch": true,
}

// Scan reads all commands of the parts and checks that they are whole. Only the last part may end within a command.
func Scan(ctx context.Context, parts []Part) (*Tail, error) {
	t := &Tail{Names: map[string]int64{}, parts: parts}
	estimate := newEstimator()
	defer func() { t.Memory = estimate.memory() }()
	for i := range parts {
		estimate.db = maphash.Bytes(estimate.seed, []byte("0")) // a server begins each file with database 0
		if err := t.scan(ctx, i, estimate); err != nil {
			var wrong *Error
			if errors.As(err, &wrong) && wrong.File == "" {
				wrong.File = parts[i].Name
			}
			return nil, err
		}
	}
	return t, nil
}

// scan reads one part.
func (t *Tail) scan(ctx context.Context, i int, estimate *estimator) error {
	part := &t.parts[i]
	body, err := part.Open(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	r := newReader(body, part.Start)
	r.seed = &estimate.seed
	// What is not complete is not counted: a command before its last byte, a transaction before its EXEC.
	var open *transaction
	end, sum := part.Start, crc32.New(castagnoli)
	held, count := sum.Sum32(), int64(0)
	bytes := int64(0)
	n := &counter{w: sum}
	for k := 0; ; k++ {
		if k%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c, err := r.next(n)
		if err == io.EOF && open == nil {
			break
		}
		if err == errShort || err == io.EOF {
			if err := t.cut(ctx, i, c, open, err == errShort); err != nil {
				return err
			}
			break
		}
		if err != nil {
			return err
		}
		if err := t.check(&open, c); err != nil {
			return err
		}
		estimate.add(&c)
		if open == nil || c.name == "exec" {
			end, held, bytes = c.end, sum.Sum32(), n.n
		}
		switch {
		case open != nil && c.name != "exec":
			open.names = append(open.names, c.name)
		case open != nil:
			for _, name := range append(open.names, c.name) {
				t.count(name)
			}
			open = nil
		default:
			t.count(c.name)
		}
		if count++; len(t.Names) > maxNames {
			return &Error{Offset: c.at, Message: fmt.Sprintf("more than %d different commands, so this is not an append-only file of Redis", maxNames)}
		}
	}
	if bytes > 0 {
		t.Bytes += bytes + int64(len(selectZero))
	}
	t.ends, t.sums = append(t.ends, end), append(t.sums, held)
	return nil
}

// A transaction is between MULTI and EXEC.
type transaction struct {
	at    int64
	names []string
}

// maxTransaction bounds the commands of a transaction, whose names are held.
const maxTransaction = 16 << 20

// check refuses a command that cannot be where it is.
func (t *Tail) check(open **transaction, c command) error {
	switch {
	case never[c.name]:
		return &Error{Offset: c.at, Message: fmt.Sprintf("command %q, which servers never write to an append-only file; do not load this file", c.name)}
	case c.name == "multi" && *open != nil:
		return &Error{Offset: c.at, Message: fmt.Sprintf("MULTI inside the transaction that starts at offset %d; repair a copy of the file with redis-check-aof --fix", (*open).at)}
	case c.name == "exec" && *open == nil:
		return &Error{Offset: c.at, Message: "EXEC without MULTI; repair a copy of the file with redis-check-aof --fix"}
	case c.name == "multi":
		*open = &transaction{at: c.at}
	case *open != nil && len((*open).names) >= maxTransaction:
		return &Error{Offset: (*open).at, Message: fmt.Sprintf("a transaction of more than %d commands", maxTransaction)}
	}
	return nil
}

func (t *Tail) count(name string) {
	t.Names[name]++
	switch name {
	case "select", "multi", "exec", "ping":
	default:
		t.Commands++
	}
}

// commandHead is how a command begins after another one.
var commandHead = regexp.MustCompile(`\r\n\*[1-9][0-9]{0,6}\r\n\$[1-9][0-9]?\r\n[A-Za-z]`)

// cut notes the incomplete end of the last part. A length that is damaged in the middle of a file looks the same, but has
// commands after it.
func (t *Tail) cut(ctx context.Context, i int, c command, open *transaction, within bool) error {
	if i < len(t.parts)-1 {
		return &Error{Offset: c.at, Message: fmt.Sprintf("the file ends within a command or transaction, but %s follows it; repair a copy with redis-check-aof --fix", t.parts[i+1].Name)}
	}
	if within && !t.parts[i].Once {
		found, err := t.commandsAfter(ctx, i, c.at)
		if err != nil {
			return err
		}
		if found {
			return &Error{Offset: c.at, Message: "damaged length in this command: it extends past the end of the file, over the commands that follow; repair a copy of the file with redis-check-aof --fix, and check what it removes"}
		}
	}
	t.Cut = &Cut{File: t.parts[i].Name, Offset: c.at}
	if open != nil {
		t.Cut.Offset, t.Cut.Transaction, t.Cut.Commands = open.at, true, int64(max(len(open.names)-1, 0))
	}
	return nil
}

// commandsAfter looks for commands after the one that begins at an offset.
func (t *Tail) commandsAfter(ctx context.Context, i int, at int64) (bool, error) {
	body, err := t.parts[i].Open(ctx)
	if err != nil {
		return false, err
	}
	defer body.Close()
	if _, err := io.CopyN(io.Discard, body, at-t.parts[i].Start); err != nil {
		return false, err
	}
	const overlap = 64
	buf := make([]byte, 64<<10)
	held := 0
	for {
		n, err := io.ReadFull(body, buf[held:])
		if commandHead.Match(buf[:held+n]) {
			return true, nil
		}
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return false, nil
			}
			return false, err
		}
		held = copy(buf, buf[held+n-overlap:held+n])
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// WriteTo writes the commands to w as a master sends them to its replicas: those of each file after a SELECT 0, without
// annotations and without the incomplete end. It is an error where the files are not what Scan has read.
func (t *Tail) WriteTo(ctx context.Context, w io.Writer) error {
	for i := range t.parts {
		if err := t.write(ctx, i, w); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tail) write(ctx context.Context, i int, w io.Writer) error {
	part := &t.parts[i]
	if t.ends[i] == part.Start {
		return nil
	}
	body, err := part.Open(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.WriteString(w, selectZero); err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	both := io.MultiWriter(w, sum)
	r := newReader(io.LimitReader(body, t.ends[i]-part.Start), part.Start)
	for k := 0; r.n < t.ends[i]; k++ {
		if k%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c, err := r.next(both)
		if err == io.EOF && r.n == t.ends[i] {
			break
		}
		var wrong *Error
		if err == errShort || err == io.EOF || errors.As(err, &wrong) {
			return t.changed(part)
		}
		if err != nil {
			return err
		}
		if never[c.name] {
			return t.changed(part)
		}
	}
	if sum.Sum32() != t.sums[i] {
		return t.changed(part)
	}
	return nil
}

func (t *Tail) changed(part *Part) error {
	return fmt.Errorf("%s changed while being read; stop the server that writes to it, or use a copy", cmp.Or(part.Name, "the append-only file"))
}

// NamesInOrder gives the names of the commands, sorted.
func (t *Tail) NamesInOrder() []string { return slices.Sorted(maps.Keys(t.Names)) }

// Empty reports whether there is nothing to replay, and nothing that was cut off.
func (t *Tail) Empty() bool { return t.Commands == 0 && t.Cut == nil }

// Describe counts the commands, such as `1,234 commands of an append-only file`.
func (t *Tail) Describe() string {
	text := plural(t.Commands, "command") + " of an append-only file"
	if t.Cut != nil {
		text += " and an incomplete end"
	}
	return text
}

// Refusal is the message of what cannot apply commands.
func (t *Tail) Refusal() string {
	return "followed by " + t.Describe() + ", which only a server can apply; load it into an empty server (redis-gitops import FILE redis://HOST), then dump that server (redis-gitops dump)"
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return group(n) + " " + noun + "s"
}

// group writes a number with commas.
func group(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
