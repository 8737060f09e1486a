package planrules

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/redis-gitops/redis-gitops/policy"
)

// The bytes of a packed value: each part begins with one of these. A text has lines of its own.
const (
	packedNull byte = iota + 1
	packedFalse
	packedTrue
	packedInt
	packedNumber
	packedText
	packedArray
	packedObject
)

// maxPacked is how deep arrays and objects are in each other at most, as in encoding/json.
const maxPacked = 10000

var errPacked = errors.New("policy: bytes that Pack did not write")

// Pack implements [policy.Packer].
func (p *pool) Pack(v policy.Value) ([]byte, error) { return pack(nil, of(v)) }

func pack(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case null:
		return append(b, packedNull), nil
	case bool:
		if v {
			return append(b, packedTrue), nil
		}
		return append(b, packedFalse), nil
	case int64:
		return binary.AppendVarint(append(b, packedInt), v), nil
	case number:
		return packText(b, packedNumber, string(v)), nil
	case string:
		return packText(b, packedText, v), nil
	case *array:
		b = binary.AppendUvarint(append(b, packedArray), uint64(len(v.elems)))
		for _, e := range v.elems {
			var err error
			if b, err = pack(b, e); err != nil {
				return nil, err
			}
		}
		return b, nil
	case *object:
		b = binary.AppendUvarint(append(b, packedObject), uint64(len(v.pairs)))
		for _, each := range v.inOrder() {
			var err error
			if b, err = pack(b, each.key); err != nil {
				return nil, err
			}
			if b, err = pack(b, each.value); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return nil, fmt.Errorf("policy: %T cannot be packed", v)
}

func packText(b []byte, kind byte, text string) []byte {
	b = binary.AppendUvarint(append(b, kind), uint64(len(text)))
	return append(append(append(b, '\n'), text...), '\n')
}

// Unpack implements [policy.Packer].
func (p *pool) Unpack(b []byte) (policy.Value, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.texts == nil {
		p.texts = map[string]any{}
	}
	u := unpacking{pool: p, rest: b}
	v := u.value(0)
	if u.broken || len(u.rest) > 0 {
		return nil, errPacked
	}
	return &value{v}, nil
}

type unpacking struct {
	*pool
	rest   []byte
	broken bool
}

func (u *unpacking) fail() any {
	u.broken, u.rest = true, nil
	return nil
}

func (u *unpacking) value(depth int) any {
	if len(u.rest) == 0 || depth > maxPacked {
		return u.fail()
	}
	kind := u.rest[0]
	u.rest = u.rest[1:]
	switch kind {
	case packedNull:
		return null{}
	case packedFalse, packedTrue:
		return kind == packedTrue
	case packedInt:
		n, size := binary.Varint(u.rest)
		if size <= 0 {
			return u.fail()
		}
		u.rest = u.rest[size:]
		return n
	case packedNumber:
		n, err := checked(string(u.bytes()))
		if err != nil {
			return u.fail()
		}
		return n
	case packedText:
		return u.shared(u.bytes())
	case packedArray:
		return u.elements(depth)
	case packedObject:
		return u.fields(depth)
	}
	return u.fail()
}

// size reads how many there are of what takes at least so many bytes.
func (u *unpacking) size(least int) int {
	n, size := binary.Uvarint(u.rest)
	if size <= 0 || n > uint64(len(u.rest)-size)/uint64(least) {
		u.fail()
		return 0
	}
	u.rest = u.rest[size:]
	return int(n)
}

func (u *unpacking) bytes() []byte {
	n := u.size(1)
	if n+2 > len(u.rest) || u.rest[0] != '\n' || u.rest[n+1] != '\n' {
		u.fail()
		return nil
	}
	text := u.rest[1 : n+1]
	u.rest = u.rest[n+2:]
	return text
}

// shared returns a text that many values have.
func (u *unpacking) shared(text []byte) any {
	if t := u.texts[string(text)]; t != nil {
		return t
	}
	return u.text(string(text))
}

func (u *unpacking) elements(depth int) any {
	from := len(u.items)
	for n := u.size(1); n > 0 && !u.broken; n-- {
		u.items = append(u.items, u.value(depth+1))
	}
	elems := u.items[from:]
	u.items = u.items[:from]
	if u.broken {
		return nil
	}
	return u.array(elems)
}

func (u *unpacking) fields(depth int) any {
	from := len(u.made)
	for n := u.size(2); n > 0 && !u.broken; n-- {
		key := u.value(depth + 1)
		text, ok := key.(string)
		if last := len(u.made) - 1; !ok || last >= from && u.made[last].key.(string) >= text {
			u.fail()
			break
		}
		u.made = append(u.made, pair{key, u.value(depth + 1)})
	}
	pairs := u.made[from:]
	u.made = u.made[:from]
	if u.broken {
		return nil
	}
	return u.object(pairs)
}
