package redact

import (
	"encoding/base64"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// Span is a part of a line, in bytes.
type Span struct{ From, To int }

// File is what of one file must not be printed.
type File struct {
	Name   string
	Values []string // secret values, as they are written and as YAML reads them
	// Chains are paths of values that templates of the file put into something secret; Includes are the named templates that they
	// use for that, Defines what each named template of the file reads.
	Chains   []string
	Includes []string
	Defines  map[string][]string
	Refs     []string // files that are secret as a whole, relative to the repository

	spans map[int][]Span
	names []string
}

// Line returns the secret values on a line.
func (f *File) Line(number int, line string) []string {
	if f == nil {
		return nil
	}
	var out []string
	for _, s := range f.spans[number] {
		if s.From < s.To && s.To <= len(line) {
			raw := line[s.From:s.To]
			out = append(out, raw)
			if bare := unquote(raw); bare != raw {
				out = append(out, bare)
			}
		}
	}
	return out
}

// Empty reports whether nothing in the file is secret.
func (f *File) Empty() bool { return f == nil || len(f.Values) == 0 && len(f.spans) == 0 }

// Scan reads a file of a repository, of any format, as text, of which it keeps nothing. chains are paths of values that end in something
// secret, as [File.Chains] has them; only files of values need them.
func Scan(name string, text []byte, chains ...string) *File {
	f := &File{Name: name, spans: map[int][]Span{}}
	s := &scanner{file: f, chains: chains, lines: strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")}
	for i := range s.lines {
		s.lines[i] = strings.TrimSuffix(s.lines[i], "\r")
	}
	s.template = strings.Contains(string(text), "{{")
	s.yaml = yamlFile(name)
	s.run(0, len(s.lines), 0)
	s.aliases()
	slices.Sort(f.Values)
	f.Values = slices.Compact(f.Values)
	f.release()
	return f
}

// scanSecret reads a file that is secret as a whole: each line, and what is behind its first "=".
func scanSecret(name string, text []byte) *File {
	f := &File{Name: name, spans: map[int][]Span{}}
	s := &scanner{file: f, lines: strings.Split(string(text), "\n")}
	if utf8.Valid(text) && strings.TrimSpace(string(text)) != "" {
		f.Values = append(f.Values, string(text))
	}
	for i, line := range s.lines {
		s.lines[i] = strings.TrimSuffix(line, "\r")
		from := len(line) - len(strings.TrimLeft(line, " \t"))
		s.taint(i, from, len(s.lines[i]))
		if eq := strings.IndexByte(s.lines[i], '='); eq > 0 {
			s.value(strings.TrimSpace(s.lines[i][eq+1:]))
		}
	}
	return f
}

func yamlFile(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json", ".tpl", "":
		return true
	}
	return false
}

// level is how secret what is below a key is.
type level int

const (
	plain  level = iota
	below        // below a key such as credentials: all but what is benign there
	secret       // all of it
)

// frame is a key or dash that what follows is below.
type frame struct {
	indent  int // twice the column, one more for a dash
	key     string
	dash    bool
	level   level
	kind    string // of the object that it begins
	safe    bool   // below metadata
	scalar  bool   // its value began on its line
	label   bool   // a key beside says that the value is secret
	pending []place
	flag    bool // the item before is an argument whose value comes next
	schema  bool // part of the JSON Schema of a property
}

// place is a part of a line.
type place struct{ line, from, to int }

type scanner struct {
	file     *File
	chains   []string
	lines    []string
	template bool
	yaml     bool

	frames  []frame
	anchors map[string]int   // the line where each is
	used    map[string]place // aliases that something secret is taken from
	tpl     templates
}

// run reads lines as YAML. base is the column that they begin at.
func (s *scanner) run(from, to, base int) {
	outer := s.frames
	s.begin(from, to, base)
	for i := from; i < to; i++ {
		line := s.lines[i]
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "":
		case trimmed[0] == '#':
			s.comment(i)
		case strings.HasPrefix(line[min(base, len(line)):], "---"):
			s.begin(i+1, to, base)
			if rest := strings.TrimSpace(strings.TrimPrefix(trimmed, "---")); rest != "" && !strings.HasPrefix(rest, "{{") {
				s.inline(i, base+3, len(line), false)
			}
		case s.template && strings.HasPrefix(trimmed, "{{") && s.actionLine(i, trimmed):
		default:
			i = s.entry(i, to)
		}
	}
	s.frames = outer
}

