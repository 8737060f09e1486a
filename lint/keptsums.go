package lint

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"hash/maphash"
	"sync"
)

// hashSize is how much of a hash is kept, in bytes: enough against two texts that somebody makes for that.
const hashSize = 32

const (
	// minAlike is the size in bytes from which a text is looked for among those that were hashed before.
	minAlike = 4 << 10
	// maxText is the size in bytes above which a text is not held while it is hashed, and maxTexts that of all that are kept.
	maxText  = 256 << 10
	maxTexts = 2 << 20
)

// seed makes hashes that nobody outside can foresee, so that no text can be made that is compared with all others.
var seed = maphash.MakeSeed()

// sums hashes texts, and one that comes again and again only twice: thousands of applications have the same schema. Comparing it takes a
// tenth of the time.
type sums struct {
	mu    sync.Mutex
	known map[uint64]summed
	size  int // of the texts
}

// summed is a text with its hash; without a text, it was met once.
type summed struct {
	text []byte
	sum  string
}

func (s *sums) of(text []byte) string {
	if len(text) < minAlike {
		return sumOf(text)
	}
	key := maphash.Bytes(seed, text)
	s.mu.Lock()
	known := s.known[key]
	s.mu.Unlock()
	if known.text != nil && bytes.Equal(known.text, text) {
		return known.sum
	}
	sum := sumOf(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[uint64]summed{}
	}
	if known, met := s.known[key]; !met {
		s.known[key] = summed{}
	} else if known.text == nil && s.size+len(text) <= maxTexts {
		s.known[key] = summed{bytes.Clone(text), sum}
		s.size += len(text)
	}
	return sum
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return string(sum[:hashSize])
}

// summing is a [hash.Hash] for what is written to it, as far as it is needed: it holds a text that may have been hashed before.
type summing struct {
	text []byte
	hash hash.Hash // of a text that is too large; nil for others
}

var summings = sync.Pool{New: func() any { return new(summing) }}

// Write implements [io.Writer].
func (s *summing) Write(p []byte) (int, error) {
	if s.hash == nil {
		if len(s.text)+len(p) <= maxText {
			s.text = append(s.text, p...)
			return len(p), nil
		}
		s.hash = sha256.New()
		_, _ = s.hash.Write(s.text)
	}
	return s.hash.Write(p)
}

func (s *summing) reset() { s.text, s.hash = s.text[:0], nil }

func (s *summing) sum(among *sums) string {
	if s.hash != nil {
		return string(s.hash.Sum(nil)[:hashSize])
	}
	return among.of(s.text)
}
