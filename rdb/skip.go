package rdb

// A layout lists the parts that a value, or each of its elements, is made of:
//
//	s  a string
//	n  a length
//	8  eight bytes: a double, a time in milliseconds, or half a stream ID
//	f  a double in ASCII, with its length in one byte
type layout string

// skipValue passes over a value of type t without looking into it (redis src/rdb.c, rdbLoadObject).
func (w *window) skipValue(t Type) error {
	switch t {
	case TypeString, TypeHashZipmap, TypeListZiplist, TypeSetIntset, TypeZSetZiplist, TypeHashZiplist,
		TypeHashListpack, TypeZSetListpack, TypeSetListpack, TypeHashTTLLPPreGA:
		return w.skipString()
	case TypeList, TypeSet, TypeListQuicklist:
		return w.skipList("s")
	case TypeZSet:
		return w.skipList("sf")
	case TypeZSet2:
		return w.skipList("s8")
	case TypeHash:
		return w.skipList("ss")
	case TypeListQuicklist2:
		return w.skipList("ns")
	case TypeStream:
		return w.skipStream("nnn", "snn", "s8")
	case TypeStream2:
		return w.skipStream("nnnnnnnn", "snnn", "s8")
	case TypeStream3:
		return w.skipStream("nnnnnnnn", "snnn", "s88")
	case TypeHashTTLPreGA:
		return w.skipList("nss")
	case TypeHashTTL:
		if err := w.skip(8); err != nil {
			return err
		}
		return w.skipList("nss")
	case TypeHashTTLLP:
		return w.skipParts("8s")
	case TypeValkeyHashTTL:
		return w.skipList("ss8")
	case TypeModule2:
		if err := w.skipParts("n"); err != nil {
			return err
		}
		return w.skipModule()
	}
	return w.errorf("unknown type %d", t.Byte())
}

// skipParts passes over each part of l once.
func (w *window) skipParts(l layout) (err error) {
	for i := 0; i < len(l) && err == nil; i++ {
		switch l[i] {
		case 's':
			err = w.skipString()
		case 'n':
			_, err = w.count()
		case '8':
			err = w.skip(8)
		case 'f':
			err = w.skipScore()
		}
	}
	return err
}

// skipList passes over a length and as many elements.
func (w *window) skipList(element layout) error {
	n, err := w.count()
	for ; n > 0 && err == nil; n-- {
		err = w.skipParts(element)
	}
	return err
}

// skipStream passes over the nodes, the stream's own fields, and the groups with what is pending and the consumers.
func (w *window) skipStream(fields, group, consumer layout) error {
	if err := w.skipList("ss"); err != nil {
		return err
	}
	if err := w.skipParts(fields); err != nil {
		return err
	}
	return w.skipGroups(group, consumer)
}

// skipGroups passes over the groups of a stream.
func (w *window) skipGroups(group, consumer layout) error {
	groups, err := w.count()
	for ; groups > 0 && err == nil; groups-- {
		if err = w.skipParts(group); err != nil {
			return err
		}
		if err = w.skipList("888n"); err != nil {
			return err
		}
		var consumers uint64
		for consumers, err = w.count(); consumers > 0 && err == nil; consumers-- {
			if err = w.skipParts(consumer); err != nil {
				return err
			}
			err = w.skipList("88")
		}
	}
	return err
}

// An ASCII score has its length in one byte; three lengths stand for values of their own.
const (
	scoreNaN    = 253
	scorePlus   = 254
	scoreMinus  = 255
	maxScoreLen = 252
)

func (w *window) skipScore() error {
	n, err := w.u8()
	if err != nil || n > maxScoreLen {
		return err
	}
	return w.skip(uint64(n))
}

// The opcodes of a module's value (redis src/rdb.h, since 4.0).
const (
	moduleEnd    = 0
	moduleSigned = 1
	moduleUint   = 2
	moduleFloat  = 3
	moduleDouble = 4
	moduleString = 5
)

// skipModule passes over what a module wrote, up to and with its end.
func (w *window) skipModule() error {
	for {
		op, err := w.count()
		if err != nil {
			return err
		}
		switch op {
		case moduleEnd:
			return nil
		case moduleSigned, moduleUint:
			_, err = w.count()
		case moduleFloat:
			err = w.skip(4)
		case moduleDouble:
			err = w.skip(8)
		case moduleString:
			err = w.skipString()
		default:
			err = w.errorf("unknown opcode %d in a module value", op)
		}
		if err != nil {
			return err
		}
	}
}

// moduleName returns the name in a module's ID: nine characters of six bits above ten bits of version (redis
// src/module.c, moduleTypeEncodeId).
func moduleName(id uint64) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var name [9]byte
	for i := range name {
		name[i] = alphabet[id>>(58-6*i)&0x3f]
	}
	return string(name[:])
}