var kindLine = lazyregexp.New(`^(\s*)["']?kind["']?\s*:?\s+["']?([A-Za-z]+)["']?\s*,?\s*(#.*)?$`)
var kindFlow = lazyregexp.New(`["']?kind["']?\s*:\s*["']?([A-Za-z]+)`)

// begin starts a document: its kind decides about all of it.
func (s *scanner) begin(from, to, base int) {
	end := from
	for end < to && !strings.HasPrefix(s.lines[end][min(base, len(s.lines[end])):], "---") {
		end++
	}
	s.frames = []frame{{indent: -1, kind: s.kindIn(from, end, base)}}
}

// kindIn finds the kind of the object whose keys begin at a column; of one that is broken, the kind anywhere.
func (s *scanner) kindIn(from, to, column int) string {
	other := ""
	for i := from; i < to; i++ {
		line := s.lines[i]
		if !strings.Contains(line, "kind") {
			continue
		}
		if m := kindLine.FindStringSubmatch(line); m != nil {
			if len(m[1]) == column {
				return m[2]
			}
			if len(m[1]) < column+2 && other == "" {
				other = m[2]
			}
		} else if t := strings.TrimSpace(line); other == "" && strings.HasPrefix(t, "{") && !strings.HasPrefix(t, "{{") {
			if m := kindFlow.FindStringSubmatch(line); m != nil {
				other = m[1]
			}
		}
	}
	return other
}

func (s *scanner) top() *frame { return &s.frames[len(s.frames)-1] }

func (s *scanner) pop(indent int) {
	for len(s.frames) > 1 && s.top().indent >= indent {
		s.frames = s.frames[:len(s.frames)-1]
	}
}

// entry reads one line of YAML and gives the last line that it took.
func (s *scanner) entry(i, end int) int {
	line := s.lines[i]
	at := 0
	for at < len(line) && (line[at] == ' ' || line[at] == '\t') {
		at++
	}
	for at < len(line) && line[at] == '-' && (at+1 == len(line) || line[at+1] == ' ' || line[at+1] == '\t') {
		s.pop(2*at + 1)
		s.item(i, at, end)
		at++
		for at < len(line) && (line[at] == ' ' || line[at] == '\t') {
			at++
		}
	}
	if at == len(line) {
		return i
	}
	if line[at] == '?' && at+1 < len(line) && line[at+1] == ' ' {
		at += 2
	}
	key, from, ok := splitKey(line, at)
	if !ok || !s.yaml {
		s.pop(2 * at)
		return s.scalarItem(i, at, end)
	}
	s.pop(2 * at)
	parent := s.top()
	f := frame{indent: 2 * at, key: key}
	f.level, f.safe, f.schema = s.below(parent, key), parent.safe, parent.inSchema()
	if key == "metadata" && parent.kind != "" {
		f.safe = true
	}
	s.frames = append(s.frames, f)
	return s.valueOf(i, from, end, at)
}

// item starts an item of a list.
func (s *scanner) item(i, at, end int) {
	parent := s.top()
	f := frame{indent: 2*at + 1, dash: true, level: parent.level, safe: parent.safe, schema: parent.schema}
	if parent.key == "items" {
		to := i + 1
		for to < end && (strings.TrimSpace(s.lines[to]) == "" || indentOf(s.lines[to]) > at) {
			to++
		}
		f.kind = s.kindIn(i+1, to, at+2)
		if m := kindLine.FindStringSubmatch(strings.Replace(s.lines[i], "-", " ", 1)); m != nil {
			f.kind = m[2]
		}
	}
	s.frames = append(s.frames, f)
}

// inSchema reports whether what is below the frame belongs to the JSON Schema of a property, whose name says nothing about its text.
func (f *frame) inSchema() bool { return f.schema || f.key == "properties" }

// below describes how secret what a key holds is, before the value is seen.
func (s *scanner) below(parent *frame, key string) level {
	kind := s.kind()
	switch {
	case parent.level == secret:
		return secret
	case key == "stringData", key == "last-applied-configuration", strings.HasSuffix(key, "/last-applied-configuration"):
		return secret
	case kind == "Secret" && (key == "data" || !parent.safe && !structural[key]):
		return secret
	case key == "data" && (kind == "SealedSecret" || kind == "ExternalSecret" || kind == "ClusterExternalSecret" || kind == "PushSecret") && s.keyAbove() == "template":
		return secret
	case parent.level == below && parent.schema && schemaKeyword.MatchString(key):
		return plain
	case parent.level == below && !benign[key] && !setting.MatchString(key):
		return below
	case parent.level == below:
		return plain
	}
	if found, _ := isSecretKey(key); found {
		return below
	}
	return plain
}

