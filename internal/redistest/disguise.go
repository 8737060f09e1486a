package redistest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Disguise puts something before a server that answers some commands itself, or has others carried out, and returns its address.
// change returns a reply, or the command to pass on. RESTORE is answered late, so that a key of 1 ms has expired by then.
func Disguise(tb testing.TB, s *Server, change func(args []string) (reply string, pass []string)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				to, err := net.Dial("tcp", s.Addr())
				if err != nil {
					return
				}
				defer to.Close()
				client, server := redis.NewConn(c), bufio.NewReader(to)
				for {
					command, err := client.ReadReply() // a list, like any reply
					if err != nil {
						return
					}
					var args []string
					for _, a := range command.([]any) {
						args = append(args, a.(string))
					}
					reply, pass := change(args)
					if pass != nil {
						out := redis.AppendArgs(nil, len(pass))
						for _, a := range pass {
							out = redis.AppendArg(out, a)
						}
						if _, err := to.Write(out); err != nil {
							return
						}
						var b bytes.Buffer
						if copyReply(&b, server) != nil {
							return
						}
						reply = b.String()
					}
					if strings.EqualFold(args[0], "RESTORE") {
						time.Sleep(30 * time.Millisecond)
					}
					if _, err := io.WriteString(c, reply); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// copyReply copies one reply as it is.
func copyReply(to *bytes.Buffer, from *bufio.Reader) error {
	line, err := from.ReadString('\n')
	if err != nil {
		return err
	}
	to.WriteString(line)
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch {
	case line[0] == '$' && n >= 0:
		_, err = io.CopyN(to, from, int64(n)+2)
	case line[0] == '*':
		for range n {
			if err := copyReply(to, from); err != nil {
				return err
			}
		}
	}
	return err
}
