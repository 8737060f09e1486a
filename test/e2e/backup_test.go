package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
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

	// The same by a Job, which finds the store of the addon; not over other keys.
	b.has(b.tool(dir, "restore", "shop", "--apply"), 2, "already contains 3001 keys", "Job "+b.namespace+"/shop-restore failed")
	b.removeJob("shop-restore")
	b.has(b.tool(dir, "restore", "shop", "--list", "--apply"), 0, "3001")
	b.must(write.FlushAll(b.ctx).Err())
	if log := b.runJob(dir, "shop-restore", "restore", "shop"); !strings.Contains(log, "3001 compared, 0 differ") || !strings.Contains(log, "restored the backup of") {
		t.Errorf("the restore failed:\n%s", log)
	}
	b.must(write.Set(b.ctx, "later", "x", 0).Err())
	b.has(b.tool(dir, "restore", "shop", "--apply", "--flush", "--yes"), 0, "3001 compared, 0 differ", "Job "+b.namespace+"/shop-restore succeeded")
	if n, err := write.DBSize(b.ctx).Result(); err != nil || n != 3001 {
		t.Errorf("%d keys, %v", n, err)
	}

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

// TestBackupsInBucket: an encrypted backup in a bucket comes back by the Job that restore prints, with the credentials of the bucket and
// the identity that the addon names.
func TestBackupsInBucket(t *testing.T) {
	server, err := filepath.Abs("../../.cache/s3/versitygw")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(server); err != nil {
		t.Skip("no S3 server; run make s3")
	}
	b := newBench(t)
	objects := b.TempDir()
	b.must(os.Mkdir(filepath.Join(objects, "backups"), 0o755)) // the bucket
	at := harness.TestAddress + ":7070"
	gateway := exec.Command(server, "--quiet", "--port", at, "--region", "us-east-1", "posix", "--sidecar", b.TempDir(), objects)
	gateway.Env = append(os.Environ(), "ROOT_ACCESS_KEY=backup", "ROOT_SECRET_KEY="+password)
	b.must(gateway.Start())
	t.Cleanup(func() { _ = errors.Join(gateway.Process.Kill(), gateway.Wait()) })

	b.secret("shop-auth", "password", password)
	b.secret("shop-age", "identity", "AGE-SECRET-KEY-15RZFPQSD6F0TCKFQ4J40SZLDYUYQZE2PSRCDPL7438AKSZP7Q46QXVY797") // of this test alone
	_, err = cluster.Client.CoreV1().Secrets(b.namespace).Create(b.ctx, &v1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "shop-s3"}, StringData: map[string]string{
		"AWS_ACCESS_KEY_ID": "backup", "AWS_SECRET_ACCESS_KEY": password, "AWS_REGION": "us-east-1",
	}}, metav1.CreateOptions{})
	b.must(err)
	dir := b.devopsRepo("--profile", "store", "--auth", "existing:shop-auth")
	b.ok(b.tool(dir, "generate", "addon", "shop", "redis", "backup", "--set", "image=redis-gitops:test", "--set", "bucket=s3://backups/shop", "--set", "endpoint=http://"+at,
		"--set", "credentialsSecret=shop-s3", "--set", "recipient=age1xur3rm3ukmf4u2wwq0gh9n54gkv9sxdzgg2gthk4hue7mxc22y0q2m73dj", "--set", "identity=shop-age"))
	b.git(dir, "add", "-A")
	b.git(dir, "commit", "-q", "-m", "shop is backed up")
	b.deploy(dir)
	write := b.client("shop-redis-master."+b.namespace+".svc:6379", password)
	b.until("the master has its replicas", func() error { return write.RPush(b.ctx, "list", "a", "b", "c").Err() })
	if log, ok := b.runCronJob("shop-backup", "backup-now"); !ok || !strings.Contains(log, "encrypted") {
		t.Fatalf("the backup failed:\n%s", log)
	}
	b.must(write.FlushAll(b.ctx).Err())
	if log := b.runJob(dir, "shop-restore", "restore", "shop"); !strings.Contains(log, "1 compared, 0 differ") {
		t.Errorf("the restore failed:\n%s", log)
	}
	if n, err := write.LLen(b.ctx, "list").Result(); err != nil || n != 3 {
		t.Errorf("%d items, %v", n, err)
	}
}