// keyAbove is the key that the mapping on top belongs to; in brackets, the frame of the mapping has none.
func (s *scanner) keyAbove() string {
	for i := len(s.frames) - 1; i >= 0 && !s.frames[i].dash; i-- {
		if s.frames[i].key != "" {
			return s.frames[i].key
		}
	}
	return ""
}

// kind is the kind of the innermost object.
func (s *scanner) kind() string {
	for i := len(s.frames) - 1; i >= 0; i-- {
		if s.frames[i].kind != "" && s.frames[i].kind != "List" {
			return s.frames[i].kind
		}
	}
	return ""
}

// valueOf reads what is behind the key on top, and gives the last line that it took.
func (s *scanner) valueOf(i, from, end, column int) int {
	line := s.lines[i]
	f := s.top()
	from, to := trim(line, from, len(line))
	from, to = s.bare(i, from, to)
	text := line[from:to]
	switch {
	case text == "":
		s.noteKey(f.key)
		return i
	case text[0] == '|' || text[0] == '>' && !strings.HasPrefix(text, "> ") && len(text) < 4:
		return s.block(i, end, column)
	case (text[0] == '{' || text[0] == '[') && !strings.HasPrefix(text, "{{"):
		s.noteKey(f.key)
		return s.flow(i, from, end)
	case text[0] == '*' && f.level != plain && len(text) > 1:
		s.alias(text[1:], place{i, from, to})
		return i
	}
	f.scalar = true
	s.scalar(i, from, to)
	return i
}

// scalar reads a value of the key on top.
func (s *scanner) scalar(i, from, to int) {
	f := s.top()
	text := s.lines[i][from:to]
	value := unquote(text)
	parent := &s.frames[max(len(s.frames)-2, 0)]
	switch {
	case labels[f.key] && f.level != secret:
		if s.secretLabel(value) {
			parent.label = true
			for _, p := range parent.pending {
				s.taint(p.line, p.from, p.to)
			}
		}
	case labelled[f.key]:
		if parent.label {
			s.taint(i, from, to)
			return
		}
		parent.pending = append(parent.pending, place{i, from, to})
	}
	if s.isSecret(f, value) || s.chained() {
		s.taint(i, from, to)
		return
	}
	s.noteKey(f.key)
	if naming[f.key] || reference.MatchString(f.key) {
		s.noteName(value)
	}
	s.inline(i, from, to, false)
}

// isSecret decides about a scalar by its key and what it is below.
func (s *scanner) isSecret(f *frame, value string) bool {
	switch f.level {
	case secret:
		return value != ""
	case plain:
		return false
	}
	if none(value) {
		return false
	}
	found, strong := isSecretKey(f.key)
	switch {
	case strong:
		return true
	case refers(f.key, value), strings.EqualFold(f.key, "auth") && authMethod.MatchString(value):
		return false
	case f.key == "auth" && s.kind() == "" && objectName.MatchString(value): // in values: the name of a Secret
		s.noteName(value)
		return false
	case f.dash || !found:
		return true // below a secret key, by any name
	}
	return true
}

// secretLabel reports whether a name, or a path of JSON or of values, is that of something secret.
func (s *scanner) secretLabel(name string) bool {
	last := name[strings.LastIndexAny(name, "./")+1:]
	if strings.HasPrefix(name, "/stringData/") || strings.HasPrefix(name, "/data/") && s.kind() == "" && !strings.Contains(name, ".conf") {
		return true
	}
	if found, strong := isSecretKey(last); found && (strong || !reference.MatchString(last)) {
		return true
	}
	return strings.Contains(name, ".") && s.matches(strings.Split(name, "."))
}

