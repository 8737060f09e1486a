package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The namespace's name is handed on in this variable, and the folder of the programs in the other.
const (
	netnsVariable = "REDIS_GITOPS_E2E_NETNS"
	binVariable   = "REDIS_GITOPS_E2E_BIN"
	netnsPrefix   = "redis-gitops-e2e-"
)

// Main builds the programs, starts this program again in a network namespace that has only lo, starts the cluster there and
// calls run. What it gives is the exit code.
func Main(o Options, run func(*Cluster) int) int {
	code, err := func() (int, error) {
		if name := os.Getenv(netnsVariable); name != "" {
			return inside(name, o, run)
		}
		return outside()
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return code
}

func outside() (int, error) {
	if err := preflight(); err != nil {
		return 0, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	bin, err := Build(ctx, os.Stderr)
	if err != nil {
		return 0, err
	}
	removeStale()
	name := netnsPrefix + strconv.Itoa(os.Getpid())
	if err := makeNetns(name); err != nil {
		return 0, errors.Join(err, removeNetns(name))
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command("ip", append([]string{"netns", "exec", name, self}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), netnsVariable+"="+name, binVariable+"="+bin)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := spawner()(cmd); err != nil {
		return 0, errors.Join(err, removeNetns(name))
	}
	// A terminal sends Ctrl-C to both; a signal to this process alone is passed on.
	go func() {
		<-ctx.Done()
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return cmd.ProcessState.ExitCode(), errors.Join(err, removeNetns(name))
}

func inside(name string, o Options, run func(*Cluster) int) (int, error) {
	o.netns, o.bin = name, os.Getenv(binVariable)
	c, err := Start(context.Background(), o)
	if err != nil {
		return 0, err
	}
	code := run(c)
	return code, c.Stop(code != 0)
}

// preflight describes what a machine lacks. check.sh says it for make, without building anything.
func preflight() error {
	module, err := moduleDir()
	if err != nil {
		return err
	}
	out, err := exec.Command("sh", filepath.Join(module, "check.sh")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the end-to-end suite cannot run here: %s", strings.TrimSpace(string(out)))
	}
	return nil
}

// makeNetns makes a namespace with lo alone, in which the addresses of pods and Services are this machine's.
func makeNetns(name string) error {
	// ip netns exec puts this over /etc/resolv.conf.
	dir := filepath.Join("/etc/netns", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	resolv := "nameserver " + dnsAddress + "\nsearch svc.cluster.local cluster.local\noptions ndots:5\n"
	if err := os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte(resolv), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"netns", "add", name},
		{"-n", name, "link", "set", "lo", "up"},
		{"-n", name, "route", "add", "local", podRange, "dev", "lo"},
		{"-n", name, "route", "add", "local", serviceRange, "dev", "lo"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func removeNetns(name string) error {
	out, err := exec.Command("ip", "netns", "delete", name).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("ip netns delete %s: %w: %s", name, err, out)
	}
	return errors.Join(err, os.RemoveAll(filepath.Join("/etc/netns", name)))
}

// removeStale removes the namespaces of runs that were killed.
func removeStale() {
	names, err := filepath.Glob(filepath.Join("/run/netns", netnsPrefix+"*"))
	if err != nil {
		return
	}
	for _, file := range names {
		name := filepath.Base(file)
		pid, err := strconv.Atoi(strings.TrimPrefix(name, netnsPrefix))
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = removeNetns(name)
		}
	}
}
