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

// scanned is all that a scan depends on, besides chains, and the directory where the text refers to files.
type scanned struct {
	text         string
	yaml, values bool
}

// Scan is [Scan] without chains.
func (s *Scans) Scan(name string, text []byte) *File {
	key := scanned{string(text), yamlFile(name), strings.HasPrefix(path.Base(name), "values")}
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
