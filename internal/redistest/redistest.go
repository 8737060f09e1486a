// Package redistest runs real redis-server and redis-sentinel processes for tests, on loopback, in directories of their own.
package redistest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Server is a process. It is ended with the test.
type Server struct {
	TB       testing.TB
	Dir      string
	Host     string // an address of loopback; 127.0.0.1 unless the test chose one
	Port     int
	Password string // for Do, where the server wants one
	Username string

	args   []string
	binary string
	tls    bool
	output *Screen

	process *exec.Cmd
	done    chan struct{}
	conn    *redis.Conn
}

// startTimeout is long, because tests of several packages share few cores.
const startTimeout = 60 * time.Second

// Start starts a redis-server with further arguments, and waits until it answers. Without the program the test is skipped.
func Start(tb testing.TB, args ...string) *Server { return StartDump(tb, nil, args...) }

// StartDump starts a server that loads a dump.
func StartDump(tb testing.TB, dump []byte, args ...string) *Server {
	tb.Helper()
	s := newServer(tb, "redis-server")
	if dump != nil {
		if err := os.WriteFile(filepath.Join(s.Dir, "dump.rdb"), dump, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return s.plain(args)
}

// StartAt starts a server at an address of loopback, such as 127.3.0.7:6379, which replicas and sentinels see it by: servers of
// one port, as pods have it.
func StartAt(tb testing.TB, addr, password string, args ...string) *Server {
	tb.Helper()
	s := newServer(tb, "redis-server")
	s.at(addr)
	if s.Password = password; password != "" {
		args = append(args, "--requirepass", password, "--masterauth", password)
	}
	return s.plain(append(args, "--bind-source-addr", s.Host, "--protected-mode", "no")) // which knows 127.0.0.1 only
}

// StartSentinelAt starts a Sentinel at an address of loopback, with lines of its configuration.
func StartSentinelAt(tb testing.TB, addr string, lines ...string) *Server {
	tb.Helper()
	s := newServer(tb, "redis-sentinel")
	s.at(addr)
	return s.sentinel(append(lines, "sentinel announce-ip "+s.Host)...)
}

func (s *Server) at(addr string) {
	s.TB.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		s.Host = host
		s.Port, err = strconv.Atoi(port)
	}
	if err != nil {
		s.TB.Fatal(err)
	}
}

// plain runs a server without TLS.
func (s *Server) plain(args []string) *Server {
	s.TB.Helper()
	s.args = append([]string{"--port", strconv.Itoa(s.Port), "--bind", s.Host, "--dir", s.Dir, "--save", "",
		"--appendonly", "no", "--databases", "64", "--enable-debug-command", "yes"}, args...)
	s.Run()
	return s
}

// sentinel runs one with lines of its configuration.
func (s *Server) sentinel(lines ...string) *Server {
	s.TB.Helper()
	text := fmt.Sprintf("port %d\nbind %s\ndir %s\n", s.Port, s.Host, s.Dir)
	for _, l := range lines {
		text += l + "\n"
	}
	config := filepath.Join(s.Dir, "sentinel.conf")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		s.TB.Fatal(err)
	}
	s.args = []string{config}
	s.Run()
	return s
}

