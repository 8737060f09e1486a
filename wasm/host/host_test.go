package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

type nothing struct{}

func (nothing) Close() error { return nil }

func start(t *testing.T, fsys afero.Fs) *Server {
	t.Helper()
	s, err := Listen(Options{
		Name: "shop", Patience: 2 * time.Second,
		Page: fstest.MapFS{"index.html": {Data: []byte("<html><head></head></html>")}, "core.json": {Data: []byte("{}")}, "assets/a.js": {Data: []byte("1")}},
		Read: func() (afero.Fs, io.Closer, error) { return fsys, nothing{}, nil },
		Apply: func(command string, changes []repo.Change) error {
			r, err := repo.Open(fsys, repo.Options{})
			if err != nil {
				return err
			}
			return r.Apply(command, changes)
		},
		Undo: func(command string, changes []repo.Change) error {
			if command != "x" || len(changes) != 1 || changes[0].Path != "a.yaml" || changes[0].Old != nil || string(changes[0].New) != "a: 1\n" {
				return fmt.Errorf("not the last change: %s %q", command, changes)
			}
			return fsys.Remove("a.yaml")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("it does not end")
		}
	})
	return s
}

type ask struct {
	method, path, body, host, origin, media string
}

func (a ask) send(t *testing.T, s *Server) (int, string, http.Header) {
	t.Helper()
	base := strings.TrimSuffix(s.URL, s.token+"/")
	if a.method == "" {
		a.method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), a.method, base+strings.ReplaceAll(a.path, "TOKEN", s.token), strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if a.host != "" {
		r.Host = a.host
	}
	if a.origin != "" {
		r.Header.Set("Origin", strings.ReplaceAll(a.origin, "SELF", strings.TrimSuffix(base, "/")))
	}
	if a.media != "" {
		r.Header.Set("Content-Type", a.media)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

func TestAccess(t *testing.T) {
	s := start(t, afero.NewMemMapFs())
	const write = `{"command":"x","changes":[{"path":"a.yaml","action":"create","new":"a: 1\n"}]}`
	for _, tt := range []struct {
		name string
		ask  ask
		want int
	}{
		{"page", ask{path: "TOKEN/"}, 200},
		{"file", ask{path: "TOKEN/assets/a.js"}, 200},
		{"no token", ask{path: ""}, 404},
		{"token without slash", ask{path: "TOKEN"}, 404},
		{"wrong token", ask{path: "x/api/repository"}, 404},
		{"out of the page", ask{path: "TOKEN/..%2f..%2fetc/passwd"}, 404},
		{"folder", ask{path: "TOKEN/assets"}, 404},
		{"rebound name", ask{path: "TOKEN/", host: "evil.example"}, 421},
		{"other port", ask{path: "TOKEN/", host: "127.0.0.1:1"}, 421},
		{"other page", ask{path: "TOKEN/api/repository", origin: "https://evil.example"}, 403},
		{"null origin", ask{path: "TOKEN/api/repository", origin: "null"}, 403},
		{"write without origin", ask{method: "POST", path: "TOKEN/api/apply", body: write, media: "application/json"}, 403},
		{"write as a form", ask{method: "POST", path: "TOKEN/api/apply", body: write, media: "text/plain", origin: "SELF"}, 403},
		{"write from elsewhere", ask{method: "POST", path: "TOKEN/api/apply", body: write, media: "application/json", origin: "https://evil.example"}, 403},
		{"write with GET", ask{path: "TOKEN/api/apply"}, 404},
		{"delete", ask{method: "DELETE", path: "TOKEN/"}, 405},
		{"broken request", ask{method: "POST", path: "TOKEN/api/apply", body: "{", media: "application/json", origin: "SELF"}, 400},
		{"write", ask{method: "POST", path: "TOKEN/api/apply", body: write, media: "application/json", origin: "SELF"}, 204},
		{"write over", ask{method: "POST", path: "TOKEN/api/apply", body: write, media: "application/json", origin: "SELF"}, 409},
		{"undo without origin", ask{method: "POST", path: "TOKEN/api/undo", body: write, media: "application/json"}, 403},
		{"undo as a form", ask{method: "POST", path: "TOKEN/api/undo", body: write, media: "text/plain", origin: "SELF"}, 403},
		{"undo with GET", ask{path: "TOKEN/api/undo"}, 404},
		{"undo what was not written", ask{method: "POST", path: "TOKEN/api/undo", body: strings.Replace(write, "a: 1", "b: 1", 1), media: "application/json", origin: "SELF"}, 409},
		{"undo", ask{method: "POST", path: "TOKEN/api/undo", body: write, media: "application/json", origin: "SELF"}, 204},
		{"undo twice", ask{method: "POST", path: "TOKEN/api/undo", body: write, media: "application/json", origin: "SELF"}, 409},
		{"write outside", ask{method: "POST", path: "TOKEN/api/apply", body: strings.Replace(write, "a.yaml", "../a.yaml", 1), media: "application/json", origin: "SELF"}, 409},
		{"write to Git", ask{method: "POST", path: "TOKEN/api/apply", body: strings.Replace(write, "a.yaml", ".git/config", 1), media: "application/json", origin: "SELF"}, 409},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, body, header := tt.ask.send(t, s)
			if got != tt.want {
				t.Errorf("got %d %s, want %d", got, body, tt.want)
			}
			if header.Get("Content-Security-Policy") == "" || header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", header)
			}
		})
	}
}

