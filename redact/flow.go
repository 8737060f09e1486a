package redact

import (
	"net/url"
	"strings"
)

// flow reads a mapping or list in brackets, which may go on over lines, and gives the last line that it took. One whose end is
// missing ends with the text.
func (s *scanner) flow(i, from, end int) int {
	p := &flowReader{s: s, line: i, at: from, end: end}
	depth := len(s.frames)
	p.value(0)
	s.frames = s.frames[:depth]
	return min(p.line, end-1)
}

// flowReader stands at a place in lines.
type flowReader struct {
	s             *scanner
	line, at, end int

	kinds   [][]int // on a line, from the position on
	kindsOf int     // the number of that line, counted from 1; 0 before the first
}

// maxFlow is how deep brackets are followed.
const maxFlow = 64

// next skips blanks, line ends and comments, and gives the byte there, or 0 at the end.
func (p *flowReader) next() byte {
	for p.line < p.end {
		line := p.s.lines[p.line]
		for p.at < len(line) && (line[p.at] == ' ' || line[p.at] == '\t') {
			p.at++
		}
		if p.at < len(line) && !(line[p.at] == '#' && (p.at == 0 || line[p.at-1] == ' ')) {
			return line[p.at]
		}
		p.line, p.at = p.line+1, 0
	}
	return 0
}

func (p *flowReader) value(depth int) {
	switch c := p.next(); {
	case c == 0:
	case c == '{' && !strings.HasPrefix(p.s.lines[p.line][p.at:], "{{") && depth < maxFlow:
		p.at++
		p.mapping(depth)
	case c == '[' && depth < maxFlow:
		p.at++
		p.list(depth)
	default:
		i, from, to := p.scalar()
		if from < to {
			p.take(i, from, to)
		}
	}
}

// take reads a scalar of the key or item on top.
func (p *flowReader) take(i, from, to int) {
	s := p.s
	f := s.top()
	from, to = s.bare(i, from, to)
	if from >= to {
		return
	}
	if s.lines[i][from] == '*' && f.level != plain && to-from > 1 {
		s.alias(s.lines[i][from+1:to], place{i, from, to})
		return
	}
	if !f.dash && f.key != "" {
		s.scalar(i, from, to)
		return
	}
	s.scalarItem2(i, from, to)
}

func (p *flowReader) mapping(depth int) {
	s := p.s
	kind := p.kind()
	parent := *s.top()
	s.frames = append(s.frames, frame{level: parent.level, safe: parent.safe, kind: kind, schema: parent.inSchema()})
	defer func(n int) { s.frames = s.frames[:n] }(len(s.frames) - 1)
	inside := len(s.frames)
	for {
		switch p.next() {
		case 0:
			return
		case '}':
			p.at++
			return
		case ',', ':', ']':
			p.at++
			continue
		}
		before, at := p.line, p.at
		i, from, to := p.scalar()
		if p.line == before && p.at == at { // nothing that can be read
			p.at++
			continue
		}
		key := unquote(s.lines[i][from:to])
		if p.next() != ':' {
			continue
		}
		p.at++
		on := s.top()
		f := frame{key: key, level: s.below(on, key), safe: on.safe || key == "metadata" && on.kind != "", schema: on.inSchema()}
		s.frames = append(s.frames, f)
		p.value(depth + 1)
		s.frames = s.frames[:inside]
	}
}

// kind returns the first kind on the line after the position. A minified JSON file is a single line with many objects, so each line is
// searched once.
func (p *flowReader) kind() string {
	line := p.s.lines[p.line]
	if p.kindsOf != p.line+1 {
		p.kinds, p.kindsOf = kindFlow.FindAllStringSubmatchIndex(line, -1), p.line+1
	}
	for len(p.kinds) > 0 && p.kinds[0][0] < p.at {
		p.kinds = p.kinds[1:]
	}
	if len(p.kinds) == 0 {
		return ""
	}
	return line[p.kinds[0][2]:p.kinds[0][3]]
}

func (p *flowReader) list(depth int) {
	s := p.s
	parent := *s.top()
	s.frames = append(s.frames, frame{dash: true, level: parent.level, safe: parent.safe, schema: parent.schema})
	inside := len(s.frames)
	defer func() { s.frames = s.frames[:inside-1] }()
	for {
		switch p.next() {
		case 0:
			return
		case ']':
			p.at++
			return
		case ',', '}', ':':
			p.at++
			continue
		}
		line, at := p.line, p.at
		p.value(depth + 1)
		s.frames = s.frames[:inside]
		if p.line == line && p.at == at {
			p.at++
		}
	}
}

// scalar reads one scalar on its line, quoted or not. A quoted one that goes on in the next lines is read line by line.
func (p *flowReader) scalar() (i, from, to int) {
	line := p.s.lines[p.line]
	i, from = p.line, p.at
	if q := line[p.at]; q == '"' || q == '\'' {
		if p.at = quotedEnd(line, from); p.at < 0 {
			p.at = len(line)
		}
		return i, from, p.at
	}
	for p.at < len(line) {
		if strings.HasPrefix(line[p.at:], "{{") {
			if n := strings.Index(line[p.at:], "}}"); n >= 0 {
				p.at += n + 2
				continue
			}
		}
		c := line[p.at]
		if strings.IndexByte(",[]{}", c) >= 0 || c == ':' && (p.at+1 == len(line) || strings.IndexByte(" ,}]", line[p.at+1]) >= 0) || c == '#' && p.at > 0 && line[p.at-1] == ' ' {
			break
		}
		p.at++
	}
	from, to = trim(line, from, p.at)
	return i, from, to
}

// scalarItem2 reads an item of a list in brackets.
func (s *scanner) scalarItem2(i, from, to int) {
	f := s.top()
	list := f
	if len(s.frames) > 1 {
		list = &s.frames[len(s.frames)-2]
	}
	value := unquote(s.lines[i][from:to])
	switch {
	case s.generator(list, i, from, to):
	case f.level == secret:
		s.taint(i, from, to)
	case f.level == below && !refers(list.key, value) && !none(value) && !benign[list.key]:
		s.taint(i, from, to)
	case f.flag, s.chained():
		s.taint(i, from, to)
	default:
		s.inline(i, from, to, false)
	}
	f.flag = flag.MatchString(value)
}

// unescaped returns a password of a URL as a client reads it.
func unescaped(text string) (string, bool) {
	out, err := url.PathUnescape(text)
	return out, err == nil && out != text
}
