// Package source makes a dump or an append-only file readable for an import, wherever it is: a file, compressed or not, the
// directory of a server, or a URL.
package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/aof"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// File is a dump or append-only file that can be opened again and again. It may be packed with gzip or zstd; size is that of
// what is opened, and only used where it is not packed.
func File(name string, size int64, open func() (io.ReadSeekCloser, error)) (plan.Source, error) {
	f, err := newFile(name, size, open)
	if err != nil {
		return plan.Source{}, err
	}
	return f.source(name)
}

// Stream is a dump or append-only file that can be read once.
func Stream(name string, r io.Reader) (plan.Source, error) {
	unpacked, packed, err := rdb.Decompress(r)
	if err != nil {
		return plan.Source{}, err
	}
	in := bufio.NewReader(unpacked)
	once := func(context.Context, int64) (io.ReadCloser, error) { return both{io.NopCloser(in), unpacked}, nil }
	s := plan.Source{Name: name, Packed: packed.String(), Once: true, Open: once}
	if head, _ := in.Peek(1); isCommands(head) {
		if s, err = empty(s); err != nil {
			return s, err
		}
		s.Once = true
		s.Parts = []aof.Part{{Name: name, Once: true, Open: func(ctx context.Context) (io.ReadCloser, error) { return once(ctx, 0) }}}
	}
	return s, nil
}

// A file is one file of a source.
type file struct {
	name     string
	size     int64
	open     func() (io.ReadSeekCloser, error)
	packed   rdb.Compression
	commands bool // begins with a command, and not with a dump
	empty    bool
}

func newFile(name string, size int64, open func() (io.ReadSeekCloser, error)) (*file, error) {
	f := &file{name: name, size: size, open: open}
	in, err := open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	unpacked, packed, err := rdb.Decompress(in)
	if err != nil {
		return nil, err
	}
	if f.packed = packed; packed != rdb.Uncompressed {
		f.size = 0
	}
	var head [1]byte
	_, err = io.ReadFull(unpacked, head[:])
	f.empty = err == io.EOF
	f.commands = err == nil && isCommands(head[:])
	_ = unpacked.Close() // an error comes again when the file is read
	return f, nil
}

// isCommands reports whether a file begins with a command or with an annotation before one.
func isCommands(head []byte) bool { return len(head) > 0 && (head[0] == '*' || head[0] == '#') }

// at opens the file at an offset of what is in it.
func (f *file) at(_ context.Context, offset int64) (io.ReadCloser, error) {
	in, err := f.open()
	if err != nil {
		return nil, err
	}
	r, err := from(in, f.packed, offset)
	if err != nil {
		in.Close()
		return nil, err
	}
	return r, nil
}

// part is the file as commands alone.
func (f *file) part() aof.Part {
	return aof.Part{Name: f.name, Open: func(ctx context.Context) (io.ReadCloser, error) { return f.at(ctx, 0) }}
}

// source begins with the dump in the file, or with an empty one.
func (f *file) source(name string) (plan.Source, error) {
	s := plan.Source{Name: name, Size: f.size, Packed: f.packed.String(), Open: f.at}
	if !f.commands {
		return s, nil
	}
	s, err := empty(s)
	s.Parts = []aof.Part{f.part()}
	return s, err
}

// empty adds a dump without keys to a source, for an append-only file that begins with commands. Every server that can be
// replicated to loads its version.
func empty(s plan.Source) (plan.Source, error) {
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, 6)
	if err != nil {
		return s, err
	}
	if err := w.Close(); err != nil {
		return s, err
	}
	s.Size, s.Once, s.NoDump = int64(b.Len()), false, true
	s.Open = func(_ context.Context, offset int64) (io.ReadCloser, error) {
		if offset > int64(b.Len()) {
			return nil, io.ErrUnexpectedEOF
		}
		return io.NopCloser(bytes.NewReader(b.Bytes()[offset:])), nil
	}
	return s, nil
}

// from reads from an offset of the dump on.
func from(f io.ReadSeekCloser, packed rdb.Compression, offset int64) (io.ReadCloser, error) {
	if packed == rdb.Uncompressed {
		_, err := f.Seek(offset, io.SeekStart)
		return f, err
	}
	unpacked, _, err := rdb.Decompress(f)
	if err != nil {
		return nil, err
	}
	r := both{unpacked, f}
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		return nil, errors.Join(err, unpacked.Close())
	}
	return r, nil
}

// both closes the file with its unpacker.
type both struct {
	io.ReadCloser
	file io.Closer
}

func (b both) Close() error { return errors.Join(b.ReadCloser.Close(), b.file.Close()) }

// IsURL reports whether a word is meant as the URL of a file, and not as its name.
func IsURL(word string) bool {
	return strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://")
}

// Check refuses URLs of object stores, whose credentials are not the business of this tool: a presigned URL needs none.
func Check(word string) error {
	scheme, place, found := strings.Cut(word, "://")
	if !found {
		return nil
	}
	presign := map[string]string{
		"s3": "aws s3 presign s3://" + place, "gs": "gcloud storage sign-url gs://" + place,
		"az": "az storage blob generate-sas --full-uri", "azure": "az storage blob generate-sas --full-uri",
	}
	if command := presign[scheme]; command != "" {
		return fmt.Errorf("%s:// URLs are not supported; pass a presigned https:// URL from `%s`", scheme, command)
	}
	return fmt.Errorf("%s:// URLs are not supported; use https://, or redis:// for a running server", scheme)
}

