// Package spawn starts processes that die with this one.
package spawn

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Starter returns a function that starts a process, which gets SIGKILL when this one ends, however. That signal comes when the
// thread that has started the process ends, so there is one thread for that, which never does.
func Starter() func(*exec.Cmd) error {
	type job struct {
		cmd  *exec.Cmd
		done chan error
	}
	jobs := make(chan job)
	go func() {
		runtime.LockOSThread()
		for j := range jobs {
			j.done <- j.cmd.Start()
		}
	}()
	return func(cmd *exec.Cmd) error {
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		j := job{cmd, make(chan error)}
		jobs <- j
		return <-j.done
	}
}