func TestRepository(t *testing.T) {
	fsys := afero.NewMemMapFs()
	for name, text := range map[string]string{
		"applications/shop/values.yaml": "a: 1\n", ".git/config": "secret", "x/node_modules/y.js": "1", ".redis-gitops/generated/shop/redis.yaml": "a: 1\n",
		"bad.bin": "\xff\x00", "large.yaml": strings.Repeat("a", repo.MaxFileSize+1),
	} {
		if err := afero.WriteFile(fsys, name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, fsys)
	_, body, _ := ask{path: "TOKEN/api/repository"}.send(t, s)
	var got struct {
		Name  string
		Files []file
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range got.Files {
		names = append(names, f.Path)
	}
	if want := ".redis-gitops/generated/shop/redis.yaml applications/shop/values.yaml bad.bin"; strings.Join(names, " ") != want || got.Name != "shop" {
		t.Errorf("%s: got %q, want %q", got.Name, strings.Join(names, " "), want)
	}
	if _, page, _ := (ask{path: "TOKEN/"}).send(t, s); !strings.Contains(page, `name="redis-gitops-local"`) {
		t.Error("the page does not know that it is served for a folder")
	}
}

func TestListenWithoutPage(t *testing.T) {
	if _, err := Listen(Options{Page: fstest.MapFS{}}); err == nil {
		t.Error("no error")
	}
	if _, err := Listen(Options{Page: fstest.MapFS{"index.html": {}}}); err == nil || !strings.Contains(err.Error(), "program") {
		t.Errorf("%v", err)
	}
	a := start(t, afero.NewMemMapFs())
	if !strings.HasPrefix(a.URL, "http://127.0.0.1:") || len(a.token) < 32 {
		t.Errorf("%s", a.URL)
	}
}

// TestDrip sends the body of a request byte by byte, for ever: the connection is ended, and nothing is written.
func TestDrip(t *testing.T) {
	fsys := afero.NewMemMapFs()
	s := start(t, fsys)
	address := strings.TrimPrefix(s.URL, "http://")
	host, token, _ := strings.Cut(address, "/")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "POST /%sapi/apply HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n{", token, host, host); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	limit := time.After(20 * time.Second)
	for {
		select {
		case <-ended:
			return
		case <-limit:
			t.Fatal("the connection is still open")
		case <-time.After(10 * time.Millisecond):
			_, _ = c.Write([]byte(" ")) // it fails in the end
		}
	}
}
