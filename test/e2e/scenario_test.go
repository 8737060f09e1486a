package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// devopsRepo makes a repository with the application shop, which Argo CD deploys to the namespace of the test, and one Redis.
func (b *bench) devopsRepo(args ...string) string {
	b.Helper()
	dir := b.TempDir()
	b.git(dir, "init", "-q", ".")
	argo := fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
spec:
  destination:
    namespace: %s
  source:
    path: applications/shop
`, b.namespace)
	b.must(os.WriteFile(filepath.Join(dir, "argocd.yaml"), []byte(argo), 0o644))
	// The stand-in is the operator of the last commit, which has a Service for the master.
	b.must(os.WriteFile(filepath.Join(dir, ".redis-gitops.yaml"), []byte("operator:\n  name: spotahome\n  version: 1.3.0\n"), 0o644))
	b.ok(b.tool(dir, "generate", "application", "shop"))
	b.ok(b.tool(dir, append([]string{"generate", "resource", "shop", "redis"}, args...)...))
	b.git(dir, "add", "-A")
	b.git(dir, "commit", "-q", "-m", "shop has a Redis")
	return dir
}

// deploy applies what the last commit of a repository says of shop, as Argo CD does, and waits until it is up.
func (b *bench) deploy(dir string) {
	b.Helper()
	clone := b.TempDir()
	b.git(dir, "clone", "-q", dir, filepath.Join(clone, "repository"))
	chart := filepath.Join(clone, "repository", "applications", "shop")
	rendered := b.ok(b.run(exec.Command(filepath.Join(cluster.Bin, "template"), chart, "shop", b.namespace), clone))
	b.apply(rendered.stdout)
	b.must(cluster.WaitReady(b.ctx, b.namespace, "shop"))
}

// TestFromRepository is the whole way: generated, committed, applied, brought up, written, replicated, failed over.
func TestFromRepository(t *testing.T) {
	b := newBench(t)
	dir := b.devopsRepo("--profile", "queue")
	b.ok(b.tool(dir, "lint"))
	b.deploy(dir)

	before, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	// The Service of the repository, by its name.
	write := b.client("shop-redis-master."+b.namespace+".svc:6379", "")
	b.until("the Service takes writes", func() error { return write.Set(b.ctx, "greeting", "good morning", 0).Err() })
	read := b.client("rfrs-shop."+b.namespace+".svc:6379", "")
	b.until("a replica has it", func() error {
		if text, err := read.Get(b.ctx, "greeting").Result(); err != nil || text != "good morning" {
			return fmt.Errorf("%q: %w", text, err)
		}
		return nil
	})

	sentinel := b.sentinel("shop")
	b.until("the sentinels know the replicas", func() error {
		replicas, err := sentinel.Replicas(b.ctx, "mymaster").Result()
		if len(replicas) < 2 {
			return errors.Join(err, fmt.Errorf("%d replicas", len(replicas)))
		}
		return err
	})
	b.until("SENTINEL FAILOVER is taken", func() error { return sentinel.Failover(b.ctx, "mymaster").Err() })
	b.until("the sentinels have another master", func() error {
		address, err := sentinel.GetMasterAddrByName(b.ctx, "mymaster").Result()
		if err == nil && address[0] == before.Status.PodIP {
			err = fmt.Errorf("it is still %s", before.Name)
		}
		return err
	})
	b.until("the label is on another pod", func() error {
		// Each look of the operator may find the old master not yet demoted.
		if err := cluster.Nudge(b.ctx, b.namespace, "shop"); err != nil {
			return err
		}
		after, err := cluster.Master(b.ctx, b.namespace, "shop")
		if err == nil && after.Name == before.Name {
			err = fmt.Errorf("it is still on %s", before.Name)
		}
		return err
	})
	b.until("the Service takes writes again, and nothing is lost", func() error {
		again := b.client("shop-redis-master."+b.namespace+".svc:6379", "")
		if err := again.Set(b.ctx, "after", "1", 0).Err(); err != nil {
			return err
		}
		if text, err := again.Get(b.ctx, "greeting").Result(); err != nil || text != "good morning" {
			return fmt.Errorf("greeting is %q: %w", text, err)
		}
		return nil
	})
}

// A killed master comes back empty-handed, and a replica takes over.
func TestMasterKilled(t *testing.T) {
	b := newBench(t)
	b.apply(failover("x", ""))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "x"))
	// Before the sentinels know the replicas, a master that dies is not replaced: that is TestDeadlock.
	dir := b.TempDir()
	b.until("it can fail over", func() error { return b.failed(b.tool(dir, "failover", "x", "-n", b.namespace, "--dry-run")) })
	before, err := cluster.Master(b.ctx, b.namespace, "x")
	b.must(err)
	write := b.client(before.Status.PodIP+":6379", "")
	b.must(write.Set(b.ctx, "k", "v", 0).Err())
	b.must(write.Wait(b.ctx, 2, 0).Err())
	pid, err := harness.PID(before, "redis")
	b.must(err)
	b.must(harness.Kill(pid))
	b.until("a replica is the master", func() error {
		if err := cluster.Nudge(b.ctx, b.namespace, "x"); err != nil {
			return err
		}
		after, err := cluster.Master(b.ctx, b.namespace, "x")
		if err != nil {
			return err
		}
		if after.Name == before.Name {
			return errors.New("it is still " + before.Name)
		}
		text, err := b.client(after.Status.PodIP+":6379", "").Get(b.ctx, "k").Result()
		if err == nil && text != "v" {
			err = fmt.Errorf("k is %q", text)
		}
		return err
	})
	b.until("the killed one has followed it", func() error { return cluster.Ready(b.ctx, b.namespace, "x") })
}
