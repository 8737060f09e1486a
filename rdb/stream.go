package rdb

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// The flags of an item in a stream's node (redis src/t_stream.c, streamAppendItem).
const (
	itemDeleted    = 1
	itemSameFields = 2 // the fields are those of the node's first item, and only values follow
)

// pendingItem is an item that was delivered to a consumer of a group and not acknowledged.
type pendingItem struct {
	id         StreamID
	delivered  int64
	deliveries uint64
	owned      bool // by a consumer
}

// stream reads a stream of any version. The layout is that of skipStream.
func (d *decoder) stream(t Type) error {
	w := d.w
	var info StreamInfo
	nodes, err := w.count()
	for ; nodes > 0 && err == nil; nodes-- {
		err = d.streamNode()
	}
	if err != nil {
		return err
	}
	if info.Length, err = w.count(); err != nil {
		return err
	}
	if info.Last, err = d.lengthID(); err != nil {
		return err
	}
	info.Added = info.Length
	if t != TypeStream {
		if _, err = d.lengthID(); err != nil { // the first ID, which the items say as well
			return err
		}
		if info.MaxDeleted, err = d.lengthID(); err != nil {
			return err
		}
		if info.Added, err = w.count(); err != nil {
			return err
		}
	}
	if d.deep && d.items != info.Length {
		return w.errorf("the stream has %d entries, but its length is %d", d.items, info.Length)
	}
	d.el = Element{Kind: StreamState, Stream: info}
	if err := d.fn(&d.el); err != nil {
		return err
	}
	groups, err := w.count()
	for ; groups > 0 && err == nil; groups-- {
		err = d.streamGroup(t)
	}
	return err
}

// lengthID reads a stream ID written as two lengths.
func (d *decoder) lengthID() (id StreamID, err error) {
	if id.Ms, err = d.w.count(); err == nil {
		id.Seq, err = d.w.count()
	}
	return id, err
}

// rawID reads a stream ID written as 16 bytes, big-endian.
func (d *decoder) rawID() (StreamID, error) {
	p, err := d.w.take(16)
	if err != nil {
		return StreamID{}, err
	}
	return bigID(p), nil
}

func bigID(p []byte) StreamID {
	return StreamID{binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])}
}

// streamNode reads a node: its ID, and a listpack of items whose IDs count from there.
func (d *decoder) streamNode() error {
	at := d.w.offset()
	key, err := d.w.str()
	if err != nil {
		return err
	}
	if len(key) != 16 {
		return &Error{at, "the ID of a stream node does not have 16 bytes", nil}
	}
	base := bigID(key)
	if d.deep && d.node.compare(base) >= 0 && d.node != (StreamID{}) {
		return &Error{at, "stream nodes are unsorted or duplicated", nil}
	}
	d.node = base
	at = d.w.offset()
	p, err := d.w.str()
	if err != nil {
		return err
	}
	lp, err := newListpack(p)
	if err == nil && d.deep {
		err = lp.check()
	}
	if err == nil {
		err = d.streamItems(lp, base)
	}
	return locate(err, at)
}

// streamItems reads the head of a node (items, deleted items, number of fields, fields, 0) and its items.
func (d *decoder) streamItems(lp *listpack, base StreamID) error {
	var counts [2]int64 // of items, and of deleted ones
	for i := range counts {
		n, err := lp.int()
		if err != nil {
			return err
		}
		counts[i] = n
	}
	fields, err := lp.int()
	if err != nil {
		return err
	}
	d.master.reset()
	if err := addNext(&d.master, lp, fields); err != nil {
		return err
	}
	if zero, err := lp.int(); err != nil {
		return err
	} else if d.deep && zero != 0 {
		return packError("the header of a stream node does not end with 0")
	}
	master := d.master.slices()
	var found [2]int64
	for len(lp.p) > 0 {
		deleted, err := d.streamItem(lp, base, master)
		if err != nil {
			return err
		}
		if deleted {
			found[1]++
		} else {
			found[0]++
		}
	}
	d.items += uint64(found[0])
	if d.deep && found != counts {
		return packError(fmt.Sprintf("a stream node has %d entries and %d deleted entries, but its header counts %d and %d", found[0], found[1], counts[0], counts[1]))
	}
	_, _, err = lp.next() // is the count in the header right?
	return err
}

// addNext adds the next n elements of lp to l.
func addNext(l *byteList, lp *listpack, n int64) error {
	if n < 0 {
		return packError("a stream entry has a negative number of fields")
	}
	for ; n > 0; n-- {
		p, more, err := lp.next()
		if err != nil {
			return err
		}
		if !more {
			return packError("incomplete stream entry")
		}
		l.add(p)
	}
	return nil
}

