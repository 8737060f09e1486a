package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// clientPrograms write a counter without an end: those of internal/clientcheck, which has the client libraries too.
var clientPrograms = filepath.Join("..", "..", "internal", "clientcheck")

// A client is a program that runs in a pod, with the code of a format that the tool prints.
type client struct {
	name, format string
	// code of the program; "" for what sentinel-url prints.
	code string
}

// byURL connects by the variable REDIS_URL alone, as frameworks do.
var byURL = map[string]string{
	"go":     "options, err := redis.ParseURL(os.Getenv(\"REDIS_URL\"))\nif err != nil {\n\tpanic(err)\n}\nrdb := redis.NewClient(options)",
	"node":   "const { Redis } = require(\"ioredis\");\nconst redis = new Redis(process.env.REDIS_URL);\nredis.on(\"error\", () => {});",
	"python": "import os\nfrom redis import Redis\nredis = Redis.from_url(os.environ[\"REDIS_URL\"])",
	"rails":  "REDIS = Redis.new", // which takes REDIS_URL by itself
}

// Debian's Python has Debian's redis-py; the machine's first python3 may be another one.
const debianPython = "/usr/bin/python3"

// missing explains why a format cannot be tried here, or "".
func missing(format string) string {
	try := map[string][]string{
		"node":    {"node", "-e", `require("ioredis")`},
		"python":  {debianPython, "-c", "import redis"},
		"rails":   {"ruby", "-e", "require 'redis'"},
		"sidekiq": {"ruby", "-e", "require 'sidekiq'"},
	}[format]
	if try == nil {
		return ""
	}
	cmd := exec.Command(try[0], try[1:]...)
	cmd.Dir = clientPrograms
	if err := cmd.Run(); err != nil {
		return fmt.Sprintf("the client library of format %s is not installed; make clients does it", format)
	}
	return ""
}

// TestClients: applications in pods, with the environment and the code that the tool prints, go on writing after a failover,
// and after the loss of the master.
func TestClients(t *testing.T) {
	b := newBench(t)
	dir := b.shop()
	var env []v1.EnvVar
	b.must(yaml.UnmarshalStrict([]byte(b.ok(b.tool(dir, "url", "shop", "--format", "env")).stdout), &env))
	if len(env) != 2 || env[0].ValueFrom == nil || env[1].Name != "REDIS_URL" {
		t.Fatalf("the entries are %+v", env)
	}
	var clients []client
	for _, format := range []string{"go", "node", "python", "rails", "sidekiq"} {
		if why := missing(format); why != "" {
			t.Log(why)
			continue
		}
		clients = append(clients, client{name: format + "-sentinel", format: format})
		if code := byURL[format]; code != "" {
			clients = append(clients, client{name: format + "-url", format: format, code: code})
		}
	}
	for _, c := range clients {
		b.startClient(dir, c, env)
	}
	master, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	old := b.client(master.Status.PodIP+":6379", password)
	b.must(old.Set(b.ctx, "kept", "through all of it", 0).Err())
	b.until("both replicas have it", func() error {
		if n, err := old.Wait(b.ctx, 2, 0).Result(); n < 2 || err != nil {
			return errors.Join(err, fmt.Errorf("%d replicas", n))
		}
		return nil
	})
	for _, c := range clients {
		b.goesOn(c)
	}

	b.until("the sentinels could fail over", func() error { return b.failed(b.tool(dir, "failover", "shop", "--dry-run")) })
	stop := b.poking("shop")
	moved := b.ok(b.tool(dir, "failover", "shop"))
	stop()
	t.Logf("%s", moved.stdout)
	second := b.afterwards(clients, master.Name)

	// Those with sentinels alone: a client that came by the Service to the pod that is a replica now goes on when that connection
	// is closed, which sentinels do at some time, before the operator has moved the Service or after it.
	var sentinels []client
	for _, c := range clients {
		if c.code == "" {
			sentinels = append(sentinels, c)
		}
	}
	pid, err := harness.PID(second, "redis")
	b.must(err)
	b.must(harness.Kill(pid))
	b.until("another pod is the master", func() error {
		if err := cluster.Nudge(b.ctx, b.namespace, "shop"); err != nil {
			return err
		}
		now, err := cluster.Master(b.ctx, b.namespace, "shop")
		if err == nil && now.Name == second.Name {
			err = errors.New("it is still " + now.Name)
		}
		return err
	})
	b.afterwards(sentinels, second.Name)
}