// StartTLS starts a server that speaks TLS only, and gives the certificate of the authority that signed its own, for
// 127.0.0.1 and the name redis.test.
func StartTLS(tb testing.TB, args ...string) (s *Server, authority []byte) {
	tb.Helper()
	s = newServer(tb, "redis-server")
	cert, key := Certificate(tb)
	write := func(name string, data []byte) string {
		path := filepath.Join(s.Dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	c, k := write("cert.pem", cert), write("key.pem", key)
	s.tls = true
	s.args = append([]string{"--port", "0", "--tls-port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--dir", s.Dir, "--save", "",
		"--enable-debug-command", "yes", "--tls-cert-file", c, "--tls-key-file", k, "--tls-ca-cert-file", c, "--tls-auth-clients", "optional"}, args...)
	s.Run()
	return s, cert
}

// StartSentinel starts a Sentinel that watches a master under a name, alone.
func StartSentinel(tb testing.TB, name string, master *Server, lines ...string) *Server {
	tb.Helper()
	return newServer(tb, "redis-sentinel").sentinel(append([]string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1", name, master.Port),
		fmt.Sprintf("sentinel down-after-milliseconds %s 1000", name),
		fmt.Sprintf("sentinel failover-timeout %s 5000", name),
	}, lines...)...)
}

func newServer(tb testing.TB, binary string) *Server {
	tb.Helper()
	path, err := exec.LookPath(binary)
	if err != nil {
		tb.Skip(binary + " is not installed")
	}
	return &Server{TB: tb, Dir: tb.TempDir(), Host: "127.0.0.1", Port: FreePort(tb), binary: path, output: &Screen{}}
}

// FreePort returns a port of loopback that nobody listens on.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Addr is the server's host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// URL is the server's URL, without a password.
func (s *Server) URL() string {
	if s.tls {
		return "rediss://" + s.Addr()
	}
	return "redis://" + s.Addr()
}

// PID is the process's.
func (s *Server) PID() int { return s.process.Process.Pid }

// Output is what the process printed so far.
func (s *Server) Output() string { return s.output.String() }

// Run starts the process again after [Server.Kill].
func (s *Server) Run() {
	s.TB.Helper()
	s.spawn()
	if s.tls || s.Password != "" {
		s.wait(func() bool {
			c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
		return
	}
	s.wait(func() bool {
		target := &redis.Target{Addrs: []string{s.Addr()}}
		c, err := target.Connect(s.TB.Context())
		if err != nil {
			return false
		}
		defer c.Close()
		_, err = c.Do(s.TB.Context(), "PING")
		return err == nil || redis.Code(err) == "NOAUTH"
	})
}

// spawn is Run that does not wait for an answer.
func (s *Server) spawn() {
	s.TB.Helper()
	c := exec.Command(s.binary, s.args...)
	c.Stdout, c.Stderr = s.output, s.output
	// Dies with the test process, so that a killed test leaves none.
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		s.TB.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = c.Wait(); close(done) }()
	s.process, s.done = c, done
	s.TB.Cleanup(func() { _ = c.Process.Kill(); <-done })
}

func (s *Server) wait(ready func() bool) {
	s.TB.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-s.done:
			s.TB.Fatalf("%s ended:\n%s", s.binary, s.output)
		case <-ctx.Done():
			s.TB.Fatalf("%s does not answer:\n%s", s.binary, s.output)
		case <-tick.C:
		}
	}
}

// Kill ends the process as a power failure would, and waits until it is gone.
func (s *Server) Kill() {
	_ = s.process.Process.Kill()
	<-s.done
	s.hangUp()
}

func (s *Server) hangUp() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// Signal sends a signal, such as SIGSTOP.
func (s *Server) Signal(sig syscall.Signal) {
	s.TB.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.TB.Fatal(err)
	}
}

// Try sends a command over a connection of the server's own.
func (s *Server) Try(args ...string) (any, error) {
	s.TB.Helper()
	if s.conn == nil {
		target := &redis.Target{Addrs: []string{s.Addr()}, Username: s.Username, Password: s.Password}
		if s.tls {
			var err error
			if target.TLS, err = redis.TLSConfig(nil, nil, nil, "", true); err != nil {
				s.TB.Fatal(err)
			}
		}
		c, err := target.Connect(context.Background())
		if err != nil {
			return nil, err
		}
		s.conn = c
	}
	reply, err := s.conn.Do(context.Background(), args...)
	if err != nil && redis.Code(err) == "" {
		s.hangUp()
	}
	return reply, err
}

// Do is Try where an error ends the test.
func (s *Server) Do(args ...string) any {
	s.TB.Helper()
	reply, err := s.Try(args...)
	if err != nil {
		s.TB.Fatalf("%.100q: %v", args, err)
	}
	return reply
}

// Until waits until a condition holds, by asking again and again.
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.Now().Add(startTimeout)
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf("not so after %v: %s", startTimeout, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Certificate makes a self-signed certificate for 127.0.0.1 and redis.test, and its key.
func Certificate(tb testing.TB) (cert, key []byte) {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis.test"}, DNSNames: []string{"redis.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
}

// Screen is what a process prints, for a test to read meanwhile.
type Screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *Screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// StartProgram starts a server of another version, by the path of its program, with no argument that only some versions know,
// and with a dump to load, unless that is nil.
func StartProgram(tb testing.TB, program string, dump []byte, args ...string) *Server {
	tb.Helper()
	s := &Server{TB: tb, Dir: tb.TempDir(), Host: "127.0.0.1", Port: FreePort(tb), binary: program, output: &Screen{}}
	s.args = append([]string{"--port", strconv.Itoa(s.Port), "--bind", s.Host, "--dir", s.Dir, "--save", "", "--databases", "64"}, args...)
	if dump != nil {
		if err := os.WriteFile(filepath.Join(s.Dir, "dump.rdb"), dump, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	s.Run()
	return s
}

// Alive reports whether the process has not ended.
func (s *Server) Alive() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}
