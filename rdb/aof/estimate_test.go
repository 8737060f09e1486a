package aof

import (
	"fmt"
	"strings"
	"testing"
)

// What is written again, deleted or taken from a queue is not counted twice.
func TestMemory(t *testing.T) {
	value := strings.Repeat("v", 1000)
	repeat := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			words := strings.Fields(strings.ReplaceAll(format, "#", fmt.Sprint(i)))
			for j, w := range words {
				if w == "VALUE" {
					words[j] = value
				}
			}
			b.WriteString(cmd(words...))
		}
		return b.String()
	}
	for _, tt := range []struct {
		name     string
		text     string
		from, to int64
	}{
		{"strings", repeat(1000, "SET k# VALUE"), 1_000_000, 1_300_000},
		{"one string again and again", repeat(1000, "SET k VALUE"), 1000, 1300},
		{"deleted", repeat(1000, "SET k# VALUE") + repeat(500, "DEL k#"), 500_000, 700_000},
		{"deleted together", repeat(10, "SET k# VALUE") + cmd("UNLINK", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"), 0, 0},
		{"emptied", repeat(1000, "SET k# VALUE") + cmd("FLUSHALL") + cmd("SET", "a", "b"), 1, 200},
		{"a database selected at the beginning", repeat(1, "SET k VALUE") + cmd("SELECT", "0") + repeat(1, "SET k VALUE"), 1000, 1300},
		{"two databases", repeat(1, "SET k VALUE") + cmd("SELECT", "1") + repeat(1, "SET k VALUE"), 2000, 2400},
		{"a queue", repeat(1000, "LPUSH q VALUE") + repeat(1000, "RPOP q"), 0, 200},
		{"fields", repeat(1000, "HSET h f# VALUE"), 1_000_000, 1_100_000},
		{"one field", repeat(1000, "HSET h f VALUE"), 1000, 1300},
		{"fields that are deleted", repeat(1000, "HSET h f# VALUE") + repeat(1000, "HDEL h f#"), 0, 200},
		{"a hash that was made again", repeat(1000, "HSET h f# VALUE") + cmd("DEL", "h") + repeat(1, "HSET h f# VALUE"), 1000, 1300},
		{"members", repeat(1000, "SADD s m#") + repeat(1000, "SADD s m#"), 1000, 30_000},
		{"scores", repeat(1000, "ZINCRBY z 1 m"), 1, 200},
		{"counters", repeat(1000, "INCR c"), 1, 200},
		{"renamed", repeat(1, "SET a VALUE") + cmd("RENAME", "a", "b") + cmd("DEL", "b"), 0, 0},
		{"nothing", "", 0, 0},
	} {
		tail, err := Scan(t.Context(), text(tt.text))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if tail.Memory < tt.from || tail.Memory > tt.to {
			t.Errorf("%s: %d bytes, want %d to %d", tt.name, tail.Memory, tt.from, tt.to)
		}
	}
}
