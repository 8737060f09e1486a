//go:build linux

package scaffold

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// TestPromotable: replicas that were in sync when the master was lost are promoted, also if nothing had said so before: an empty Redis starts
// as one that is not.
func TestPromotable(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	needsRedis(t)
	t.Parallel()
	b := newBench(t, 7, false)
	b.startSentinels()
	pods := []string{"shop-redis-a-0", "shop-redis-b-0", "shop-redis-c-0"}
	for _, pod := range pods {
		b.prepare(pod)
		b.start(pod, "redis.sh", b.args...)
	}
	b.start(pods[0], "role.sh")
	b.until("two replicas are in sync", func() bool {
		return strings.Count(b.cli(pods[0], "info", "replication"), "state=online") == 2
	})
	b.cli(pods[0], "set", "kept", "yes")
	b.until("both have the key", func() bool { return b.cli(pods[1], "get", "kept") == "yes" && b.cli(pods[2], "get", "kept") == "yes" })
	for _, script := range []string{"role.sh", "redis.sh"} {
		b.pods[pods[0]+"/"+script].kill()
	}
	b.until("the replicas have lost their master", func() bool {
		return strings.Contains(b.cli(pods[1], "info", "replication"), "master_link_status:down") && strings.Contains(b.cli(pods[2], "info", "replication"), "master_link_status:down")
	})
	b.start(pods[1], "role.sh")
	b.start(pods[2], "role.sh")
	b.start(pods[0], "redis.sh", b.args...)
	b.start(pods[0], "role.sh")
	if got := b.cli(b.master(pods[0]), "get", "kept"); got != "yes" {
		t.Errorf("the new master has %q", got)
	}
}

// TestUnanswered: a label that the API did not answer is sent again at once.
func TestUnanswered(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	needsRedis(t)
	t.Parallel()
	b := newBench(t, 8, false)
	b.startSentinels()
	pod := "shop-redis-a-0"
	b.file(pod+"/silent", "", 0o600)
	b.startRedis([]string{pod})
	requests := func() int {
		text, _ := os.ReadFile(filepath.Join(b.dir, pod, "requests"))
		return strings.Count(string(text), "/pods/"+pod+" ")
	}
	b.until("the label is sent", func() bool { return requests() > 0 })
	began := time.Now()
	b.until("it is sent again", func() bool { return requests() > 2 })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("only after %v", took)
	}
	if err := os.Remove(filepath.Join(b.dir, pod, "silent")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // one that is on its way
	sent := requests()
	time.Sleep(5 * time.Second)
	if again := requests(); again > sent {
		t.Errorf("with an answer it is sent %d times more", again-sent)
	}
}

// TestPipeComplains: how redis-cli tells an answer in HTTP from none, which role.sh relies on.
func TestPipeComplains(t *testing.T) {
	t.Parallel()
	cert, key := redistest.Certificate(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), cert, 0o600); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 10)
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked <- r.Method + " " + r.URL.Path }))
	api.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	api.StartTLS()
	defer api.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := nobody.Addr().String()
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	programs := []string{"redis-cli"}
	found, _ := filepath.Glob("../.cache/servers/*/usr/bin/*-cli")
	for _, program := range append(programs, found...) {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Logf("without %s: it is not installed", program)
			continue
		}
		for address, answers := range map[string]bool{strings.TrimPrefix(api.URL, "https://"): true, closed: false} {
			host, port, _ := strings.Cut(address, ":")
			c := exec.CommandContext(t.Context(), path, "--tls", "--cacert", filepath.Join(dir, "ca.crt"), "-h", host, "-p", port, "--pipe")
			c.Stdin = strings.NewReader("PATCH /pod HTTP/1.1\r\nHost: kubernetes.default.svc\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
			var complaint strings.Builder
			c.Stderr = &complaint
			_ = c.Run()
			if got := strings.Contains(complaint.String(), "replies from server"); got != answers {
				t.Errorf("%s: an answer: %t, want %t: %s", program, got, answers, complaint.String())
			}
			if answers {
				if got := <-asked; got != "PATCH /pod" {
					t.Errorf("%s: the API was asked %q", program, got)
				}
			}
		}
	}
}
