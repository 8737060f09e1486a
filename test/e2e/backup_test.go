package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// runCronJob runs a CronJob once, as kubectl create job --from=cronjob does, and gives its log and whether it succeeded.
func (b *bench) runCronJob(cronJob, name string) (log string, succeeded bool) {
	b.Helper()
	from, err := cluster.Client.BatchV1().CronJobs(b.namespace).Get(b.ctx, cronJob, metav1.GetOptions{})
	b.must(err)
	spec := from.Spec.JobTemplate.Spec
	spec.BackoffLimit = new(int32) // what fails once is to fail here
	_, err = cluster.Client.BatchV1().Jobs(b.namespace).Create(b.ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: b.namespace}, Spec: spec}, metav1.CreateOptions{})
	b.must(err)
	b.until("Job "+name+" is over", func() error {
		job, err := cluster.Client.BatchV1().Jobs(b.namespace).Get(b.ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		succeeded = job.Status.Succeeded > 0
		if !succeeded && job.Status.Failed == 0 {
			return errors.New("it runs")
		}
		return nil
	})
	if log = b.jobLog(name); strings.Contains(log, password) {
		b.Error("the password is in the log of the Job")
	}
	return log, succeeded
}

// TestBackups runs the CronJobs that generate addon writes: a backup, a drill that restores it, and a restore into the Redis after its data
// was lost. A damaged backup fails the drill.
func TestBackups(t *testing.T) {
	b := newBench(t)
	b.secret("shop-auth", "password", password)
	dir := b.devopsRepo("--profile", "store", "--auth", "existing:shop-auth")
	b.ok(b.tool(dir, "generate", "addon", "shop", "redis", "backup", "--set", "image=redis-gitops:test"))
	b.ok(b.tool(dir, "lint", "--strict"))
	b.git(dir, "add", "-A")
	b.git(dir, "commit", "-q", "-m", "shop is backed up")
	b.deploy(dir)
	volume := filepath.Join(b.volumeOf("shop-backups"), "shop")
	write := b.client("shop-redis-master."+b.namespace+".svc:6379", password)
	b.until("the master has its replicas", func() error { return write.RPush(b.ctx, "list", "a", "b", "c").Err() })
	for i := range 3000 {
		b.must(write.Set(b.ctx, fmt.Sprint("key:", i), strings.Repeat("x", i%200), 0).Err())
	}

	log, ok := b.runCronJob("shop-backup", "backup-now")
	if !ok || !strings.Contains(log, "3001 keys") || !strings.Contains(log, "stored and verified") {
		t.Fatalf("the backup failed:\n%s", log)
	}
	log, ok = b.runCronJob("shop-restore-drill", "drill-now")
	if !ok || !strings.Contains(log, "restored the backup of") || !strings.Contains(log, "3001 compared, 0 differ") {
		t.Fatalf("the drill failed:\n%s", log)
	}
	b.has(b.tool(dir, "backup", "list", volume), 0, "3001")

	// The data is lost, and comes back.
	b.must(write.FlushAll(b.ctx).Err())
	b.has(b.tool(dir, "restore", "shop", volume, "--verify", "full"), 0, "3001 compared, 0 differ")
	if n, err := write.DBSize(b.ctx).Result(); err != nil || n != 3001 {
		t.Errorf("%d keys, %v", n, err)
	}
	b.has(b.tool(dir, "restore", "shop", volume), 2, "already contains 3001 keys")

	// A damaged backup is no backup: the drill says so.
	dumps, err := filepath.Glob(filepath.Join(volume, "*.rdb.zst"))
	if err != nil || len(dumps) != 1 {
		t.Fatalf("%v, %v", dumps, err)
	}
	src, err := os.ReadFile(dumps[0])
	b.must(err)
	src[len(src)/2] ^= 1
	b.must(os.WriteFile(dumps[0], src, 0o600))
	if log, ok = b.runCronJob("shop-restore-drill", "drill-of-damage"); ok || !strings.Contains(log, "it is damaged") {
		t.Errorf("the drill of a damaged backup succeeded: %v\n%s", ok, log)
	}
}
