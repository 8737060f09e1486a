// Package redact decides what may be printed: it finds the secret values of a repository, takes them out of text, and escapes
// what a terminal or a CI log would act on.
//
// It knows a secret by where it comes from and not by how it looks: a [File] is the result of reading one file as text, also
// one that is broken, and [Secrets] is what all files of a run hold. Names, kinds, keys and paths are never masked.
package redact

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Mask replaces a secret value.
const Mask = "***"

// Secrets is the set of secret values that a run has come across. The zero value is empty and nil masks passwords of URLs alone.
// It may be used by several goroutines.
type Secrets struct {
	mu    sync.Mutex
	files map[string]*File
	kinds map[string]rank // of the values
	names map[string]bool
	lists map[*string]int // the lists that these are of, by their first element: files with the same text have one
	index *index          // nil when something was added since it was made
	more  func() []*File
}

// rank is how far a value can be masked without damage to text that only looks like it.
type rank int

const (
	tiny     rank = iota // such as 1 or true: at its own line alone
	ordinary             // such as redis or hunter: as a word in text that is not ours, and quoted in what is about its line
	distinct             // anywhere
)

// From has Text ask for further files before each use, such as those that were read meanwhile.
func (s *Secrets) From(more func() []*File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.more = more
}

// Update takes over the files that [Secrets.From] has now. Call it before they can no longer be read.
func (s *Secrets) Update() {
	s.mu.Lock()
	more := s.more
	s.mu.Unlock()
	if more != nil {
		s.AddFile(more()...)
	}
}

// Add makes a value secret that is in no file, such as a password of an argument.
func (s *Secrets) Add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(values)
}

// AddFile takes over what is secret in a file.
func (s *Secrets) AddFile(files ...*File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addFiles(files)
}

// Merge takes over what another set holds.
func (s *Secrets) Merge(from *Secrets) {
	if from == nil || from == s {
		return
	}
	from.mu.Lock()
	files, kinds, names := from.files, from.kinds, from.names
	defer from.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range files {
		s.addFiles([]*File{f})
	}
	for v := range kinds {
		s.add([]string{v})
	}
	for n := range names {
		s.name(n)
	}
}

func (s *Secrets) addFiles(files []*File) {
	for _, f := range files {
		if f == nil {
			continue
		}
		if s.files == nil {
			s.files = map[string]*File{}
		}
		s.files[f.Name] = f
		s.add(f.Values)
		if len(f.names) == 0 || s.lists[&f.names[0]] == len(f.names) {
			continue
		}
		if s.lists == nil {
			s.lists = map[*string]int{}
		}
		s.lists[&f.names[0]] = len(f.names)
		for _, n := range f.names {
			s.name(n)
		}
	}
}

func (s *Secrets) name(n string) {
	if s.names == nil {
		s.names = map[string]bool{}
	}
	if !s.names[n] {
		s.names[n], s.index = true, nil
	}
}

func (s *Secrets) add(values []string) {
	if s.kinds == nil {
		s.kinds = map[string]rank{}
	}
	for _, v := range values {
		if strings.Contains(v, "\n") { // libraries quote single lines, or join them by blanks
			for line := range strings.Lines(v) {
				s.addOne(strings.TrimSpace(line))
			}
		}
		s.addOne(strings.TrimSpace(v))
	}
}

func (s *Secrets) addOne(v string) {
	if _, known := s.kinds[v]; known || v == "" {
		return
	}
	s.kinds[v], s.index = rankOf(v), nil
}

// The sizes, in bytes, from which a value is distinct: of any text, and of one that might be an English word or a number.
const (
	minDistinct = 6
	minWord     = 12
	minNumber   = 8
	minOrdinary = 4
)

