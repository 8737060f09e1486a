package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/streaming/pkg/httpstream"
)

// Headers of the protocol of port-forwards, as k8s.io/api/core/v1 has them.
const (
	streamType       = "streamType"
	streamError      = "error"
	streamData       = "data"
	streamPort       = "port"
	streamRequestKey = "requestID"
)

// Dial opens a tunnel of its own for each connection: over a shared one a connection that is refused ends all others, and
// one that is slow holds them up.
func (k *kube) Dial(ctx context.Context, namespace, pod string, port int) (net.Conn, error) {
	type result struct {
		conn *conn
		err  error
	}
	done := make(chan result, 1)
	go func() { // client-go knows no context here
		c, err := k.dial(namespace, pod, port)
		done <- result{c, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, question{"create", "pods/portforward", "Pod", namespace, pod}.explain(k.config.Host, r.err)
		}
		return r.conn, nil
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				r.conn.Close()
			}
		}()
		return nil, question{"create", "pods/portforward", "Pod", namespace, pod}.explain(k.config.Host, context.Cause(ctx))
	}
}

func (k *kube) dial(namespace, pod string, port int) (*conn, error) {
	tunnel, err := k.tunnel(namespace, pod)
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	headers.Set(streamType, streamError)
	headers.Set(streamPort, strconv.Itoa(port))
	headers.Set(streamRequestKey, "0")
	problem, err := tunnel.CreateStream(headers)
	if err != nil {
		tunnel.Close()
		return nil, err
	}
	problem.Close() // nothing is written to it
	headers.Set(streamType, streamData)
	data, err := tunnel.CreateStream(headers)
	if err != nil {
		tunnel.Close()
		return nil, err
	}
	return newConn(tunnel, problem, data, fmt.Sprintf("%s.%s:%d", pod, namespace, port)), nil
}

// lastWords is how long the reason for an end is waited for.
const lastWords = time.Second

// conn is a connection through the API server. A pipe in between gives it the deadlines that streams do not have.
type conn struct {
	net.Conn
	tunnel httpstream.Connection
	addr   address

	mu  sync.Mutex
	why error // what ended it from the other side
}

func newConn(tunnel httpstream.Connection, problem, data httpstream.Stream, addr string) *conn {
	near, far := net.Pipe()
	c := &conn{Conn: near, tunnel: tunnel, addr: address(addr)}
	told := make(chan struct{})
	go func() {
		defer close(told)
		message, err := io.ReadAll(problem)
		if err == nil && len(message) > 0 {
			c.fail(refusal(string(message)))
			far.Close()
			tunnel.Close()
		}
	}()
	go func() {
		_, err := io.Copy(far, data)
		if err == nil || errors.Is(err, io.ErrClosedPipe) {
			err = io.EOF
		}
		_ = data.Reset() // as client-go does: the other end says why when both halves are closed
		select {
		case <-told:
		case <-time.After(lastWords):
		}
		c.fail(err)
		far.Close()
		tunnel.Close()
	}()
	go func() {
		if _, err := io.Copy(data, far); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			c.fail(err)
		}
		data.Close()
	}()
	return c
}

func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil || c.why == io.EOF {
		c.why = err
	}
}

// cause describes what really ended the connection, where the pipe says only that it did.
func (c *conn) cause(err error) error {
	if err == nil || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != nil {
		return c.why
	}
	return err
}

// Read reads what the pod sends.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.cause(err)
}

// Write hands bytes over to the tunnel; they may be lost when that breaks, as with every connection.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.cause(err)
}

// Close ends the connection and its tunnel.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.tunnel.Close()
	return err
}

// RemoteAddr is POD.NAMESPACE:PORT.
func (c *conn) RemoteAddr() net.Addr { return c.addr }

type address string

func (address) Network() string  { return "pod" }
func (a address) String() string { return string(a) }

// refusal takes what the kubelet says about a port down to its end, such as "connection refused".
func refusal(message string) error {
	message = strings.TrimSpace(message)
	if strings.Contains(message, "connection refused") {
		return errors.New("connection refused: the pod does not listen on that port")
	}
	if len(message) > 300 {
		message = message[:300] + "…"
	}
	return fmt.Errorf("the port-forward ended: %s", message)
}
