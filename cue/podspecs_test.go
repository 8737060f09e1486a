package cue

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// crds are the files of ../shared/crds by operator; those of Spotahome's forks have the fields of Spotahome's, which it is held against.
var crds = map[string][]string{
	"alauda":           {"alauda_redisfailovers"},
	"kubedb":           {"kubedb_redises", "kubedb_redissentinels"},
	"opstree":          {"opstree_redis", "opstree_redisreplications", "opstree_redissentinels", "opstree_redisclusters"},
	"redis-enterprise": {"redis-enterprise_rec", "redis-enterprise_redb", "redis-enterprise_reaadb", "redis-enterprise_rerc"},
	"spotahome":        {"spotahome-1.2.4_redisfailovers"},
}

// TestFactsInSchema: every path of the facts about pods and references is a field of the operator's CustomResourceDefinition.
func TestFactsInSchema(t *testing.T) {
	t.Parallel()
	for name, files := range crds {
		t.Run(name, func(t *testing.T) {
			schemas := map[Kind]any{}
			for _, f := range files {
				readCRD(t, filepath.Join("../../shared/crds", f+".yaml"), schemas)
			}
			o, err := OperatorNamed(name)
			if err != nil {
				t.Fatal(err)
			}
			paths := 0
			check := func(apiVersions []string, kind, path string) {
				for _, v := range apiVersions {
					schema, served := schemas[Kind{v, kind}]
					if !served { // an older version of the API, whose definition is not there
						continue
					}
					paths++
					if !strings.HasPrefix(path, "metadata.") && !inSchema(schema, strings.Split(path, ".")) {
						t.Errorf("%s %s has no field %s", v, kind, path)
					}
				}
			}
			for _, p := range o.PodSpecs() {
				for _, path := range p.At {
					check(p.APIVersions, p.Kind, path)
				}
				for _, path := range slices.Concat(p.Volumes, p.Mounts, p.Containers, p.Init, p.Env, p.Images) {
					check(p.APIVersions, p.Kind, path)
				}
				for _, text := range append([]string{p.Replicas, p.Port}, p.If...) {
					for _, hole := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("{}|!=", r) }) {
						if strings.HasPrefix(hole, "spec.") && hole != "spec.sentinel.enabled" { // of a fork
							check(p.APIVersions, p.Kind, hole)
						}
					}
				}
			}
			for _, r := range o.References() {
				check(r.APIVersions, r.Kind, r.Path)
			}
			if paths == 0 {
				t.Error("no path was checked")
			}
		})
	}
}

// readCRD adds the schemas of a CustomResourceDefinition.
func readCRD(t *testing.T, file string, schemas map[Kind]any) {
	src, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skip("no public CustomResourceDefinitions beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema any `yaml:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(src, &crd); err != nil {
		t.Fatal(err)
	}
	for _, v := range crd.Spec.Versions {
		schemas[Kind{crd.Spec.Group + "/" + v.Name, crd.Spec.Names.Kind}] = v.Schema.OpenAPIV3Schema
	}
}

func inSchema(schema any, path []string) bool {
	for _, step := range path {
		if step == "*" {
			schema = At(schema, "items")
		} else {
			schema = At(schema, "properties", step)
		}
		if schema == nil {
			return false
		}
	}
	return true
}
