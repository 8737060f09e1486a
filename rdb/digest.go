package rdb

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
)

// Digest returns 128 bits that are equal for equal values, however the dumps encode them. The bookkeeping of streams that commands
// cannot see change is left out: when consumers were last seen or active, and the counters of [StreamInfo]. A module's value
// is compared as its bytes. Like [Decode] it reads a value larger than the window once.
func Digest(e *Entry) (sum [16]byte, err error) {
	d := digester{ordered: sha256.New()}
	d.text([]byte(e.Type.Kind()))
	d.ordered.Write(d.buf)
	if e.Type == TypeModule2 {
		d.ordered.Write([]byte(e.Module))
		err = e.Chunks(func(p []byte) error { d.ordered.Write(p); return nil })
	} else {
		err = Decode(e, d.element)
	}
	whole := d.ordered.Sum(nil)
	for i := range sum {
		sum[i] = whole[i] ^ d.set[i]
	}
	return sum, err
}

// A digester hashes what has an order one after the other, and adds up the hashes of what has none.
type digester struct {
	ordered         hash.Hash
	set             [16]byte
	buf             []byte
	group, consumer []byte
}

func (d *digester) text(p []byte) {
	d.buf = append(binary.AppendUvarint(d.buf, uint64(len(p))), p...)
}

func (d *digester) number(n uint64) { d.buf = binary.AppendUvarint(d.buf, n) }

func (d *digester) element(el *Element) error {
	d.buf = append(d.buf[:0], byte(el.Kind))
	switch el.Kind {
	case StringChunk: // where the chunks end is not part of the value
		d.ordered.Write(el.Bytes)
		return nil
	case ListItem:
		d.text(el.Bytes)
		d.ordered.Write(d.buf)
		return nil
	case StreamItem:
		d.number(el.ID.Ms)
		d.number(el.ID.Seq)
		for _, f := range el.Fields {
			d.text(f)
		}
		d.number(uint64(len(el.Fields)))
		d.ordered.Write(d.buf)
		return nil
	case SetMember:
		d.text(el.Bytes)
	case ZSetMember:
		d.text(el.Bytes)
		d.number(math.Float64bits(el.Score + 0)) // -0 and 0 are one
	case HashField:
		d.text(el.Bytes)
		d.text(el.Value)
		d.number(uint64(el.Expiry))
	case StreamState:
		d.number(el.Stream.Last.Ms)
		d.number(el.Stream.Last.Seq)
	case StreamGroup:
		d.group = append(d.group[:0], el.Bytes...)
		d.text(el.Bytes)
		d.number(el.ID.Ms)
		d.number(el.ID.Seq)
	case StreamConsumer:
		d.consumer = append(d.consumer[:0], el.Bytes...)
		d.text(d.group)
		d.text(el.Bytes)
	case StreamPending:
		d.text(d.group)
		d.text(d.consumer)
		for _, n := range []uint64{el.ID.Ms, el.ID.Seq, uint64(el.Delivered), el.Deliveries} {
			d.number(n)
		}
	}
	one := sha256.Sum256(d.buf)
	for i := range d.set {
		d.set[i] ^= one[i]
	}
	return nil
}
