// Package source makes a dump readable for an import, wherever it is: a file, packed or not, or a URL.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
)

// File is a dump that can be opened again and again. It may be packed with gzip or zstd; size is that of what is opened, and
// only used where it is not packed.
func File(name string, size int64, open func() (io.ReadSeekCloser, error)) (importer.Source, error) {
	f, err := open()
	if err != nil {
		return importer.Source{}, err
	}
	defer f.Close()
	unpacked, packed, err := rdb.Decompress(f)
	if err != nil {
		return importer.Source{}, err
	}
	if err := unpacked.Close(); err != nil {
		return importer.Source{}, err
	}
	if packed != rdb.Uncompressed {
		size = 0
	}
	return importer.Source{Name: name, Size: size, Open: func(_ context.Context, offset int64) (io.ReadCloser, error) {
		f, err := open()
		if err != nil {
			return nil, err
		}
		r, err := from(f, packed, offset)
		if err != nil {
			f.Close()
			return nil, err
		}
		return r, nil
	}}, nil
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

// IsURL says whether a word is meant as the URL of a file, and not as its name.
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
		return fmt.Errorf("%s:// is not read with credentials; give the https:// URL of `%s`", scheme, command)
	}
	return fmt.Errorf("%s:// is no kind of URL that is read here; give https://, or redis:// for a running server", scheme)
}

// NameOf gives a URL without user, password and query, in which the signature of a presigned URL is.
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
)

// Download writes what a URL has to w. A transfer that breaks goes on where it stopped, where the server can do that. Errors
// do not hold what NameOf leaves out. client and progress may be nil; total is 0 where it is not known.
func Download(ctx context.Context, client *http.Client, text string, w io.Writer, progress func(done, total int64)) error {
	if client == nil {
		client = http.DefaultClient
	}
	d := &download{client: client, url: text, w: w, progress: progress}
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
		if d.done > before {
			try, backoff = 1, firstBackoff
		}
		if !again || try == attempts || ctx.Err() != nil {
			return fmt.Errorf("%s: %w", NameOf(text), err)
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
}

// get fetches what is missing, and says whether it is worth trying again.
func (d *download) get(ctx context.Context) (again bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(idleTimeout, func() { cancel(fmt.Errorf("nothing came for %v", idleTimeout)) })
	defer idle.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return false, errors.New("not a URL that can be fetched")
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
		return true, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK && d.done == 0, resp.StatusCode == http.StatusPartialContent && d.done > 0:
	case resp.StatusCode == http.StatusOK:
		return false, errors.New("the transfer broke, and the server does not go on in the middle of a file; fetch it first")
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests:
		return true, fmt.Errorf("the server answers %s", resp.Status)
	case resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized:
		return false, fmt.Errorf("the server answers %s; has a presigned URL expired?", resp.Status)
	default:
		return false, fmt.Errorf("the server answers %s", resp.Status)
	}
	if tag := resp.Header.Get("ETag"); !strings.HasPrefix(tag, "W/") {
		d.tag = tag
	}
	total := int64(0)
	if resp.ContentLength >= 0 {
		total = d.done + resp.ContentLength
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := resp.Body.Read(buf)
		idle.Reset(idleTimeout)
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
