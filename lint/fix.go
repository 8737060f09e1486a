package lint

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// fix is a change of lines of one source file. Rendered text is never what is changed.
type fix struct {
	file  string
	line  int    // where it begins, for the order of several
	words string // what it does
	edit  func(lines []string) ([]string, error)
}

// Fixed is what Fix did.
type Fixed struct {
	Result  *Result         // of the repository after the fixes
	Done    []*diag.Finding // that are gone
	Changes []repo.Change   // to apply, sorted by file
}

// maxRounds is how often the repository is checked again after fixes, which may make others possible.
const maxRounds = 10

// Fix applies the fixes of all findings that count, checks again, and goes on until nothing changes. A fix that does not make
// its finding go away, or makes a file or chart unreadable, is taken back. It writes nothing: Changes is for [repo.Repo.Apply].
func Fix(ctx context.Context, r *repo.Repo, opts Options) (*Fixed, error) {
	fsys := newOverlay(r.Fs())
	on, err := repo.Open(fsys, repo.Options{Layout: r.Layout()})
	if err != nil {
		return nil, err
	}
	if opts.Compiled == nil {
		opts.Compiled = &Compiled{}
	}
	folded := opts
	opts.unfolded = true
	out := &Fixed{}
	refused := map[string]bool{}
	if out.Result, err = Run(ctx, on, opts); err != nil {
		return nil, err
	}
	for range maxRounds {
		files := map[string][]*diag.Finding{}
		for _, f := range out.Result.Findings {
			if fx := out.Result.fixes[f]; fx != nil && f.Suppressed == nil && !refused[fingerprint(f)] {
				files[fx.file] = append(files[fx.file], f)
			}
		}
		if len(files) == 0 {
			break
		}
		before := map[string][]byte{}
		tried := map[string][]*diag.Finding{}
		for file, findings := range files {
			src, err := on.ReadFile(file)
			if err != nil {
				return nil, err
			}
			fixed, applied := apply(src, findings, out.Result.fixes)
			for _, f := range findings {
				if !slices.Contains(applied, f) && len(applied) == 0 {
					refused[fingerprint(f)] = true
				}
			}
			if len(applied) == 0 || bytes.Equal(src, fixed) {
				continue
			}
			before[file], tried[file] = src, applied
			if err := fsys.set(file, fixed); err != nil {
				return nil, err
			}
		}
		if len(tried) == 0 {
			break
		}
		after, err := Run(ctx, on, opts)
		if err != nil {
			return nil, err
		}
		still := map[string]bool{}
		for _, f := range after.Findings {
			still[fingerprint(f)] = true
		}
		was := map[string]bool{}
		for _, f := range out.Result.Findings {
			was[fingerprint(f)] = true
		}
		again := false
		for file, findings := range tried {
			bad := slices.ContainsFunc(after.Findings, func(f *diag.Finding) bool { return breaks(f.Rule) && !was[fingerprint(f)] })
			for _, f := range findings {
				bad = bad || still[fingerprint(f)]
			}
			if !bad {
				out.Done = append(out.Done, findings...)
				continue
			}
			again = true
			for _, f := range findings {
				// With several in one file, the next round tries those that did work.
				if still[fingerprint(f)] || len(findings) == 1 {
					refused[fingerprint(f)] = true
				}
			}
			if !slices.ContainsFunc(findings, func(f *diag.Finding) bool { return refused[fingerprint(f)] }) {
				for _, f := range findings {
					refused[fingerprint(f)] = true
				}
			}
			if err := fsys.set(file, before[file]); err != nil {
				return nil, err
			}
		}
		if again {
			if after, err = Run(ctx, on, opts); err != nil {
				return nil, err
			}
		}
		out.Result = after
	}
	if out.Result, err = Run(ctx, on, folded); err != nil {
		return nil, err
	}
	diag.SortFindings(out.Done)
	for name := range fsys.names {
		old, err := r.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fixed, err := on.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(old, fixed) {
			out.Changes = append(out.Changes, repo.Change{Path: name, Old: old, New: fixed})
		}
	}
	slices.SortFunc(out.Changes, func(a, b repo.Change) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// breaks are the rules whose findings a fix must never bring.
func breaks(rule string) bool {
	return strings.HasPrefix(rule, "yaml/") || rule == "val/render-fails" || rule == "val/not-yaml" || rule == "op/unknown-field" || rule == "op/invalid-value"
}

func fingerprint(f *diag.Finding) string {
	return strings.Join([]string{f.Rule, f.File, f.Resource.String(), strings.Join(f.Path, "\x00"), f.Message}, "\x01")
}

// apply makes the fixes from the end of the file to its beginning, so that lines stay where they were found. Of two at one line
// the first one wins.
func apply(src []byte, findings []*diag.Finding, fixes map[*diag.Finding]*fix) ([]byte, []*diag.Finding) {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b *diag.Finding) int { return cmp.Compare(fixes[b].line, fixes[a].line) })
	lines := strings.SplitAfter(string(src), "\n")
	var applied []*diag.Finding
	last := 0
	for _, f := range sorted {
		fx := fixes[f]
		if fx.line == last {
			continue
		}
		changed, err := fx.edit(slices.Clone(lines))
		if err != nil {
			continue
		}
		lines, last = changed, fx.line
		applied = append(applied, f)
	}
	return []byte(strings.Join(lines, "")), applied
}

