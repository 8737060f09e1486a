package lint

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/internal/reads"
)

// TestSums gives the hash of each text, whichever came before, from several goroutines, and keeps no more than it may.
func TestSums(t *testing.T) {
	t.Parallel()
	var s sums
	fsys := afero.NewMemMapFs()
	var texts [][]byte
	sizes := []int{0, 1, minAlike - 20, minAlike, 5000, 5000, maxText - 5, maxText, maxText + 1}
	for range maxTexts/maxText + 4 {
		sizes = append(sizes, maxText-100)
	}
	for i, size := range sizes {
		text := bytes.Repeat([]byte{'a' + byte(i)}, size)
		texts = append(texts, text)
		if err := afero.WriteFile(fsys, fmt.Sprint(i), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(g)))
			for range 200 {
				i := random.IntN(len(texts) + 1)
				want := sha256.New()
				if err := reads.Describe(want, fsys, fmt.Sprint(i)); err != nil {
					want.Reset()
					_, _ = io.WriteString(want, "error "+err.Error())
				}
				if got := s.hashOf(fsys, fmt.Sprint(i)); got != string(want.Sum(nil)[:hashSize]) {
					t.Errorf("%d: another hash", i)
				}
			}
		})
	}
	wg.Wait()
	size, kept := 0, 0
	for _, k := range s.known {
		if size += len(k.text); k.text != nil {
			kept++
		}
	}
	if size != s.size || size > maxTexts || kept < 4 || kept == len(s.known) {
		t.Errorf("%d of %d texts are kept, %d and %d bytes", kept, len(s.known), s.size, size)
	}
}

// TestSumsAlike compares texts where their quick hashes are the same.
func TestSumsAlike(t *testing.T) {
	t.Parallel()
	text, other := bytes.Repeat([]byte("a"), minAlike), bytes.Repeat([]byte("b"), minAlike)
	var s sums
	for range 3 {
		s.of(text)
	}
	for key := range s.known {
		s.known[key] = summed{other, sumOf(other)}
	}
	if s.of(text) != sumOf(text) {
		t.Error("a text has the hash of another one")
	}
}
