package render

import (
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gobwas/glob"
)

// maxPattern is how long a pattern of .Files.Glob may be, in bytes; its parser goes down into itself for each brace.
const maxPattern = 10_000

// chartFiles is .Files: what is in a chart besides templates, by name. Nothing else can be had by it.
type chartFiles map[string][]byte

// Get gives a file's text, "" when there is no such file.
func (f chartFiles) Get(name string) string { return string(f[name]) }

// GetBytes returns a file's bytes.
func (f chartFiles) GetBytes(name string) []byte {
	if b, ok := f[name]; ok {
		return b
	}
	return []byte{}
}

// Glob returns the files that match; "*" stays in a folder, "**" does not. A pattern that is broken matches all.
func (f chartFiles) Glob(pattern string) (chartFiles, error) {
	if len(pattern) > maxPattern {
		return nil, errStopped(fmt.Sprintf("stopped: pattern of %d bytes exceeds the limit of %d", len(pattern), maxPattern))
	}
	g, err := glob.Compile(pattern, '/')
	if err != nil {
		g = glob.MustCompile("**")
	}
	found := chartFiles{}
	for name, b := range f {
		if g.Match(name) {
			found[name] = b
		}
	}
	return found, nil
}

// AsConfig returns the files as the data of a ConfigMap.
func (f chartFiles) AsConfig() string {
	return f.data(func(b []byte) string { return string(b) })
}

// AsSecrets gives the files as the data of a Secret.
func (f chartFiles) AsSecrets() string { return f.data(base64.StdEncoding.EncodeToString) }

func (f chartFiles) data(text func([]byte) string) string {
	if f == nil {
		return ""
	}
	data := make(map[string]string, len(f))
	for name, b := range f {
		data[path.Base(name)] = text(b)
	}
	return toYAML(data)
}

// Lines returns the lines of a file.
func (f chartFiles) Lines(name string) []string {
	if len(f[name]) == 0 {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(string(f[name]), "\n"), "\n")
}

// defaultKubeVersion is .Capabilities.KubeVersion where the options name none: that of the Kubernetes that Helm 4.3 is made
// for.
const defaultKubeVersion = "v1.37.0"

// capabilities is .Capabilities.
type capabilities struct {
	KubeVersion kubeVersion
	APIVersions versionSet
	HelmVersion helmVersion
}

type kubeVersion struct{ Version, Major, Minor string }

// String returns the version without what a vendor appends.
func (v *kubeVersion) String() string {
	version, _, _ := strings.Cut(v.Version, "-")
	version, _, _ = strings.Cut(version, "+")
	return version
}

// GitVersion gives the version; Helm 2 had this name.
func (v *kubeVersion) GitVersion() string { return v.Version }

type helmVersion struct{ Version, GitCommit, GitTreeState, GoVersion, KubeClientVersion string }

type versionSet []string

// Has reports whether the cluster knows an API version, or an API version and kind.
func (v versionSet) Has(name string) bool {
	return slices.Contains(v, name)
}

func newCapabilities(version string, more []string) *capabilities {
	if version == "" {
		version = defaultKubeVersion
	}
	version = "v" + strings.TrimPrefix(version, "v")
	parts := append(strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3), "", "")
	versions := builtinVersions
	if len(more) > 0 {
		versions = slices.Concat(builtinVersions, more)
	}
	return &capabilities{
		KubeVersion: kubeVersion{version, parts[0], parts[1]},
		APIVersions: versions,
		HelmVersion: helmVersion{Version: "v4.3", GoVersion: "go1.26"},
	}
}

// builtinVersions is what helm template takes for known: the groups of Kubernetes' client.
var builtinVersions = versionSet{
	"v1", "admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1alpha1", "admissionregistration.k8s.io/v1beta1", "internal.apiserver.k8s.io/v1alpha1",
	"apps/v1", "apps/v1beta1", "apps/v1beta2", "authentication.k8s.io/v1", "authentication.k8s.io/v1alpha1",
	"authentication.k8s.io/v1beta1", "authorization.k8s.io/v1", "authorization.k8s.io/v1beta1", "autoscaling/v1", "autoscaling/v2",
	"batch/v1", "batch/v1beta1", "certificates.k8s.io/v1", "certificates.k8s.io/v1beta1", "certificates.k8s.io/v1alpha1",
	"coordination.k8s.io/v1alpha2", "coordination.k8s.io/v1beta1", "coordination.k8s.io/v1", "discovery.k8s.io/v1", "discovery.k8s.io/v1beta1",
	"events.k8s.io/v1", "events.k8s.io/v1beta1", "extensions/v1beta1", "flowcontrol.apiserver.k8s.io/v1", "flowcontrol.apiserver.k8s.io/v1beta1",
	"flowcontrol.apiserver.k8s.io/v1beta2", "flowcontrol.apiserver.k8s.io/v1beta3", "lifecycle.k8s.io/v1alpha1", "networking.k8s.io/v1", "networking.k8s.io/v1beta1",
	"node.k8s.io/v1", "node.k8s.io/v1alpha1", "node.k8s.io/v1beta1", "policy/v1", "policy/v1beta1",
	"rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1alpha1", "resource.k8s.io/v1", "resource.k8s.io/v1beta2",
	"resource.k8s.io/v1beta1", "resource.k8s.io/v1alpha3", "scheduling.k8s.io/v1alpha3", "scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1",
	"storage.k8s.io/v1beta1", "storage.k8s.io/v1", "storage.k8s.io/v1alpha1", "storagemigration.k8s.io/v1", "storagemigration.k8s.io/v1beta1",
	"apiextensions.k8s.io/v1beta1", "apiextensions.k8s.io/v1",
}
