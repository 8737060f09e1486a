package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"

	"github.com/redis-gitops/redis-gitops/rdb"
)

var errDiffers = errors.New("differs")

// differentString describes how a string differs from the reply to GET.
func differentString(e *rdb.Entry, got []byte) string {
	err := rdb.Decode(e, func(el *rdb.Element) error {
		if !bytes.HasPrefix(got, el.Bytes) {
			return errDiffers
		}
		got = got[len(el.Bytes):]
		return nil
	})
	switch {
	case errors.Is(err, errDiffers), err == nil && len(got) > 0:
		return "has a different value"
	case err != nil:
		return "cannot be decoded: " + err.Error()
	}
	return ""
}

// differentValue describes how the value of a key differs from its payload of DUMP. Where the bytes do, the elements decide: the
// server may encode them in another way than the dump.
func (v *verifier) differentValue(e *rdb.Entry, payload []byte) string {
	const footer = 2 + 8
	if n := len(payload) - footer; n > 0 && v.Shift == 0 && payload[0] == e.Type.Byte() && bytes.Equal(payload[1:n], e.Raw) {
		return ""
	}
	there, _, err := rdb.ParseDump(payload)
	if err != nil {
		return "invalid DUMP payload: " + err.Error()
	}
	if there.Type.Kind() != e.Type.Kind() {
		return fmt.Sprintf("is a %s, expected a %s", there.Type.Kind(), e.Type.Kind())
	}
	if e.Type == rdb.TypeModule2 {
		return "" // only the module knows
	}
	want, err := valueSum(e, v.FieldExpiry, v.IsGone)
	if err != nil {
		return "cannot be decoded: " + err.Error()
	}
	got, err := valueSum(there, func(at int64) int64 { return at }, v.IsGone)
	if err != nil {
		return "cannot decode its DUMP payload: " + err.Error()
	}
	if want != got {
		return "has a different value"
	}
	return ""
}

// seeds are this process's own, so that nobody can make values with equal sums.
var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// A sum is 128 bits.
type sum [2]uint64

// valueSum is equal for equal values, however they are encoded. What commands cannot set is left out: consumers without
// pending items, and times of consumers; and so are fields whose time is over. expiry gives that of a field by the target's
// clock.
func valueSum(e *rdb.Entry, expiry func(int64) int64, isGone func(int64) bool) (all sum, err error) {
	var buf, group, consumer []byte
	var whole [2]maphash.Hash // of what has an order
	for i := range whole {
		whole[i].SetSeed(seeds[i])
	}
	ordered := func(p []byte) {
		for i := range whole {
			_, _ = whole[i].Write(p)
		}
	}
	err = rdb.Decode(e, func(el *rdb.Element) error {
		buf = append(buf[:0], byte(el.Kind))
		add := func(p []byte) { buf = append(binary.AppendUvarint(buf, uint64(len(p))), p...) }
		add(el.Bytes)
		switch el.Kind {
		case rdb.StringChunk:
			ordered(el.Bytes)
			return nil
		case rdb.ListItem:
			ordered(buf)
			return nil
		case rdb.StreamItem:
			buf = binary.AppendUvarint(binary.AppendUvarint(buf, el.ID.Ms), el.ID.Seq)
			for _, f := range el.Fields {
				add(f)
			}
			ordered(buf)
			return nil
		case rdb.StreamState:
			buf = binary.AppendUvarint(binary.AppendUvarint(buf, el.Stream.Last.Ms), el.Stream.Last.Seq)
		case rdb.StreamGroup:
			buf = binary.AppendUvarint(binary.AppendUvarint(buf, el.ID.Ms), el.ID.Seq)
			group = append(group[:0], el.Bytes...)
		case rdb.StreamConsumer:
			consumer = append(consumer[:0], el.Bytes...)
			return nil
		case rdb.StreamPending:
			add(group)
			add(consumer)
			for _, n := range []uint64{el.ID.Ms, el.ID.Seq, uint64(el.Delivered), el.Deliveries} {
				buf = binary.AppendUvarint(buf, n)
			}
		case rdb.ZSetMember:
			buf = binary.AppendUvarint(buf, math.Float64bits(el.Score+0)) // -0 and 0 are one
		case rdb.HashField:
			at := expiry(el.Expiry)
			if isGone(at) {
				return nil
			}
			add(el.Value)
			buf = binary.AppendUvarint(buf, uint64(at))
		}
		for i := range all {
			all[i] += maphash.Bytes(seeds[i], buf)
		}
		return nil
	})
	for i := range all {
		all[i] += whole[i].Sum64()
	}
	return all, err
}
