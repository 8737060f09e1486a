package export

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/policy"
)

// inCEL are options with the kinds of all operators, for all rules or those that are named.
func inCEL(t *testing.T, format string, names ...string) Options {
	t.Helper()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := Kinds(operators, "spotahome", "1.2.4")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) > 0 {
		rules = slices.DeleteFunc(rules, func(r *policy.Rule) bool { return !slices.Contains(names, r.Name) })
	}
	return Options{Format: format, Rules: rules, Kinds: kinds, Settings: map[string]any{
		"strict": false, "options": map[string]any{}, "foreignFields": map[string]any{}, "operator": map[string]any{"name": "spotahome", "version": "1.2.4", "title": "Spotahome"},
	}}
}

func files(t *testing.T, opts Options) map[string]string {
	t.Helper()
	all, err := Rules(opts)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range all {
		if _, ok := out[f.File]; ok {
			t.Errorf("%s is there twice", f.File)
		}
		out[f.File] = f.Source
	}
	return out
}

// celPolicy is what both kinds of policies have.
type celPolicy struct {
	APIVersion, Kind string
	Metadata         struct{ Name string }
	Spec             struct {
		FailurePolicy     string              `yaml:"failurePolicy"`
		ValidationActions []string            `yaml:"validationActions"`
		PolicyName        string              `yaml:"policyName"`
		MatchConditions   []map[string]string `yaml:"matchConditions"`
		Variables         []map[string]string
		Validations       []map[string]string
		MatchConstraints  struct {
			ResourceRules []struct {
				APIGroups, APIVersions, Operations, Resources []string
			} `yaml:"resourceRules"`
		} `yaml:"matchConstraints"`
	}
}

func parsedPolicy(t *testing.T, text string) (p celPolicy) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// TestAdmission: a rule has a policy in each format, with its severity, its name, its page, and what suppresses it.
func TestAdmission(t *testing.T) {
	t.Parallel()
	const name = "ha/single-redis"
	opts := inCEL(t, "vap", name)
	opts.ExcludedNamespaces = []string{"legacy"}
	vap := files(t, opts)
	opts.Format = "kyverno"
	kyverno := files(t, opts)
	if got := slices.Sorted(maps.Keys(vap)); !slices.Equal(got, []string{"README.md", "bindings/ha-single-redis.yaml", "policies/ha-single-redis.yaml"}) {
		t.Errorf("files %v", got)
	}
	admission, binding := parsedPolicy(t, vap["policies/ha-single-redis.yaml"]), parsedPolicy(t, vap["bindings/ha-single-redis.yaml"])
	validating := parsedPolicy(t, kyverno["policies/ha-single-redis.yaml"])
	if binding.Spec.PolicyName != admission.Metadata.Name || !slices.Equal(binding.Spec.ValidationActions, []string{"Audit"}) || !slices.Equal(validating.Spec.ValidationActions, []string{"Audit"}) {
		t.Errorf("binding %+v, Kyverno %v", binding, validating.Spec.ValidationActions)
	}
	for _, p := range []celPolicy{admission, validating} {
		if p.Spec.FailurePolicy != "Ignore" || len(p.Spec.MatchConditions) != 2 || !strings.Contains(p.Spec.MatchConditions[1]["expression"], "['legacy']") {
			t.Errorf("%s: %+v", p.Kind, p.Spec)
		}
		if len(p.Spec.Variables) != 1 || !strings.Contains(p.Spec.Variables[0]["expression"], "'ignore.redis-gitops.io/ha.single-redis', 'ignore.redis-gitops.io/ha.*'") {
			t.Errorf("%s: %v", p.Kind, p.Spec.Variables)
		}
		for _, v := range p.Spec.Validations {
			if want := "[ha/single-redis] https://github.com/redis-gitops/redis-gitops/blob/main/docs/rules/ha/single-redis.md"; !strings.HasSuffix(v["message"], want) || strings.Contains(v["message"], "\n") {
				t.Errorf("%s: message %q", p.Kind, v["message"])
			}
			if !strings.HasPrefix(v["expression"], "variables.suppressed ||\n") {
				t.Errorf("%s: %s", p.Kind, v["expression"])
			}
		}
	}
	if !strings.Contains(vap["README.md"], "| [ha/single-redis](https://") || !strings.Contains(vap["README.md"], "Excluded namespaces: legacy.") {
		t.Error(vap["README.md"])
	}
}

