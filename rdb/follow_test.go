package rdb

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// What follows a dump is never dropped: only the mark of a diskless transfer, and commands without an effect, are not data.
func TestFollows(t *testing.T) {
	for _, version := range []int{4, 10, 12} {
		dump := []byte("REDIS0004\xff")
		if version >= checksumSince {
			dump = sampleDump(t, version)
		}
		for _, tt := range []struct {
			name, rest, want string
			count            Following
		}{
			{name: "nothing"},
			{name: "mark", rest: strings.Repeat("0123456789abcdef0000", 2), count: EndMark},
			{name: "SELECT", rest: "#TS:1\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", count: FollowingCommands},
			{name: "one command", rest: "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n", count: FollowingCommands, want: "followed by 1 command of an append-only file, which only a server can apply"},
			{name: "commands", rest: strings.Repeat("*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n", 1234), count: FollowingCommands, want: "followed by 1,234 commands of"},
			{name: "half a command", rest: "*2\r\n", count: FollowingCommands, want: "followed by 0 commands of an append-only file and an incomplete end"},
			{name: "damaged commands", rest: "*2\r\nx\r\n", count: FollowingCommands, want: "are damaged"},
			{name: "newline", rest: "\n", want: "1 bytes of trailing data"},
			{name: "short mark", rest: strings.Repeat("a", 39), want: "39 bytes of trailing data"},
			{name: "long mark", rest: strings.Repeat("a", 41), want: "41 bytes of trailing data"},
			{name: "another dump", rest: string(dump), want: "another dump"},
			{name: "zero bytes", rest: strings.Repeat("\x00", 100_000), want: "100000 bytes of trailing data"},
		} {
			data := append(dump[:len(dump):len(dump)], tt.rest...)
			err := toEnd(NewScanner(iotest.HalfReader(bytes.NewReader(data)), Options{Window: minWindow}))
			switch {
			case tt.want == "" && err != io.EOF:
				t.Errorf("version %d, %s: %v", version, tt.name, err)
			case tt.want != "" && (!errors.Is(err, ErrFollows) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("version %d, %s: %v", version, tt.name, err)
			}
			s := NewScanner(bytes.NewReader(data), Options{Rest: true})
			if err := toEnd(s); err != io.EOF {
				t.Errorf("version %d, %s: %v", version, tt.name, err)
			}
			what, err := s.Following()
			if what != tt.count || (err != nil) != (tt.want != "" && tt.count == Nothing) {
				t.Errorf("version %d, %s: %v, %v", version, tt.name, what, err)
			}
		}
	}
}

func toEnd(s *Scanner) error {
	for {
		if _, err := s.Next(); err != nil {
			return err
		}
	}
}
