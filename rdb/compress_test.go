package rdb

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

func TestCompression(t *testing.T) {
	text := bytes.Repeat([]byte("REDIS0011 and so on "), 10_000)
	for name, want := range map[string]Compression{"dump.rdb": Uncompressed, "dump.rdb.gz": Gzip, "dump.rdb.zst": Zstd, "dump.zstd": Zstd} {
		c := CompressionOf(name)
		if c != want {
			t.Errorf("%s: %q", name, c)
		}
		var packed bytes.Buffer
		w, err := Compress(&packed, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, got, err := Decompress(iotest.OneByteReader(bytes.NewReader(packed.Bytes())))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := io.ReadAll(r)
		if got != c || err != nil || !bytes.Equal(unpacked, text) {
			t.Errorf("%s: %q, %d bytes, %v", name, got, len(unpacked), err)
		}
		if r.Close() != nil {
			t.Error("Close")
		}
		if c == Uncompressed {
			continue
		}
		// The real programs read it, and a cut file is an error and not an end.
		if path, err := exec.LookPath(c.String()); err == nil {
			cmd := exec.Command(path, "-dc")
			cmd.Stdin = bytes.NewReader(packed.Bytes())
			if out, err := cmd.Output(); err != nil || !bytes.Equal(out, text) {
				t.Errorf("%s: %v", path, err)
			}
		}
		for _, cut := range []int{5, packed.Len() / 2, packed.Len() - 1} {
			r, _, err := Decompress(bytes.NewReader(packed.Bytes()[:cut]))
			if err == nil {
				_, err = io.ReadAll(r)
				r.Close()
			}
			if err == nil || err == io.EOF {
				t.Errorf("%s cut to %d of %d bytes: %v", c, cut, packed.Len(), err)
			}
		}
	}
}

// A file that wants more memory to unpack is refused.
func TestZstdWindow(t *testing.T) {
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 70<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, _, err := Decompress(&packed)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err == nil || !strings.Contains(err.Error(), "--long") {
		t.Error(err)
	}
}

func TestDecompressErrors(t *testing.T) {
	r, _, err := Decompress(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := io.ReadAll(r); len(p) > 0 || err != nil {
		t.Error(p, err)
	}
	broken := errors.New("connection reset")
	if _, _, err := Decompress(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, _, err := Decompress(strings.NewReader("\x1f\x8bno gzip at all")); err == nil {
		t.Error("no error")
	}
}