// scalarItem reads text without a key: an item of a list, or more of the value above.
func (s *scanner) scalarItem(i, at, end int) int {
	line := s.lines[i]
	from, to := trim(line, at, len(line))
	from, to = s.bare(i, from, to)
	if from == to {
		return i
	}
	text := line[from:to]
	if aclLine.MatchString(line) {
		to = len(line) // # is the hash of a password there
	}
	f := s.top()
	if (text[0] == '{' || text[0] == '[') && !strings.HasPrefix(text, "{{") && s.yaml {
		return s.flow(i, from, end)
	}
	if f.dash && (text[0] == '|' || text[0] == '>' && len(text) < 4) {
		return s.block(i, end, f.indent/2)
	}
	if text[0] == '*' && f.level != plain && len(text) > 1 {
		s.alias(text[1:], place{i, from, to})
		return i
	}
	list := f
	if f.dash && len(s.frames) > 1 {
		list = &s.frames[len(s.frames)-2]
	}
	value := unquote(text)
	switch {
	case s.generator(list, i, from, to):
	case f.level == secret, f.level == below && f.scalar && !none(value):
		s.taint(i, from, to)
	case f.level == below && !refers(list.key, value) && !none(value) && !benign[list.key]:
		s.taint(i, from, to)
	case f.dash && list.flag:
		s.taint(i, from, to)
	case s.chained():
		s.taint(i, from, to)
	default:
		s.inline(i, from, to, false)
	}
	if f.dash {
		list.flag = flag.MatchString(value)
	}
	return i
}

// generator reads items of a secretGenerator of kustomize, and those of a configMapGenerator that lack their key.
func (s *scanner) generator(list *frame, i, from, to int) bool {
	value := unquote(s.lines[i][from:to])
	within := func(key string) bool {
		return slices.ContainsFunc(s.frames, func(f frame) bool { return f.key == key })
	}
	if list.key == "literals" && within("configMapGenerator") && !strings.Contains(value, "=") {
		s.taint(i, from, to)
		return true
	}
	if !within("secretGenerator") {
		return false
	}
	switch list.key {
	case "literals":
		if eq := strings.IndexByte(s.lines[i][from:to], '='); eq > 0 {
			from += eq + 1
			if strings.HasSuffix(s.lines[i][from:to], `"`) || strings.HasSuffix(s.lines[i][from:to], `'`) {
				s.value(s.lines[i][from : to-1])
			}
		}
		s.taint(i, from, to)
	case "files", "envs":
		s.ref(value)
	default:
		return false
	}
	return true
}

// ref notes a file that is secret as a whole.
func (s *scanner) ref(value string) {
	if _, file, ok := strings.Cut(value, "="); ok {
		value = file
	}
	s.file.Refs = append(s.file.Refs, path.Join(path.Dir(s.file.Name), value))
}

// block reads a block of text below the key on top.
func (s *scanner) block(i, end, column int) int {
	f := *s.top()
	from := i + 1
	to := from
	for to < end && (strings.TrimSpace(s.lines[to]) == "" || indentOf(s.lines[to]) > column || s.template && strings.HasPrefix(strings.TrimSpace(s.lines[to]), "{{")) {
		to++
	}
	chained := s.chained()
	if f.level == secret || f.level == below || chained || s.frames[max(len(s.frames)-2, 0)].label && labelled[f.key] {
		var all []string
		for n := from; n < to; n++ {
			a, b := trim(s.lines[n], 0, len(s.lines[n]))
			if a < b {
				s.taint(n, a, b)
				all = append(all, s.lines[n][a:b])
			}
		}
		s.value(strings.Join(all, "\n"))
		s.value(strings.Join(all, " "))
		if len(all) > 0 && strings.HasPrefix(all[0], "{") && !strings.HasPrefix(all[0], "{{") {
			s.flow(from, 0, to)
		}
		return to - 1
	}
	if labelled[f.key] {
		parent := &s.frames[max(len(s.frames)-2, 0)]
		for n := from; n < to; n++ {
			a, b := trim(s.lines[n], 0, len(s.lines[n]))
			parent.pending = append(parent.pending, place{n, a, b})
		}
	}
	if to > from {
		base := len(s.lines[from]) // of the first line with text
		for n := from; n < to; n++ {
			if strings.TrimSpace(s.lines[n]) != "" {
				base = indentOf(s.lines[n])
				break
			}
		}
		s.nested(from, to, base)
	}
	return to - 1
}

// nested reads the text of a block as YAML of its own: values of Argo CD and Flux, manifests in ConfigMaps, redis.conf.
func (s *scanner) nested(from, to, base int) {
	outer := s.frames
	values := outer[len(outer)-1].key == "values"
	chains := s.chains
	if !values {
		s.chains = nil
	}
	s.run(from, to, base)
	s.frames, s.chains = outer, chains
}

