package repo

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Substitution is what a Flux Kustomization puts into manifests once they are built: spec.postBuild.
type Substitution struct {
	Vars map[string]string
	Open bool // more may come from a Secret, or from a ConfigMap that the repository does not have
}

// postBuild reads spec.postBuild; nil when nothing is substituted. Later sources win, and what is written in the Kustomization wins
// over all of them (fluxcd/pkg kustomize/kustomize_varsub.go).
func (r *Repo) postBuild(doc *Document) (*Substitution, error) {
	from, inline := content(doc.Get("spec", "postBuild", "substituteFrom")), doc.Get("spec", "postBuild", "substitute")
	if len(from) == 0 && len(content(inline)) == 0 {
		return nil, nil
	}
	s := &Substitution{Vars: map[string]string{}}
	for _, ref := range from {
		var data *yaml.Node
		if text(Lookup(ref, "kind")) == "ConfigMap" {
			var err error
			if data, err = r.configMap(text(Lookup(ref, "name")), doc); err != nil {
				return nil, err
			}
		}
		s.Open = data == nil || s.Open
		s.take(data)
	}
	s.take(inline)
	return s, nil
}

// take adds the entries of a mapping. A value that is itself to be filled in is not known.
func (s *Substitution) take(data *yaml.Node) {
	entries := content(data)
	for i := 0; i+1 < len(entries); i += 2 {
		name, value := deref(entries[i]).Value, deref(entries[i+1])
		if value.Kind != yaml.ScalarNode || strings.Contains(value.Value, "${") || strings.Contains(value.Value, "{{") {
			delete(s.Vars, name)
			s.Open = true
			continue
		}
		s.Vars[name] = value.Value
	}
}

// configMap returns the data of the ConfigMap that a document means by a name: of several the one that is nearest in the tree of
// directories. nil is one that the repository does not have, or has twice.
func (r *Repo) configMap(name string, by *Document) (*yaml.Node, error) {
	doc, err := r.configMapOf(name, by)
	if doc == nil {
		return nil, err
	}
	data := doc.Get("data")
	if data == nil {
		data = &yaml.Node{Kind: yaml.MappingNode}
	}
	return data, nil
}

// configMapOf returns the document of that ConfigMap.
func (r *Repo) configMapOf(name string, by *Document) (*Document, error) {
	all, err := r.scanConfigMaps()
	if err != nil {
		return nil, err
	}
	var best []*Document
	nearest := -1
	for _, doc := range all {
		namespace := text(doc.Get("metadata", "namespace"))
		if doc.Name() != name || namespace != "" && by.Namespace() != "" && namespace != by.Namespace() {
			continue
		}
		switch near := common(path.Dir(doc.File), path.Dir(by.File)); {
		case near > nearest:
			nearest, best = near, []*Document{doc}
		case near == nearest:
			best = append(best, doc)
		}
	}
	if len(best) != 1 {
		return nil, nil
	}
	return best[0], nil
}

// common counts the directories that two paths begin with.
func common(a, b string) int {
	n := 0
	for i, segment := range strings.Split(a, "/") {
		if other := strings.Split(b, "/"); i >= len(other) || other[i] != segment {
			break
		}
		n++
	}
	return n
}

// scanConfigMaps finds the ConfigMaps outside the applications, once.
func (r *Repo) scanConfigMaps() ([]*Document, error) {
	if r.whole != nil {
		return r.whole.scanConfigMaps()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.configMaps != nil {
		return r.configMaps, nil
	}
	found, err := r.Outside(func(src []byte) bool { return bytes.Contains(src, []byte("ConfigMap")) })
	if err != nil {
		return nil, err
	}
	r.configMaps = slices.DeleteFunc(found, func(doc *Document) bool { return doc.Kind() != "ConfigMap" })
	return r.configMaps, nil
}

// Key is the same for substitutions that give the same texts.
func (s *Substitution) Key() string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Vars)) {
		b.WriteString(name + "=" + s.Vars[name] + "\x00")
	}
	if s.Open {
		b.WriteString("…")
	}
	return b.String()
}
