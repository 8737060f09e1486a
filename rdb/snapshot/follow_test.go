package snapshot_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
)

// next reads the stream until a text has arrived, and gives how many bytes that was.
func next(t *testing.T, s *snapshot.Stream, text string) (n int64) {
	t.Helper()
	var all strings.Builder
	buf := make([]byte, 7)
	for !strings.Contains(all.String(), text) {
		if err := s.Ack(s.From.Offset); err != nil {
			t.Fatal(err)
		}
		got, err := s.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, all.String())
		}
		all.Write(buf[:got])
		n += int64(got)
	}
	return n
}

// The writes after a dump follow it, and from where a link ended another one goes on. Offsets are those of the server.
func TestFollow(t *testing.T) {
	for _, diskless := range []string{"no", "yes"} {
		t.Run("diskless "+diskless, func(t *testing.T) {
			s := redistest.Start(t, "--repl-diskless-sync", diskless, "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "3600")
			fill(s)
			stream, err := snapshot.Follow(t.Context(), target(t, s.URL()), nil, snapshot.Options{})
			if err != nil {
				t.Fatal(err)
			}
			dump, err := io.ReadAll(stream.Dump)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := digest(redistest.StartDump(t, dump)), digest(s); got != want {
				t.Errorf("loaded, it is %s, not %s", got, want)
			}
			s.Do("SET", "after", "the dump")
			at := stream.From
			at.Offset += next(t, stream, "the dump\r\n")
			stream.Close()
			if info := fmt.Sprint(s.Do("INFO", "replication")); !strings.Contains(info, fmt.Sprintf("master_repl_offset:%d\r\n", at.Offset)) {
				t.Errorf("%d bytes were read: %s", at.Offset, info)
			}
			s.Do("SET", "after", "the break")
			stream, err = snapshot.Follow(t.Context(), target(t, s.URL()), &at, snapshot.Options{})
			if err != nil || stream.Dump != nil || stream.From != at {
				t.Fatalf("%v, %+v, want %+v", err, stream, at)
			}
			next(t, stream, "the break\r\n")
			if err := stream.Ack(at.Offset); err != nil {
				t.Fatal(err)
			}
			redistest.Until(t, "the server knows the offset", func() bool {
				return strings.Contains(fmt.Sprint(s.Do("INFO", "replication")), fmt.Sprintf("offset=%d,", at.Offset))
			})
			stream.Close()

			// Of another history, there is only a dump.
			at.ReplID = strings.Repeat("0", 40)
			stream, err = snapshot.Follow(t.Context(), target(t, s.URL()), &at, snapshot.Options{})
			if err != nil || stream.Dump == nil || stream.From.ReplID == at.ReplID {
				t.Fatalf("%v, %+v", err, stream)
			}
			stream.Close()
			if _, err := stream.Read(make([]byte, 1)); err == nil {
				t.Error("a closed stream has more")
			}
		})
	}
	s := redistest.Start(t)
	s.Do("ACL", "SETUSER", "few", "on", ">x", "~*", "+@all", "-psync")
	if _, err := snapshot.Follow(t.Context(), target(t, "redis://few:x@"+s.Addr()), nil, snapshot.Options{}); !errors.Is(err, snapshot.ErrForbidden) {
		t.Error(err)
	}
}
