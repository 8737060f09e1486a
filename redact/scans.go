package redact

import (
	"bytes"
	"path"
	"strings"
	"sync"
)

// maxScans is how much text is kept with what was found in it, in bytes.
const maxScans = 1 << 20

// Scans is [Scan] that remembers what it found: in a repository of many charts, most have the templates and the schema of one generator.
// The zero value is empty; it may be used by several goroutines.
type Scans struct {
	mu    sync.Mutex
	size  int
	found map[scanned]*File
	quiet map[string]bool // comments in which nothing is found
	runs  int             // of Scan, for tests
}

// scanned is all that a scan depends on, besides chains, and the directory where the text refers to files. Comments on top are left out, in
// which generators name the application, if nothing is found in them.
type scanned struct {
	comments     int // lines of them
	text         string
	yaml, values bool
}

// Scan is [Scan] without chains.
func (s *Scans) Scan(name string, text []byte) *File {
	head, rest := topComments(text)
	if !s.quietComments(head) {
		head, rest = nil, text
	}
	comments, yaml, values := bytes.Count(head, []byte("\n")), yamlFile(name), strings.HasPrefix(path.Base(name), "values")
	s.mu.Lock()
	known := s.found[scanned{comments, string(rest), yaml, values}] // which copies nothing
	s.mu.Unlock()
	if known != nil {
		f := *known
		f.Name = name
		return &f
	}
	f := Scan(name, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	if len(f.Refs) > 0 || !s.room(len(text)) {
		return f
	}
	s.found[scanned{comments, string(rest), yaml, values}] = f
	return f
}

// room makes room for what was found in a text, if there can be any.
func (s *Scans) room(size int) bool {
	if size > maxScans/4 {
		return false
	}
	if s.size += size; s.size > maxScans || s.found == nil {
		s.found, s.quiet, s.size = map[scanned]*File{}, map[string]bool{}, size
	}
	return true
}

// quietComments reports whether nothing is found in comments. What is found in one does not depend on the others.
func (s *Scans) quietComments(text []byte) bool {
	for line := range bytes.Lines(text) {
		s.mu.Lock()
		known := s.quiet[string(line)]
		s.mu.Unlock()
		if known {
			continue
		}
		if !quiet(Scan("", line)) {
			return false
		}
		s.mu.Lock()
		if s.room(len(line)) {
			s.quiet[string(line)] = true
		}
		s.mu.Unlock()
	}
	return true
}

// topComments cuts a text behind the comments and empty lines that it begins with.
func topComments(text []byte) (comments, rest []byte) {
	rest = text
	for line := range bytes.Lines(text) {
		trimmed := bytes.TrimSpace(line)
		if len(trimmed) > 0 && trimmed[0] != '#' || bytes.Contains(line, []byte("{{")) || !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		rest = rest[len(line):]
	}
	return text[:len(text)-len(rest)], rest
}

// quiet reports whether nothing was found in a file.
func quiet(f *File) bool {
	return len(f.Values)+len(f.Chains)+len(f.Includes)+len(f.Defines)+len(f.Refs)+len(f.spans)+len(f.names) == 0
}