// planFix finds the source lines that a fix of a resource's path changes; nil when there is no safe way.
func (u *unit) planFix(l *linter, r *render.Resource, f *policy.Fix) *fix {
	key, value, found := nearest(r.Find, f.Path)
	if !found && f.Op != "add" || value == nil {
		return nil
	}
	at := func(n *yaml.Node) (diag.Position, bool) {
		o := r.Origin(n)
		return o.Source, o.Literal && o.Source.Line > 0
	}
	switch {
	case f.Op == "set" || f.Op == "add" && found && value.Kind == yaml.ScalarNode:
		if value.Kind != yaml.ScalarNode {
			return nil
		}
		o := r.Origin(value)
		if o.Alone && len(o.Values) == 1 && o.Values[0].At.Line > 0 {
			return setAt(o.Values[0].At, value, f.Value)
		}
		if !o.Literal {
			return nil
		}
		return setAt(o.Source, value, f.Value)
	case f.Op == "remove":
		node := key
		if node == nil {
			node = value
		}
		p, ok := at(node)
		if !ok || value.Kind != yaml.ScalarNode {
			return nil
		}
		return removeLine(p, value.Value)
	case f.Op == "add":
		n := depth(r.Find, f.Path)
		rest := f.Path[n:]
		if len(rest) == 1 && rest[0] == "-" && value.Kind == yaml.SequenceNode && len(value.Content) > 0 {
			last := value.Content[len(value.Content)-1]
			p, ok := at(last)
			if !ok || last.Kind != yaml.ScalarNode {
				return nil
			}
			return appendItem(p, f.Value)
		}
		if value.Kind != yaml.MappingNode || len(value.Content) == 0 || slices.Contains(rest, "-") {
			return nil
		}
		first := value.Content[0]
		p, ok := at(first)
		if !ok {
			return nil
		}
		return insertEntry(p, first.Value, rest, f.Value)
	}
	return nil
}

// depth is how many steps of a path are there.
func depth(find func(path ...string) (*yaml.Node, *yaml.Node), path []string) int {
	for n := len(path); n > 0; n-- {
		if _, value := find(path[:n]...); value != nil {
			return n
		}
	}
	return 0
}

// planFileFix is the same for a source document.
func (l *linter) planFileFix(file string, document int, f *policy.Fix) *fix {
	for _, d := range l.documentsOf(file) {
		if d.Index != document {
			continue
		}
		find := func(path ...string) (*yaml.Node, *yaml.Node) { return findIn(d.Node, path) }
		key, value, found := nearest(find, f.Path)
		switch {
		case value == nil && f.Op == "add" && d.Node.Kind == yaml.MappingNode && len(d.Node.Content) > 0:
			return insertEntry(d.At(d.Node.Content[0]), d.Node.Content[0].Value, f.Path, f.Value)
		case value == nil || !found && f.Op != "add":
			return nil
		case f.Op == "remove" && value.Kind == yaml.ScalarNode:
			if key == nil {
				key = value
			}
			return removeLine(d.At(key), value.Value)
		case found && value.Kind == yaml.ScalarNode:
			return setAt(d.At(value), value, f.Value)
		case f.Op == "add" && value.Kind == yaml.MappingNode && len(value.Content) > 0:
			return insertEntry(d.At(value.Content[0]), value.Content[0].Value, f.Path[depth(find, f.Path):], f.Value)
		}
	}
	return nil
}

var errMoved = fmt.Errorf("the line is not as it was rendered")

// setAt replaces a scalar on one line. Comment and quoting around it stay.
func setAt(at diag.Position, node *yaml.Node, value any) *fix {
	old, quoting := node.Value, node.Tag != "!!str"
	words := fmt.Sprintf("set %s", scalar(value))
	return &fix{file: at.File, line: at.Line, words: words, edit: func(lines []string) ([]string, error) {
		i := at.Line - 1
		if i >= len(lines) || strings.Contains(old, "\n") {
			return nil, errMoved
		}
		for _, quoted := range []string{old, `"` + old + `"`, `'` + old + `'`} {
			if changed, ok := replaceAt(lines[i], at.Column, quoted, quote(value, quoted, old, quoting)); ok {
				lines[i] = changed
				return lines, nil
			}
		}
		// Behind a key or a dash, or at the column, stands the old value, plain or quoted, and then at most a comment.
		for _, quoted := range []string{old, `"` + old + `"`, `'` + old + `'`} {
			pattern := regexp.MustCompile(`^(\s*(?:- )*(?:[^\s#][^#]*?:\s+|- )?(?:- )?)` + regexp.QuoteMeta(quoted) + `(\s*(?:#.*)?\r?\n?)$`)
			if m := pattern.FindStringSubmatch(lines[i]); m != nil && quoted != "" {
				lines[i] = m[1] + quote(value, quoted, old, quoting) + m[2]
				return lines, nil
			}
		}
		return nil, errMoved
	}}
}