// NameOf returns a URL without user, password and query, in which the signature of a presigned URL is.
func NameOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "the URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

const (
	attempts     = 6
	firstBackoff = 200 * time.Millisecond
	idleTimeout  = 30 * time.Second
	// minProgress is how many bytes must arrive in each idleTimeout: a server that sends a byte now and then would never be
	// done.
	minProgress  = 32 << 10
	maxRedirects = 5
)

// refusal is an error that trying again does not change.
type refusal string

func (r refusal) Error() string { return string(r) }

// redirect follows a redirect as far as it is safe. net/http would send the whole URL as Referer, with the signature of a
// presigned URL in its query, and would go on without encryption.
func redirect(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer")
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return refusal(fmt.Sprintf("more than %d redirects", maxRedirects))
	case req.URL.Scheme != "https" && req.URL.Scheme != "http":
		return refusal(fmt.Sprintf("redirects to %s:// are not followed", req.URL.Scheme))
	case first.Scheme == "https" && req.URL.Scheme != "https":
		return refusal(fmt.Sprintf("redirected to %s, which is not encrypted; download the file manually if you trust it", NameOf(req.URL.String())))
	}
	if req.URL.Host != via[len(via)-1].URL.Host || req.URL.Scheme != via[len(via)-1].URL.Scheme {
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
			req.Header.Del(name)
		}
		// Another server has another version of the file.
		if req.Header.Get("Range") == "" {
			req.Header.Del("If-Range")
		}
	}
	return nil
}

// Download writes what a URL has to w. A transfer that breaks goes on where it stopped, where the server can do that; one that
// nearly stands still is ended. At most five redirects are followed, none from https to http, and no other server learns the
// URL or its login. Errors do not hold what NameOf leaves out. client and progress may be nil; total is 0 where it is not known.
func Download(ctx context.Context, client *http.Client, text string, w io.Writer, progress func(done, total int64)) error {
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = redirect
	own.Jar = nil
	d := &download{client: &own, url: text, w: w, progress: progress, patience: idleTimeout}
	return d.fetch(ctx)
}

// fetch tries until all has arrived.
func (d *download) fetch(ctx context.Context) error {
	backoff := firstBackoff
	for try := 1; ; try++ {
		before := d.done
		again, err := d.get(ctx)
		if err == nil {
			return nil
		}
		var urlErr *url.Error
		if errors.As(err, &urlErr) {
			err = urlErr.Err // the rest of it is the URL
		}
		if d.done-before >= minProgress {
			try, backoff = 1, firstBackoff
		}
		if !again || try == attempts || ctx.Err() != nil {
			return fmt.Errorf("%s: %w", NameOf(d.url), err)
		}
		select {
		case <-time.After(backoff):
			backoff *= 2
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A download is one file on its way.
type download struct {
	client   *http.Client
	url      string
	w        io.Writer
	progress func(done, total int64)
	done     int64
	tag      string // of the version of the file that the first part is of
	patience time.Duration
}

// get fetches what is missing, and says whether it is worth trying again.
func (d *download) get(ctx context.Context) (again bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(d.patience, func() {
		cancel(fmt.Errorf("received less than %s in %v", rdb.FormatBytes(minProgress), d.patience))
	})
	defer idle.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return false, errors.New("invalid URL")
	}
	// What is packed on the way would have no length and no ranges.
	req.Header.Set("Accept-Encoding", "identity")
	if d.done > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.done))
		if d.tag != "" {
			req.Header.Set("If-Range", d.tag)
		}
	}
	resp, err := d.client.Do(req)
	if err != nil {
		var refused refusal
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return !errors.As(err, &refused), err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK && d.done == 0, resp.StatusCode == http.StatusPartialContent && d.done > 0:
	case resp.StatusCode == http.StatusOK:
		return false, errors.New("the transfer was interrupted, and the server does not support resuming; download the file first")
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests:
		return true, fmt.Errorf("the server responded with %s", resp.Status)
	case resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized:
		return false, fmt.Errorf("the server responded with %s; a presigned URL may have expired", resp.Status)
	default:
		return false, fmt.Errorf("the server responded with %s", resp.Status)
	}
	if tag := resp.Header.Get("ETag"); !strings.HasPrefix(tag, "W/") {
		d.tag = tag
	}
	total := int64(0)
	if resp.ContentLength >= 0 {
		total = d.done + resp.ContentLength
	}
	buf := make([]byte, 256<<10)
	recent := 0
	for {
		n, err := resp.Body.Read(buf)
		if recent += n; recent >= minProgress {
			recent = 0
			idle.Reset(d.patience)
		}
		if n > 0 {
			if _, err := d.w.Write(buf[:n]); err != nil {
				return false, err
			}
			d.done += int64(n)
			if d.progress != nil {
				d.progress(d.done, total)
			}
		}
		switch {
		case err == io.EOF:
			return false, nil
		case err != nil && context.Cause(ctx) != nil:
			return true, context.Cause(ctx)
		case err != nil:
			return true, err
		}
	}
}
