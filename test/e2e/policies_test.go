package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// warnings collects what the API server warns of.
type warnings struct {
	mu   sync.Mutex
	said []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

var policyOf = regexp.MustCompile(`^Validation failed for ValidatingAdmissionPolicy 'redisgitops-([a-z0-9-]+)'`)

// rules returns the rules, as category-name, whose policies have warned since the last call.
func (w *warnings) rules() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, text := range w.said {
		if m := policyOf.FindStringSubmatch(text); m != nil {
			out = append(out, m[1])
		}
	}
	w.said = nil
	slices.Sort(out)
	return slices.Compact(out)
}

// ruleExamples are the manifests of the examples of all rules.
func (b *bench) ruleExamples() []string {
	b.Helper()
	files, err := filepath.Glob("../../policy/*/*/testdata/*.txtar")
	b.must(err)
	var out []string
	separator := regexp.MustCompile(`(?m)^-- (\S+) --\n`)
	for _, file := range files {
		src, err := os.ReadFile(file)
		b.must(err)
		ends := append(separator.FindAllSubmatchIndex(src, -1), []int{len(src)})
		for i, at := range ends[:len(ends)-1] {
			text := string(src[at[1]:ends[i+1][0]])
			if name := string(src[at[2]:at[3]]); !strings.HasSuffix(name, ".yaml") || strings.Contains(text, "{{") {
				continue
			}
			for _, document := range strings.Split("\n"+text, "\n---\n") {
				if document = strings.TrimPrefix(document, "\n"); !slices.Contains(out, document) {
					out = append(out, document)
				}
			}
		}
	}
	return out
}

