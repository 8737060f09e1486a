package cli

import (
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
)

// shared is a buffer that one goroutine writes and another reads.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestWebOpen is the browser that `web --open` shows the page in: it gets a file, follows where that leads, and sees the repository.
func TestWebOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have another program that opens browsers")
	}
	dir, bin := newShop(t), t.TempDir()
	page := filepath.Join(bin, "page")
	if err := os.MkdirAll(page, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(page, "index.html"): "<html><head></head><body>the page</body></html>",
		filepath.Join(page, "core.json"):  "{}",
		// What it was called with, and then the file, whole once it has its name.
		filepath.Join(bin, "xdg-open"): "#!/bin/sh\necho \"$@\" > '" + bin + "/arguments'\ncp \"$1\" '" + bin + "/part' && mv '" + bin + "/part' '" + bin + "/opened'\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out shared
	a := newApp()
	a.Out, a.Err = &out, &out
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"-C", dir, "web", "--open", "--page", page}) }()

	var opened []byte
	for deadline := time.Now().Add(time.Minute); opened == nil; time.Sleep(5 * time.Millisecond) {
		opened, _ = os.ReadFile(filepath.Join(bin, "opened"))
		if time.Now().After(deadline) {
			t.Fatalf("no browser was called: %s", out.String())
		}
	}
	to := regexp.MustCompile(`http-equiv=refresh content="0; url=([^"]+)"`).FindSubmatch(opened)
	if to == nil {
		t.Fatalf("the file leads nowhere: %s", opened)
	}
	address := html.UnescapeString(string(to[1]))
	if !strings.Contains(out.String(), address) {
		t.Errorf("%q was printed, and the browser was sent to %q", out.String(), address)
	}
	get := func(url string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", url, res.Status, err)
		}
		return string(body)
	}
	if got := get(address); !strings.Contains(got, "the page") || !strings.Contains(got, "redis-gitops-local") {
		t.Errorf("the page is %s", got)
	}
	if got := get(address + "api/repository"); !strings.Contains(got, "applications/shop/values.yaml") {
		t.Errorf("the repository is %s", got)
	}
	// Arguments can be read by everybody on the machine; the address, which lets in, is not among them.
	arguments, err := os.ReadFile(filepath.Join(bin, "arguments"))
	if err != nil {
		t.Fatal(err)
	}
	file := strings.TrimSpace(string(arguments))
	if strings.Contains(file, "http") || strings.Contains(file, "127.0.0.1") {
		t.Errorf("the browser was called with %q", file)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file can be read by others: %v, %v", info, err)
	}
	cancel()
	select {
	case code := <-ended:
		if code != exitcode.OK {
			t.Errorf("exit code %d: %s", code, out.String())
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", file, err)
	}
}
