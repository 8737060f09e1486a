package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: one, cluster: {server: %q}}]
users: [{name: me, user: {token: abc}}]
contexts: [{name: staging, context: {cluster: one, user: me, namespace: shop}}, {name: broken, context: {cluster: two, user: me}}]
current-context: staging
`

func write(t *testing.T, server string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, fmt.Appendf(nil, kubeconfig, server), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOpen(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", "")
	file := write(t, "http://127.0.0.1:1")
	c, err := Open(Options{Kubeconfig: file})
	if err != nil || c.Namespace() != "shop" {
		t.Fatal(c, err)
	}
	if c, err := Open(Options{Kubeconfig: file, Namespace: "other"}); err != nil || c.Namespace() != "other" {
		t.Error(c, err)
	}
	if c, err := Open(Options{Kubeconfig: file, AllNamespaces: true}); err != nil || c.Namespace() != "" {
		t.Error(c, err)
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		options Options
		want    string
	}{
		{Options{}, "no kubeconfig found"},
		{Options{Kubeconfig: "absent"}, "kubeconfig: stat absent: no such file"},
		{Options{Kubeconfig: broken}, "kubeconfig: error loading config file"},
		{Options{Kubeconfig: file, Context: "stagin"}, `no context "stagin" in the kubeconfig; one of "broken", "staging"; did you mean "staging"?`},
		{Options{Kubeconfig: file, Context: "broken"}, `kubeconfig: context "broken" refers to cluster "two", which does not exist`},
	} {
		if _, err := Open(tt.options); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.options, err, tt.want)
		}
	}
}

// What the other end of the network can do to a question. What the API server itself answers is asked in test/e2e.
func TestUnreachable(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	status := func(code int, reason, message string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that is refused
	tls.StartTLS()
	defer tls.Close()
	for _, tt := range []struct{ server, want string }{
		{"http://" + silent.Addr().String(), "does not respond (get /apis): no response within 200ms; check --context"},
		{"http://" + gone.Addr().String(), "to get /apis: connect: connection refused"},
		{"http://no-such-host.invalid", "cannot resolve the API server"},
		{tls.URL, "is signed by an unknown CA"},
		{status(401, "Unauthorized", "Unauthorized"), "rejects your credentials"},
		{status(403, "Forbidden", `forbidden: User "eve" cannot get path "/apis"`), `not permitted to get /apis as "eve"; see docs/rbac.md for the required Role`},
		{status(500, "InternalError", "etcd is gone"), "refused to get /apis: etcd is gone"},
	} {
		c, err := Open(Options{Kubeconfig: write(t, tt.server), Timeout: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if tt.server != "http://"+silent.Addr().String() {
			c.options.Timeout = 30 * time.Second
		}
		if _, err := c.Find(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.server, err, tt.want)
		}
		if tt.server == "http://"+silent.Addr().String() {
			pod := &Pod{Namespace: "shop", Name: "redis-0", IP: "10.0.0.1", Port: 6379}
			ctx, cancel := c.bounded(t.Context())
			if _, err := c.Dial(ctx, pod, 6379); err == nil || !strings.Contains(err.Error(), "does not respond (create pods/portforward)") {
				t.Errorf("port-forward: %v", err)
			}
			cancel()
		}
	}
}

// A credential plugin is run, and one that is missing is told.
func TestCredentialPlugin(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer from-plugin" {
			w.WriteHeader(401)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"List","apiVersion":"v1","items":[],"groups":[]}`)
	}))
	defer s.Close()
	dir := t.TempDir()
	plugin := filepath.Join(dir, "plugin")
	script := "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"from-plugin\"}}'\n"
	if err := os.WriteFile(plugin, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]string{
		plugin:                       `Redis "shop" not found in namespace "default", and no operator CRD is installed`,
		filepath.Join(dir, "absent"): "no such file or directory",
	} {
		file := filepath.Join(dir, "kubeconfig")
		text := strings.Replace(fmt.Sprintf(kubeconfig, s.URL), "{token: abc}", "{exec: {apiVersion: client.authentication.k8s.io/v1, command: "+command+", interactiveMode: Never}}", 1)
		text = strings.NewReplacer(", namespace: shop", "", "cluster: {server", "cluster: {insecure-skip-tls-verify: true, server").Replace(text)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(Options{Kubeconfig: file})
		if err == nil {
			_, err = c.Find(t.Context(), "shop")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", command, err, want)
		}
	}
}