// quote writes a value in the quotes that the old one had. A number gets them where the old one was a number in spite of them,
// as parameters of Argo CD are.
func quote(value any, quoted, old string, number bool) string {
	text := scalar(value)
	if _, isText := value.(string); (isText || number) && quoted != old && !strings.ContainsAny(text, `'"\`) {
		return quoted[:1] + text + quoted[:1]
	}
	return text
}

// replaceAt replaces a scalar that stands at a column of a line, when that is what stands there.
func replaceAt(line string, column int, old, text string) (string, bool) {
	runes := []rune(line)
	if column < 1 || column > len(runes) || old == "" {
		return "", false
	}
	before, rest := string(runes[:column-1]), string(runes[column-1:])
	after, ok := strings.CutPrefix(rest, old)
	if !ok || after != "" && !strings.ContainsAny(after[:1], " \t,]}\r\n") {
		return "", false
	}
	return before + text + after, true
}

// removeLine takes the line of an entry or item away.
func removeLine(at diag.Position, old string) *fix {
	return &fix{file: at.File, line: at.Line, words: "remove the line", edit: func(lines []string) ([]string, error) {
		i := at.Line - 1
		if i >= len(lines) || strings.Contains(old, "\n") || !strings.Contains(lines[i], old) || strings.Contains(lines[i], "{") {
			return nil, errMoved
		}
		text := strings.TrimSpace(lines[i])
		if strings.HasPrefix(text, "- ") && strings.Contains(text, ": ") && old != strings.Trim(strings.TrimPrefix(text, "- "), `"'`) {
			return nil, errMoved // the first entry of a mapping in a list: its dash would go too
		}
		return slices.Delete(lines, i, i+1), nil
	}}
}

// appendItem adds an item behind the last one of a list.
func appendItem(last diag.Position, value any) *fix {
	return &fix{file: last.File, line: last.Line, words: fmt.Sprintf("add %s", scalar(value)), edit: func(lines []string) ([]string, error) {
		i := last.Line - 1
		if i >= len(lines) {
			return nil, errMoved
		}
		m := regexp.MustCompile(`^(\s*- )\S`).FindStringSubmatch(lines[i])
		if m == nil {
			return nil, errMoved
		}
		return slices.Insert(complete(lines, i), i+1, m[1]+scalar(value)+ending(lines[i])), nil
	}}
}

// insertEntry adds an entry in front of the first one of a mapping, whose key stands at first.
func insertEntry(first diag.Position, key string, path []string, value any) *fix {
	words := "add " + strings.Join(path, ".")
	return &fix{file: first.File, line: first.Line, words: words, edit: func(lines []string) ([]string, error) {
		i := first.Line - 1
		if i >= len(lines) || len(path) == 0 {
			return nil, errMoved
		}
		m := regexp.MustCompile(`^(\s*(?:- )*)` + `["']?` + regexp.QuoteMeta(key) + `["']?\s*:`).FindStringSubmatch(lines[i])
		if m == nil {
			return nil, errMoved
		}
		data := value
		for j := len(path) - 1; j >= 0; j-- {
			data = map[string]any{path[j]: data}
		}
		var b bytes.Buffer
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(2)
		if err := enc.Encode(data); err != nil {
			return nil, err
		}
		indent := strings.Repeat(" ", len(m[1]))
		var added []string
		for j, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
			prefix := indent
			if j == 0 {
				prefix = m[1] // the dash of a list's item moves up to the new first entry
			}
			added = append(added, prefix+line+ending(lines[i]))
		}
		lines = complete(lines, i)
		lines[i] = indent + lines[i][len(m[1]):]
		return slices.Insert(lines, i, added...), nil
	}}
}

// complete gives a last line without an end one.
func complete(lines []string, i int) []string {
	if !strings.HasSuffix(lines[i], "\n") && i > 0 {
		lines[i] += ending(lines[i-1])
	}
	return lines
}

func ending(line string) string {
	if strings.HasSuffix(line, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// scalar writes a value as YAML on one line.
func scalar(value any) string {
	if s, ok := value.(string); ok && strings.ContainsAny(s, "\r\n") {
		return fmt.Sprintf("%q", s)
	}
	out, err := yaml.Marshal(value)
	if err != nil || bytes.Count(out, []byte("\n")) != 1 {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(string(out), "\n")
}