// streamItem reads flags, the distance from the node's ID, fields and values, and how many elements that were.
func (d *decoder) streamItem(lp *listpack, base StreamID, master [][]byte) (deleted bool, err error) {
	flags, err := lp.int()
	if err != nil {
		return false, err
	}
	ms, err := lp.int()
	if err != nil {
		return false, err
	}
	seq, err := lp.int()
	if err != nil {
		return false, err
	}
	d.parts.reset()
	pieces := int64(3) // flags and distances
	if flags&itemSameFields != 0 {
		for _, field := range master {
			d.parts.add(field)
			if err := addNext(&d.parts, lp, 1); err != nil {
				return false, err
			}
			pieces++
		}
	} else {
		fields, err := lp.int()
		if err != nil {
			return false, err
		}
		if fields > int64(len(lp.p)) { // so that twice as many cannot overflow
			return false, packError("incomplete stream entry")
		}
		if err := addNext(&d.parts, lp, 2*fields); err != nil {
			return false, err
		}
		pieces += 1 + 2*fields
	}
	if n, err := lp.int(); err != nil {
		return false, err
	} else if d.deep && n != pieces {
		return false, packError(fmt.Sprintf("a stream entry has %d elements, but its count is %d", pieces, n))
	}
	if flags&itemDeleted != 0 {
		return true, nil
	}
	d.el = Element{Kind: StreamItem, ID: StreamID{base.Ms + uint64(ms), base.Seq + uint64(seq)}, Fields: d.parts.slices()}
	return false, d.fn(&d.el)
}

// streamGroup reads a group: name, last ID, what is pending, and the consumers with the IDs of what is pending on them.
func (d *decoder) streamGroup(t Type) error {
	w := d.w
	name, err := w.str()
	if err != nil {
		return err
	}
	d.parts.reset()
	d.parts.add(name)
	group := Element{Kind: StreamGroup, Bytes: d.parts.slices()[0], EntriesRead: -1}
	if group.ID, err = d.lengthID(); err != nil {
		return err
	}
	if t != TypeStream {
		read, err := w.count()
		if err != nil {
			return err
		}
		group.EntriesRead = int64(read)
	}
	if d.deep && !isNew(&d.groups, group.Bytes) {
		return w.errorf("duplicate consumer group %q", shorten(group.Bytes))
	}
	d.consumers = nil
	d.el = group
	if err := d.fn(&d.el); err != nil {
		return err
	}

	d.pending = d.pending[:0]
	n, err := w.count()
	for ; n > 0 && err == nil; n-- {
		err = d.addPending()
	}
	if err != nil {
		return err
	}
	consumers, err := w.count()
	for ; consumers > 0 && err == nil; consumers-- {
		err = d.streamConsumer(t)
	}
	if err != nil {
		return err
	}
	for _, p := range d.pending { // commands could not make these
		if !p.owned {
			return w.errorf("entry %s is pending in a group, but for none of its consumers", p.id)
		}
	}
	return nil
}

// isNew notes a name.
func isNew(names *map[string]bool, name []byte) bool {
	if (*names)[string(name)] {
		return false
	}
	if *names == nil {
		*names = map[string]bool{}
	}
	(*names)[string(name)] = true
	return true
}

func (d *decoder) addPending() error {
	var item pendingItem
	var err error
	if item.id, err = d.rawID(); err != nil {
		return err
	}
	delivered, err := d.u64()
	if err != nil {
		return err
	}
	item.delivered = int64(delivered)
	if item.deliveries, err = d.w.count(); err != nil {
		return err
	}
	if n := len(d.pending); n > 0 && d.pending[n-1].id.compare(item.id) >= 0 {
		return d.w.errorf("the pending entries of a group are unsorted")
	}
	d.pending = append(d.pending, item)
	return nil
}

func (d *decoder) streamConsumer(t Type) error {
	w := d.w
	name, err := w.str()
	if err != nil {
		return err
	}
	d.parts.reset()
	d.parts.add(name)
	consumer := Element{Kind: StreamConsumer, Bytes: d.parts.slices()[0], Active: -1}
	seen, err := d.u64()
	if err != nil {
		return err
	}
	consumer.Seen = int64(seen)
	if t == TypeStream3 {
		active, err := d.u64()
		if err != nil {
			return err
		}
		consumer.Active = int64(active)
	}
	if d.deep && !isNew(&d.consumers, consumer.Bytes) {
		return w.errorf("duplicate consumer %q in a group", shorten(consumer.Bytes))
	}
	d.el = consumer
	if err := d.fn(&d.el); err != nil {
		return err
	}
	n, err := w.count()
	for ; n > 0 && err == nil; n-- {
		var id StreamID
		if id, err = d.rawID(); err != nil {
			break
		}
		i, found := slices.BinarySearchFunc(d.pending, id, func(p pendingItem, id StreamID) int { return p.id.compare(id) })
		if !found {
			return w.errorf("entry %s is pending for a consumer but not in its group", id)
		}
		// Servers that have the fix of July 2026 refuse this (redis#15081, valkey#4073): the consumers would share a
		// structure that the first acknowledgement frees.
		if d.pending[i].owned {
			return w.errorf("entry %s is pending twice: for two consumers of a group, or for one of them", id)
		}
		d.pending[i].owned = true
		d.el = Element{Kind: StreamPending, ID: id, Delivered: d.pending[i].delivered, Deliveries: d.pending[i].deliveries}
		err = d.fn(&d.el)
	}
	return err
}