// bare leaves out a comment, a tag and an anchor around a value.
func (s *scanner) bare(i, from, to int) (int, int) {
	line := s.lines[i]
	to = comment(line, from, to)
	for from < to && (line[from] == '!' || line[from] == '&') {
		n := strings.IndexAny(line[from:to], " \t")
		if n < 0 {
			n = to - from
		}
		if line[from] == '&' && n > 1 {
			if s.anchors == nil {
				s.anchors = map[string]int{}
			}
			s.anchors[line[from+1:from+n]] = i
		}
		from += n
		for from < to && (line[from] == ' ' || line[from] == '\t') {
			from++
		}
	}
	return from, to
}

// alias notes that something secret comes from an anchor.
func (s *scanner) alias(name string, at place) {
	if s.used == nil {
		s.used = map[string]place{}
	}
	s.used[name] = at
}

// aliases makes what is behind used anchors secret. A name that has no anchor is itself the value, which lacks its quotes.
func (s *scanner) aliases() {
	for name, at := range s.used {
		i, found := s.anchors[name]
		if !found {
			s.taint(at.line, at.from, at.to)
			s.value(name)
			continue
		}
		column := indentOf(s.lines[i])
		_, to := trim(s.lines[i], 0, comment(s.lines[i], 0, len(s.lines[i])))
		if n := strings.Index(s.lines[i], "&"+name); n >= 0 {
			from, _ := trim(s.lines[i], min(n+1+len(name), to), to)
			if from < to {
				s.taint(i, from, to)
				continue
			}
		}
		for n := i + 1; n < len(s.lines) && (strings.TrimSpace(s.lines[n]) == "" || indentOf(s.lines[n]) > column); n++ {
			from, to := trim(s.lines[n], 0, comment(s.lines[n], 0, len(s.lines[n])))
			if _, value, ok := splitKey(s.lines[n], from); ok {
				from, to = trim(s.lines[n], value, to)
			}
			if from < to {
				s.taint(n, from, to)
			}
		}
	}
}

// comment reads a line that is a comment: passwords are assigned in them too.
func (s *scanner) comment(i int) { s.inline(i, 0, len(s.lines[i]), true) }

// inline finds secrets inside of a text that is none as a whole. prose is text in which a word alone proves nothing.
func (s *scanner) inline(i, from, to int, prose bool) {
	text := s.lines[i][from:to]
	if plain, ok := escaped(text); ok {
		s.inEscaped(plain, prose, place{i, from, to})
		return
	}
	if strings.Contains(text, "://") {
		for _, m := range loginAction.FindAllStringSubmatchIndex(text, -1) {
			s.templated(i, from+m[2], from+m[3])
		}
		for _, u := range userinfo(text) {
			s.file.spans[i+1] = append(s.file.spans[i+1], Span{from + u.From, from + u.To})
			s.login(text[u.From:u.To])
		}
	}
	if !suspicious(text) && !strings.Contains(text, " -a") {
		return
	}
	put := func(a, b int, free bool) {
		value := unquote(text[a:b])
		if value == "" || holdsNone.MatchString(value) || strings.HasPrefix(value, "{{") && !strings.Contains(text[a:], "}}") {
			return
		}
		if (free || prose) && !strings.ContainsFunc(value, func(r rune) bool { return r < 'a' || r > 'z' }) {
			return
		}
		if n := strings.Index(text[a:], "}}"); strings.HasPrefix(value, "{{") && n >= 0 {
			b = max(b, a+n+2) // blanks are part of an action
		}
		s.taint(i, from+a, from+b)
	}
	for _, m := range directive.FindAllStringSubmatchIndex(text, -1) {
		put(m[2], m[3], prose)
	}
	for _, m := range argument.FindAllStringSubmatchIndex(text, -1) {
		for g := 2; g < len(m); g += 2 {
			if m[g] >= 0 {
				put(m[g], m[g+1], false)
			}
		}
	}
	for _, m := range assignment.FindAllStringSubmatchIndex(text, -1) {
		key, value := text[m[2]:m[3]], unquote(text[m[4]:m[5]])
		if found, strong := isSecretKey(key); found && (strong || !refers(key, value)) {
			put(m[4], m[5], prose)
		}
	}
	if aclLine.MatchString(text) {
		for _, m := range aclRule.FindAllStringSubmatchIndex(text, -1) {
			put(m[2]+1, m[3], false)
		}
	}
}

