package survey

import (
	"context"
	"io"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// A Head is what is left of a dump that can be read once, after its head.
type Head struct {
	scanner *rdb.Scanner
	body    io.Closer
	first   *rdb.Entry
}

// ReadHead reads what comes before the keys of a dump that can be read once. Head must be closed.
func ReadHead(ctx context.Context, p *plan.Plan) (*Survey, *Head, error) {
	body, err := p.Source.Open(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	s := newSurvey()
	s.once = true
	h := &Head{scanner: rdb.NewScanner(body, rdb.Options{Window: plan.Split}), body: body}
	for {
		e, err := h.scanner.Next()
		if err == io.EOF {
			h.scanner = rdb.NewScanner(strings.NewReader("REDIS0001\xff"), rdb.Options{}) // nothing is left
			break
		}
		if err != nil {
			body.Close()
			return nil, nil, err
		}
		s.other(e, &p.Options.Filter)
		if e.Kind != rdb.AuxEntry {
			h.first = e // the first library of functions, which comes before all keys
			break
		}
	}
	s.Version, s.Size = h.scanner.Version(), p.Source.Size
	return s, h, nil
}

// Take returns the rest of the dump: a scanner, what has to be closed after it, and an entry that comes before the scanner's, or nil.
// It can be taken once; then, and of no head, ok is false.
func (h *Head) Take() (scanner *rdb.Scanner, body io.Closer, first *rdb.Entry, ok bool) {
	if h == nil || h.scanner == nil {
		return nil, nil, nil, false
	}
	scanner, h.scanner = h.scanner, nil
	return scanner, h.body, h.first, true
}

// Close closes the dump, unless somebody has taken it.
func (h *Head) Close() {
	if h != nil && h.scanner != nil {
		h.body.Close()
	}
}
