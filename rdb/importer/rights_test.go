package importer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/rights"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// everything is all that a target has: data of every database, functions, settings and its role.
func everything(s *redistest.Server) []string {
	list := append(state(s), fmt.Sprint("settings ", s.Do("CONFIG", "GET", "*")), fmt.Sprint("scripts ", redis.ParseInfo(s.Do("INFO", "memory").(string))["number_of_cached_scripts"]))
	info := redis.ParseInfo(s.Do("INFO", "replication").(string))
	return append(list, "role "+info["role"], "keyspace "+strings.Join(strings.Fields(s.Do("INFO", "keyspace").(string)), " "))
}

// occupy gives a target data of its own.
func occupy(s *redistest.Server) {
	s.Do("FLUSHALL")
	s.Do("FUNCTION", "FLUSH")
	s.Do("SCRIPT", "FLUSH")
	s.Do("SET", "precious", "1")
	s.Do("SET", "string", "mine")
	s.Do("SELECT", "5")
	s.Do("SET", "five", "mine")
	s.Do("SELECT", "0")
	s.Do("FUNCTION", "LOAD", "#!lua name=mine\nredis.register_function('mine', function() return 1 end)")
}

// received returns the commands that a server has received since its statistics were reset.
func received(s *redistest.Server) []string {
	var names []string
	for name := range redis.ParseInfo(s.Do("INFO", "commandstats").(string)) {
		if name, ok := strings.CutPrefix(name, "cmdstat_"); ok {
			names = append(names, strings.ToUpper(strings.ReplaceAll(name, "|", " ")))
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(names, func(n string) bool { return n == "CONFIG RESETSTAT" || n == "INFO" })
}

// A run is a way to import.
type run struct {
	method   plan.Method
	existing plan.Existing
	verify   plan.Verify
	commands bool // an append-only file
}

func (r run) String() string {
	return fmt.Sprintf("%v %d %v %v", r.method, r.existing, r.verify, r.commands)
}

func runs() []run {
	var list []run
	for _, m := range []plan.Method{plan.Auto, plan.Restore, plan.Commands, plan.Replication} {
		for _, e := range []plan.Existing{plan.Replace, plan.Skip, plan.Flush} {
			for _, v := range []plan.Verify{plan.VerifyFull, plan.VerifyOff} {
				if m != plan.Replication || e == plan.Flush {
					list = append(list, run{m, e, v, false})
				}
			}
		}
	}
	return append(list, run{plan.Auto, plan.Flush, plan.VerifyFull, true})
}

// do imports as a user, who is default where none is given.
func (r run) do(t *testing.T, s *redistest.Server, addr string, data []byte, user string, dry bool) (*account.Report, error) {
	t.Helper()
	if r.commands {
		data = append(bytes.Clone(data), "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n"...)
	}
	url := "redis://" + addr
	if user != "" {
		url = "redis://" + user + ":pw@" + addr
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return Import(ctx, bytesSource("dump", data), targetOf(t, url), plan.Options{
		Method: r.method, Existing: r.existing, Verify: r.verify, DryRun: dry, Patience: 5 * time.Second, Connections: 1,
		Confirm: func(string) error { return nil },
	})
}

// Whatever a user may not run, and however that can be asked: a dry run changes nothing, and an import does all of what a dry run
// has promised, or nothing.
func TestPreflightIsTrue(t *testing.T) {
	data, s := everyKind(t), redistest.Start(t)
	var denied []string // by all runs, so that a permission without use is not asked for
	for _, name := range rights.Commands() {
		if word, _, _ := strings.Cut(name, " "); !slices.Contains(denied, word) && !slices.Contains([]string{"AUTH", "PING", "INFO", "SELECT", "DBSIZE", "RESTORE", "ACL", "HPEXPIREAT"}, word) {
			denied = append(denied, word)
		}
	}
	refusals := 0
	for i, r := range runs() {
		occupy(s)
		before := everything(s)
		s.Do("CONFIG", "RESETSTAT")
		if report, err := r.do(t, s, s.Addr(), data, "", false); err != nil || report.Failed() > 0 {
			t.Fatal(r, err, report)
		}
		sent := received(s)
		for _, name := range sent {
			if name != "REPLCONF" && name != "PSYNC" && !slices.ContainsFunc(rights.Commands(), func(known string) bool { return known == name || strings.HasPrefix(name, known+" ") }) {
				t.Errorf("%v: %s is not in the table", r, name)
			}
		}
		for j, name := range denied {
			uses := slices.ContainsFunc(sent, func(n string) bool { return n == name || strings.HasPrefix(n, name+" ") })
			if part := i + j; testing.Short() && part%5 != 0 || !uses && part%10 != 0 {
				continue
			}
			for _, way := range []string{"", []string{"-acl", "-acl -multi -exec"}[(i+j)/5%2]} {
				if way != "" && !uses {
					continue
				}
				s.Do("ACL", "DELUSER", "u")
				s.Do(slices.Concat([]string{"ACL", "SETUSER", "u", "on", ">pw", "~*", "&*", "+@all", "-" + strings.ToLower(name)}, strings.Fields(way))...)
				occupy(s)
				report, dry := r.do(t, s, s.Addr(), data, "u", true)
				if now := everything(s); !slices.Equal(now, before) {
					t.Fatalf("%v without %s %s: the dry run has changed the target: %v\ngot  %v\nwant %v", r, name, way, dry, now, before)
				}
				if len(report.Refusals) > 0 {
					refusals++
				}
				report, err := r.do(t, s, s.Addr(), data, "u", false)
				switch {
				case (dry == nil) != (err == nil):
					t.Errorf("%v without %s %s: the dry run promised %v, came %v", r, name, way, dry, err)
				case err != nil && !slices.Equal(everything(s), before):
					t.Errorf("%v without %s %s: the target was changed before %v", r, name, way, err)
				case err == nil && report.Failed() > 0:
					t.Errorf("%v without %s %s: %d failed: %v %v %v", r, name, way, report.Failed(), report.Failures, report.Differences, report.Doubts)
				case err != nil && way == "" && !uses:
					t.Errorf("%v without %s, which it does not send: %v", r, name, err)
				}
			}
		}
	}
	if refusals == 0 {
		t.Error("nothing was refused")
	}
}

// A target that has renamed or disabled a command keeps its data, too.
func TestPreflightWithoutCommand(t *testing.T) {
	data := everyKind(t)
	for _, tt := range []struct{ name, want string }{
		{"MULTI", "the target has no MULTI command (renamed or disabled), which the import requires"},
		{"EXEC", "the target has no EXEC command (renamed or disabled), which the import requires"},
		{"FLUSHDB", "the target has no FLUSHDB command (renamed or disabled), which the import requires; enable it, or remove --flush"},
		{"DBSIZE", "the target has no DBSIZE command (renamed or disabled), which the import requires; enable it"},
		{"DISCARD", ""},
		{"UNLINK", "the target has no UNLINK command"},
		{"XCLAIM", "the target has no XCLAIM command"},
		{"ACL", ""},
		{"COMMAND", ""},
		{"SELECT", "the target has no SELECT command (renamed or disabled), which the import requires"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"--rename-command", tt.name, ""}
			if tt.name == "MULTI" || tt.name == "DISCARD" {
				args = append(args, "--rename-command", "ACL", "") // no other way to ask
			}
			s := redistest.Start(t, args...)
			fill := func() {
				if tt.name == "SELECT" {
					s.Do("SET", "precious", "1")
					return
				}
				occupy(s)
			}
			look := func() string {
				if tt.name == "SELECT" {
					return fmt.Sprint(s.Do("DEBUG", "DIGEST"))
				}
				return fmt.Sprint(everything(s))
			}
			fill()
			before := look()
			for _, existing := range []plan.Existing{plan.Flush, plan.Skip} {
				r := run{plan.Commands, existing, plan.VerifySample, false}
				_, err := r.do(t, s, s.Addr(), data, "", true)
				if now := look(); now != before {
					t.Fatalf("the dry run has changed the target: %v\ngot  %s\nwant %s", err, now, before)
				}
				if tt.want == "" || tt.name == "FLUSHDB" && existing == plan.Skip {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				if _, err := r.do(t, s, s.Addr(), data, "", false); err == nil || look() != before {
					t.Errorf("it was not refused before the first write: %v", err)
				}
			}
		})
	}
}

// A proxy that answers MULTI and does not pass it on would have the target carry out what follows.
func TestPreflightBehindProxy(t *testing.T) {
	data, s := everyKind(t), redistest.Start(t, "--rename-command", "ACL", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go swallowMulti(c, s.Addr())
		}
	}()
	occupy(s)
	before := everything(s)
	for _, dry := range []bool{true, false} {
		_, err := run{plan.Commands, plan.Flush, plan.VerifySample, false}.do(t, s, l.Addr().String(), data, "", dry)
		if err == nil || !strings.Contains(err.Error(), "the target does not queue commands after MULTI") {
			t.Error(err)
		}
		if now := everything(s); !slices.Equal(now, before) {
			t.Fatalf("the target was changed: got %v, want %v", now, before)
		}
	}
}

// swallowMulti has a command of the same answer take the place of MULTI.
func swallowMulti(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if _, err := server.Write(bytes.ReplaceAll(buf[:n], []byte("$5\r\nMULTI\r\n"), []byte("$7\r\nUNWATCH\r\n"))); err != nil {
			return
		}
	}
}

// Keys are made under other names first, which a user who is kept to some names may not write.
func TestTemporaryNamesAreAllowed(t *testing.T) {
	s := redistest.Start(t)
	for _, acl := range []string{"+@all", "+@all -acl"} {
		s.Do("ACL", "DELUSER", "u")
		s.Do(append([]string{"ACL", "SETUSER", "u", "on", ">pw", "~string*", "~list*", "&*"}, strings.Fields(acl)...)...)
		occupy(s)
		before := everything(s)
		src := redistest.Start(t)
		src.Do("RPUSH", "list", "a")
		src.Do("SAVE")
		data, err := os.ReadFile(filepath.Join(src.Dir, "dump.rdb"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = run{plan.Commands, plan.Flush, plan.VerifyOff, false}.do(t, s, s.Addr(), data, "u", false)
		if err == nil || !strings.Contains(err.Error(), "grant ~redis-gitops:import:*") || !slices.Equal(everything(s), before) {
			t.Errorf("%s: %v", acl, err)
		}
	}
}
