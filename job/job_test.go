package job

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/instance"
)

func shop() *instance.Instance {
	return &instance.Instance{
		Name: "shop", Namespace: "production", Kind: "RedisFailover",
		Write:    &instance.Endpoint{Service: "rfrm-shop", Host: "rfrm-shop.production.svc", Port: 6379},
		Sentinel: &instance.Sentinel{Endpoint: instance.Endpoint{Service: "rfs-shop", Host: "rfs-shop.production.svc", Port: 26379}, Master: "mymaster"},
		Auth:     &instance.Auth{Secret: "shop-auth", Key: "password"},
	}
}

func TestYAML(t *testing.T) {
	j := &Job{Command: "import", Redis: shop(), Dump: Place{Claim: "dumps", File: "shop/dump.rdb"}, Image: "registry.example.com/redis-gitops:1", Flags: []string{"--replace=true"}}
	got, err := j.YAML()
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/import.yaml"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The object for the API server is the text.
func TestObject(t *testing.T) {
	j := &Job{Command: "dump", Redis: shop(), Dump: Place{Claim: "dumps", File: "dump.rdb"}, Image: "i"}
	object, err := j.Object()
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	text, err := j.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := yaml.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	if want, err := json.Marshal(plain); err != nil || string(got) != string(want) {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if _, err := (&Job{Command: "dump", Redis: shop()}).Object(); err == nil {
		t.Error("a Job without an image")
	}
}

func TestCommand(t *testing.T) {
	named := shop()
	named.Auth.UsernameKey, named.Sentinel, named.TLS = "user", nil, true
	for _, tt := range []struct {
		job  *Job
		want string
	}{
		{&Job{Command: "import", Redis: shop(), Dump: Place{Claim: "c", File: "d.rdb"}}, "redis-gitops import /data/d.rdb redis+sentinel://rfs-shop.production.svc:26379/mymaster --checkpoint=/data/d.rdb.checkpoint.json"},
		{&Job{Command: "import", Redis: shop(), Dump: Place{Claim: "c", File: "d.rdb"}, Flags: []string{"--checkpoint=none"}}, "redis-gitops import /data/d.rdb redis+sentinel://rfs-shop.production.svc:26379/mymaster --checkpoint=none"},
		{&Job{Command: "import", Redis: shop(), Dump: Place{Secret: "s", Key: "k"}}, "redis-gitops import @/source/k redis+sentinel://rfs-shop.production.svc:26379/mymaster --checkpoint=none"},
		{&Job{Command: "dump", Redis: named, Dump: Place{Claim: "c", File: "d.rdb"}}, "redis-gitops dump rediss://rfrm-shop.production.svc:6379 /data/d.rdb --username=$(REDIS_USERNAME)"},
	} {
		target, err := tt.job.Redis.URL()
		if got := strings.Join(tt.job.command(target), " "); err != nil || got != tt.want {
			t.Errorf("%v\ngot  %s\nwant %s", err, got, tt.want)
		}
	}
}

func TestWrongJob(t *testing.T) {
	lonely := &instance.Instance{Name: "shop", Kind: "Redis"}
	_, err := (&Job{Command: "dump", Redis: lonely, Dump: Place{URL: "https://example.com/d.rdb"}}).YAML()
	want := "no image for the Job; pass one that contains redis-gitops with --image\na Job can only dump to a PersistentVolumeClaim; use pvc://CLAIM/PATH\nno Service with a known port selects Redis shop, and it has no sentinels"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	long := shop()
	long.Name = strings.Repeat("x", 70)
	if name := (&Job{Command: "import", Redis: long}).object("")["metadata"].(object)["name"].(string); len(name) > maxName || !strings.HasSuffix(name, "x-import") {
		t.Errorf("name %q", name)
	}
}

func TestParsePlace(t *testing.T) {
	for text, want := range map[string]Place{
		"pvc://dumps/a/dump.rdb":       {Claim: "dumps", File: "a/dump.rdb"},
		"secret://url/key":             {Secret: "url", Key: "key"},
		"https://example.com/dump.rdb": {URL: "https://example.com/dump.rdb"},
	} {
		if got, err := ParsePlace(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"dump.rdb":                     `a Job cannot read "dump.rdb"; use pvc://CLAIM/PATH, secret://NAME/KEY (a Secret with its URL) or https://…`,
		"pvc://Dumps/x":                `"pvc://Dumps/x": "Dumps" is not a valid PersistentVolumeClaim name`,
		"pvc://dumps":                  `"pvc://dumps" has no path; use pvc://CLAIM/PATH`,
		"pvc://dumps/../x":             `"pvc://dumps/../x" has no path; use pvc://CLAIM/PATH`,
		"secret://s":                   `"secret://s" has no key; use secret://NAME/KEY`,
		"https://h/d?X-Amz-Signature=": "the URL of the dump contains a signature or credentials, which anyone who can read Jobs could see; store it in a Secret and use secret://NAME/KEY",
		"https://a:topsecret@h/d":      "the URL of the dump contains a signature or credentials, which anyone who can read Jobs could see; store it in a Secret and use secret://NAME/KEY",
	} {
		if _, err := ParsePlace(text); err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// expand is what Kubernetes makes of a command (third_party/forked/golang/expansion/expand.go), written anew: $(NAME) is the
// variable where it is known, $$ is $, anything else stays.
func expand(text string, known map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		switch end := strings.IndexByte(text[i:], ')'); {
		case text[i+1] == '$':
			b.WriteByte('$')
			i++
		case text[i+1] == '(' && end > 0:
			if value, ok := known[text[i+2:i+end]]; ok {
				b.WriteString(value)
			} else {
				b.WriteString(text[i : i+end+1])
			}
			i += end
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// TestNothingExpands has texts that Kubernetes would change, wherever one can come from: they arrive as they are.
func TestNothingExpands(t *testing.T) {
	known := map[string]string{"HOME": "/tmp", "REDIS_PASSWORD": "s3cret", "REDIS_USERNAME": "ann"}
	for _, text := range []string{"$(HOME)", "$$(HOME)", "$$$(HOME)", "a$$b", "$", "$$", "a$", "$(", "$(HOME", "$()", "$(REDIS_PASSWORD)$(HOME)", "100$x"} {
		in := shop()
		in.Auth.UsernameKey = "user"
		for _, j := range []*Job{
			{Command: "import", Redis: in, Dump: Place{Claim: "c", File: text}, Flags: []string{"--match=" + text}},
			{Command: "import", Redis: in, Dump: Place{Secret: "s", Key: text}, Flags: []string{"--checkpoint=" + text}},
			{Command: "import", Redis: in, Dump: Place{URL: "https://example.com/" + text}},
			{Command: "dump", Redis: in, Dump: Place{Claim: "c", File: text}, Flags: []string{"--match=" + text}},
		} {
			for _, arg := range j.command("redis://" + text) {
				got := expand(arg, known)
				if arg == "--username=$(REDIS_USERNAME)" {
					if got != "--username=ann" {
						t.Errorf("the user is %q", got)
					}
					continue
				}
				if strings.Contains(got, "s3cret") || strings.Contains(got, "/tmp") || strings.Contains(arg, "$") && !strings.Contains(got, text) {
					t.Errorf("%q of %q arrives as %q", arg, text, got)
				}
			}
		}
	}
}
