// Command imagebuild writes the image of redis-gitops, which Jobs and CronJobs run, as an OCI archive: a static program for linux/amd64 and
// linux/arm64, the certificates of Mozilla and a user, and nothing else. It needs no daemon and no base image. The same source gives the
// same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is who runs the program: nobody with rights, as the Jobs of package job expect.
const user = "65532"

func main() {
	version := flag.String("version", "0.1.0-dev", "version, without v")
	source := flag.String("source", "../..", "directory of the module")
	output := flag.String("output", "", "archive to write")
	flag.Parse()
	if err := run(*version, *source, *output); err != nil {
		fmt.Fprintln(os.Stderr, "imagebuild:", err)
		os.Exit(1)
	}
}

func run(version, source, output string) (err error) {
	if output == "" {
		return errors.New("no archive; pass it with -output")
	}
	work, err := os.MkdirTemp("", "imagebuild-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	base, err := layer(system())
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		program, err := build(version, source, filepath.Join(work, arch), arch)
		if err != nil {
			return err
		}
		image, err := image(version, arch, base, program)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	// The tools that load an archive take the name from the outer index (containerd, archive.OCI).
	outer := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: index, Descriptor: v1.Descriptor{Annotations: map[string]string{
			"io.containerd.image.name": "docker.io/library/redis-gitops:" + version, "org.opencontainers.image.ref.name": version,
		}},
	})
	at := filepath.Join(work, "layout")
	if _, err := layout.Write(at, outer); err != nil {
		return err
	}
	return archive(at, output)
}

// build compiles the program without cgo and without paths, times and names of this machine.
func build(version, source, output, arch string) ([]byte, error) {
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid= -X github.com/redis-gitops/redis-gitops/internal/cli.version="+version, "-o", output, "./cmd/redis-gitops")
	c.Dir, c.Stderr = source, os.Stderr
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOWORK=off")
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("go build for %s: %w", arch, err)
	}
	return os.ReadFile(output)
}

// entry is a file or directory of a layer.
type entry struct {
	name string
	mode int64
	body []byte // nil for a directory
}

// system is what a program expects of the system.
func system() []entry {
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		_ = pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
	}
	return []entry{
		{"etc/", 0o755, nil},
		{"etc/group", 0o644, []byte("nonroot:x:" + user + ":\n")},
		{"etc/passwd", 0o644, []byte("nonroot:x:" + user + ":" + user + ":nonroot:/tmp:/sbin/nologin\n")},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, roots.Bytes()},
		{"tmp/", 0o1777, nil},
		{"usr/", 0o755, nil},
		{"usr/bin/", 0o755, nil},
	}
}

func layer(entries []entry) (v1.Layer, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.body)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
		if strings.HasSuffix(e.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
}

func image(version, arch string, base v1.Layer, program []byte) (v1.Image, error) {
	top, err := layer([]entry{{"usr/bin/redis-gitops", 0o755, program}})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), base, top)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, &v1.ConfigFile{
		Architecture: arch, OS: "linux", RootFS: config.RootFS,
		Config: v1.Config{
			User: user + ":" + user, Env: []string{"PATH=/usr/bin", "HOME=/tmp"}, WorkingDir: "/tmp", Entrypoint: []string{"redis-gitops"},
			Labels: map[string]string{
				"org.opencontainers.image.title": "redis-gitops", "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": "Apache-2.0",
			},
		},
	})
}

// archive packs a directory in the order of its names.
func archive(dir, output string) (err error) {
	var names []string
	if err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, name)
		}
		return err
	}); err != nil {
		return err
	}
	slices.Sort(names)
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(output), ".imagebuild-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	w := tar.NewWriter(f)
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		in, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(in), Mode: 0o644, Size: int64(len(src)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
			return err
		}
		if _, err := w.Write(src); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Close(), f.Chmod(0o644), f.Sync()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), output); err != nil {
		return err
	}
	return f.Close()
}
