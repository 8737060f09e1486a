package redact

import (
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
	runs  int // of Scan, for tests
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
	head, rest := topComments(string(text))
	if head != "" && !quiet(Scan(name, []byte(head))) {
		head, rest = "", string(text)
	}
	key := scanned{strings.Count(head, "\n"), rest, yamlFile(name), strings.HasPrefix(path.Base(name), "values")}
	s.mu.Lock()
	known := s.found[key]
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
	if len(f.Refs) > 0 || len(text) > maxScans/4 {
		return f
	}
	if s.size += len(text); s.size > maxScans || s.found == nil {
		s.found, s.size = map[scanned]*File{}, len(text)
	}
	s.found[key] = f
	return f
}

// topComments cuts a text behind the comments and empty lines that it begins with.
func topComments(text string) (comments, rest string) {
	rest = text
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if trimmed != "" && trimmed[0] != '#' || strings.Contains(line, "{{") || !strings.HasSuffix(line, "\n") {
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
