package redistest

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A Proxy stands between a client and a server and does what a bad network does.
type Proxy struct {
	Addr string

	mu    sync.Mutex
	to    string
	conns map[net.Conn]bool
	toxic Toxic
	cuts  int
}

// A Toxic is what a proxy does to each connection. The zero value does nothing.
type Toxic struct {
	CutAfter int           // bytes from the client, after which both sides are cut off; 0 for never
	CutReply int           // bytes from the server, likewise
	Delay    time.Duration // of every byte, each way
	Rate     int           // bytes a second from the client; 0 for no limit
	Refuse   bool          // new connections are closed at once
	Clock    time.Duration // is added to the replies of TIME: the server's clock seems to be that far ahead
}

// timeReply is the reply of TIME: seconds and microseconds.
var timeReply = regexp.MustCompile(`\*2\r\n\$10\r\n(\d{10})\r\n\$[1-6]\r\n\d{1,6}\r\n`)

// at changes the time in what a server sends; the length stays.
func (t Toxic) at(p []byte) []byte {
	if t.Clock == 0 {
		return p
	}
	out := bytes.Clone(p)
	for _, m := range timeReply.FindAllSubmatchIndex(p, -1) {
		if seconds, err := strconv.ParseInt(string(p[m[2]:m[3]]), 10, 64); err == nil {
			copy(out[m[2]:m[3]], strconv.FormatInt(seconds+int64(t.Clock/time.Second), 10))
		}
	}
	return out
}

// StartProxy starts a proxy before a server. It ends with the test.
func StartProxy(tb testing.TB, to string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	tb.Cleanup(func() { l.Close(); p.Cut() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// Set changes what is done to connections that are made from now on.
func (p *Proxy) Set(t Toxic) {
	p.mu.Lock()
	p.toxic = t
	p.mu.Unlock()
}

// Cut ends all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Cuts counts the connections that reached CutAfter or CutReply.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *Proxy) serve(client net.Conn) {
	p.mu.Lock()
	toxic := p.toxic
	p.mu.Unlock()
	defer client.Close()
	if toxic.Refuse {
		return
	}
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	done := make(chan bool, 2)
	go func() { done <- pipe(server, client, toxic.CutAfter, toxic.Delay, toxic.Rate, Toxic{}.at) }()
	go func() { done <- pipe(client, server, toxic.CutReply, toxic.Delay, 0, toxic.at) }()
	cut := <-done
	p.mu.Lock()
	if cut {
		p.cuts++
	}
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// A parcel is some bytes and when they are due.
type parcel struct {
	at time.Time
	p  []byte
}

// pipe copies from one side to the other, and says whether it cut. Delay does not hold back what comes after.
func pipe(to, from net.Conn, cutAfter int, delay time.Duration, rate int, change func([]byte) []byte) (cut bool) {
	parcels := make(chan parcel, 1024)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for p := range parcels {
			time.Sleep(time.Until(p.at))
			if _, err := to.Write(p.p); err != nil {
				from.Close()
			}
			if rate > 0 {
				time.Sleep(time.Duration(float64(len(p.p)) / float64(rate) * float64(time.Second)))
			}
		}
	}()
	defer func() { close(parcels); <-written }()
	buf, seen := make([]byte, 64<<10), 0
	for {
		n, err := from.Read(buf)
		if cutAfter > 0 && seen+n >= cutAfter {
			// What came before gets through, so that the cut is within a command.
			parcels <- parcel{time.Now().Add(delay), bytes.Clone(change(buf[:cutAfter-seen]))}
			return true
		}
		seen += n
		if n > 0 {
			parcels <- parcel{time.Now().Add(delay), bytes.Clone(change(buf[:n]))}
		}
		if err != nil {
			if err == io.EOF {
				if c, ok := to.(*net.TCPConn); ok {
					c.CloseWrite()
				}
			}
			return false
		}
	}
}
