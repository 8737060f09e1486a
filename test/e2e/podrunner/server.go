package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// serve answers what the API server passes on: exec, port-forward and logs.
func (k *kubelet) serve(ctx context.Context) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.serveExec)
	mux.HandleFunc("/portForward/{namespace}/{pod}", k.servePortForward)
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", k.serveLogs)
	server := &http.Server{Addr: k.listen, Handler: mux, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServeTLS("", "") }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return errors.Join(ctx.Err(), server.Close())
	}
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "podrunner"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// running finds a container that runs, and its process.
func (k *kubelet) running(namespace, pod, container string) (*worker, *state, int, error) {
	w, err := k.find(namespace, pod)
	if err != nil {
		return nil, nil, 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range slices.Concat(w.init, w.main) {
		if s.spec.Name == container {
			if s.pid == 0 {
				return nil, nil, 0, fmt.Errorf("container not found (%q)", container)
			}
			return w, s, s.pid, nil
		}
	}
	return nil, nil, 0, fmt.Errorf("pod %q has no container %q", pod, container)
}

func (k *kubelet) serveExec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	namespace, pod, name := r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container")
	// The answer must come before the connection is taken over.
	if _, _, _, err := k.running(namespace, pod, name); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	c := streaming.DefaultConfig
	remotecommand.ServeExec(w, r, &executor{k, namespace}, pod, "", name, r.URL.Query()["command"], options,
		c.StreamIdleTimeout, c.StreamCreationTimeout, c.SupportedRemoteCommandProtocols)
}

type executor struct {
	k         *kubelet
	namespace string
}

func (e *executor) ExecInContainer(ctx context.Context, pod, _, name string, args []string, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize, _ time.Duration) error {
	_, s, pid, err := e.k.running(e.namespace, pod, name)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return errors.New("no command")
	}
	if tty {
		return execTTY(ctx, s, pid, args, in, out, resize)
	}
	var cmd *exec.Cmd
	var stdin io.WriteCloser
	err = s.container.enter(pid, args, func(c *exec.Cmd) (err error) {
		cmd = c
		if out != nil {
			c.Stdout = out
		}
		if errOut != nil {
			c.Stderr = errOut
		}
		if in != nil {
			// Not c.Stdin, for which Wait would wait although nobody types any more.
			if stdin, err = c.StdinPipe(); err != nil {
				return err
			}
		}
		return c.Start()
	})
	if err != nil {
		return err
	}
	if in != nil {
		go func() {
			_, _ = io.Copy(stdin, in)
			_ = stdin.Close()
		}()
	}
	return result(ctx, cmd)
}

// result waits for a command, which ends with the connection, and gives the error that makes its exit code arrive.
func result(ctx context.Context, cmd *exec.Cmd) error {
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code, _ := exitCode(cmd, err)
		return utilexec.CodeExitError{Err: err, Code: code}
	}
	return err
}

func execTTY(ctx context.Context, s *state, pid int, args []string, in io.Reader, out io.WriteCloser, resize <-chan remotecommand.TerminalSize) error {
	terminal, child, err := pty.Open()
	if err != nil {
		return err
	}
	defer terminal.Close()
	defer child.Close()
	var cmd *exec.Cmd
	err = s.container.enter(pid, args, func(c *exec.Cmd) error {
		cmd = c
		c.Stdin, c.Stdout, c.Stderr = child, child, child
		c.SysProcAttr.Setctty = true
		c.Env = append(slices.Clone(c.Env), "TERM=xterm")
		return c.Start()
	})
	if err != nil {
		return err
	}
	// With the last descriptor of the command's end closed, reading the terminal ends.
	if err := child.Close(); err != nil {
		return err
	}
	go func() {
		for size := range resize {
			logError("resize", pty.Setsize(terminal, &pty.Winsize{Rows: size.Height, Cols: size.Width}))
		}
	}()
	if in != nil {
		go func() { _, _ = io.Copy(terminal, in) }()
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(out, terminal)
	}()
	err = result(ctx, cmd)
	select {
	case <-copied:
	case <-time.After(time.Second): // a child in the background keeps it open
	}
	return err
}

func (k *kubelet) servePortForward(w http.ResponseWriter, r *http.Request) {
	options := &portforward.V4Options{}
	if r.URL.Query().Has(portforward.PortHeader) {
		var err error
		if options, err = portforward.NewV4Options(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	namespace, pod := r.PathValue("namespace"), r.PathValue("pod")
	if _, err := k.find(namespace, pod); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	c := streaming.DefaultConfig
	portforward.ServePortForward(w, r, &executor{k, namespace}, pod, "", options,
		c.StreamIdleTimeout, c.StreamCreationTimeout, c.SupportedPortForwardProtocols)
}

func (e *executor) PortForward(ctx context.Context, pod, _ string, port int32, stream io.ReadWriteCloser) error {
	w, err := e.k.find(e.namespace, pod)
	if err != nil {
		return err
	}
	w.mu.Lock()
	ip := w.ip
	w.mu.Unlock()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(int(port))))
	if err != nil {
		return fmt.Errorf("failed to connect to %s:%d inside namespace of pod %q: %w", ip, port, pod, err)
	}
	// The pod's end closes the connection, as its network would.
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-w.done:
			_ = conn.Close()
		case <-stop:
		}
	}()
	return join(conn, stream)
}

// join copies both ways until one end is closed.
func join(a io.ReadWriteCloser, b io.ReadWriteCloser) error {
	ended := make(chan error, 2)
	move := func(to io.WriteCloser, from io.Reader) {
		_, err := io.Copy(to, from)
		if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
			err = half.CloseWrite()
			if errors.Is(err, syscall.ENOTCONN) {
				err = nil
			}
		} else {
			_ = to.Close()
		}
		ended <- err
	}
	go move(a, b)
	go move(b, a)
	err := <-ended
	err = errors.Join(err, <-ended)
	_ = a.Close()
	_ = b.Close()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

func (k *kubelet) serveLogs(rw http.ResponseWriter, r *http.Request) {
	w, err := k.find(r.PathValue("namespace"), r.PathValue("pod"))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	file := ""
	w.mu.Lock()
	for _, s := range slices.Concat(w.init, w.main) {
		if s.spec.Name == r.PathValue("container") {
			file = w.logFile(s, query.Get("previous") == "true")
		}
	}
	w.mu.Unlock()
	f, err := os.Open(file)
	if err != nil {
		http.Error(rw, "the container has no such log", http.StatusNotFound)
		return
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	if n, err := strconv.Atoi(query.Get("tailLines")); err == nil {
		lines := strings.SplitAfter(string(text), "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		text = []byte(strings.Join(lines[max(0, len(lines)-n):], ""))
	}
	if n, err := strconv.Atoi(query.Get("limitBytes")); err == nil {
		text = text[:min(n, len(text))]
	}
	flush := func() {
		if f, ok := rw.(http.Flusher); ok {
			f.Flush()
		}
	}
	if _, err := rw.Write(text); err != nil || query.Get("follow") != "true" {
		return
	}
	flush()
	for r.Context().Err() == nil {
		ended := w.ended()
		n, err := io.Copy(rw, f)
		if err != nil || n == 0 && ended {
			return
		}
		flush()
		sleep(r.Context(), 100*time.Millisecond)
	}
}
