package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// CLI describes how redis-cli is run.
type CLI struct {
	Args     []string
	In       io.Reader // nil for nothing; with a terminal, its keys as they are typed (raw)
	Out, Err io.Writer
	Terminal bool
	Size     func() (width, height uint16, ok bool) // as in [Command]
	// TLS are options of the redis-cli of this machine that verify a server which speaks TLS; none verify nothing.
	TLS []string
}

// authVariable is where redis-cli takes its password from.
const authVariable = "REDISCLI_AUTH"

// Scripts that give redis-cli its password; "$@" is redis-cli with its arguments. read takes a byte at a time from a pipe, so
// that the rest is left to redis-cli.
const (
	scriptEnv  = authVariable + `=$%s; export ` + authVariable + `; exec "$@"`
	scriptRead = `IFS= read -r ` + authVariable + `; export ` + authVariable + `; exec "$@"`
	scriptTTY  = `s=$(stty -g) && stty raw -echo || exit 127; printf '` + readyOctal + `'; IFS= read -r ` + authVariable + `; stty "$s"; export ` + authVariable + `; exec "$@"`
	readyOctal = `\001redis-gitops ready\002`
	ready      = "\x01redis-gitops ready\x02"
)

// RunCLI runs redis-cli in the pod of a server or sentinel. Arguments are handed over one by one, and no shell reads them. The
// error is an [*ExitError] when redis-cli failed.
//
// The password is in no list of processes: neither here nor in the pod, nor in the API server's log of requests, which has
// the arguments of an exec. Where the container has it in its environment (Spotahome's operator and its forks set
// REDIS_PASSWORD) it stays in the pod, and the Secret is not read. Elsewhere a script reads it from its standard input before
// redis-cli gets that; on a terminal only when the script has said that echo is off.
func (c *Cluster) RunCLI(ctx context.Context, r *Redis, pod *Pod, auth *instance.Auth, cli CLI) error {
	args := append([]string{"redis-cli"}, r.cliFlags()...)
	if pod.Port != 6379 {
		args = append(args, "-p", strconv.Itoa(pod.Port))
	}
	command := Command{Namespace: pod.Namespace, Pod: pod.Name, Container: pod.Container, In: cli.In, Out: cli.Out, Err: cli.Err, Terminal: cli.Terminal, Size: cli.Size}
	if auth == nil {
		command.Args = append(args, cli.Args...)
		return cliError(pod, c.api.Exec(ctx, command))
	}
	if name := secretVariable(pod, auth); name != "" {
		args = append([]string{"sh", "-c", fmt.Sprintf(scriptEnv, name), "sh"}, args...)
		command.Args = append(args, cli.Args...)
		return cliError(pod, c.api.Exec(ctx, command))
	}
	l, err := c.Login(ctx, r.Namespace, auth)
	if err != nil {
		return err
	}
	if strings.ContainsFunc(l.Password, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return fmt.Errorf("the password in Secret %q contains a control character; use --local", auth.Secret)
	}
	if l.Username != "" {
		args = append(args, "--user", l.Username)
	}
	h := &handover{first: []byte(l.Password + "\n"), in: cli.In, out: cli.Out, ready: make(chan struct{})}
	script := scriptTTY
	if !cli.Terminal {
		script = scriptRead
		h.start()
	}
	args = append([]string{"sh", "-c", script, "sh"}, args...)
	command.Args, command.In, command.Out = append(args, cli.Args...), h, h
	err = c.api.Exec(ctx, command)
	h.flush()
	return cliError(pod, err)
}

// cliFlags are what redis-cli needs to speak to a server of this Redis.
func (r *Redis) cliFlags() []string {
	var flags []string
	if r.TLS {
		flags = append(flags, "--tls", "--insecure") // the way there is the API server's, or the pod itself
	}
	if r.Cluster {
		flags = append(flags, "-c")
	}
	return flags
}

func cliError(pod *Pod, err error) error {
	var exit *ExitError
	if err == nil || errors.As(err, &exit) {
		return err
	}
	if text := err.Error(); strings.Contains(text, "executable file not found") || strings.Contains(text, "no such file or directory") {
		return fmt.Errorf("container %q of pod %s has no redis-cli or no sh; use --local", pod.Container, pod.Name)
	}
	return err
}

var variableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secretVariable returns the variable of the container that has its value from the key of the Secret, or "".
func secretVariable(pod *Pod, auth *instance.Auth) string {
	if auth.UsernameKey != "" { // which has to be read anyway
		return ""
	}
	env, _ := at(pod.container(), "env").([]any)
	for _, e := range env {
		ref := at(e, "valueFrom", "secretKeyRef")
		if name := text(at(e, "name")); text(at(ref, "name")) == auth.Secret && text(at(ref, "key")) == auth.Key && variableName.MatchString(name) {
			return name
		}
	}
	return ""
}

// handover is the input and output of a script that reads the password, and then of redis-cli.
type handover struct {
	in    io.Reader
	out   io.Writer
	ready chan struct{} // closed when the script reads

	mu    sync.Mutex
	first []byte // the password
	said  []byte // the output before it is ready
	done  bool
}

func (h *handover) start() {
	h.done = true
	close(h.ready)
}

// Read returns the password, when it is time, and then the input.
func (h *handover) Read(p []byte) (int, error) {
	<-h.ready
	h.mu.Lock()
	if len(h.first) > 0 {
		defer h.mu.Unlock()
		n := copy(p, h.first)
		clear(h.first[:n])
		h.first = h.first[n:]
		return n, nil
	}
	h.mu.Unlock()
	if h.in == nil {
		return 0, io.EOF
	}
	return h.in.Read(p)
}

// Write passes the output on, without the word by which the script says that it reads.
func (h *handover) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return h.out.Write(p)
	}
	h.said = append(h.said, p...)
	before, after, ok := bytes.Cut(h.said, []byte(ready))
	if !ok {
		return len(p), nil
	}
	h.done = true
	close(h.ready)
	if _, err := h.out.Write(append(before, after...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush prints what a script said that never came so far.
func (h *handover) flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.done {
		h.done = true
		close(h.ready)
		h.first = nil
		_, _ = h.out.Write(h.said)
	}
}

// RunLocalCLI runs the redis-cli of this machine over a port-forward to the master, a replica, or a pod that is given. The
// password is in its environment. ctx ends the port-forward, not redis-cli, which takes signals itself.
func (c *Cluster) RunLocalCLI(ctx context.Context, r *Redis, to Way, auth *instance.Auth, cli CLI, say func(string)) error {
	path, err := exec.LookPath("redis-cli")
	if err != nil {
		return errors.New("redis-cli not found; install it, or remove --local")
	}
	l, err := c.Login(ctx, r.Namespace, auth)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	f, err := c.newForward(ctx, r, to, say)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { _ = f.serve(ctx, listener) })
	args := r.cliFlags()
	if r.TLS && slices.Contains(cli.TLS, "--cacert") {
		args = slices.DeleteFunc(args, func(arg string) bool { return arg == "--insecure" })
		args = append(args, "--sni", c.tls(r, to.Pod).ServerName)
	}
	if r.TLS {
		args = append(args, cli.TLS...)
	}
	args = append(args, "-h", "127.0.0.1", "-p", strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	if l.Username != "" {
		args = append(args, "--user", l.Username)
	}
	command := exec.Command(path, append(args, cli.Args...)...)
	command.Stdin, command.Stdout, command.Stderr = cli.In, cli.Out, cli.Err
	if l.Password != "" {
		command.Env = append(command.Environ(), authVariable+"="+l.Password)
	}
	err = command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Code: exit.ExitCode()}
	}
	return err
}