func rankOf(v string) rank {
	letters, digits := true, true
	for i := 0; i < len(v); i++ {
		c := v[i]
		lower := c >= 'a' && c <= 'z' || i == 0 && c >= 'A' && c <= 'Z'
		letters, digits = letters && lower, digits && c >= '0' && c <= '9'
	}
	switch {
	case len(v) < minOrdinary, ourWords[strings.ToLower(v)]:
		return tiny
	case len(v) < minDistinct, letters && len(v) < minWord, digits && len(v) < minNumber, quantity.MatchString(v):
		return ordinary
	}
	return distinct
}

// Text gives text without secret values. Use it for sentences of our own; [Secrets.Foreign] is for what others say.
func (s *Secrets) Text(text string) string { return s.redact(text, false) }

// Foreign gives text of a library, a template, a rule or a server without secret values, short and common ones included where
// they are words of their own.
func (s *Secrets) Foreign(text string) string { return s.redact(text, true) }

func (s *Secrets) redact(text string, foreign bool) string {
	text = withoutUserinfo(text)
	x := s.ready()
	if x == nil {
		return text
	}
	return x.replace(text, foreign)
}

// ready returns the index, made anew when something was added.
func (s *Secrets) ready() *index {
	if s == nil {
		return nil
	}
	s.Update()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index == nil && len(s.kinds) > 0 {
		s.index = newIndex(s.kinds, s.names)
	}
	return s.index
}

// At returns a sentence about a line of a file without secret values. What is secret on that line is masked where it is quoted,
// however short it is.
func (s *Secrets) At(text string, foreign bool, lines ...[]string) string {
	for _, values := range lines {
		for _, v := range values {
			if s.isName(v) {
				continue
			}
			for _, quoted := range []string{strconv.Quote(v), "'" + v + "'", "`" + v + "`"} {
				text = strings.ReplaceAll(text, quoted, quoted[:1]+Mask+quoted[:1])
			}
			if rankOf(v) == distinct {
				for _, p := range variants(v) {
					text = strings.ReplaceAll(text, p.text, Mask)
				}
			} else if foreign && rankOf(v) == ordinary {
				text = replaceWord(text, v)
			}
		}
	}
	return s.redact(text, foreign)
}

func (s *Secrets) isName(v string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[v]
}

// File returns what is known of a file, or nil.
func (s *Secrets) File(name string) *File {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[name]
}

// Hide returns the parts of a line of a file that must not be shown, in order and apart from each other.
func (s *Secrets) Hide(f *File, number int, line string) []Span {
	var spans []Span
	if f != nil {
		spans = slices.Clone(f.spans[number])
	}
	spans = append(spans, userinfo(line)...)
	if x := s.ready(); x != nil {
		spans = x.find(spans, line, false)
	}
	return join(spans, len(line))
}

