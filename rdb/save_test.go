package rdb

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSave(t *testing.T) {
	dump := mixedDump(t, 2000)
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(dump), "one byte at a time": iotest.OneByteReader(bytes.NewReader(dump)), "halves": iotest.HalfReader(bytes.NewReader(dump)),
	} {
		var out bytes.Buffer
		saved, err := Save(&out, r)
		if err != nil || !bytes.Equal(out.Bytes(), dump) || saved != (Saved{Version: 10, Keys: 2000, Bytes: int64(len(dump)), Checksum: true}) {
			t.Errorf("%s: %+v, %v", name, saved, err)
		}
	}
	sum := func(body string) string {
		var tail trailer
		tail.w = io.Discard
		tail.Write([]byte(body + "12345678"))
		return body + string([]byte{byte(tail.sum), byte(tail.sum >> 8), byte(tail.sum >> 16), byte(tail.sum >> 24), byte(tail.sum >> 32), byte(tail.sum >> 40), byte(tail.sum >> 48), byte(tail.sum >> 56)})
	}
	for _, tt := range []struct {
		name, data, want string
		checksum         bool
		unknown          bool
	}{
		{"no checksum", "REDIS0011\xff\x00\x00\x00\x00\x00\x00\x00\x00", "", false, false},
		{"version without one", "REDIS0003\xff", "", false, false},
		{"checksum", sum("REDIS0011\x00\x01k\x01v\xff"), "", true, false},
		{"newer type", sum("REDIS0013\x1a\x01kwhatever\xff"), "", true, true},
		{"wrong checksum after a newer type", "REDIS0013\x1a\x01kwhatever\xff12345678", "the dump is damaged", true, true},
		{"newer type, cut", "REDIS0013\x1a\x01kwhatever", "the dump is truncated", false, true},
		{"cut", "REDIS0011\x00\x01k\x05v", "unexpected end of data", false, false},
		{"more", sum("REDIS0011\xff") + "x", "offset 18: 1 bytes of trailing data after the dump", false, false},
		{"nothing", "", "unexpected end of data", false, false},
		{"page", "<html>", "an HTML page", false, false},
		{"newer version", sum("REDIS0099\x00\x01k\x01v\xff"), "", true, true},
	} {
		var out bytes.Buffer
		saved, err := Save(&out, strings.NewReader(tt.data))
		if tt.want == "" && (err != nil || out.String() != tt.data || saved.Checksum != tt.checksum || (saved.Unknown != nil) != tt.unknown) {
			t.Errorf("%s: %+v, %v", tt.name, saved, err)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	full := errors.New("disk full")
	if _, err := Save(failing{full}, bytes.NewReader(dump)); !errors.Is(err, full) {
		t.Error(err)
	}
	broken := errors.New("connection reset")
	if _, err := Save(io.Discard, io.MultiReader(bytes.NewReader(dump[:5000]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
}
