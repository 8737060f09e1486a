// Command benchlint measures lint on repositories of many applications, next to other linters on the same rendered resources.
//
//	go run ./internal/benchlint -tool bin/redis-gitops -peers DIR 1 100 1000 5000
//
// It prints CPU seconds (user and system, of the process and its children) and the largest resident memory, the median of runs.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
)

func main() {
	tool := flag.String("tool", "bin/redis-gitops", "the binary to measure")
	peers := flag.String("peers", "", "a folder with kubeconform, kube-score and conftest; what is missing is left out")
	runs := flag.Int("runs", 3, "runs of each, of which the median is printed")
	flag.Parse()
	if err := run(*tool, *peers, *runs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "benchlint:", err)
		os.Exit(1)
	}
}

// cost is what a process took.
type cost struct {
	cpu float64 // seconds
	mib int64   // largest resident memory
}

func run(tool, peers string, runs int, sizes []string) error {
	tool, err := filepath.Abs(tool)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "benchlint")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache")); err != nil { // of the tool
		return err
	}
	b := &bench{tool: tool, peers: peers, dir: dir, runs: runs, w: tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight), few: map[string]float64{}}
	fmt.Fprintln(b.w, "applications\twhat\tCPU s\t× kubeconform\t× of 50\tms/application\tpeak MiB\t")
	if len(sizes) == 0 {
		sizes = []string{"1", "50", "100", "1000", "5000"}
	}
	for _, size := range sizes {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number of applications", size)
		}
		if err := b.size(n); err != nil {
			return err
		}
	}
	return nil
}

// bench measures and prints.
type bench struct {
	tool, peers, dir string
	runs             int
	w                *tabwriter.Writer

	last        float64            // CPU seconds of the row before
	kubeconform float64            // of this size; 0 is unknown
	few         map[string]float64 // what things cost with 50 applications
}

