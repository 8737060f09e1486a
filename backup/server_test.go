package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/s3test"
)

var bucketNumber atomic.Int32

// server runs a server of S3 and returns how it is reached.
func server(t *testing.T) Access {
	t.Helper()
	s := s3test.Start(t)
	return Access{Endpoint: s.URL, Region: s.Region, Key: s.Key, Secret: s.Secret}
}

// newBucket makes a bucket and returns a store in it.
func newBucket(t *testing.T, a Access) Store {
	t.Helper()
	name := fmt.Sprintf("backups-%d", bucketNumber.Add(1))
	(&s3test.Server{URL: a.Endpoint, Region: a.Region, Key: a.Key, Secret: a.Secret}).Bucket(t, name)
	s, err := Parse("s3://"+name+"/production/shop", a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stores are one store of each kind, empty.
func stores(t *testing.T) map[string]Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	all := map[string]Store{"directory": directory(dir)}
	if s3test.Built() {
		all["bucket"] = newBucket(t, server(t))
	}
	return all
}

// TestRefused reports what the server says, and what to do.
func TestRefused(t *testing.T) {
	a := server(t)
	s := newBucket(t, a)
	write := func(s Store) error {
		_, err := Write(t.Context(), s, Options{Time: day}, text("dump"))
		return err
	}
	wrong := a
	wrong.Secret = "another-secret"
	other, err := Parse(s.String(), wrong)
	if err != nil {
		t.Fatal(err)
	}
	none, err := Parse("s3://not-there/x", a)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"allow s3:GetObject":               write(other),
		"the bucket does not exist":        write(none),
		"cannot write 20261130T050312Z.rd": write(none),
	} {
		if err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "another-secret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := List(t.Context(), none); err == nil || !strings.Contains(err.Error(), "the bucket does not exist; create it") {
		t.Errorf("%v", err)
	}
}

// between is a proxy before the server that answers some requests itself.
func between(t *testing.T, a Access, answer func(w http.ResponseWriter, r *http.Request) bool) Access {
	t.Helper()
	to, err := url.Parse(a.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host // the signature is about the host that the client names
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }() // ends with Close
	t.Cleanup(func() { s.Close() })
	a.Endpoint = "http://" + l.Addr().String()
	return a
}

// TestFullBucket has the server refuse parts of the upload, as it does when a quota is used up: nothing is left of it.
func TestFullBucket(t *testing.T) {
	a := server(t)
	good := newBucket(t, a)
	var parts atomic.Int32
	full := between(t, a, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !r.URL.Query().Has("partNumber") || parts.Add(1) == 1 {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusInsufficientStorage)
		fmt.Fprint(w, "<Error><Code>QuotaExceeded</Code><Message>The quota of the bucket is used up.</Message></Error>")
		return true
	})
	s, err := Parse(good.String(), full)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Write(t.Context(), s, Options{Time: day, Recipients: nil}, noise(3*partSize))
	if err == nil || !strings.Contains(err.Error(), "The quota of the bucket is used up") {
		t.Errorf("%v", err)
	}
	if files, err := good.List(t.Context()); err != nil || len(files) > 0 || parts.Load() < 2 {
		t.Errorf("%v, %v after %d parts", files, err, parts.Load())
	}
}

// noise is a fill of bytes that cannot be compressed.
func noise(n int) func(context.Context, io.Writer) (Dump, error) {
	return func(_ context.Context, w io.Writer) (Dump, error) {
		f, err := os.Open("/dev/urandom")
		if err != nil {
			return Dump{}, err
		}
		defer f.Close()
		_, err = io.CopyN(w, f, int64(n))
		return Dump{}, err
	}
}

// TestInterrupted ends a backup in the middle of its upload: no backup is listed, and the next one works.
func TestInterrupted(t *testing.T) {
	s := newBucket(t, server(t))
	ctx, stop := context.WithCancel(t.Context())
	_, err := Write(ctx, s, Options{Time: day}, func(ctx context.Context, w io.Writer) (Dump, error) {
		if _, err := noise(partSize+1)(ctx, w); err != nil {
			return Dump{}, err
		}
		stop()
		<-ctx.Done()
		return Dump{}, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if files, err := s.List(t.Context()); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := Write(t.Context(), s, Options{Time: day}, text("dump")); err != nil {
		t.Error(err)
	}
}

// TestUnstable has the server fail once for each request: it is repeated.
func TestUnstable(t *testing.T) {
	a := server(t)
	good := newBucket(t, a)
	var n atomic.Int32
	s, err := Parse(good.String(), between(t, a, func(w http.ResponseWriter, r *http.Request) bool {
		if n.Add(1)%2 == 0 {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Write(t.Context(), s, Options{Time: day}, text("dump"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, good, r); err != nil || got != "dump" {
		t.Errorf("%q, %v", got, err)
	}
}
