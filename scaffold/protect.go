package scaffold

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
)

// operatorNamespace returns the namespace of the Redis operator: what the configuration says, else where the repository
// installs the operator. It is "" when neither says it, or when the repository installs it in several.
func operatorNamespace(config *cue.Config, installed []instance.Installation, operator string) string {
	if config.Operator.Namespace != "" && config.Operator.Name == operator {
		return config.Operator.Namespace
	}
	namespace := ""
	for _, found := range installed {
		switch {
		case found.Operator != operator || found.Namespace == "" || found.Namespace == namespace:
		case namespace != "":
			return ""
		default:
			namespace = found.Namespace
		}
	}
	return namespace
}

// otherOperator notes that the repository installs an operator of the same kind that is not the one this Redis is written for.
func (s *resource) otherOperator(p *Plan) error {
	if !s.redis || len(s.operator.Kinds) == 0 {
		return nil
	}
	operators, err := cue.Operators()
	if err != nil {
		return err
	}
	charge := instance.InCharge(s.config, s.installed, operators)
	if charge.Operator == s.operator.Name || s.config.NamesOperator() {
		return nil
	}
	if !slices.ContainsFunc(s.installed, func(in instance.Installation) bool { return in.Operator == charge.Operator }) {
		s.nameOperator(p, operators)
		return nil
	}
	note := "the repository installs the operator " + charge.Title() + ", but this Redis is written for " + s.operator.Name
	for _, in := range s.installed {
		if in.Operator != charge.Operator {
			continue
		}
		note += " (" + in.Where + ")"
		if group := in.NeedsGroup(operators); group != nil {
			note += ", and ignores a " + s.kind + " without the label " + group.Label + "; set the label to the operator's " + group.Env
		} else {
			note += "; compare its fields with the installed operator"
		}
		break
	}
	p.Notes = append(p.Notes, note)
	return nil
}

// nameOperator notes that nothing in the repository distinguishes the resources of the operator from those of another one.
func (s *resource) nameOperator(p *Plan, operators []*cue.Operator) {
	for _, o := range operators {
		if o.Name == s.config.Operator.Name && slices.ContainsFunc(o.Kinds, func(k cue.Kind) bool { return s.operator.Owns(k.APIVersion, k.Kind) }) {
			p.Notes = append(p.Notes, "nothing in the repository installs or names operator "+quoted(s.operator.Name)+", so lint checks this "+s.kind+" as one of "+quoted(o.Name)+
				"; set operator.name in "+cue.ConfigFile)
		}
	}
}

// groupInRepository returns the value of the operator's environment variable that its resources must have as a label, from the first file
// of the repository that sets it; "" if the operator has no such variable, or no file sets it.
func (s *resource) groupInRepository() string {
	group := s.operator.Recognise().Group
	if group == nil {
		return ""
	}
	set := regexp.MustCompile(regexp.QuoteMeta(group.Env) + `["']?\s*[,\n]\s*["']?value["']?:\s*["']?([A-Za-z0-9][-A-Za-z0-9_.]*)`)
	files, err := s.repo.Files(".")
	if err != nil {
		return ""
	}
	for _, file := range files {
		if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" || strings.HasPrefix(file, recordFolder+"/") {
			continue
		}
		src, err := readIfThere(s.repo, file)
		if err != nil {
			continue // whoever needs the file reports it
		}
		if m := set.FindSubmatch(src); m != nil {
			return string(m[1])
		}
	}
	return ""
}

// kindsOf matches a resource of the operator in a manifest or template; the first group is its kind.
func kindsOf(operator *cue.Operator) *regexp.Regexp {
	var kinds []string
	for _, k := range operator.Kinds {
		kinds = append(kinds, regexp.QuoteMeta(k.Kind))
	}
	if len(kinds) == 0 { // nobody runs it: the workloads of the template
		for _, scheme := range operator.Schemes() {
			kinds = append(kinds, regexp.QuoteMeta(scheme.Kind))
		}
	}
	return regexp.MustCompile(`(?m)^kind:\s*["']?(` + strings.Join(kinds, "|") + `)\b`)
}

// protection notes what keeps the sentinels of this Redis and of another one apart, or that nothing does. All sentinels of
// the operator call their master mymaster, and find each other through it: when a pod gets the address that a pod of another
// Redis had, they join, and the data of one is overwritten (spotahome/redis-operator#550, freshworks-oss/redis-operator#6).
func (s *resource) protection(p *Plan) error {
	if !s.redis {
		return nil
	}
	policy, _ := s.values["networkPolicy"].(string)
	if policy != "" {
		if policy == s.operatorNamespace && s.changed["networkPolicy"] != "" {
			p.Notes = append(p.Notes, "the NetworkPolicy allows pods in the same namespace and in the operator namespace "+quoted(policy)+
				"; add other namespaces with clients to it, or set networkPolicy to \"\" to omit it")
		}
		return nil
	}
	if len(s.operator.Kinds) == 0 { // its sentinels know pods by their names, which nobody else has
		if s.config.Strict {
			p.Notes = append(p.Notes, "strict mode requires a NetworkPolicy; set networkPolicy to another namespace that may connect, such as that of Prometheus")
		}
		return nil
	}
	way := "set operator.namespace in " + cue.ConfigFile + " to the namespace of the Redis operator"
	if s.operatorNamespace != "" {
		way = "set networkPolicy to " + s.operatorNamespace
	}
	if s.config.Strict {
		p.Notes = append(p.Notes, "strict mode requires a NetworkPolicy; "+way)
	}
	if s.secret != "" && !s.sharedSecret() || s.names.SentinelService == "" { // it has no sentinels that could take another Redis for theirs
		return nil
	}
	other, err := s.anotherRedis()
	if err != nil || other == "" {
		return err
	}
	joins := "merge with those of"
	if s.names.MasterName == s.names.Resource { // which no other sentinels know
		joins = "take over pods of"
	}
	lacks := "no password and no NetworkPolicy"
	if s.secret != "" {
		lacks = "a shared password and no NetworkPolicy"
	}
	p.Notes = append(p.Notes, "the Redis "+quoted(s.names.Resource)+" has "+lacks+", so its sentinels can "+joins+" another Redis ("+other+
		") when a pod reuses an IP address, and the data of one is lost; "+way+", or give it a password of its own")
	return nil
}

func quoted(s string) string { return `"` + s + `"` }

// sharedSecret reports whether another Redis of the application has the same Secret. A password keeps two apart only if it is
// not the same.
func (s *resource) sharedSecret() bool {
	all, err := s.all()
	if err != nil {
		return false // who reads the records to change them says what is wrong
	}
	for _, rec := range all {
		if rec.Name != s.name && rec.Values["auth"] == s.secret {
			return true
		}
	}
	return false
}

// anotherRedis returns the file of another Redis of the operator in the repository, "" when there is none.
func (s *resource) anotherRedis() (string, error) {
	files, err := s.repo.Files(".")
	if err != nil {
		return "", err
	}
	own := path.Join(s.templateDir(), s.name+".yaml")
	for _, file := range files {
		if ext := path.Ext(file); file == own || ext != ".yaml" && ext != ".yml" ||
			strings.HasPrefix(file, s.repo.Layout().Generators+"/") || strings.HasPrefix(file, recordFolder+"/") {
			continue
		}
		src, err := readIfThere(s.repo, file)
		if err != nil {
			continue // nobody can deploy what cannot be read
		}
		if at := s.kinds.FindIndex(src); at != nil {
			return finding.Position{File: file, Line: strings.Count(string(src[:at[0]]), "\n") + 1}.String(), nil
		}
	}
	return "", nil
}
