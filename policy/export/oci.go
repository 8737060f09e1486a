package export

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/policy"
)

// The media types of the OCI image specification, and those of conftest.
const (
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaIndex    = "application/vnd.oci.image.index.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
	mediaUnknown  = "application/vnd.unknown.config.v1+json"
	mediaRego     = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego"
	mediaData     = "application/vnd.cncf.openpolicyagent.data.layer.v1+json"

	annotationTitle = "org.opencontainers.image.title"
	annotationRef   = "org.opencontainers.image.ref.name"
)

// tag is that of the artifact in an OCI layout.
const tag = "latest"

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type layout struct{ files []policy.Module }

// blob adds a blob and describes it.
func (l *layout) blob(mediaType string, content []byte, annotations map[string]string) descriptor {
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	if name := "blobs/sha256/" + sum; !slices.ContainsFunc(l.files, func(f policy.Module) bool { return f.File == name }) {
		l.files = append(l.files, module(name, string(content)))
	}
	return descriptor{mediaType, "sha256:" + sum, len(content), annotations}
}

// OCI returns an export as an OCI image layout, with the media types that the engine pulls: files for conftest, and a gzipped tar for all
// others, as OPA, Flux and Argo CD want it. The same export is the same bytes.
func OCI(format string, files []policy.Module) ([]policy.Module, error) {
	l := &layout{}
	var layers []descriptor
	config := l.blob(mediaUnknown, []byte("{}"), nil)
	if format == conftestFormat.name {
		for _, f := range sortedFiles(files) {
			if mediaType := map[string]string{".rego": mediaRego, ".json": mediaData}[path.Ext(f.File)]; mediaType != "" {
				layers = append(layers, l.blob(mediaType, []byte(f.Source), map[string]string{annotationTitle: f.File}))
			}
		}
	} else {
		var zipped, plain bytes.Buffer
		if err := errors.Join(Archive(&zipped, files), writeTar(&plain, files)); err != nil {
			return nil, err
		}
		l.files = nil
		text, err := json.Marshal(map[string]any{
			"architecture": "", "os": "",
			"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(plain.Bytes()))}},
		})
		if err != nil {
			return nil, err
		}
		config = l.blob(mediaConfig, text, nil)
		layers = append(layers, l.blob(mediaLayer, zipped.Bytes(), nil))
	}
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": mediaManifest, "config": config, "layers": layers})
	if err != nil {
		return nil, err
	}
	index, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": mediaIndex,
		"manifests": []descriptor{l.blob(mediaManifest, manifest, map[string]string{annotationRef: tag})},
	})
	if err != nil {
		return nil, err
	}
	return append(l.files, module("index.json", string(index)+"\n"), module("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}\n")), nil
}

func sortedFiles(files []policy.Module) []policy.Module {
	return slices.SortedFunc(slices.Values(files), func(a, b policy.Module) int { return strings.Compare(a.File, b.File) })
}

// Archive writes files as a gzipped tar, which is what OPA calls a bundle; the same files are the same bytes.
func Archive(w io.Writer, files []policy.Module) error {
	zipped := gzip.NewWriter(w)
	return errors.Join(writeTar(zipped, files), zipped.Close())
}

func writeTar(w io.Writer, files []policy.Module) error {
	archive := tar.NewWriter(w)
	for _, f := range sortedFiles(files) {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.File, Mode: 0o644, Size: int64(len(f.Source)), Format: tar.FormatPAX}); err != nil {
			return err
		}
		if _, err := io.WriteString(archive, f.Source); err != nil {
			return err
		}
	}
	return archive.Close()
}
