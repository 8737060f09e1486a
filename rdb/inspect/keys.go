package inspect

import (
	"encoding/base64"
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// KeyRow is a key of a dump, for a list of all. Its JSON names are stable.
type KeyRow struct {
	Key
	KeyBase64 string `json:"keyBase64,omitempty"` // the exact bytes of a key that is not UTF-8
	TTL       *int64 `json:"ttl,omitempty"`       // seconds left at the time now; 0 for what has expired
	Idle      *int64 `json:"idle,omitempty"`      // seconds since the last use (LRU)
	Freq      *int64 `json:"freq,omitempty"`      // logarithmic counter of use (LFU)
}

// EachKey returns every key of a dump that a filter keeps, in the order of the dump, in constant memory. Key has its whole name.
// The row is valid until fn returns.
func EachKey(s *rdb.Scanner, filter *rdb.Filter, now time.Time, fn func(*KeyRow) error) error {
	return keptKeys(s, filter, func(e *rdb.Entry) error {
		row := KeyRow{Key: Key{DB: e.DB, Key: printable(e.Key), Type: e.Type.Kind(), Encoding: e.Type.Encoding(), Expiry: e.Expiry}}
		if !utf8.Valid(e.Key) {
			row.KeyBase64 = base64.StdEncoding.EncodeToString(e.Key)
		}
		layout := layoutOf(nil, s)
		size, err := layout.Measure(e)
		if err != nil {
			return err
		}
		row.Elements, row.Bytes, row.Memory = size.Elements, e.RawSize()+uint64(len(e.Key)), layout.Key(e)+size.Memory
		if e.Expiry != 0 {
			left := max(e.Expiry-now.UnixMilli(), 0) / 1000
			row.TTL = &left
		}
		if e.HasIdle {
			idle := int64(e.Idle)
			row.Idle = &idle
		}
		if e.HasFreq {
			freq := int64(e.Freq)
			row.Freq = &freq
		}
		return fn(&row)
	})
}

// keptKeys calls fn for every key of a dump that a filter keeps, in the order of the dump.
func keptKeys(s *rdb.Scanner, filter *rdb.Filter, fn func(*rdb.Entry) error) error {
	for {
		e, err := s.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case e.Kind == rdb.KeyEntry && filter.Apply(e) == rdb.Kept:
			if err := fn(e); err != nil {
				return err
			}
		}
	}
}
