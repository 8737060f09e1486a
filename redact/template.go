package redact

import (
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// templates is what is known of the actions of a template so far.
type templates struct {
	scopes []scope
	vars   map[string]variable
	define string // the named template that the line is in
}

// scope is what an open action does to the dot.
type scope struct {
	word string
	dot  []string // paths of values
}

// variable is what was put into a variable of a template.
type variable struct {
	chains   []string
	includes []string
	literals []place
}

var (
	action   = lazyregexp.New(`\{\{-?\s*(.*?)\s*-?\}\}`)
	chainOf  = lazyregexp.New(`(?:^|[\s(|,])(\$?)\.Values((?:\.[A-Za-z_][\w-]*)+)?`)
	indexOf  = lazyregexp.New(`\b(?:index|get|dig)\s+(?:\$?\.Values((?:\.[A-Za-z_][\w-]*)*)\s+)?((?:"[^"]*"\s*)+)`)
	relative = lazyregexp.New(`(?:^|[\s(|,])\.((?:[A-Za-z_][\w-]*)(?:\.[A-Za-z_][\w-]*)*)`)
	dotAlone = lazyregexp.New(`(?:^|[\s(|,])\.(?:$|[\s)|])`)
	varOf    = lazyregexp.New(`\$([A-Za-z_]\w*)((?:\.[A-Za-z_][\w-]*)*)`)
	include  = lazyregexp.New(`\b(?:include|template|block)\s+"([^"]+)"`)
	assign   = lazyregexp.New(`^\$([A-Za-z_]\w*)\s*:?=\s*(.*)$`)
	ranged   = lazyregexp.New(`^range\s+(?:\$(\w+)\s*,\s*)?(?:\$(\w+)\s*:?=\s*)?(.*)$`)
	literal  = lazyregexp.New("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	builtin  = map[string]bool{"Values": true, "Release": true, "Chart": true, "Capabilities": true, "Template": true, "Files": true, "Subcharts": true}
)

// actionLine reads a line that has nothing but actions; false when it is more.
func (s *scanner) actionLine(i int, trimmed string) bool {
	if rest := strings.TrimSpace(action.ReplaceAllString(trimmed, "")); rest != "" && strings.Contains(trimmed, "}}") {
		s.actions(i)
		return strings.HasPrefix(rest, "{{")
	}
	s.actions(i)
	f := s.top()
	if f.level != plain || s.chained() {
		from, to := trim(s.lines[i], 0, len(s.lines[i]))
		s.templated(i, from, to)
	}
	return true
}

// actions follows what the actions of a line do to scopes and variables.
func (s *scanner) actions(i int) {
	t := &s.tpl
	for _, m := range action.FindAllStringSubmatchIndex(s.lines[i], -1) {
		body := s.lines[i][m[2]:m[3]]
		word, rest, _ := strings.Cut(body, " ")
		switch word {
		case "if":
			t.scopes = append(t.scopes, scope{word: word, dot: s.dot()})
		case "with":
			t.scopes = append(t.scopes, scope{word: word, dot: s.reads(rest)})
			if a := assign.FindStringSubmatch(rest); a != nil {
				s.setVar(a[1], variable{chains: s.reads(a[2])})
			}
		case "range":
			r := ranged.FindStringSubmatch(body)
			chains := s.reads(r[3])
			t.scopes = append(t.scopes, scope{word: word, dot: chains})
			for _, name := range r[1:3] {
				if name != "" {
					s.setVar(name, variable{chains: chains})
				}
			}
		case "define", "block":
			t.scopes = append(t.scopes, scope{word: word})
			if name := literal.FindString(rest); name != "" {
				t.define = unquote(name)
			}
		case "end":
			if n := len(t.scopes); n > 0 {
				if w := t.scopes[n-1].word; w == "define" || w == "block" {
					t.define = ""
				}
				t.scopes = t.scopes[:n-1]
			}
		default:
			if a := assign.FindStringSubmatchIndex(body); a != nil {
				name, value := body[a[2]:a[3]], body[a[4]:a[5]]
				v := variable{chains: s.reads(value)}
				for _, inc := range include.FindAllStringSubmatch(value, -1) {
					v.includes = append(v.includes, inc[1])
				}
				for _, l := range literal.FindAllStringIndex(value, -1) {
					v.literals = append(v.literals, place{i, m[2] + a[4] + l[0], m[2] + a[4] + l[1]})
				}
				s.setVar(name, v)
				if found, _ := isSecretKey(name); found {
					s.use(v)
				}
			}
		}
		if t.define != "" {
			s.defines(t.define, s.reads(body))
		}
	}
}

func (s *scanner) setVar(name string, v variable) {
	if s.tpl.vars == nil {
		s.tpl.vars = map[string]variable{}
	}
	s.tpl.vars[name] = v
}

func (s *scanner) defines(name string, chains []string) {
	if s.file.Defines == nil {
		s.file.Defines = map[string][]string{}
	}
	s.file.Defines[name] = append(s.file.Defines[name], chains...)
}

// dot returns the paths that a lone dot stands for.
func (s *scanner) dot() []string {
	if n := len(s.tpl.scopes); n > 0 {
		return s.tpl.scopes[n-1].dot
	}
	return nil
}

// reads returns the paths of values that an expression reads.
func (s *scanner) reads(expr string) []string {
	var out []string
	plain := literal.ReplaceAllString(expr, `""`)
	for _, m := range chainOf.FindAllStringSubmatch(plain, -1) {
		if m[2] != "" {
			out = append(out, m[2][1:])
		}
	}
	for _, m := range indexOf.FindAllStringSubmatch(expr, -1) {
		path := strings.TrimPrefix(m[1], ".")
		for _, l := range literal.FindAllString(m[2], -1) {
			if step := unquote(l); step != "" {
				path += "." + step
			}
		}
		out = append(out, strings.TrimPrefix(path, "."))
	}
	dots := s.dot()
	for _, m := range relative.FindAllStringSubmatch(plain, -1) {
		first, _, _ := strings.Cut(m[1], ".")
		if builtin[first] {
			continue
		}
		for _, d := range dots {
			out = append(out, d+"."+m[1])
		}
	}
	if dotAlone.MatchString(plain) && !strings.Contains(plain, "include") && !strings.Contains(plain, "template") {
		out = append(out, dots...)
	}
	for _, m := range varOf.FindAllStringSubmatch(plain, -1) {
		for _, c := range s.tpl.vars[m[1]].chains {
			out = append(out, c+m[2])
		}
	}
	return out
}

// templated makes what actions in a secret part of a line read secret, and the text around them.
func (s *scanner) templated(i, from, to int) {
	line := s.lines[i]
	at := from
	for _, m := range action.FindAllStringSubmatchIndex(line[from:to], -1) {
		s.around(i, at, from+m[0])
		at = from + m[1]
		body := line[from+m[2] : from+m[3]]
		v := variable{chains: s.reads(body)}
		for _, inc := range include.FindAllStringSubmatch(body, -1) {
			v.includes = append(v.includes, inc[1])
		}
		for _, l := range fallback.FindAllStringSubmatchIndex(body, -1) {
			v.literals = append(v.literals, place{i, from + m[2] + l[2], from + m[2] + l[3]})
		}
		if strings.HasPrefix(body, `"`) || strings.HasPrefix(body, "`") {
			if l := literal.FindStringIndex(body); l != nil {
				v.literals = append(v.literals, place{i, from + m[2] + l[0], from + m[2] + l[1]})
			}
		}
		s.use(v)
		for _, m := range varOf.FindAllStringSubmatch(body, -1) {
			v := s.tpl.vars[m[1]]
			v.chains = nil // what is read of it is above; the rest of a mapping is not secret
			s.use(v)
		}
	}
	s.around(i, at, to)
}

// around makes text beside an action secret, unless it is a quote or the like.
func (s *scanner) around(i, from, to int) {
	if from >= to {
		return
	}
	text := strings.Trim(s.lines[i][from:to], "\"' \t")
	if len(text) < minOrdinary {
		return
	}
	from += strings.Index(s.lines[i][from:to], text)
	s.file.spans[i+1] = append(s.file.spans[i+1], Span{from, from + len(text)})
	s.value(text)
}

func (s *scanner) use(v variable) {
	for _, c := range v.chains {
		if c != "" && !slices.Contains(s.file.Chains, c) {
			s.file.Chains = append(s.file.Chains, c)
		}
	}
	s.file.Includes = append(s.file.Includes, v.includes...)
	for _, l := range v.literals {
		raw := s.lines[l.line][l.from:l.to]
		value := strings.Trim(unquote(raw), "`")
		if len(value) >= minOrdinary && !strings.Contains(value, "%") {
			s.file.spans[l.line+1] = append(s.file.spans[l.line+1], Span{l.from + 1, l.to - 1})
			s.value(value)
		}
	}
}
