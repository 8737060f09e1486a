package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// initArg makes podrunner the first process of a container, which builds its root and becomes the container's command.
const initArg = "container-init"

// shimDir is where a container finds the shims of writeShims.
const shimDir = "/opt/podrunner/bin"

// toolsDir is where a container finds the folder of -tools, wherever that is on the machine: below /tmp it would be hidden.
const toolsDir = "/opt/podrunner/tools"

// ownDirs are empty in a container, whatever the machine has in them.
var ownDirs = []string{"/tmp", "/run"}

// hidden reports whether a container does not see a path of the machine.
func hidden(path string) bool {
	return slices.ContainsFunc(ownDirs, func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") })
}

// container is the input of containerInit. It comes by a pipe, so that no password of the environment is in a list of processes.
type container struct {
	Command    []string
	Env        []string
	WorkingDir string
	Hostname   string
	Hosts      string // /etc/hosts
	Resolv     string // /etc/resolv.conf
	Scratch    string // an empty folder of the host
	Bin        string // the shims on the host
	Tools      string // a folder of the host for toolsDir; "" for none
	Servers    string // a folder of the host that is at the same path in the container; "" for none
	Layer      string // a folder of the host over its root; "" for none
	Mounts     []mount
	ReadOnly   bool
	User       uint32
	Group      uint32
	Groups     []int
}

type mount struct {
	Source, Target string
	ReadOnly       bool
}

// run starts a container with its output in log. The process that it gives is the container's command, seen from the host.
func (c container) run(start func(*exec.Cmd) error, log *os.File) (*exec.Cmd, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	defer w.Close()
	cmd := exec.Command("/proc/self/exe", initArg)
	cmd.Env = []string{}
	cmd.ExtraFiles = []*os.File{r}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		Setsid:     true,
	}
	if err := start(cmd); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(c); err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return cmd, nil
}

// containerInit returns only when it fails.
func containerInit() error {
	runtime.LockOSThread()
	pipe := os.NewFile(3, "pipe")
	var c container
	if err := json.NewDecoder(pipe).Decode(&c); err != nil {
		return err
	}
	if err := pipe.Close(); err != nil {
		return err
	}
	if err := c.makeRoot(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
		return err
	}
	if c.WorkingDir != "" {
		if err := os.Chdir(c.WorkingDir); err != nil {
			return err
		}
	}
	if err := unix.Setgroups(c.Groups); err != nil {
		return err
	}
	if err := unix.Setresgid(int(c.Group), int(c.Group), int(c.Group)); err != nil {
		return err
	}
	if err := unix.Setresuid(int(c.User), int(c.User), int(c.User)); err != nil {
		return err
	}
	// A change of the user takes the death signal away.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	path, err := lookPath(c.Command[0], c.Env)
	if err != nil {
		return err
	}
	return unix.Exec(path, c.Command, c.Env)
}

