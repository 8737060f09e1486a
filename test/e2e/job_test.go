package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
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
	b.apply(claimOfDumps)
	volume := b.volumeOf("dumps")
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

// TestJobApplied: with --apply the tool makes the Job and follows it, as a user who has the two Roles of docs/rbac.md and
// nothing else.
func TestJobApplied(t *testing.T) {
	b := newBench(t)
	dir := b.shop()
	b.apply(claimOfDumps)
	volume := b.volumeOf("dumps")
	server := b.aServer()
	noise := rand.NewChaCha8([32]byte{})
	for i := range 100 {
		value := make([]byte, 1000)
		_, _ = noise.Read(value)
		b.must(server.Set(b.ctx, fmt.Sprint("k", i), value, 0).Err())
	}
	b.must(server.Save(b.ctx).Err())
	dump, err := os.ReadFile(filepath.Join(server.dir, "dump.rdb"))
	b.must(err)
	b.must(os.WriteFile(filepath.Join(volume, "in.rdb"), dump, 0o644))
	b.must(os.WriteFile(filepath.Join(volume, "broken.rdb"), append([]byte("REDIS0011"), dump[9:len(dump)-4]...), 0o644))
	image := "redis-gitops:test"
	importing := func(file string, more ...string) []string {
		return append([]string{"import", file, "shop", "--job", "--apply", "--image", image}, more...)
	}
	at := b.namespace + "/shop-import"

	// Who has the first Role alone.
	b.beDeveloper()
	b.has(b.tool(dir, importing("pvc://dumps/in.rdb")...), 2, `not permitted to create jobs.batch in namespace "`+b.namespace+`" as "system:serviceaccount:`+b.namespace+`:developer"`)
	user, err := cluster.MakeUser(b.ctx, b.namespace, "importer", append(b.documentedRole(), b.documentedRoleOf("redis-gitops-jobs")...))
	b.must(err)
	b.kubeconfig = user

	// What is not there is told before the Job is made.
	b.has(b.tool(dir, importing("pvc://absent/in.rdb")...), 2, `no PersistentVolumeClaim "absent" in namespace "`+b.namespace+`"`)
	b.has(b.tool(dir, importing("secret://absent/url")...), 2, `no Secret "absent" in namespace "`+b.namespace+`"`)
	if _, err := cluster.Client.BatchV1().Jobs(b.namespace).Get(b.ctx, "shop-import", metav1.GetOptions{}); err == nil {
		t.Error("there is a Job")
	}

	// A Job that fails: its log, and its exit code.
	b.has(b.tool(dir, importing("pvc://dumps/broken.rdb")...), 2, "Job "+at+" created", "broken.rdb", "Job "+at+" failed: exit code 2; run kubectl delete job shop-import -n "+b.namespace)
	b.has(b.tool(dir, importing("pvc://dumps/in.rdb")...), 2, "Job "+at+" already exists and has failed; kubectl delete job shop-import -n "+b.namespace+", then run this command again")
	b.removeJob("shop-import")

	// An image that there is not. The Job stays; once it is gone, another takes its place.
	image = "Redis-Gitops:test"
	b.until("the image is told", func() error {
		r := b.tool(dir, importing("pvc://dumps/in.rdb")...)
		if r.code != 2 || !strings.Contains(r.stderr, "does not start: InvalidImageName: Failed to apply default image tag") || !strings.Contains(r.stderr, "kubectl delete job shop-import -n "+b.namespace) {
			return errors.New(r.String())
		}
		return nil
	})
	image = "redis-gitops:test"
	b.has(b.tool(dir, importing("pvc://dumps/in.rdb")...), 2, "Job "+at+" is already running with another image")
	b.removeJob("shop-import")

	// Somebody looks away, and comes back. The Job does not end before that: it waits for its dump.
	release := make(chan struct{})
	address := b.serveHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
			http.ServeFile(w, r, filepath.Join(volume, "in.rdb"))
		case <-r.Context().Done():
		}
	}))
	b.secret("bucket", "url", "http://"+address+"/in.rdb?X-Amz-Signature="+password)
	r := b.when("is running", func(p *os.Process) { b.must(p.Signal(os.Interrupt)) }, dir, importing("secret://bucket/url")...)
	b.has(r, 2, "interrupted; Job "+at+" is still running: run this command again or kubectl logs -f job/shop-import -n "+b.namespace)
	r = b.when("following it", func(*os.Process) { close(release) }, dir, importing("secret://bucket/url")...)
	b.has(r, 0, "Job "+at+" is already running with the same command; following it", "100 compared, 0 differ", "Job "+at+" succeeded after ")
	if !strings.HasPrefix(r.stdout, "Job "+at+" succeeded after") {
		t.Error("the log belongs to standard error:", r)
	}
	b.prints(b.tool(dir, "cli", "shop", "--", "STRLEN", "k99"), "1000")

	b.has(b.tool(dir, "dump", "shop", "pvc://dumps/out.rdb", "--job", "--apply", "--image", image), 0, "100 keys", "Job "+b.namespace+"/shop-dump succeeded")
	b.has(b.tool(dir, "rdb", "verify", filepath.Join(volume, "out.rdb")), 0, "100 keys")
	b.has(b.tool(dir, "dump", "shop", "out.rdb", "--apply"), 2, "--apply requires --job")
}

// when runs redis-gitops, and does something when it prints a text on standard error.
func (b *bench) when(text string, do func(*os.Process), dir string, args ...string) result {
	b.Helper()
	cmd := exec.Command(filepath.Join(cluster.Bin, "redis-gitops"), args...)
	r, w, err := os.Pipe()
	b.must(err)
	defer r.Close()
	var stdout, stderr strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, w
	cmd.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig, "NO_COLOR=1")
	b.must(cmd.Start())
	w.Close()
	for s := bufio.NewScanner(r); s.Scan(); {
		stderr.WriteString(s.Text() + "\n")
		if strings.Contains(s.Text(), text) {
			do(cmd.Process)
		}
	}
	_ = cmd.Wait()
	return result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

const claimOfDumps = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: dumps }
spec:
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 1Gi } }
`

// volumeOf waits until a claim is bound, and gives the folder that it is.
func (b *bench) volumeOf(name string) (volume string) {
	b.Helper()
	b.until("the claim is bound", func() error {
		claim, err := cluster.Client.CoreV1().PersistentVolumeClaims(b.namespace).Get(b.ctx, name, metav1.GetOptions{})
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
	return volume
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
	b.removeJob(name)
	return log
}

func (b *bench) removeJob(name string) {
	b.Helper()
	background := metav1.DeletePropagationBackground
	b.must(cluster.Client.BatchV1().Jobs(b.namespace).Delete(b.ctx, name, metav1.DeleteOptions{PropagationPolicy: &background}))
}

// serve serves a folder to pods and gives its host and port.
func (b *bench) serve(dir string) string { return b.serveHandler(http.FileServer(http.Dir(dir))) }

func (b *bench) serveHandler(h http.Handler) string {
	b.Helper()
	l, err := net.Listen("tcp", harness.TestAddress+":0")
	b.must(err)
	server := &http.Server{Handler: h}
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
