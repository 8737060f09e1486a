package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// TestJob: a dump is taken and another is written by the Jobs that are printed, inside of the cluster.
func TestJob(t *testing.T) {
	b := newBench(t)
	dir := b.shop()
	b.apply(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: dumps }
spec:
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 1Gi } }
`)
	volume := ""
	b.until("the claim is bound", func() error {
		claim, err := cluster.Client.CoreV1().PersistentVolumeClaims(b.namespace).Get(b.ctx, "dumps", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if claim.Status.Phase != v1.ClaimBound {
			return errors.New(string(claim.Status.Phase))
		}
		pv, err := cluster.Client.CoreV1().PersistentVolumes().Get(b.ctx, claim.Spec.VolumeName, metav1.GetOptions{})
		if err == nil {
			volume = pv.Spec.HostPath.Path
		}
		return err
	})
	from, err := os.Open(b.aDump())
	b.must(err)
	defer from.Close()
	to, err := os.Create(filepath.Join(volume, "in.rdb"))
	b.must(err)
	_, err = io.Copy(to, from)
	b.must(errors.Join(err, to.Close()))

	log := b.runJob(dir, "shop-import", "import", "pvc://dumps/in.rdb", "shop", "--job", "--image", "redis-gitops:test", "--verify", "full")
	if want := fmt.Sprintf("%d compared, 0 differ", keys); !strings.Contains(log, want) {
		t.Errorf("the log of the Job has no %q:\n%s", want, log)
	}
	b.has(b.tool(dir, "cli", "shop", "--", "DBSIZE"), 0, fmt.Sprint(keys))
	// A signed URL, which stands in a Secret.
	b.secret("bucket", "url", "http://"+b.serve(volume)+"/in.rdb?X-Amz-Signature="+password)
	log = b.runJob(dir, "shop-import", "import", "secret://bucket/url", "shop", "--job", "--image", "redis-gitops:test", "--skip-existing")
	if want := fmt.Sprintf("all %d 0 %d", keys, keys); !strings.Contains(strings.Join(strings.Fields(log), " "), want) {
		t.Errorf("the log of the Job has no %q:\n%s", want, log)
	}
	log = b.runJob(dir, "shop-dump", "dump", "shop", "pvc://dumps/out.rdb", "--job", "--image", "redis-gitops:test")
	if want := fmt.Sprintf("%d keys", keys); !strings.Contains(log, want) {
		t.Errorf("the log of the Job has no %q:\n%s", want, log)
	}
	info := b.tool(dir, "rdb", "verify", filepath.Join(volume, "out.rdb"))
	b.has(info, 0, fmt.Sprint(keys))
}

// runJob applies the Job that a command prints, waits until it is done and gives its log.
func (b *bench) runJob(dir, name string, args ...string) string {
	b.Helper()
	printed := b.ok(b.tool(dir, args...))
	b.noPassword(printed)
	b.apply(printed.stdout)
	b.until("Job "+name+" is done", func() error {
		job, err := cluster.Client.BatchV1().Jobs(b.namespace).Get(b.ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if job.Status.Failed > 0 {
			b.Fatalf("the Job failed:\n%s", b.jobLog(name))
		}
		if job.Status.Succeeded == 0 {
			return errors.New("it runs")
		}
		return nil
	})
	log := b.jobLog(name)
	if strings.Contains(log, password) {
		b.Error("the password is in the log of the Job")
	}
	background := metav1.DeletePropagationBackground
	b.must(cluster.Client.BatchV1().Jobs(b.namespace).Delete(b.ctx, name, metav1.DeleteOptions{PropagationPolicy: &background}))
	return log
}

// serve serves a folder to pods and gives its host and port.
func (b *bench) serve(dir string) string {
	b.Helper()
	l, err := net.Listen("tcp", harness.TestAddress+":0")
	b.must(err)
	server := &http.Server{Handler: http.FileServer(http.Dir(dir))}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

func (b *bench) jobLog(name string) string {
	pods, err := cluster.Pods(b.ctx, b.namespace, "job-name="+name)
	if err != nil {
		return err.Error()
	}
	var all string
	for _, p := range pods {
		text, err := cluster.Client.CoreV1().Pods(b.namespace).GetLogs(p.Name, &v1.PodLogOptions{}).DoRaw(b.ctx)
		all += fmt.Sprintf("%s: %s %v\n", p.Name, text, err)
	}
	return all
}
