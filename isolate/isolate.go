// Package isolate applies rules that a repository brings in a process of its own.
//
// Such rules are code of strangers in a pull request. Rego can be stopped, but it can also fill all memory in less time than
// any deadline (a concatenation that doubles), so the process that evaluates it is another one: it is the tool itself, which is
// ended when it takes too long, and which ends itself when it takes too much memory.
package isolate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
)

// The limits of the other process.
const (
	maxTime   = 10 * time.Second
	maxMemory = 512 << 20 // bytes of heap; the rules of real repositories take a tenth of it

	memoryCode = 99       // the exit code for too much memory
	maxAnswer  = 64 << 20 // bytes
)

// answer is what the other process writes.
type answer struct {
	Violations []lint.UserViolation
	Problems   finding.Problems
}

// Evaluate applies a job in another process: this program, called with command.
func Evaluate(ctx context.Context, command string, job *lint.Job) ([]lint.UserViolation, error) {
	return evaluate(ctx, command, job, maxTime)
}

func evaluate(ctx context.Context, command string, job *lint.Job, limit time.Duration) ([]lint.UserViolation, error) {
	in, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("rules of the repository: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("rules of the repository: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, self, command)
	c.Stdin = bytes.NewReader(in)
	c.Env = []string{} // nothing of ours is its business
	c.WaitDelay = time.Second
	var out, stderr bytes.Buffer
	answered := &limited{w: &out, left: maxAnswer}
	c.Stdout, c.Stderr = answered, &limited{w: &stderr, left: 4096}
	err = c.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, finding.Errorf(finding.Position{}, "", "custom rules exceeded the time limit of %v; simplify them, or use fewer", limit)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() == memoryCode, errors.As(err, &exit) && exit.ExitCode() == 2 && bytes.Contains(stderr.Bytes(), []byte("out of memory")):
		return nil, finding.Errorf(finding.Position{}, "", "custom rules exceeded the memory limit of %d MiB; simplify them, or use fewer", maxMemory>>20)
	case answered.over:
		return nil, finding.Errorf(finding.Position{}, "", "custom rules returned more than %d MiB of findings; report fewer, or shorter ones", maxAnswer>>20)
	case err != nil:
		return nil, finding.Errorf(finding.Position{}, "", "cannot evaluate custom rules: %v", err)
	}
	var a answer
	decoder := json.NewDecoder(&out)
	decoder.UseNumber()
	if err := decoder.Decode(&a); err != nil {
		return nil, finding.Errorf(finding.Position{}, "", "cannot evaluate custom rules: %v", err)
	}
	for _, v := range a.Violations {
		if v.Fix == nil {
			continue
		}
		v.Fix.Value = policy.Numbers(v.Fix.Value)
		for i := range v.Fix.Also {
			v.Fix.Also[i].Value = policy.Numbers(v.Fix.Also[i].Value)
		}
	}
	return a.Violations, a.Problems.Err()
}

// Serve is the other process: it reads a job, applies it and writes the answer.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	debug.SetMemoryLimit(maxMemory)
	if err := limitAddressSpace(8 * maxMemory); err != nil {
		return err
	}
	go watchMemory()
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	decoder := json.NewDecoder(in)
	decoder.UseNumber()
	var job lint.Job
	if err := decoder.Decode(&job); err != nil {
		return fmt.Errorf("cannot read the job: %w", err)
	}
	violations, err := lint.Evaluate(ctx, &job)
	return json.NewEncoder(out).Encode(answer{violations, finding.All(err)})
}

// watchMemory ends the process when its heap grows over the limit, or when whoever waits for its answer is gone.
func watchMemory() {
	parent := os.Getppid()
	for {
		if os.Getppid() != parent {
			os.Exit(memoryCode)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapAlloc > maxMemory {
			os.Exit(memoryCode)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// limited drops what goes over a size, so that the other process cannot fill this one's memory.
type limited struct {
	w    io.Writer
	left int
	over bool // something was dropped
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		l.over = true
		return 0, errors.New("the result is too long")
	}
	l.left -= len(p)
	return l.w.Write(p)
}