// row measures a command and prints what it takes, before each run of which prepare is called.
func (b *bench) row(n int, what string, allowed []int, prepare func() error, args ...string) error {
	c, err := measure(b.runs, allowed, prepare, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	b.last = c.cpu
	if what == kubeconform {
		b.kubeconform = c.cpu
	}
	if n == 50 {
		b.few[what] = c.cpu
	}
	times := func(of float64) string {
		if of == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", c.cpu/of)
	}
	fmt.Fprintf(b.w, "%d\t%s\t%.3f\t%s\t%s\t%.3f\t%d\t\n", n, what, c.cpu, times(b.kubeconform), times(b.few[what]), c.cpu*1000/float64(n), c.mib)
	return b.w.Flush()
}

const kubeconform = "kubeconform, on what is rendered"

// size measures everything with a number of applications.
func (b *bench) size(n int) error {
	root, rendered, err := generate(b.tool, b.dir, n)
	if err != nil {
		return err
	}
	b.kubeconform = 0
	for _, peer := range []struct {
		name string
		args []string
	}{
		{"kubeconform", []string{"-ignore-missing-schemas", "-schema-location", filepath.Join(b.dir, "none-{{ .ResourceKind }}.json"), rendered}},
		{"kube-score", []string{"score", rendered}},
		{"conftest", []string{"test", "--policy", policyFolder(b.dir), rendered}},
	} {
		binary := filepath.Join(b.peers, peer.name)
		if _, err := os.Stat(binary); b.peers == "" || err != nil {
			continue
		}
		if err := b.row(n, peer.name+", on what is rendered", []int{0, 1}, nil, append([]string{binary}, peer.args...)...); err != nil {
			return err
		}
	}
	edits := 0
	values := filepath.Join(root, "applications", "app0", "values.yaml")
	comment := func() error {
		edits++
		f, err := os.OpenFile(values, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(f, "# %d\n", edits)
		return errors.Join(err, f.Close())
	}
	value := func() error {
		edits++
		src, err := os.ReadFile(values)
		if err != nil {
			return err
		}
		changed := cpuValue.ReplaceAllString(string(src), fmt.Sprintf("${1}%dm", 100+edits))
		if changed == string(src) {
			return fmt.Errorf("%s: no cpu to change", values)
		}
		return os.WriteFile(values, []byte(changed), 0o644)
	}
	for _, r := range []struct {
		what    string
		allowed []int
		prepare func() error
		args    []string
	}{
		{"lint --no-cache", []int{0}, nil, []string{"lint", root, "--no-cache"}},
		{"lint --no-cache --strict", []int{0, 1}, nil, []string{"lint", root, "--no-cache", "--strict"}},
		{"lint, nothing cached yet", []int{0}, func() error { return os.RemoveAll(filepath.Join(b.dir, "cache")) }, []string{"lint", root}},
		{"lint, one comment changed", []int{0}, comment, []string{"lint", root}},
		{"lint, one value changed", []int{0}, value, []string{"lint", root}},
		{"url of an unknown name", []int{2}, nil, []string{"-C", root, "url", "nosuchname"}},
		{"destroy --dry-run", []int{0, 2}, nil, []string{"-C", root, "destroy", "resource", "app0", "redis", "--dry-run"}},
		{"list of one application", []int{0}, nil, []string{"-C", root, "list", "app0"}},
	} {
		if err := b.row(n, r.what, r.allowed, r.prepare, append([]string{b.tool}, r.args...)...); err != nil {
			return err
		}
	}
	return b.diff(n, root, value)
}

// maxOfStatus is how many times the CPU time of git status diff may take: both look at each file of the work tree.
const maxOfStatus = 6

// diff measures what diff takes for one changed value: in the work tree and between two commits of loose objects, next to git itself.
func (b *bench) diff(n int, root string, value func() error) error {
	git := func(args ...string) []string {
		return append([]string{"git", "-C", root, "-c", "gc.auto=0", "-c", "user.name=bench", "-c", "user.email=bench@example.com"}, args...)
	}
	commit := func() error {
		if err := value(); err != nil {
			return err
		}
		for _, args := range [][]string{git("add", "-A"), git("commit", "--quiet", "--message", "bench")} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%v: %w: %s", args, err, out)
			}
		}
		return nil
	}
	if err := os.RemoveAll(filepath.Join(root, ".git")); err != nil { // of the tool alone
		return err
	}
	if out, err := exec.Command("git", "init", "--quiet", root).CombinedOutput(); err != nil {
		return fmt.Errorf("git init: %w: %s", err, out)
	}
	if err := errors.Join(commit(), commit(), value()); err != nil {
		return err
	}
	const status, tree = "git status, one value changed", "diff, one value changed"
	took := map[string]float64{}
	for _, r := range []struct {
		what string
		args []string
	}{
		{status, git("status", "--short")},
		{tree, []string{b.tool, "-C", root, "diff", "HEAD"}},
		{"git diff --stat of two commits", git("diff", "--stat", "HEAD~1", "HEAD")},
		{"diff of two commits", []string{b.tool, "-C", root, "diff", "HEAD~1", "HEAD"}},
	} {
		if err := b.row(n, r.what, []int{0}, nil, r.args...); err != nil {
			return err
		}
		took[r.what] = b.last
	}
	if n >= 1000 && took[tree] > maxOfStatus*took[status] { // less is mostly the start of the processes
		return fmt.Errorf("%s took %.3f CPU seconds, more than %d times those of git status", tree, took[tree], maxOfStatus)
	}
	return nil
}

// cpuValue is the value of the template that is changed, in a line of values.yaml.
var cpuValue = regexp.MustCompile(`(?m)^( +cpu: )\d+m`)

