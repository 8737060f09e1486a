package scaffoldcmd

import (
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/scaffold"
)

// TestResourceInput reads the flags that have a notation of their own.
func TestResourceInput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   resourceInput
		want scaffold.Auth
	}{
		{resourceInput{}, scaffold.Auth{}},
		{resourceInput{auth: "none"}, scaffold.Auth{Method: scaffold.NoAuth}},
		{resourceInput{auth: "existing:shop-redis"}, scaffold.Auth{Method: scaffold.Existing, Secret: "shop-redis"}},
		{resourceInput{auth: "external:team/shop"}, scaffold.Auth{Method: scaffold.External, Key: "team/shop"}},
	} {
		var req scaffold.ResourceRequest
		if err := tt.in.into(&req); err != nil || req.Auth.Method != tt.want.Method || req.Auth.Secret != tt.want.Secret || req.Auth.Key != tt.want.Key {
			t.Errorf("%+v: %+v, %v", tt.in, req.Auth, err)
		}
	}
	var req scaffold.ResourceRequest
	if err := (resourceInput{set: []string{"memory=1Gi", "note=a=b"}, env: []string{"REDIS_URL=CACHE_URL"}}).into(&req); err != nil {
		t.Fatal(err)
	}
	if req.Set["note"].Value != "a=b" || req.Set["memory"].At.File != "--set memory" || req.Env["REDIS_URL"] != "CACHE_URL" {
		t.Errorf("%+v, %+v", req.Set, req.Env)
	}
	err := (resourceInput{set: []string{"memory", "=1"}}).into(&req)
	if err == nil || strings.Count(err.Error(), "expected KEY=VALUE") != 2 {
		t.Errorf("two mistakes: %v", err)
	}
	err = (resourceInput{cert: t.TempDir()}).into(&req)
	if err == nil || !strings.HasPrefix(err.Error(), "--cert: ") {
		t.Errorf("a directory as certificate: %v", err)
	}
}

// TestReferring names each file once, and no more than fit into a cell.
func TestReferring(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		references []string
		want       string
	}{
		{nil, "no references"},
		{[]string{"a.yaml:1", "a.yaml:7"}, "a.yaml"},
		{[]string{"a.yaml:1", "b.yaml:1", "c.yaml:1"}, "a.yaml, b.yaml, c.yaml"},
		{[]string{"a.yaml:1", "b.yaml:1", "c.yaml:1", "d.yaml:2", "e.yaml:3", "e.yaml:4"}, "a.yaml, b.yaml, c.yaml and 2 more"},
	} {
		if got := referring(tt.references); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.references, got, tt.want)
		}
	}
}