// startClient runs the program of a client in a pod.
func (b *bench) startClient(repository string, c client, env []v1.EnvVar) {
	b.Helper()
	code := c.code
	if code == "" {
		code = b.ok(b.tool(repository, "sentinel-url", "shop", "--format", c.format)).stdout
	}
	text, err := os.ReadFile(filepath.Join(clientPrograms, "programs", c.format+".txt"))
	b.must(err)
	folder := b.TempDir()
	file := filepath.Join(folder, "main."+map[string]string{"go": "go", "node": "js", "python": "py", "rails": "rb", "sidekiq": "rb"}[c.format])
	b.must(os.WriteFile(file, []byte(strings.Replace(strings.Replace(string(text), "KEY", "counter-"+c.name, 1), "CODE", code, 1)), 0o644))
	inside := "/client/" + filepath.Base(file)
	command := map[string][]string{
		"go": {"/client/main"}, "node": {"node", inside}, "python": {debianPython, inside}, "rails": {"ruby", inside}, "sidekiq": {"ruby", inside},
	}[c.format]
	volumes := []v1.Volume{hostPath("client", folder)}
	mounts := []v1.VolumeMount{{Name: "client", MountPath: "/client"}}
	env = append([]v1.EnvVar{}, env...)
	switch c.format {
	case "go":
		// In this module, whose go.mod has go-redis, and with its flags, so that nothing is built twice.
		b.ok(b.run(exec.Command("go", "build", "-trimpath", "-o", filepath.Join(folder, "main"), file), "."))
	case "node":
		modules, err := filepath.Abs(filepath.Join(clientPrograms, "node_modules"))
		b.must(err)
		volumes = append(volumes, hostPath("modules", modules))
		mounts = append(mounts, v1.VolumeMount{Name: "modules", MountPath: "/modules"})
		env = append(env, v1.EnvVar{Name: "NODE_PATH", Value: "/modules"})
	}
	_, err = cluster.Client.CoreV1().Pods(b.namespace).Create(b.ctx, &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "client-" + c.name},
		Spec: v1.PodSpec{
			RestartPolicy: v1.RestartPolicyNever,
			Containers:    []v1.Container{{Name: "client", Image: "client:test", Command: command, Env: env, VolumeMounts: mounts}},
			Volumes:       volumes,
		},
	}, metav1.CreateOptions{})
	b.must(err)
}

func hostPath(name, path string) v1.Volume {
	return v1.Volume{Name: name, VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: path}}}
}

// written returns the last number that a client has written, and how many writes failed.
func (b *bench) written(c client) (last, failed int, err error) {
	pod, err := cluster.Client.CoreV1().Pods(b.namespace).Get(b.ctx, "client-"+c.name, metav1.GetOptions{})
	if err != nil {
		return 0, 0, err
	}
	if pod.Status.Phase == v1.PodPending {
		return 0, 0, errors.New("its pod is pending")
	}
	text, err := cluster.Client.CoreV1().Pods(b.namespace).GetLogs(pod.Name, &v1.PodLogOptions{}).DoRaw(b.ctx)
	if err != nil {
		return 0, 0, err
	}
	if strings.Contains(string(text), password) {
		b.Errorf("client %s prints the password", c.name)
	}
	if pod.Status.Phase != v1.PodRunning {
		b.Fatalf("client %s has ended:\n%s", c.name, text)
	}
	for line := range strings.Lines(string(text)) {
		if n := 0; strings.HasPrefix(line, "ok ") {
			if _, err := fmt.Sscanf(line, "ok %d", &n); err == nil {
				last = n
			}
		} else {
			failed++
		}
	}
	return last, failed, nil
}

// goesOn waits until a client has written more numbers than now, and gives the last.
func (b *bench) goesOn(c client) int {
	b.Helper()
	before, _, err := 0, 0, error(nil)
	b.until("client "+c.name+" answers for its writes", func() error { before, _, err = b.written(c); return err })
	last := before
	b.until("client "+c.name+" writes", func() error {
		if last, _, err = b.written(c); err == nil && last < before+3 {
			err = fmt.Errorf("its last number is %d, and was %d", last, before)
		}
		return err
	})
	return last
}

// afterwards wants each client to write to the new master, which has what the clients call written, and gives its pod.
func (b *bench) afterwards(clients []client, old string) *v1.Pod {
	b.Helper()
	began := time.Now()
	master, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	if master.Name == old {
		b.Fatalf("the master is still %s", old)
	}
	b.Logf("the master was %s and is %s", old, master.Name)
	direct := b.client(master.Status.PodIP+":6379", password)
	for _, c := range clients {
		last := b.goesOn(c)
		took := time.Since(began)
		has, err := direct.Get(b.ctx, "counter-"+c.name).Int()
		if err != nil || has < last {
			b.Errorf("client %s has written %d, the master has %d (%v)", c.name, last, has, err)
		}
		_, failed, err := b.written(c)
		b.must(err)
		b.Logf("client %-15s writes again, seen after %s; %d numbers, %d errors so far", c.name, took.Round(100*time.Millisecond), last, failed)
	}
	if text, err := direct.Get(b.ctx, "kept").Result(); text != "through all of it" || err != nil {
		b.Errorf("kept is %q, %v", text, err)
	}
	return master
}
