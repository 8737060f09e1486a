package rdb

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Compression is how a dump is packed.
type Compression uint8

// The ways to pack a dump.
const (
	Uncompressed Compression = iota
	Gzip
	Zstd
)

// String gives the name of the program that packs like this, or an empty string.
func (c Compression) String() string { return [...]string{"", "gzip", "zstd"}[c] }

// CompressionOf returns the compression that the extension of a file name stands for: .gz, .zst or .zstd.
func CompressionOf(name string) Compression {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return Gzip
	case strings.HasSuffix(name, ".zst"), strings.HasSuffix(name, ".zstd"):
		return Zstd
	}
	return Uncompressed
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// maxZstdWindow bounds the memory of unpacking. It is what zstd itself takes without --long or --ultra.
const maxZstdWindow = 8 << 20

// Decompress unpacks gzip and zstd, detected by the first bytes, and returns anything else as it is. Close frees memory; it does
// not close r. What is wrong with the packed data is an error of Read.
func Decompress(r io.Reader) (io.ReadCloser, Compression, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	magic, err := in.Peek(len(zstdMagic))
	if err != nil && err != io.EOF {
		return nil, Uncompressed, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, Gzip, fmt.Errorf("damaged gzip file: %w", err)
		}
		return z, Gzip, nil
	case bytes.HasPrefix(magic, zstdMagic):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, Zstd, fmt.Errorf("damaged zstd file: %w", err)
		}
		return zstdReader{z}, Zstd, nil
	}
	return io.NopCloser(in), Uncompressed, nil
}

// zstdReader describes what to do about a file that was packed with a large window.
type zstdReader struct{ z *zstd.Decoder }

func (r zstdReader) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = errors.New("zstd window larger than 8 MiB; compress it again without --long and --ultra")
	}
	return n, err
}

func (r zstdReader) Close() error {
	r.z.Close()
	return nil
}

// Compress packs what is written to w. Close ends the packed data; it does not close w.
func Compress(w io.Writer, c Compression) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriter(w), nil
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	}
	return nopCloser{w}, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// sniffLen is how much of a file is looked at to tell what it is.
const sniffLen = 512

// notADump describes what a file is that is not a dump, as far as its first bytes tell.
func notADump(p []byte) string {
	begins := p[:min(len(p), 9)]
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(p, []byte("\xef\xbb\xbf")), " \t\r\n"))
	what, advice := "", "pass the dump.rdb of the server"
	switch {
	case bytes.HasPrefix(p, gzipMagic):
		what, advice = "gzip data", "decompress it first"
	case bytes.HasPrefix(p, zstdMagic):
		what, advice = "zstd data", "decompress it first"
	case bytes.HasPrefix(p, []byte("PK\x03\x04")):
		what, advice = "a zip archive", "decompress it first"
	case bytes.HasPrefix(p, []byte("BZh")):
		what, advice = "bzip2 data", "decompress it first"
	case bytes.HasPrefix(p, []byte("\xfd7zXZ\x00")):
		what, advice = "xz data", "decompress it first"
	case len(p) > 262 && string(p[257:262]) == "ustar":
		what, advice = "a tar archive", "decompress it first"
	case bytes.HasPrefix(p, []byte("SQLite format 3")):
		what = "an SQLite database"
	case isCommand(p):
		what, advice = "an append-only file (AOF) of commands", "load it into an empty server (redis-gitops import FILE redis://HOST), then dump that server (redis-gitops dump)"
	case bytes.HasPrefix(text, []byte("file appendonly")):
		what, advice = "the manifest of an append-only file (AOF)", "pass the directory that it is in (appendonlydir)"
	case bytes.HasPrefix(text, []byte("<!doctype")), bytes.HasPrefix(text, []byte("<html")), bytes.HasPrefix(text, []byte("<head")):
		what, advice = "an HTML page", "it may be a login page; download the dump again"
	case bytes.HasPrefix(text, []byte("<?xml")):
		what, advice = "an XML document", "it may be an error response; check its content"
	case bytes.HasPrefix(p, []byte("version https://git-lfs")):
		what, advice = "a Git LFS pointer", "fetch the file with git lfs pull"
	case len(text) > 0 && (text[0] == '{' || text[0] == '['):
		what = "JSON text"
	case len(p) > 0 && len(bytes.Trim(p, "\x00")) == 0:
		what, advice = "zero bytes", "the copy was interrupted; copy it again"
	}
	if what == "" {
		return fmt.Sprintf("not an RDB file; it starts with %q instead of \"REDIS\" or \"VALKEY\"", begins)
	}
	return fmt.Sprintf("not an RDB file but %s; %s", what, advice)
}

// isCommand reports whether p begins like *2\r\n$6\r\nSELECT.
func isCommand(p []byte) bool {
	line, rest, ok := bytes.Cut(p, []byte("\r\n"))
	if !ok || len(line) < 2 || line[0] != '*' || len(bytes.Trim(line[1:], "0123456789")) > 0 {
		return bytes.HasPrefix(p, []byte("#TS:")) // a time stamp before the first command, since 7.0
	}
	return len(rest) > 0 && rest[0] == '$'
}
