package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// unpack unpacks a stream of tar, which has files and directories alone.
func unpack(t *testing.T, r io.Reader, dir string) {
	t.Helper()
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s has the time %v or the user %d %s of this machine", h.Name, h.ModTime, h.Uid, h.Uname)
		}
		at := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(at, 0o755)
		} else {
			if err = os.MkdirAll(filepath.Dir(at), 0o755); err == nil {
				var src []byte
				if src, err = io.ReadAll(in); err == nil {
					err = os.WriteFile(at, src, h.FileInfo().Mode())
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestImage makes an image of small programs twice: both archives are alike, and what is in them is what a Job needs.
func TestImage(t *testing.T) {
	source := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                   "module example.com/tool\n\ngo 1.26.0\n",
		"cmd/redis-gitops/main.go": "package main\n\nfunc main() { println(\"tool\") }\n",
	} {
		at := filepath.Join(source, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var archives [2][]byte
	for i := range archives {
		output := filepath.Join(t.TempDir(), "dist", "image.tar")
		if err := run("1.2.3", source, output); err != nil {
			t.Fatal(err)
		}
		src, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(filepath.Dir(output)); err != nil || len(left) != 1 {
			t.Errorf("%v, %v", left, err)
		}
		archives[i] = src
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same source gives another archive")
	}
	dir := t.TempDir()
	unpack(t, bytes.NewReader(archives[0]), dir)
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(outer); err != nil {
		t.Error(err)
	}
	named, err := outer.IndexManifest()
	if err != nil || len(named.Manifests) != 1 || named.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.2.3" {
		t.Fatalf("%+v, %v", named, err)
	}
	index, err := outer.ImageIndex(named.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, image, m.Platform.Architecture)
	}
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("%v", platforms)
	}
}

func checkImage(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || config.Architecture != arch || !slices.Equal(config.Config.Env, []string{"PATH=/usr/bin", "HOME=/tmp"}) || !config.Created.IsZero() {
		t.Errorf("%+v", config)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		unpack(t, r, dir)
		r.Close()
	}
	roots, err := os.ReadFile(filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(roots) || bytes.Count(roots, []byte("BEGIN CERTIFICATE")) < 100 {
		t.Errorf("%d bytes of certificates, %v", len(roots), err)
	}
	passwd, err := os.ReadFile(filepath.Join(dir, "etc/passwd"))
	if err != nil || !strings.Contains(string(passwd), ":65532:65532:") {
		t.Errorf("%s, %v", passwd, err)
	}
	program, err := os.ReadFile(filepath.Join(dir, "usr/bin/redis-gitops"))
	machine := map[string][]byte{"amd64": {62, 0}, "arm64": {183, 0}}[arch] // e_machine (elf(5))
	if err != nil || len(program) < 20 || !bytes.Equal(program[18:20], machine) || bytes.Contains(program, []byte(t.TempDir())) {
		t.Errorf("%s: %d bytes, %v", arch, len(program), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "usr/bin/redis-gitops")); err != nil || info.Mode().Perm()&0o111 != 0o111 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestFails(t *testing.T) {
	for what, err := range map[string]error{
		"no archive; pass it with -output": run("1", t.TempDir(), ""),
		"go build for amd64":               run("1", t.TempDir(), filepath.Join(t.TempDir(), "x.tar")),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
