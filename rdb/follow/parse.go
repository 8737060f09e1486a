package follow

import (
	"bytes"
	"fmt"
	"strconv"
)

const (
	// maxArgs bounds the arguments of a command: what a server takes of a client (redis src/networking.c, processMultibulkBuffer),
	// and more than the effect of a script has.
	maxArgs = 1 << 20
	// maxCommand bounds a command in bytes: two of the largest values (proto-max-bulk-len).
	maxCommand = 1 << 30
	// maxHeader bounds a line such as *3 or $512.
	maxHeader = 32
)

// A command is one of the stream. Its arguments are valid until the next call of the parser.
type command struct {
	args [][]byte
	raw  []byte // as it stands in the stream
	end  int64  // offset of its last byte
}

// A parser takes a stream of writes apart (redis src/replication.c, replicationFeedSlaves). It keeps account of every byte: the offset
// of a stream counts all of them.
type parser struct {
	buf    []byte
	start  int // of the command in buf
	at     int // of what was not looked at yet
	want   int // arguments
	spans  [][2]int
	offset int64 // of the last byte before start
	args   [][]byte
}

// feed adds bytes of the stream.
func (p *parser) feed(b []byte) {
	if p.start > 0 && (p.start == len(p.buf) || p.start > 1<<20) { // what was given away
		n := copy(p.buf, p.buf[p.start:])
		p.at -= p.start
		for i := range p.spans {
			p.spans[i][0] -= p.start
			p.spans[i][1] -= p.start
		}
		p.buf, p.start = p.buf[:n], 0
	}
	p.buf = append(p.buf, b...)
}

// next returns the next command. ok is false where more bytes are needed.
func (p *parser) next() (c command, ok bool, err error) {
	for p.want == 0 {
		if p.at == len(p.buf) {
			return c, false, nil
		}
		if b := p.buf[p.at]; b == '\n' || b == '\r' { // a sign of life, which counts (processInlineBuffer)
			p.at++
			p.start = p.at
			p.offset++
			continue
		}
		n, ok, err := p.header('*', maxArgs)
		if !ok || err != nil {
			return c, false, err
		}
		if n == 0 {
			return c, false, p.wrong(p.start, "command without arguments")
		}
		p.want, p.spans = n, p.spans[:0]
	}
	for len(p.spans) < p.want {
		from := p.at
		n, ok, err := p.header('$', maxCommand)
		if !ok || err != nil {
			return c, false, err
		}
		if p.at-p.start+n > maxCommand {
			return c, false, p.wrong(from, "command of more than 1 GiB")
		}
		end := p.at + n
		if len(p.buf) < end+2 {
			p.at = from
			return c, false, nil
		}
		if p.buf[end] != '\r' || p.buf[end+1] != '\n' {
			return c, false, p.wrong(end, fmt.Sprintf("unexpected %q after an argument of %d bytes", p.buf[end:end+2], n))
		}
		p.spans = append(p.spans, [2]int{p.at, end})
		p.at = end + 2
	}
	p.args = p.args[:0]
	for _, s := range p.spans {
		p.args = append(p.args, p.buf[s[0]:s[1]:s[1]])
	}
	c = command{args: p.args, raw: p.buf[p.start:p.at:p.at], end: p.offset + int64(p.at-p.start)}
	p.offset, p.start, p.want = c.end, p.at, 0
	return c, true, nil
}

// header reads a line such as *3. ok is false, and nothing is read, where it is not there as a whole.
func (p *parser) header(kind byte, limit int) (n int, ok bool, err error) {
	line := p.buf[p.at:]
	if line = line[:min(len(line), maxHeader)]; len(line) == 0 {
		return 0, false, nil
	}
	if line[0] != kind {
		return 0, false, p.wrong(p.at, fmt.Sprintf("unexpected %.20q, expected a line that starts with %q", line, string(kind)))
	}
	end := bytes.IndexByte(line, '\n')
	if end < 0 {
		if len(line) == maxHeader {
			return 0, false, p.wrong(p.at, fmt.Sprintf("line starting with %.20q exceeds %d bytes", line, maxHeader))
		}
		return 0, false, nil
	}
	if end < 2 || line[end-1] != '\r' {
		return 0, false, p.wrong(p.at, fmt.Sprintf("%.20q does not end with CRLF", line[:end+1]))
	}
	size, err := strconv.ParseUint(string(line[1:end-1]), 10, 31)
	if err != nil || int(size) > limit {
		return 0, false, p.wrong(p.at, fmt.Sprintf("invalid length %.20q", line[1:end-1]))
	}
	p.at += end + 1
	return int(size), true, nil
}

// wrong reports that the stream is damaged.
func (p *parser) wrong(at int, what string) error {
	return fmt.Errorf("damaged replication stream at offset %d: %s", p.offset+int64(at-p.start)+1, what)
}