// generate makes a repository of n charts, each with the tool's Redis template and its values, and their resources in one file.
func generate(tool, dir string, n int) (root, rendered string, err error) {
	root = filepath.Join(dir, fmt.Sprintf("repo-%d", n))
	if err := os.MkdirAll(filepath.Join(root, ".git"), 0o755); err != nil {
		return "", "", err
	}
	for _, args := range [][]string{{"generate", "application", "app0"}, {"generate", "resource", "app0", "redis"}} {
		if out, err := exec.Command(tool, append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("%v: %w: %s", args, err, out)
		}
	}
	first := filepath.Join(root, "applications", "app0")
	for i := 1; i < n; i++ {
		name := fmt.Sprintf("app%d", i)
		err := filepath.WalkDir(first, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(first, path)
			if err != nil {
				return err
			}
			to := filepath.Join(root, "applications", name, rel)
			if d.IsDir() {
				return os.MkdirAll(to, 0o755)
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(to, bytes.ReplaceAll(src, []byte("app0"), []byte(name)), 0o644)
		})
		if err != nil {
			return "", "", err
		}
	}
	rendered = filepath.Join(dir, fmt.Sprintf("rendered-%d.yaml", n))
	var out bytes.Buffer
	for i := range n {
		name := fmt.Sprintf("app%d", i)
		out.WriteString(strings.ReplaceAll(resources, "NAME", name))
	}
	return root, rendered, os.WriteFile(rendered, out.Bytes(), 0o644)
}

// resources is what the template gives, in short.
const resources = `---
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: NAME
spec:
  labelWhitelist: ["^$"]
  sentinel:
    image: redis:7.4.11-alpine
    replicas: 3
    resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 64Mi}}
    exporter: {enabled: true, image: "leominov/redis_sentinel_exporter:1.7.1"}
  redis:
    image: redis:7.4.11-alpine
    replicas: 3
    customConfig: [maxmemory 192mb, maxmemory-policy noeviction]
    command: [redis-server, /redis/redis.conf, --appendonly, "yes"]
    terminationGracePeriod: 90
    resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 256Mi}}
    exporter: {enabled: true, image: "quay.io/oliver006/redis_exporter:v1.87.0"}
    storage:
      keepAfterDeletion: true
      persistentVolumeClaim:
        metadata: {name: NAME}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Service
metadata:
  name: NAME-redis-master
spec:
  type: ClusterIP
  ports:
    - {name: redis, port: 6379, protocol: TCP, targetPort: redis}
  selector: {app.kubernetes.io/name: NAME, app.kubernetes.io/part-of: redis-failover, app.kubernetes.io/component: redis, redisfailovers-role: master}
`

// policyFolder holds two small rules, as most users of conftest have more of.
func policyFolder(dir string) string {
	folder := filepath.Join(dir, "policy")
	rule := `package main

deny contains "no password" if {
	input.kind == "RedisFailover"
	not input.spec.auth.secretPath
}

deny contains "no limit" if {
	input.kind == "RedisFailover"
	not input.spec.redis.resources.limits.memory
}
`
	if err := os.MkdirAll(folder, 0o755); err == nil {
		_ = os.WriteFile(filepath.Join(folder, "rules.rego"), []byte(rule), 0o644) // conftest says so when there is none
	}
	return folder
}

// measure runs a command several times, each after prepare, and gives the medians. allowed are its exit codes.
func measure(runs int, allowed []int, prepare func() error, args ...string) (cost, error) {
	var cpu []float64
	var mem []int64
	for range runs {
		if prepare != nil {
			if err := prepare(); err != nil {
				return cost{}, err
			}
		}
		c := exec.Command(args[0], args[1:]...)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		err := c.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return cost{}, err
		}
		if code := c.ProcessState.ExitCode(); !slices.Contains(allowed, code) {
			return cost{}, fmt.Errorf("exit code %d: %.500s", code, stderr.String())
		}
		usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			return cost{}, errors.New("this system does not say what a process took")
		}
		cpu = append(cpu, (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds())
		mem = append(mem, usage.Maxrss/1024)
	}
	slices.Sort(cpu)
	slices.Sort(mem)
	return cost{cpu[len(cpu)/2], mem[len(mem)/2]}, nil
}
