package lint

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// readSuppressions finds the comments of a file. One on a line of its own is about the next line that is no comment.
func readSuppressions(file string, src []byte) []*suppression {
	if !bytes.Contains(src, marker) {
		return nil
	}
	var out []*suppression
	lines := strings.Split(string(src), "\n")
	for i, line := range lines {
		m := commentPattern.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		s := &suppression{wholly: m[4] >= 0}
		s.Position = finding.Position{File: file, Line: i + 1, Column: utf8.RuneCountInString(line[:m[0]]) + 1}
		s.Kind = "comment"
		words := ""
		if m[8] >= 0 {
			words = line[m[8]:m[9]]
		}
		s.from, s.to = i+1, i+1
		if alone := strings.TrimLeft(line[:m[0]], " \t{-"); alone == "" {
			s.to = nextLine(lines, i) + 1
		}
		out = append(out, s.split(words)...)
	}
	return out
}

func copySuppressions(from []*suppression) []*suppression {
	out := make([]*suppression, len(from))
	for i, s := range from {
		c := *s
		out[i] = &c
	}
	return out
}

var (
	commentPattern = lazyregexp.New(`(#|/\*|<!--)\s*redis-gitops:ignore(-file)?([^\S\n]+(.*?))?\s*(\*/.*|-->.*)?$`)
	untilPattern   = lazyregexp.New(`^until=(\S*)$`)
	marker         = []byte("redis-gitops:ignore")
)

// nextLine returns the index of the next line that is neither empty nor a comment.
func nextLine(lines []string, i int) int {
	for j := i + 1; j < len(lines); j++ {
		t := strings.TrimSpace(lines[j])
		if t != "" && !strings.HasPrefix(t, "#") && !strings.HasPrefix(t, "{{/*") && !strings.HasPrefix(t, "{{- /*") {
			return j
		}
	}
	return i
}

// split makes one suppression for each rule that the words name: "auth/missing, ha/single-redis until=2027-01-31 -- reason".
func (s *suppression) split(words string) []*suppression {
	head, reason, _ := strings.Cut(words+" ", "-- ")
	s.Reason = strings.TrimSpace(reason)
	var rules []string
	for _, w := range strings.FieldsFunc(head, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		if m := untilPattern.FindStringSubmatch(w); m != nil {
			s.Until = m[1]
			continue
		}
		rules = append(rules, w)
	}
	if len(rules) == 0 {
		return []*suppression{s}
	}
	var out []*suppression
	for _, r := range rules {
		each := *s
		each.rule = r
		out = append(out, &each)
	}
	return out
}
