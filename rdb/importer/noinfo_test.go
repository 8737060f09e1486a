package importer

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// restrict makes a user who may not run some commands, and returns the URL for it.
func restrict(s *redistest.Server, denied string) string {
	s.Do("ACL", "DELUSER", "u")
	s.Do(append([]string{"ACL", "SETUSER", "u", "on", ">pw", "~*", "&*", "+@all"}, strings.Fields(denied)...)...)
	return "redis://u:pw@" + s.Addr()
}

// Keys of a target that refuses INFO are neither overlooked nor deleted without a question.
func TestWithoutInfo(t *testing.T) {
	confirm := func(string) error { return nil }
	s := redistest.Start(t)
	data := dump10(t, plainKeys(50, 10)...)
	for _, tt := range []struct {
		name string
		once bool
		opts plan.Options
		want string
	}{
		{"not anonymous", false, plan.Options{}, "the import requires INFO to notice restarts; grant +info, or use --no-run-id"},
		{"occupied", false, plan.Options{Anonymous: true}, "database 0 of the target already contains 2 keys"},
		{"occupied, read once", true, plan.Options{Anonymous: true}, "database 5 of the target already contains 1 key"},
		{"emptied", false, plan.Options{Anonymous: true, Existing: plan.Flush, Confirm: confirm}, ""},
		{"emptied, read once", true, plan.Options{Anonymous: true, Existing: plan.Flush, Confirm: confirm}, ""},
		{"by replication", false, plan.Options{Anonymous: true, Method: plan.Replication}, "the target does not answer INFO (denied, renamed or a proxy), so its keys"},
	} {
		for _, denied := range []string{"-info", "-info -hello"} {
			t.Run(tt.name+" "+denied, func(t *testing.T) {
				occupy(s)
				before := fmt.Sprint(everything(s))
				src := bytesSource("dump", data)
				src.Once = tt.once
				report, err := Import(t.Context(), src, targetOf(t, restrict(s, denied)), tt.opts)
				switch {
				case tt.want == "":
					if err != nil || report.Failed() > 0 || s.Do("EXISTS", "precious") != int64(0) {
						t.Errorf("%v, %+v", err, report)
					}
				case err == nil || !strings.Contains(err.Error(), tt.want):
					t.Errorf("got %v, want %s", err, tt.want)
				case fmt.Sprint(everything(s)) != before:
					t.Error("the target was changed")
				}
			})
		}
	}
	for _, name := range []string{"INFO", "PING"} {
		empty(s)
		addr := redistest.Disguise(t, s, func(args []string) (string, []string) {
			if args[0] == name {
				return "-ERR unknown command `" + name + "`, with args beginning with: \r\n", nil
			}
			return "", args
		})
		report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, "redis://"+addr), plan.Options{})
		if name == "PING" && (err != nil || report.Failed() > 0) {
			t.Errorf("%v, %+v", err, report)
		}
		if name == "INFO" && (err == nil || !strings.Contains(err.Error(), "has no INFO command (renamed or disabled); the import requires INFO to notice restarts")) {
			t.Errorf("got %v", err)
		}
	}
}

// A cluster and a replica that refuse INFO are taken for what they are.
func TestKindsWithoutInfo(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	data := dump10(t, plainKeys(300, 10)...)
	for _, denied := range []string{"-info", "-info -hello"} {
		var url string
		for _, n := range nodes {
			empty(n)
			url = restrict(n, denied)
		}
		report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, url), plan.Options{Anonymous: true})
		sum := int64(0)
		for _, n := range nodes {
			sum += n.Do("DBSIZE").(int64)
		}
		if err != nil || report.Failed() > 0 || sum != 300 {
			t.Errorf("%s: %v, %d keys, %+v", denied, err, sum, report)
		}
	}
	s := redistest.Start(t, "--replicaof", "127.0.0.1", "1")
	_, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, restrict(s, "-info -restore")), plan.Options{Anonymous: true, Method: plan.Commands})
	if err == nil || !strings.Contains(err.Error(), "the target is a replica; use its master") {
		t.Errorf("got %v", err)
	}
}

// Redis 5.0.8 and 6.0.0 make a key whose time is over, and count it until somebody looks: the questions of the preflight leave
// nothing, and are not taken for the target's own keys.
func TestProbesLeaveNothing(t *testing.T) {
	s := redistest.Start(t)
	addr := redistest.Disguise(t, s, func(args []string) (string, []string) {
		switch {
		case strings.EqualFold(args[0], "HELLO"):
			return "-ERR unknown command `HELLO`, with args beginning with: `2`, \r\n", nil
		case strings.EqualFold(args[0], "ACL"), strings.EqualFold(args[0], "FUNCTION"), strings.EqualFold(args[0], "PEXPIRETIME"):
			return "-ERR unknown command `" + args[0] + "`, with args beginning with: \r\n", nil
		case args[0] == "RESTORE" && len(args) > 3:
			payload := args[3]
			if version := binary.LittleEndian.Uint16([]byte(payload[len(payload)-10:])); version > 9 {
				return "-ERR DUMP payload version or checksum are wrong\r\n", nil
			}
			if args[2] == "1" && args[len(args)-1] == "ABSTTL" { // over by the time of the reply
				args = append([]string{"RESTORE", args[1], strconv.FormatInt(time.Now().Add(10*time.Millisecond).UnixMilli(), 10)}, args[3:]...)
			}
		}
		return "", args
	})
	listpackSet := rdb.Entry{Key: []byte("s"), Type: rdb.TypeHashListpack, Raw: rdb.AppendString(nil, packed("f", "v"))}
	for _, method := range []plan.Method{plan.Auto, plan.Commands} {
		empty(s)
		s.Do("DEBUG", "SET-ACTIVE-EXPIRE", "0")
		report, err := Import(t.Context(), bytesSource("dump", dump10(t, text(0, "a"), listpackSet)), targetOf(t, "redis://"+addr), plan.Options{Method: method})
		if err != nil || report.Failed() > 0 {
			t.Errorf("%v: %v, %+v", method, err, report)
		}
		if n := s.Do("DBSIZE"); n != int64(2) {
			t.Errorf("%v: %v keys", method, n)
		}
	}
}

// packed is a listpack of short texts.
func packed(texts ...string) []byte {
	body := []byte{}
	for _, s := range texts {
		body = append(append(body, 0x80|byte(len(s))), s...)
		body = append(body, byte(1+len(s)))
	}
	out := binary.LittleEndian.AppendUint32(nil, uint32(4+2+len(body)+1))
	out = binary.LittleEndian.AppendUint16(out, uint16(len(texts)))
	return append(append(out, body...), 0xff)
}