// makeRoot mounts the machine's files, copy on write, and the volumes into the container.
func (c container) makeRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// On a tmpfs of its own, since the upper folder may not be inside of the lower one.
	if err := unix.Mount("tmpfs", c.Scratch, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	dir := func(name string) string { return filepath.Join(c.Scratch, name) }
	for _, name := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(dir(name), 0o755); err != nil {
			return err
		}
	}
	root := dir("root")
	in := func(name string) string { return filepath.Join(root, filepath.Clean("/"+name)) }
	lower := "/"
	if c.Layer != "" {
		lower = c.Layer + ":/"
	}
	if err := unix.Mount("overlay", root, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, dir("upper"), dir("work"))); err != nil {
		return fmt.Errorf("mount overlay: %w", err)
	}
	for _, name := range ownDirs {
		if err := unix.Mount("tmpfs", in(name), "tmpfs", 0, "mode=1777"); err != nil {
			return fmt.Errorf("mount %s: %w", name, err)
		}
	}
	if err := unix.Mount("proc", in("/proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("/dev", in("/dev"), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	for name, text := range map[string]string{"/etc/hosts": c.Hosts, "/etc/hostname": c.Hostname + "\n", "/etc/resolv.conf": c.Resolv} {
		// The machine's may be a link to a place that is not there in the container.
		if err := os.Remove(in(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.WriteFile(in(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	mounts := append(slices.Clone(c.Mounts), mount{c.Bin, shimDir, true})
	if c.Tools != "" {
		mounts = append(mounts, mount{c.Tools, toolsDir, true})
	}
	if c.Servers != "" {
		mounts = append(mounts, mount{c.Servers, c.Servers, true})
	}
	for _, m := range mounts {
		if err := bind(m.Source, in(m.Target), m.ReadOnly); err != nil {
			return fmt.Errorf("mount %s: %w", m.Target, err)
		}
	}
	if c.ReadOnly {
		if err := unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("make the root read-only: %w", err)
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the old root: %w", err)
	}
	return os.Chdir("/")
}

func bind(source, target string, readOnly bool) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
		var f *os.File
		if f, err = os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644); err == nil {
			err = f.Close()
		}
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if readOnly {
		return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	}
	return nil
}

// lookPath finds a command with the PATH of env.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, v := range env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			path = p
		}
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", name)
}

// enter starts a command in the namespaces and the root of the container whose first process is pid. start is called with the
// command on a thread that is in there.
func (c container) enter(pid int, args []string, start func(*exec.Cmd) error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread is of no use to anybody else and ends with the goroutine.
		runtime.LockOSThread()
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return err
			}
			for _, kind := range []string{"ipc", "uts", "pid", "mnt"} {
				ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
				if err != nil {
					return fmt.Errorf("the container is not running: %w", err)
				}
				err = unix.Setns(int(ns.Fd()), 0)
				if err := errors.Join(err, ns.Close()); err != nil {
					return err
				}
			}
			path, err := lookPath(args[0], c.Env)
			if err != nil {
				return err
			}
			groups := make([]uint32, len(c.Groups))
			for i, g := range c.Groups {
				groups[i] = uint32(g)
			}
			dir := c.WorkingDir
			if dir == "" {
				dir = "/"
			}
			return start(&exec.Cmd{Path: path, Args: args, Env: c.Env, Dir: dir, SysProcAttr: &syscall.SysProcAttr{
				Credential: &syscall.Credential{Uid: c.User, Gid: c.Group, Groups: groups},
				Setsid:     true,
			}})
		}()
	}()
	return <-done
}

// A pod has no network of its own: its servers must listen on its address alone, and announce it. Redis tells masters and
// Sentinels the address that it connects from.
// An image of Valkey has another program than that of the machine.
const serverShim = `#!/bin/sh
server=/usr/bin/%[1]s sentinel=
if [ -n "$PODRUNNER_VALKEY" ]; then server=$PODRUNNER_VALKEY sentinel=%[2]s; fi
case $1 in -v | --version | -h | --help) exec $server "$@" ;; esac
# One that is for its own pod alone; tests have one of them at a time.
case "$*" in *"--bind 127.0.0.1"*) exec $server "$@" ;; esac
exec $server "$@" $sentinel --bind "$PODRUNNER_IP" --bind-source-addr "$PODRUNNER_IP" --protected-mode no
`

const clientShim = `#!/bin/sh
for argument in "$@"; do
	case $argument in -h | -u | -s) exec /usr/bin/redis-cli "$@" ;; esac
done
exec /usr/bin/redis-cli -h "$PODRUNNER_IP" "$@"
`

// writeShims writes what stands before the machine's Redis in the PATH of a container.
func writeShims(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for name, text := range map[string]string{
		"redis-server":   fmt.Sprintf(serverShim, "redis-server", ""),
		"redis-sentinel": fmt.Sprintf(serverShim, "redis-sentinel", "--sentinel"),
		"redis-cli":      clientShim,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			return "", err
		}
	}
	return dir, nil
}
