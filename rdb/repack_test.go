package rdb

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// packOf is a listpack of texts of less than 4096 bytes.
func packOf(texts ...string) []byte {
	pack := make([]byte, packHeader)
	for _, text := range texts {
		start := len(pack)
		if len(text) < 64 {
			pack = append(pack, 0x80|byte(len(text)))
		} else {
			pack = append(pack, 0xe0|byte(len(text)>>8), byte(len(text)))
		}
		pack = append(pack, text...)
		if n := len(pack) - start; n <= 127 {
			pack = append(pack, byte(n))
		} else {
			pack = append(pack, byte(n>>7), byte(n&127)|128)
		}
	}
	pack = append(pack, packEnd)
	binary.LittleEndian.PutUint32(pack, uint32(len(pack)))
	binary.LittleEndian.PutUint16(pack[4:], uint16(len(texts)))
	return pack
}

// Listpacks become ziplists with the same elements, which numbers of every size and long texts are among.
func TestRepack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	texts := []string{"", "0", "-0", "007", "+1", "12", "13", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.5", "x"}
	for bits := range 63 {
		for _, n := range []int64{1 << bits, 1<<bits - 1, -1 << bits, -1<<bits - 1} {
			texts = append(texts, strconv.FormatInt(n, 10))
		}
	}
	for _, n := range []int{63, 64, 250, 251, 252, 253, 254, 255, 4095} {
		texts = append(texts, strings.Repeat("y", n))
	}
	for range 500 {
		var pairs []string
		for i := range 1 + random.IntN(20) {
			pairs = append(pairs, fmt.Sprint("field:", i), texts[random.IntN(len(texts))])
		}
		e := &Entry{Kind: KeyEntry, Key: []byte("k"), Type: TypeHashListpack, Raw: AppendString(nil, packOf(pairs...))}
		out, _, err := Reencode(e, ReencodeOptions{Version: 9})
		if err != nil || out.Type != TypeHashZiplist {
			t.Fatalf("%v, %v", out, err)
		}
		if err := Check(out); err != nil { // lengths of the element before, and so on
			t.Fatalf("%q: %v", pairs, err)
		}
		want, _ := valueText(e, 0)
		if got, err := valueText(out, 0); err != nil || got != want {
			t.Fatalf("%v: got %s, want %s", err, got, want)
		}
	}
}

// What an older server would not have as a ziplist is written element by element, and damage is an error.
func TestRepackUnlike(t *testing.T) {
	node := func(container byte, pack []byte) []byte { return AppendString([]byte{1, container}, pack) }
	for _, tt := range []struct {
		name string
		t    Type
		raw  []byte
		to   Type
	}{
		{"sorted set", TypeZSetListpack, AppendString(nil, packOf("a", "1", "b", "1", "c", "2.5")), TypeZSetZiplist},
		{"wrong order of scores", TypeZSetListpack, AppendString(nil, packOf("a", "2", "b", "1")), TypeZSet2},
		{"wrong order of members", TypeZSetListpack, AppendString(nil, packOf("b", "1", "a", "1")), TypeZSet2},
		{"no score", TypeZSetListpack, AppendString(nil, packOf("a", "x")), 0},
		{"no value", TypeHashListpack, AppendString(nil, packOf("a", "1", "b")), 0},
		{"no field", TypeHashListpack, AppendString(nil, packOf()), TypeHash},
		{"bytes behind", TypeHashListpack, append(AppendString(nil, packOf("a", "1")), 0), 0},
		{"list", TypeListQuicklist2, node(quicklistPacked, packOf("a", "b")), TypeListQuicklist},
		{"list with a large element", TypeListQuicklist2, node(quicklistPlain, []byte("a")), TypeList},
		{"empty node", TypeListQuicklist2, node(quicklistPacked, packOf()), TypeList},
		{"no node", TypeListQuicklist2, []byte{0}, TypeList},
		{"unknown node", TypeListQuicklist2, node(3, packOf("a")), 0},
		{"cut", TypeListQuicklist2, node(quicklistPacked, packOf("a"))[:9], 0},
	} {
		out, _, err := Reencode(&Entry{Kind: KeyEntry, Type: tt.t, Raw: tt.raw}, ReencodeOptions{Version: 9})
		switch {
		case tt.to == 0 && err == nil:
			t.Errorf("%s: no error, but %s", tt.name, out.Type)
		case tt.to != 0 && (err != nil || out.Type != tt.to):
			t.Errorf("%s: %v, %v", tt.name, out, err)
		}
	}
}
