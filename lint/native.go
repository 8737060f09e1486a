package lint

import (
	"bytes"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

const cueConfigFile = cue.ConfigFile

// sourceDocument is a document that is no resource.
type sourceDocument struct {
	file  string
	index int
	kind  string // "chart", "values", "kustomization"
	data  any
}

// ruleOf gives the rule that reports a kind of problem with a file or with rendering.
func ruleOf(code diag.Code) string {
	switch code {
	case repo.CodeUnreadable:
		return "yaml/unreadable"
	case repo.CodeDuplicateKey:
		return "yaml/duplicate-key"
	case repo.CodeTab:
		return "yaml/tab"
	case render.CodeFails:
		return "val/render-fails"
	case render.CodeNotYAML:
		return "val/not-yaml"
	case render.CodeSchema:
		return "val/schema"
	}
	return "yaml/invalid"
}

// schemas are the structural checks of the operator that runs in the cluster, made when the first resource of its kinds is there.
type schemas struct {
	once     sync.Once
	operator *cue.Operator
	schemas  *cue.Schemas
	other    string // the operator that is installed in the place of the one that is known in full
}

// oldGroups are API groups that the operator had before and no other operator has (op/api-version tells about them).
var oldGroups = regexp.MustCompile(`^(storage\.spotahome\.com|spotahome\.com|redis\.io)/`)

func (s *schemas) load(l *linter) {
	operator := l.operator()
	if operator == nil {
		return
	}
	version := l.config.Operator.Version
	for _, found := range l.running() {
		switch {
		case found.Operator == operator.Name && found.Version != "":
			version = found.Version
		case found.Operator != operator.Name && s.other == "":
			s.other = found.Operator
		}
	}
	if slices.ContainsFunc(l.running(), func(r instance.Running) bool { return r.Operator == operator.Name }) {
		s.other = ""
	}
	schemas, err := operator.Schemas(version)
	if err != nil {
		return // a version without a schema of its own
	}
	s.operator, s.schemas = operator, schemas
}

// check says what the operator's schema has against a resource. Those of other operators are left alone.
func (s *schemas) check(l *linter, resource map[string]any) []policy.Violation {
	kind, apiVersion := text(resource, "kind"), text(resource, "apiVersion")
	if !strings.HasPrefix(kind, "Redis") || resource["sops"] != nil {
		return nil
	}
	s.once.Do(func() { s.load(l) })
	if s.schemas == nil {
		return nil
	}
	own := slices.IndexFunc(s.operator.Kinds, func(k cue.Kind) bool { return k.Kind == kind })
	if own < 0 {
		return nil
	}
	k := s.operator.Kinds[own]
	if k.APIVersion != apiVersion {
		if !oldGroups.MatchString(apiVersion) {
			return nil
		}
		resource = maps.Clone(resource)
		resource["apiVersion"] = k.APIVersion
	}
	if s.other != "" {
		return nil // a fork that owns the same kind; noted once
	}
	var out []policy.Violation
	for _, v := range s.schemas.Check(resource) {
		rule := "op/invalid-value"
		if v.Unknown || v.NoMapping {
			rule = "op/unknown-field" // what is expected below a mapping is lost, as an unknown field is
		}
		out = append(out, policy.Violation{Rule: rule, Resource: -1, Path: v.Path, Key: v.Unknown, Message: v.Message})
	}
	return out
}

// running says which operators the repository installs.
func (l *linter) running() []instance.Running { return l.operators() }

// recognise reads what may install an operator: files outside the applications.
func (l *linter) recognise() []instance.Running {
	operators, err := cue.Operators()
	if err != nil {
		return nil
	}
	apps, err := l.repo.Apps()
	if err != nil {
		return nil
	}
	isApp := map[string]bool{}
	for _, a := range apps {
		isApp[a.Dir] = true
	}
	var documents []instance.Document
	for _, file := range l.files {
		if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" || l.isTemplate(file) || insideAny(file, isApp) {
			continue
		}
		documents = append(documents, l.opts.Kept.installing(l, file)...)
	}
	return instance.Recognise(documents, operators)
}

// readInstalling gives the documents of a file that names Redis.
func (l *linter) readInstalling(file string) []instance.Document {
	src, err := l.repo.ReadFile(file)
	if err != nil || !bytes.Contains(bytes.ToLower(src), []byte("redis")) {
		return nil
	}
	var documents []instance.Document
	docs, _ := repo.ParseDocuments(file, src)
	for _, d := range docs {
		object, _ := plainData(d.Node).(map[string]any)
		if object == nil {
			continue
		}
		if base := path.Base(file); object["kind"] == nil && strings.HasPrefix(base, "kustomization.") {
			object["kind"] = "Kustomization"
		}
		documents = append(documents, instance.Document{Object: object, Namespace: d.Namespace(), Where: d.At(d.Node).String()})
	}
	return documents
}

func insideAny(file string, dirs map[string]bool) bool {
	for d := path.Dir(file); d != "."; d = path.Dir(d) {
		if dirs[d] {
			return true
		}
	}
	return false
}
