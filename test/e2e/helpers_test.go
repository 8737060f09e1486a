package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
	"github.com/redis/go-redis/v9"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// newBench makes a namespace, which ends with the test. A test that fails shows the end of each log. Tests run at the same time,
// but those that stop the operator, which make theirs by newBenchAlone.
func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	return newBenchAlone(t)
}

// newBenchAlone is of a test that no other runs beside.
func newBenchAlone(t *testing.T) *bench {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(t.Name(), "Test"), "/", "-"))
	namespace, err := cluster.MakeNamespace(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, ctx: ctx, namespace: namespace, kubeconfig: cluster.Kubeconfig()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(b.state())
			t.Log(cluster.Logs(10))
		}
		if err := cluster.DeleteNamespace(ctx, namespace); err != nil {
			t.Error(err)
		}
	})
	return b
}

// state shows what is in the namespace.
func (b *bench) state() string {
	var out strings.Builder
	pods, err := cluster.Pods(b.ctx, b.namespace, "")
	if err != nil {
		return err.Error()
	}
	for _, p := range pods {
		fmt.Fprintf(&out, "%s %s %s role=%s %s\n", p.Name, p.Status.Phase, p.Status.PodIP, p.Labels["redisfailovers-role"], p.Status.Message)
		for _, s := range p.Status.ContainerStatuses {
			fmt.Fprintf(&out, "  %s ready=%t restarts=%d %s\n", s.Name, s.Ready, s.RestartCount, s.ContainerID)
		}
	}
	return out.String()
}

// must ends the test on an error.
func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// until waits for a condition.
func (b *bench) until(what string, try func() error) {
	b.Helper()
	b.must(cluster.Until(b.ctx, what, func(context.Context) error { return try() }))
}

// apply applies a YAML text in the namespace.
func (b *bench) apply(text string) {
	b.Helper()
	b.must(cluster.Apply(b.ctx, b.namespace, text))
}

// result is what a command printed.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d after %s\nstdout:\n%s\nstderr:\n%s", r.code, r.took.Round(time.Millisecond), r.stdout, r.stderr)
}

// tool runs redis-gitops in dir, in the cluster of the test.
func (b *bench) tool(dir string, args ...string) result {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(cluster.Bin, "redis-gitops"), args...)
	return b.run(cmd, dir)
}

func (b *bench) run(cmd *exec.Cmd, dir string) result {
	b.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig, "NO_COLOR=1")
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.Fatalf("%s: %v", cmd, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(began)}
}

// ok wants a command to have ended well.
func (b *bench) ok(r result) result {
	b.Helper()
	if r.code != 0 {
		b.Fatal(r)
	}
	return r
}

// git runs git in dir.
func (b *bench) git(dir string, args ...string) {
	b.Helper()
	b.ok(b.run(exec.Command("git", append([]string{"-c", "user.name=e2e", "-c", "user.email=e2e@example.org"}, args...)...), dir))
}

// client connects to an address of the cluster.
func (b *bench) client(address, password string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: address, Password: password, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialTimeout: 2 * time.Second})
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// sentinel connects to one of the sentinels of a RedisFailover.
func (b *bench) sentinel(name string) *redis.SentinelClient {
	c := redis.NewSentinelClient(&redis.Options{Addr: "rfs-" + name + "." + b.namespace + ".svc:26379", DialTimeout: 2 * time.Second})
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// pods returns the redis pods of a RedisFailover.
func (b *bench) pods(name string) []v1.Pod {
	b.Helper()
	pods, err := cluster.Pods(b.ctx, b.namespace, "app.kubernetes.io/component=redis,app.kubernetes.io/name="+name)
	b.must(err)
	return pods
}

// secret makes a Secret with one key.
func (b *bench) secret(name, key, value string) {
	b.Helper()
	_, err := cluster.Client.CoreV1().Secrets(b.namespace).Create(b.ctx, &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{key: value},
	}, metav1.CreateOptions{})
	b.must(err)
}

// failover is a RedisFailover with three Redis pods and three sentinels. secret may be "".
func failover(name, secret string) string {
	auth := ""
	if secret != "" {
		auth = "\n  auth: { secretPath: " + secret + " }"
	}
	return fmt.Sprintf(`
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: { name: %s }
spec:%s
  redis: { replicas: 3, image: "redis:7.0.15-alpine" }
  sentinel: { replicas: 3, image: "redis:7.0.15-alpine" }
`, name, auth)
}

// setSecret changes the password of a Secret.
func (b *bench) setSecret(name, value string) {
	b.Helper()
	s, err := cluster.Client.CoreV1().Secrets(b.namespace).Get(b.ctx, name, metav1.GetOptions{})
	b.must(err)
	s.StringData = map[string]string{"password": value}
	_, err = cluster.Client.CoreV1().Secrets(b.namespace).Update(b.ctx, s, metav1.UpdateOptions{})
	b.must(err)
}

// takeService deletes a Service and gives what putService makes again.
func (b *bench) takeService(name string) *v1.Service {
	b.Helper()
	s, err := cluster.Client.CoreV1().Services(b.namespace).Get(b.ctx, name, metav1.GetOptions{})
	b.must(err)
	b.must(cluster.Client.CoreV1().Services(b.namespace).Delete(b.ctx, name, metav1.DeleteOptions{}))
	s.ObjectMeta = metav1.ObjectMeta{Name: name, Labels: s.Labels, OwnerReferences: s.OwnerReferences}
	return s
}

func (b *bench) putService(s *v1.Service) {
	b.Helper()
	_, err := cluster.Client.CoreV1().Services(b.namespace).Create(b.ctx, s, metav1.CreateOptions{})
	b.must(err)
}

// replica returns a pod of a RedisFailover that is not the master by its label.
func (b *bench) replica(name string) v1.Pod {
	b.Helper()
	for _, p := range b.pods(name) {
		if p.Labels["redisfailovers-role"] == "slave" {
			return p
		}
	}
	b.Fatalf("%s has no replica", name)
	return v1.Pod{}
}

// pointSentinels makes the sentinels of a RedisFailover watch a master.
func (b *bench) pointSentinels(name, ip string) {
	b.Helper()
	pods, err := cluster.Pods(b.ctx, b.namespace, harness.Labels(name, "sentinel"))
	b.must(err)
	for _, p := range pods {
		c := b.client(p.Status.PodIP+":26379", "")
		for _, args := range [][]any{
			{"SENTINEL", "REMOVE", "mymaster"}, {"SENTINEL", "MONITOR", "mymaster", ip, 6379, 2}, {"SENTINEL", "SET", "mymaster", "auth-pass", password},
			{"SENTINEL", "SET", "mymaster", "down-after-milliseconds", 5000}, {"SENTINEL", "SET", "mymaster", "failover-timeout", 10000},
		} {
			b.must(c.Do(b.ctx, args...).Err())
		}
	}
}
