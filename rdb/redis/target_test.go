package redis

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for _, tt := range []struct {
		url, addrs, user, password, master, text string
		db                                       int
		tls                                      bool
	}{
		{url: "redis://localhost", addrs: "localhost:6379", text: "redis://localhost:6379"},
		{url: "REDIS://10.0.0.1:7000/3", addrs: "10.0.0.1:7000", db: 3, text: "redis://10.0.0.1:7000/3"},
		{url: "redis://:p%40ss@h/", addrs: "h:6379", password: "p@ss", text: "redis://h:6379"},
		{url: "redis://user:a@b:c@h:1", addrs: "h:1", user: "user", password: "a@b:c", text: "redis://h:1"},
		{url: "rediss://user:p/w@h:1/2", addrs: "h:1", user: "user", password: "p/w", db: 2, tls: true, text: "rediss://h:1/2"},
		{url: "redis://[::1]", addrs: "[::1]:6379", text: "redis://[::1]:6379"},
		{url: "redis://[::1]:80", addrs: "[::1]:80", text: "redis://[::1]:80"},
		{url: "redis+sentinel://:x@a,b:2/mymaster/1?sentinel_password=s", addrs: "a:26379,b:2", password: "x", master: "mymaster", db: 1,
			text: "redis+sentinel://a:26379,b:2/mymaster/1"},
		{url: "rediss+sentinel://a/m%2F1", addrs: "a:26379", master: "m/1", tls: true, text: "rediss+sentinel://a:26379/m%2F1"},
		{url: "unix:///run/redis.sock?db=4", addrs: "/run/redis.sock", db: 4, text: "unix:///run/redis.sock?db=4"},
		{url: "unix://:pw@/run/r", addrs: "/run/r", password: "pw", text: "unix:///run/r"},
	} {
		got, err := ParseTarget(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		have := fmt.Sprint(strings.Join(got.Addrs, ","), got.Username, got.Password, got.Master, got.DB, got.TLS != nil)
		want := fmt.Sprint(tt.addrs, tt.user, tt.password, tt.master, tt.db, tt.tls)
		if have != want || got.String() != tt.text {
			t.Errorf("%s: got %s and %s, want %s and %s", tt.url, have, got, want, tt.text)
		}
		again, err := ParseTarget(got.String())
		if err != nil || again.String() != got.String() {
			t.Errorf("%s: %s does not parse to itself: %v", tt.url, got, err)
		}
	}
}

func TestParseTargetErrors(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"http://h", "not a server URL"},
		{"dump.rdb", "not a server URL"},
		{"redis://u:s3cret@a,b", "only redis+sentinel:// supports that"},
		{"redis://u:s3cret@h:x", `invalid port "x"`},
		{"redis://u:s3cret@h:0", `invalid port "0"`},
		{"redis://u:s3cret@", `invalid host ""`},
		{"redis://u:s3cret%zz@h", "not percent-encoded"},
		{"redis://u:s3cret@h/x", `invalid database number "x"`},
		{"redis://u:s3cret@h?a=b", `unknown option "a"`},
		{"redis://u:s3cret@h?%zz", "not percent-encoded"},
		{"redis+sentinel://u:s3cret@h", "require the master name"},
		{"redis+sentinel://u:s3cret@h/m?sentinel_pasword=s3cret", `unknown option "sentinel_pasword"`},
		{"unix://u:s3cret@x", "require an absolute path"},
	} {
		_, err := ParseTarget(tt.url)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want %s", tt.url, err, tt.want)
		}
	}
}

// FuzzParseTarget: what was parsed prints to something that parses to the same place, and nothing prints the password.
func FuzzParseTarget(f *testing.F) {
	f.Add("redis+sentinel://u:p@a,b:2/m/1?sentinel_password=s")
	f.Add("unix:///run/%20x?db=4")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTarget(text)
		if err != nil {
			return
		}
		again, err := ParseTarget(got.String())
		if err != nil || again.String() != got.String() || again.Password != "" {
			t.Errorf("%q gives %q, which gives %v, %v", text, got, again, err)
		}
	})
}