// inEscaped is inline for text that is written with escapes. Where in the scalar a secret is, is not looked for: all of it is secret.
func (s *scanner) inEscaped(text string, prose bool, at place) {
	sub := &scanner{file: &File{Name: s.file.Name, spans: map[int][]Span{}}, lines: strings.Split(text, "\n"), frames: s.frames, template: s.template}
	for n, line := range sub.lines {
		sub.inline(n, 0, len(line), prose)
	}
	if len(sub.file.spans) > 0 {
		s.file.Values = append(s.file.Values, sub.file.Values...)
		s.file.spans[at.line+1] = append(s.file.spans[at.line+1], Span{at.from, at.to})
	}
}

// taint makes a part of a line secret.
func (s *scanner) taint(i, from, to int) {
	text := s.lines[i][from:to]
	if text == "" {
		return
	}
	if strings.Contains(text, "{{") && strings.Contains(text, "}}") {
		s.templated(i, from, to)
		if !strings.HasPrefix(path.Base(s.file.Name), "values") {
			return
		}
	}
	s.file.spans[i+1] = append(s.file.spans[i+1], Span{from, to})
	if rest := s.lines[i][to:]; strings.HasPrefix(strings.TrimSpace(rest), "#") { // which may have the last one
		s.file.spans[i+1] = append(s.file.spans[i+1], Span{to + strings.IndexByte(rest, '#'), len(s.lines[i])})
	}
	value := unquote(text)
	s.value(strings.Trim(text, `"'`)) // not with its quotes, in which names stand too
	s.value(value)
	s.parts(value)
	if scheme, _, ok := strings.Cut(value, "://"); ok && len(scheme) < 20 {
		for _, u := range userinfo(value) {
			s.login(value[u.From:u.To])
		}
	}
	if decoded, err := base64.StdEncoding.DecodeString(value); err == nil && len(decoded) >= minOrdinary && utf8.Valid(decoded) && s.kind() == "Secret" {
		s.value(string(decoded))
		s.value(strings.TrimSpace(string(decoded)))
	}
}

// login makes the password of a URL secret, also as a client reads it.
func (s *scanner) login(text string) {
	secret := password(text)
	if strings.Contains(secret, "{{") {
		return
	}
	s.value(secret)
	s.parts(secret)
	if plain, ok := unescaped(secret); ok {
		s.value(plain)
		s.parts(plain)
	}
}

// parts makes words of a secret text secret that are no English: a library may quote one alone, as net/url does.
func (s *scanner) parts(text string) {
	if !strings.Contains(text, "://") {
		s.file.Values = append(s.file.Values, secretParts(text)...)
	}
}

// secretParts returns the words of a secret text that are secret each for itself, when there are several.
func secretParts(text string) []string {
	var out []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' || r >= utf8.RuneSelf)
	}) {
		if len(word) < len(text) && len(word) >= minDistinct && strings.ContainsAny(word, "0123456789") && rankOf(word) == distinct {
			out = append(out, word)
		}
	}
	return out
}

func (s *scanner) value(v string) {
	if v != "" {
		s.file.Values = append(s.file.Values, v)
	}
}

func (s *scanner) noteKey(key string) {
	if len(key) >= minOrdinary && len(key) < 64 {
		s.file.names = append(s.file.names, key)
	}
}

func (s *scanner) noteName(value string) {
	if len(value) >= minOrdinary && len(value) < 254 && objectName.MatchString(strings.ToLower(value)) {
		s.file.names = append(s.file.names, value)
	}
}

// chained reports whether a template puts the value of the key on top into something secret.
func (s *scanner) chained() bool {
	if len(s.chains) == 0 {
		return false
	}
	return s.matches(s.path())
}

// path returns the keys down to the one on top; from the innermost key that holds values on, where there is one.
func (s *scanner) path() []string {
	var out []string
	for _, f := range s.frames {
		switch f.key {
		case "":
		case "values", "valuesObject":
			out = out[:0]
		default:
			out = append(out, f.key)
		}
	}
	return out
}

// matches reports whether a path is one that a template reads for something secret, or is below it.
func (s *scanner) matches(path []string) bool {
	return slices.ContainsFunc(s.chains, func(chain string) bool {
		rest := path
		for i, step := range strings.Split(chain, ".") {
			n := slices.Index(rest, step)
			if n < 0 || i == 0 && n > 0 {
				return false
			}
			rest = rest[n+1:]
		}
		return true
	})
}