// join sorts spans and makes one of those that touch.
func join(spans []Span, size int) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return a.From - b.From })
	var out []Span
	for _, s := range spans {
		s.To = min(s.To, size)
		if s.From >= s.To {
			continue
		}
		if n := len(out); n > 0 && s.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// Without returns a line without some parts of it.
func Without(line string, spans []Span) string {
	if len(spans) == 0 {
		return line
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(line[at:s.From] + Mask)
		at = s.To
	}
	return b.String() + line[at:]
}

func withoutUserinfo(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return Without(text, join(userinfo(text), len(text)))
}

// pattern is one form of a secret value.
type pattern struct {
	text  string
	inner bool // also inside of a word
	token bool // Base64: all of the word is masked with it
	rank  rank
}

// index finds patterns by their first four bytes.
type index struct {
	seen     [1 << 13]uint8
	patterns map[[4]byte][]pattern
}

func newIndex(values map[string]rank, names map[string]bool) *index {
	x := &index{patterns: map[[4]byte][]pattern{}}
	put := func(p pattern) {
		if len(p.text) < minOrdinary {
			return
		}
		k := [4]byte([]byte(p.text[:4]))
		x.patterns[k] = append(x.patterns[k], p)
		h := hash(p.text)
		x.seen[h>>3] |= 1 << (h & 7)
	}
	for v, r := range values {
		switch {
		case names[v] || r == tiny:
		case r == ordinary:
			put(pattern{text: v, rank: ordinary})
			for _, p := range variants(v) {
				if p.token && p.text != v && len(p.text) >= minDistinct {
					put(p)
				}
			}
		default:
			for _, p := range variants(v) {
				put(p)
			}
		}
	}
	for _, list := range x.patterns {
		slices.SortFunc(list, func(a, b pattern) int { return len(b.text) - len(a.text) })
	}
	return x
}

func hash(s string) uint32 {
	return (uint32(s[0])*0x9e3779b1 ^ uint32(s[1])*0x85ebca6b ^ uint32(s[2])*0xc2b2ae35 ^ uint32(s[3])*0x27d4eb2f) >> 16
}

func (x *index) replace(text string, foreign bool) string {
	return Without(text, join(x.find(nil, text, foreign), len(text)))
}

// find adds where patterns are in text.
func (x *index) find(spans []Span, text string, foreign bool) []Span {
	for i := 0; i+4 <= len(text); i++ {
		if h := hash(text[i:]); x.seen[h>>3]&(1<<(h&7)) == 0 {
			continue
		}
		for _, p := range x.patterns[[4]byte([]byte(text[i:i+4]))] {
			if !strings.HasPrefix(text[i:], p.text) || p.rank == ordinary && !foreign {
				continue
			}
			from, to := i, i+len(p.text)
			if !p.inner && (inWord(text, from) || inWord(text, to)) {
				continue
			}
			if p.token {
				for from > 0 && base64Byte(text[from-1]) {
					from--
				}
				for to < len(text) && base64Byte(text[to]) {
					to++
				}
			}
			spans = append(spans, Span{from, to})
			i = to - 1
			break
		}
	}
	return spans
}

// inWord reports whether both sides of a place in text are letters or digits.
func inWord(text string, at int) bool {
	return at > 0 && at < len(text) && wordByte(text[at-1]) && wordByte(text[at])
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= utf8.RuneSelf
}

func base64Byte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("+/=-_", c) >= 0
}

func replaceWord(text, word string) string {
	var spans []Span
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return Without(text, spans)
		}
		from, to := at+i, at+i+len(word)
		if !inWord(text, from) && !inWord(text, to) {
			spans = append(spans, Span{from, to})
		}
		at = to
	}
}

// variants returns the forms in which a value may be quoted: as it is, escaped for JSON, YAML, HTML and URLs, and in Base64, also as
// part of a longer text. The first is the value.
func variants(v string) []pattern {
	inner := len(v) >= minNumber || strings.ContainsFunc(v, func(r rune) bool { return r < 'a' || r > 'z' })
	out := []pattern{{text: v, inner: inner, rank: distinct}}
	put := func(text string, token bool) {
		if len(text) >= minDistinct && !slices.ContainsFunc(out, func(p pattern) bool { return p.text == text }) {
			out = append(out, pattern{text: text, inner: inner || token, token: token, rank: distinct})
		}
	}
	quoted := strconv.Quote(v)
	put(quoted[1:len(quoted)-1], false)
	if text, err := json.Marshal(v); err == nil {
		put(string(text[1:len(text)-1]), false)
	}
	put(strings.ReplaceAll(v, "'", "''"), false)
	put(strings.ReplaceAll(v, "'", `'\''`), false)
	put(html.EscapeString(v), false)
	put(url.QueryEscape(v), false)
	put(url.PathEscape(v), false)
	put(strings.Join(strings.Fields(v), " "), false)
	if p := Printable(v); p != v {
		put(p, false)
	}
	for offset := range 3 {
		raw := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), v...))
		raw = raw[[]int{0, 2, 3}[offset]:]
		if (len(v)+offset)%3 != 0 {
			raw = raw[:len(raw)-1]
		}
		put(raw, true)
		put(strings.NewReplacer("+", "-", "/", "_").Replace(raw), true)
	}
	return out
}