// found returns the rules, as category-name, of what lint finds in a manifest.
func (b *bench) found(manifest string) []string {
	b.Helper()
	c := exec.CommandContext(b.ctx, filepath.Join(cluster.Bin, "redis-gitops"), "lint", "--strict", "--fail-on", "never", "--format", "json", "-")
	c.Dir, c.Stdin = b.TempDir(), strings.NewReader(manifest)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	text, err := c.Output()
	var report struct{ Findings []struct{ Rule string } }
	if err := json.Unmarshal(text, &report); err != nil {
		b.Fatalf("%v\n%s\n%s", err, text, &stderr)
	}
	if err != nil {
		b.Fatalf("%v\n%s", err, &stderr)
	}
	var out []string
	for _, f := range report.Findings {
		out = append(out, strings.ReplaceAll(f.Rule, "/", "-"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestAdmissionPolicies: the API server finds in every example of every rule what lint finds, and denies what it should.
func TestAdmissionPolicies(t *testing.T) {
	b := newBenchAlone(t)
	dir := filepath.Join(b.TempDir(), "vap")
	b.ok(b.tool(b.TempDir(), "policy", "export", "--strict", "--format", "vap", dir))
	var violator *unstructured.Unstructured // of auth/missing
	var create func(*unstructured.Unstructured) ([]string, error)
	b.Cleanup(func() { // after those below; other tests create what the policies deny
		b.until("no policy is in force", func() error {
			if violator == nil {
				return nil
			}
			if rules, err := create(violator); err != nil || len(rules) > 0 {
				return fmt.Errorf("%v %v", rules, err)
			}
			return nil
		})
	})
	policies, err := filepath.Glob(dir + "/policies/*.yaml")
	b.must(err)
	var exported []string
	covers := map[string]string{} // the policy of a rule
	for _, file := range policies {
		rule := strings.TrimSuffix(filepath.Base(file), ".yaml")
		exported = append(exported, rule)
		policy, err := os.ReadFile(file)
		b.must(err)
		b.apply(string(policy))
		covers[rule] = string(policy)
		binding, err := os.ReadFile(filepath.Join(dir, "bindings", rule+".yaml"))
		b.must(err)
		// All of them warn, since a request is denied by one policy alone.
		b.apply(regexp.MustCompile(`- (Deny|Audit)\n`).ReplaceAllString(string(binding), "- Warn\n"))
		b.Cleanup(func() {
			for _, resource := range []string{"validatingadmissionpolicybindings", "validatingadmissionpolicies"} {
				r := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource}
				if err := cluster.Dynamic.Resource(r).Delete(b.ctx, "redisgitops-"+rule, metav1.DeleteOptions{}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	config := rest.CopyConfig(cluster.Config)
	said := &warnings{}
	config.WarningHandler = said
	client, err := dynamic.NewForConfig(config)
	b.must(err)
	create = func(object *unstructured.Unstructured) ([]string, error) {
		kind := object.GroupVersionKind()
		at := slices.IndexFunc(append([]schema.GroupVersionResource{harness.RedisFailovers}, harness.Others...), func(r schema.GroupVersionResource) bool {
			return r.GroupVersion() == kind.GroupVersion() && slices.Contains([]string{"", "s", "es"}, strings.TrimPrefix(r.Resource, strings.ToLower(kind.Kind)))
		})
		if at < 0 {
			return nil, os.ErrNotExist
		}
		resource := append([]schema.GroupVersionResource{harness.RedisFailovers}, harness.Others...)[at]
		_, err := client.Resource(resource).Namespace(b.namespace).Create(b.ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return said.rules(), err
	}
	compared, findings, rejected := 0, 0, 0
	for _, manifest := range b.ruleExamples() {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil || object.GetKind() == "" || object.GetName() == "" {
			continue
		}
		object.SetNamespace(b.namespace)
		if compared == 0 { // policies come into force after a moment
			b.until("policies are in force", func() error {
				if rules, err := create(&object); err == nil && len(rules) == 0 {
					return fmt.Errorf("nothing is found in %s", object.GetName())
				}
				return nil
			})
		}
		got, err := create(&object)
		if err != nil {
			if !os.IsNotExist(err) {
				rejected++
			}
			continue
		}
		all := b.found(manifest)
		if slices.ContainsFunc(all, func(rule string) bool {
			return slices.Contains([]string{"data-bootstrap-port-not-string", "kdb-wrong-version-field", "op-invalid-value", "op-unknown-field", "re-unknown-field", "yaml-duplicate-key"}, rule)
		}) {
			rejected++ // by the definition of an operator, which the bench does not have
			continue
		}
		want := slices.DeleteFunc(all, func(rule string) bool {
			// The real definition drops the fields of other operators before a policy sees them.
			return !covered(covers[rule], object.GroupVersionKind()) || rule == "op-dialect-mismatch" && os.Getenv("E2E_CRD") != ""
		})
		if !slices.Equal(got, want) {
			b.Errorf("got %v, want %v of\n%s", got, want, manifest)
		}
		if violator == nil && slices.Contains(got, "auth-missing") && len(object.GetAnnotations()) == 0 {
			violator = object.DeepCopy()
		}
		compared++
		findings += len(want)
	}
	b.Logf("%d policies, %d manifests, %d findings; %d manifests more break their schema", len(exported), compared, findings, rejected)
	if compared < 100 || findings < 100 {
		b.Error("too few are compared")
	}
	for reason, want := range map[string]bool{"a cache of one job; until=2999-01-31": false, "a cache": false, " ; ": true, "until=2999-01-31": true, "a cache; until=soon": true} {
		object := violator.DeepCopy()
		object.SetAnnotations(map[string]string{"ignore.redis-gitops.io/auth.missing": reason})
		if rules, err := create(object); err != nil || slices.Contains(rules, "auth-missing") != want {
			b.Errorf("suppressed with %q: %v %v, want it found %v", reason, rules, err, want)
		}
	}
	b.denied(dir, func() error {
		_, err := create(violator)
		return err
	})
}

// denied puts the binding of a rule in force as it is exported.
func (b *bench) denied(dir string, create func() error) {
	b.Helper()
	binding, err := os.ReadFile(filepath.Join(dir, "bindings", "auth-missing.yaml"))
	b.must(err)
	b.apply(string(binding))
	b.until("auth/missing is denied", func() error {
		if err := create(); err == nil || !strings.Contains(err.Error(), "[auth/missing] https://") {
			return fmt.Errorf("the API server says %v", err)
		}
		return nil
	})
}

// covered says whether a policy is about a kind of resource.
func covered(policy string, kind schema.GroupVersionKind) bool {
	var p struct {
		Spec struct {
			MatchConstraints struct {
				ResourceRules []struct{ APIGroups, APIVersions, Resources []string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(policy), &p); err != nil {
		return false
	}
	for _, r := range p.Spec.MatchConstraints.ResourceRules {
		if slices.Contains(r.APIGroups, kind.Group) && slices.Contains(r.APIVersions, kind.Version) && slices.ContainsFunc(r.Resources, func(name string) bool {
			return slices.Contains([]string{"", "s", "es"}, strings.TrimPrefix(name, strings.ToLower(kind.Kind)))
		}) {
			return true
		}
	}
	return false
}
