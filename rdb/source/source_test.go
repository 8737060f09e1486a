package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// openFile is a file in memory that knows whether it was closed.
type openFile struct {
	*bytes.Reader
	open *int
}

func (f openFile) Close() error { *f.open--; return nil }

// A dump is read from any offset, packed or not, and what was opened is closed.
func TestFile(t *testing.T) {
	data := bytes.Repeat([]byte("REDIS0011 and so on, "), 50_000)
	var gz, zst bytes.Buffer
	z := gzip.NewWriter(&gz)
	z.Write(data)
	z.Close()
	w, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	w.Close()
	for _, tt := range []struct {
		name string
		file []byte
		size int64
	}{{"plain", data, int64(len(data))}, {"gzip", gz.Bytes(), 0}, {"zstd", zst.Bytes(), 0}} {
		opened := 0
		s, err := File(tt.name, int64(len(tt.file)), func() (io.ReadSeekCloser, error) {
			opened++
			return openFile{bytes.NewReader(tt.file), &opened}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if s.Size != tt.size {
			t.Errorf("%s: size %d, want %d", tt.name, s.Size, tt.size)
		}
		for _, offset := range []int{0, 1, 700_001, len(data)} {
			r, err := s.Open(t.Context(), int64(offset))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, data[offset:]) {
				t.Errorf("%s from %d: %d bytes, %v", tt.name, offset, len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if tt.size == 0 {
			if _, err := s.Open(t.Context(), int64(len(data)+1)); err == nil {
				t.Errorf("%s: there is something behind the end", tt.name)
			}
		}
		if opened != 0 {
			t.Errorf("%s: %d files are still open", tt.name, opened)
		}
	}
	if _, err := File("none", 0, func() (io.ReadSeekCloser, error) { return nil, errors.New("gone") }); err == nil {
		t.Error("a file that cannot be opened was taken")
	}
}

// store is a web server whose answers a test chooses, one a request; the last one stays.
func store(t *testing.T, answers ...http.HandlerFunc) (url string, requests func() []string) {
	var ranges []string
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		answer := answers[min(n, len(answers)-1)]
		n++
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/dump.rdb?signature=hidden", func() []string { return ranges }
}

func TestDownload(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 1000)
	serve := func(tag string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", tag)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		}
	}
	breaks := func(after int, tag string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", tag)
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			w.Write(data[:after])
			panic(http.ErrAbortHandler)
		}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	plain := func(w http.ResponseWriter, _ *http.Request) { w.Write(data) }
	for _, tt := range []struct {
		name     string
		answers  []http.HandlerFunc
		want     string // in the error; "" for none
		requests int
	}{
		{"whole", []http.HandlerFunc{serve(`"1"`)}, "", 1},
		{"broken, goes on", []http.HandlerFunc{breaks(4000, `"1"`), serve(`"1"`)}, "", 2},
		{"broken, and the file is another one now", []http.HandlerFunc{breaks(4000, `"1"`), serve(`"2"`)}, "does not support resuming; download the file first", 2},
		{"broken, and the server knows no ranges", []http.HandlerFunc{breaks(4000, ""), plain}, "does not support resuming; download the file first", 2},
		{"busy, then there", []http.HandlerFunc{status(503), status(429), serve(`"1"`)}, "", 3},
		{"forbidden", []http.HandlerFunc{status(403)}, "403 Forbidden; a presigned URL may have expired", 1},
		{"not there", []http.HandlerFunc{status(404)}, "the server responded with 404 Not Found", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, requests := store(t, tt.answers...)
			var got bytes.Buffer
			var done, total int64
			err := Download(t.Context(), nil, url, &got, func(d, n int64) { done, total = d, n })
			if tt.want == "" {
				if err != nil || !bytes.Equal(got.Bytes(), data) || done != int64(len(data)) || total != done {
					t.Errorf("%d bytes, %d of %d told, %v", got.Len(), done, total, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("error %v, want %q without the query", err, tt.want)
			}
			if len(requests()) != tt.requests {
				t.Errorf("requests %q, want %d", requests(), tt.requests)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		url, _ := store(t, status(503))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		if err := Download(ctx, nil, url, io.Discard, nil); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("error %v", err)
		}
	})
}

func TestCheck(t *testing.T) {
	for word, want := range map[string]string{
		"dump.rdb":           "",
		"../dumps/a:b.rdb":   "",
		"s3://bucket/d.rdb":  "pass a presigned https:// URL from `aws s3 presign s3://bucket/d.rdb`",
		"gs://bucket/d.rdb":  "`gcloud storage sign-url gs://bucket/d.rdb`",
		"ftp://host/d.rdb":   "ftp:// URLs are not supported; use https://",
		"az://account/d.rdb": "az storage blob generate-sas",
	} {
		err := Check(word)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", word, err, want)
		}
	}
}

// TestRedirect has a presigned URL, which no other server may learn, and redirects that are not followed.
func TestRedirect(t *testing.T) {
	var asked []*http.Request
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		fmt.Fprint(w, "REDIS")
	}))
	defer other.Close()
	to := ""
	first := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dump.rdb" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		asked = append(asked, r)
		fmt.Fprint(w, "REDIS")
	}
	plain := httptest.NewServer(http.HandlerFunc(first))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(first))
	defer secure.Close()
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1) // another host, for net/http
	for _, tt := range []struct {
		name, from, to, want string
	}{
		{"same server", plain.URL, "/moved", ""},
		{"another server", plain.URL, other.URL + "/moved?token=theirs", ""},
		{"another host", plain.URL, elsewhere + "/moved", ""},
		{"a secure server", plain.URL, secure.URL + "/moved", ""},
		{"no longer encrypted", secure.URL, other.URL + "/moved?token=theirs", "which is not encrypted"},
		{"another protocol", plain.URL, "file:///etc/passwd", "redirects to file://"},
		{"for ever", plain.URL, plain.URL + "/dump.rdb", "more than 5 redirects"},
	} {
		asked, to = nil, tt.to
		var got bytes.Buffer
		from := strings.Replace(tt.from, "://", "://ann:pw@", 1) + "/dump.rdb?X-Signature=s3cret"
		err := Download(t.Context(), secure.Client(), from, &got, nil)
		switch {
		case tt.want == "" && (err != nil || got.String() != "REDIS"):
			t.Errorf("%s: %q, %v", tt.name, got.String(), err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "theirs") || strings.Contains(err.Error(), "pw@")) {
			t.Errorf("%s: the error has the secret: %v", tt.name, err)
		}
		for _, r := range asked {
			text := fmt.Sprint(r.Header, r.URL)
			if strings.Contains(text, "s3cret") || r.Header.Get("Referer") != "" {
				t.Errorf("%s: was sent %s", tt.name, text)
			}
			if r.Host != strings.TrimPrefix(tt.from, "http://") && r.Header.Get("Authorization") != "" {
				t.Errorf("%s: was sent the login", tt.name)
			}
		}
		if tt.want != "" && len(asked) > 0 {
			t.Errorf("%s: was followed", tt.name)
		}
	}
}

// TestDrip has servers that send a byte now and then, in the header and in the body, for ever.
func TestDrip(t *testing.T) {
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			w.WriteHeader(http.StatusPartialContent)
		}
		for {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-time.After(5 * time.Millisecond):
			case <-r.Context().Done():
				return
			case <-ended:
				return
			}
		}
	}))
	defer s.Close()
	defer close(ended)
	// Counted here: on a busy machine a request may be given up before the server has read it.
	requests := &countedTrips{}
	d := &download{client: &http.Client{CheckRedirect: redirect, Transport: requests}, url: s.URL, w: io.Discard, patience: 100 * time.Millisecond}
	err := d.fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "received less than 32 KiB in 100ms") {
		t.Errorf("got %v", err)
	}
	if requests.n != attempts {
		t.Errorf("%d requests, want %d", requests.n, attempts)
	}
}

// A countedTrips counts requests as they are sent.
type countedTrips struct{ n int }

func (c *countedTrips) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return http.DefaultTransport.RoundTrip(r)
}
