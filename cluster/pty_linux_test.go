package cluster

import (
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// On a terminal whose container does not have the password, the script reads it from the terminal: it is never shown, and then
// keys are redis-cli's.
func TestRunCLITerminal(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", `a 'b" $c \d*;|`, 1, 0)
	o.exec = func(c Command) error {
		near, far := redistest.Terminal(t)
		i := 0
		for c.Args[i] != "redis-cli" {
			i++
		}
		args := append(append(c.Args[:i+1:i+1], "-h", b.servers[0].Host), c.Args[i+1:]...)
		command := exec.Command(args[0], args[1:]...)
		command.Env = append(command.Environ(), "TERM=dumb")
		command.Stdin, command.Stdout, command.Stderr = far, far, far
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
		if err := command.Start(); err != nil {
			return err
		}
		far.Close()
		go func() { _, _ = io.Copy(near, c.In) }()
		_, _ = io.Copy(c.Out, near) // ends with an error when the other end closes
		return command.Wait()
	}
	c := o.open(t, Options{})
	r := find(t, c, "shop")
	keys, typist := io.Pipe()
	var shown redistest.Screen
	done := make(chan error, 1)
	go func() {
		done <- c.RunCLI(t.Context(), r, r.Pods[0], r.Auth, CLI{In: keys, Out: &shown, Err: &shown, Terminal: true})
	}()
	for _, step := range []struct{ after, text string }{{"> ", "SET typed \"x  y\"\r"}, {"OK", "GET typed\r"}, {"\"x  y\"\r\n", "quit\r"}} {
		redistest.Until(t, "the terminal shows "+step.after, func() bool { return strings.Contains(shown.String(), step.after) })
		if _, err := io.WriteString(typist, step.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if b.servers[0].Do("GET", "typed") != "x  y" {
		t.Errorf("the key is %v", b.servers[0].Do("GET", "typed"))
	}
	for _, secret := range []string{b.password, "a 'b", ready} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("the terminal shows %q:\n%q", secret, shown.String())
		}
	}
}
