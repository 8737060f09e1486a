package scaffold

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// A Generator is the template of a resource or deployment, in the dialect of Reclaim the Stack: a Helm template in which
// %{application}, %{name}, %{camelName}, %{suffix} (resources) and %{image} (deployments) are replaced, with a comment at
// its top that holds example values. %{namespace} is ours.
type Generator struct {
	Type string // the file's name: redis, postgres, web
	File string // where it stands in the repository; for a built-in one a name that no file has
	Text string
}

// builtInGenerator begins the name of a generator that comes with the tool.
const builtInGenerator = "built-in "

// BuiltIn reports whether the generator comes with the tool and not with the repository.
func (g *Generator) BuiltIn() bool { return strings.HasPrefix(g.File, builtInGenerator) }

// Placeholders are the values of %{…} in a generator.
type Placeholders map[string]string

// Expand replaces the placeholders. As in Ruby's format, %% is a percent sign; unlike there, a percent sign that starts no
// placeholder stays as it is, so that {{ printf "%s" }} works. Every unknown placeholder is a problem with its place.
func (g *Generator) Expand(values Placeholders) (string, error) {
	var b strings.Builder
	var problems finding.Problems
	line, lineStart := 1, 0
	text := g.Text
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\n':
			line, lineStart = line+1, i+1
		case strings.HasPrefix(text[i:], "%%"):
			i++
		case strings.HasPrefix(text[i:], "%{"):
			end := strings.IndexAny(text[i:], "}\n")
			if end < 0 || text[i+end] != '}' {
				problems = append(problems, finding.Errorf(finding.Position{File: g.File, Line: line, Column: i - lineStart + 1}, "",
					"unterminated placeholder; use %%%% for a percent sign"))
				break
			}
			name := text[i+2 : i+end]
			value, ok := values[name]
			if !ok {
				known := make([]string, 0, len(values))
				for k := range values {
					known = append(known, k)
				}
				slices.Sort(known)
				problems = append(problems, finding.Errorf(finding.Position{File: g.File, Line: line, Column: i - lineStart + 1}, "",
					"unknown placeholder %q; %s%s", "%{"+name+"}", finding.OneOf(known), finding.DidYouMean(name, known)))
			}
			b.WriteString(value)
			i += end
			continue
		}
		b.WriteByte(text[i])
	}
	if err := problems.Err(); err != nil {
		return "", err
	}
	return b.String(), nil
}

// generator finds the generator of a type in folder (resources or deployments). builtIn gives the one that comes with the
// tool, or nil.
func generator(r *repo.Repo, folder, typ string, builtIn func(typ string) []byte, builtInTypes []string) (*Generator, error) {
	what := strings.TrimSuffix(folder, "s")
	if err := repo.CheckName(what+" type", typ); err != nil {
		return nil, err
	}
	dir := path.Join(r.Layout().Generators, folder)
	types, err := generatorTypes(r, folder)
	if err != nil {
		return nil, err
	}
	if slices.Contains(types, typ) {
		file := path.Join(dir, typ+".yaml")
		src, err := r.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(src)) == "" {
			return nil, finding.Errorf(finding.Position{File: file}, "", "the generator is empty; add a template, or remove the file")
		}
		return &Generator{Type: typ, File: file, Text: string(src)}, nil
	}
	if text := builtIn(typ); text != nil {
		return builtInOf(typ, text), nil
	}
	types = append(types, builtInTypes...)
	slices.Sort(types)
	if len(types) == 0 {
		return nil, finding.Errorf(finding.Position{}, "", "unknown %s type %q, as %s has no generators; write %s", what, typ, dir, path.Join(dir, typ+".yaml"))
	}
	return nil, finding.Errorf(finding.Position{}, "", "unknown %s type %q; %s, or write %s%s",
		what, typ, finding.OneOf(slices.Compact(types)), path.Join(dir, typ+".yaml"), finding.DidYouMean(typ, types))
}

// builtInOf returns the generator of a template that comes with the tool.
func builtInOf(typ string, text []byte) *Generator {
	return &Generator{Type: typ, File: builtInGenerator + typ + ".yaml", Text: string(text)}
}

// resourceGenerator finds the generator of a resource type for an operator. If somebody chose the operator, one of the repository that
// creates a Redis of another operator does not count; the note names it.
func resourceGenerator(r *repo.Repo, typ string, operator *cue.Operator, chosen bool) (g *Generator, note string, err error) {
	g, err = generator(r, "resources", typ, operator.Template, operator.Types)
	if others := creators(typ); err != nil && len(others) > 0 && !slices.Contains(others, operator.Name) {
		return nil, "", finding.Errorf(finding.Position{}, "", "operator %q has no template for resource type %q", operator.Name, typ).
			Flags("; set --operator to %s", finding.OneOf(others)).About(CodeRequest, "type")
	}
	if err != nil || g.BuiltIn() || !chosen || !slices.Contains(operator.Types, typ) {
		return g, "", err
	}
	lacks, err := foreignTo(operator, g.Text)
	if err != nil || lacks == "" {
		return g, "", err
	}
	note = g.File + " " + lacks + ", so the built-in template of operator " + quoted(operator.Name) + " is used; replace the file to use your own"
	return builtInOf(typ, operator.Template(typ)), note, nil
}

// creators returns the operators with a template for a resource type.
func creators(typ string) (names []string) {
	for _, name := range cue.GeneratedNames() {
		if o, err := cue.OperatorNamed(name); err == nil && slices.Contains(o.Types, typ) {
			names = append(names, name)
		}
	}
	return names
}

// foreignTo describes why a generator is for another operator; "" means that it is not, or for none.
func foreignTo(operator *cue.Operator, text string) (string, error) {
	if kindsOf(operator).MatchString(text) {
		if group := operator.Recognise().Group; group != nil && !strings.Contains(text, group.Label) {
			return "does not set the label " + group.Label, nil
		}
		return "", nil
	}
	operators, err := cue.Operators()
	if err != nil {
		return "", err
	}
	for _, other := range operators {
		if len(other.Kinds) == 0 { // none of its own
			continue
		}
		if m := kindsOf(other).FindStringSubmatch(text); m != nil {
			return "creates a " + m[1] + " of another operator", nil
		}
	}
	return "", nil
}

// generatorTypes lists the types that the repository's own generators define.
func generatorTypes(r *repo.Repo, folder string) ([]string, error) {
	dir := path.Join(r.Layout().Generators, folder)
	files, err := r.Files(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var types []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(path.Base(f), ".yaml"); ok && path.Dir(f) == dir {
			types = append(types, name)
		}
	}
	return types, nil
}

// camelName turns a name with dashes into one with capitals: redis-cache-2 into redisCache2, as k does.
func camelName(name string) string {
	words := strings.Split(name, "-")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + strings.ToLower(w[1:])
		}
	}
	return strings.Join(words, "")
}

// cleanSuffix returns a suffix as it is put behind names: with one dash in front, or "".
func cleanSuffix(suffix string) (string, error) {
	if suffix == "" {
		return "", nil
	}
	plain := strings.TrimPrefix(suffix, "-")
	if err := repo.CheckName("suffix", plain); err != nil {
		return "", err
	}
	return "-" + plain, nil
}