// TestAdmissionSettings: what the configuration suppresses or freezes.
func TestAdmissionSettings(t *testing.T) {
	t.Parallel()
	const file = "policies/ha-single-redis.yaml"
	for _, tt := range []struct {
		name       string
		ignore     []Ignored
		frozen     []string
		want, lack string // in the policy; no want at all is no policy
	}{
		{"nothing", nil, nil, "annotations", "metadata.?name"},
		{"for all", []Ignored{{Rule: "ha/single-redis"}}, nil, "", ""},
		{"a category for all", []Ignored{{Rule: "ha/*"}}, nil, "", ""},
		{"another rule", []Ignored{{Rule: "ha/host-network"}}, nil, "annotations", "metadata.?name"},
		{"for a name", []Ignored{{Rule: "ha/*", Resource: "shop"}}, nil, "object.metadata.?name.orValue('') == 'shop' ||", "object.kind == 'shop'"},
		{"for a kind and a name", []Ignored{{Rule: "ha/*", Resource: "RedisFailover/shop"}}, nil, "object.kind == 'RedisFailover' && object.metadata.?name.orValue('') == 'shop' ||", ""},
		{"until a day", []Ignored{{Rule: "ha/*", Until: "2999-01-31"}}, nil, "", ""},
		{"expired", []Ignored{{Rule: "ha/*", Until: "2020-01-31"}}, nil, "annotations", ""},
		{"no date", []Ignored{{Rule: "ha/*", Until: "soon"}}, nil, "annotations", ""},
		{"frozen", []Ignored{{Rule: "ha/*"}}, []string{"ha/single-redis"}, "object.spec", "suppressed"},
		{"frozen category", []Ignored{{Rule: "ha/*"}}, []string{"ha/*"}, "object.spec", "suppressed"},
	} {
		opts := inCEL(t, "vap", "ha/single-redis")
		opts.Ignore, opts.Frozen = tt.ignore, tt.frozen
		text := files(t, opts)[file]
		if !strings.Contains(text, tt.want) || (tt.want == "") != (text == "") || tt.lack != "" && strings.Contains(text, tt.lack) {
			t.Errorf("%s: %s", tt.name, text)
		}
	}
}

// TestAdmissionRules: every rule about single resources is in CEL, or the README says why not.
func TestAdmissionRules(t *testing.T) {
	t.Parallel()
	opts := inCEL(t, "kyverno")
	all := files(t, opts)
	translated := 0
	for _, r := range opts.Rules {
		if r.Scope != policy.ScopeResource || r.Severity == policy.Off {
			continue
		}
		_, ok := all["policies/"+strings.ReplaceAll(r.Name, "/", "-")+".yaml"]
		if reason := strings.Contains(all["README.md"], "| "+r.Name+" | "); ok == reason {
			t.Errorf("%s: in the export %v, with a reason %v", r.Name, ok, reason)
		}
		if ok {
			translated++
		}
	}
	if translated < 40 {
		t.Errorf("%d rules in CEL", translated)
	}
}

// TestOCI reads a layout as its specification has it: each blob has its digest and size, and the files are those of the export.
func TestOCI(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		opts := inCEL(t, format, "ha/single-redis", "mem/bad-quantity")
		want, err := Rules(opts)
		if err != nil {
			t.Fatal(err)
		}
		made, err := OCI(format, want)
		if err != nil {
			t.Fatal(err)
		}
		again, err := OCI(format, want)
		if err != nil || !slices.Equal(made, again) {
			t.Errorf("%s: not the same again: %v", format, err)
		}
		blobs := map[string]string{}
		for _, f := range made {
			blobs[f.File] = f.Source
		}
		if blobs["oci-layout"] != "{\"imageLayoutVersion\":\"1.0.0\"}\n" {
			t.Errorf("%s: oci-layout %q", format, blobs["oci-layout"])
		}
		var index, manifest struct {
			SchemaVersion int
			MediaType     string
			Manifests     []descriptor
			Config        descriptor
			Layers        []descriptor
		}
		if err := json.Unmarshal([]byte(blobs["index.json"]), &index); err != nil || len(index.Manifests) != 1 || index.Manifests[0].Annotations[annotationRef] != "latest" {
			t.Fatalf("%s: %v %+v", format, err, index)
		}
		if err := json.Unmarshal([]byte(blob(t, blobs, index.Manifests[0])), &manifest); err != nil || manifest.SchemaVersion != 2 {
			t.Fatalf("%s: %v %+v", format, err, manifest)
		}
		blob(t, blobs, manifest.Config)
		if n := len(blobs); n != 4+len(manifest.Layers) {
			t.Errorf("%s: %d files for %d layers", format, n, len(manifest.Layers))
		}
		got := map[string]string{}
		for _, l := range manifest.Layers {
			content := blob(t, blobs, l)
			switch l.MediaType {
			case mediaLayer:
				untar(t, content, got)
			case mediaRego, mediaData:
				got[l.Annotations[annotationTitle]] = content
			default:
				t.Errorf("%s: media type %s", format, l.MediaType)
			}
		}
		for _, f := range want {
			if format == "conftest" && path.Ext(f.File) == ".md" {
				continue
			}
			if got[f.File] != f.Source {
				t.Errorf("%s: %s differs", format, f.File)
			}
			delete(got, f.File)
		}
		if len(got) > 0 {
			t.Errorf("%s: also %v", format, slices.Collect(maps.Keys(got)))
		}
	}
}

func blob(t *testing.T, blobs map[string]string, d descriptor) string {
	t.Helper()
	content, ok := blobs["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
	if !ok || len(content) != d.Size || fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content))) != d.Digest {
		t.Fatalf("%+v: there %v, %d bytes", d, ok, len(content))
	}
	return content
}

func untar(t *testing.T, content string, into map[string]string) {
	t.Helper()
	zipped, err := gzip.NewReader(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(zipped)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := io.Copy(&b, archive); err != nil {
			t.Fatal(err)
		}
		into[header.Name] = b.String()
	}
}
