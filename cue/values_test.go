package cue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/finding"
)

func layer(name string, values ...any) Layer {
	l := Layer{Name: name, Values: map[string]LayerValue{}}
	for i := 0; i < len(values); i += 2 {
		l.Values[values[i].(string)] = LayerValue{Value: values[i+1], At: finding.Position{File: name, Line: i/2 + 1}}
	}
	return l
}

func profile(t testing.TB, o *Operator, name string) Layer {
	t.Helper()
	for _, p := range o.Profiles() {
		if p.Name == name {
			return p.Layer()
		}
	}
	t.Fatalf("no profile %s", name)
	return Layer{}
}

func show(values []Value) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, fmt.Sprintf("%s=%v(%s)", v.Key, v.Value, v.Layer))
	}
	return strings.Join(parts, " ")
}

func TestResolve(t *testing.T) {
	t.Parallel()
	o := operator(t)
	for _, tt := range []struct {
		name   string
		layers []Layer
		known  []string
		want   string
	}{
		{"nothing", nil, nil,
			`sentinels=3(default) replicas=3(default) memory=256Mi(default) cpu=100m(default) disk=1Gi(default) policy=noeviction(default) appendonly=true(default) keepAfterDeletion=true(default) auth=(default) networkPolicy=(default) image=redis:7.4.11-alpine(default)`},
		{"profile, size, flag", []Layer{profile(t, o, "cache"), profile(t, o, "dev"), layer("--set", "memory", "96Mi", "cpu", int64(1))}, nil,
			`sentinels=1(profile dev) replicas=1(profile dev) memory=96Mi(--set) cpu=1(--set) disk=(profile cache) policy=allkeys-lru(profile cache) appendonly=false(profile cache) keepAfterDeletion=false(profile cache) auth=(default) networkPolicy=(default) image=redis:7.4.11-alpine(default) maxmemoryPercent=80(profile cache)`},
		{"disk follows memory", []Layer{profile(t, o, "store"), layer("--set", "memory", "1.3Gi", "cpu", 0.5)}, nil,
			`sentinels=3(default) replicas=3(profile store) memory=1.3Gi(--set) cpu=0.5(--set) disk=3Gi(default) policy=noeviction(profile store) appendonly=true(profile store) keepAfterDeletion=true(profile store) auth=(default) networkPolicy=(default) image=redis:7.4.11-alpine(default) minReplicasToWrite=1(profile store)`},
		{"a key of the template", []Layer{layer("--set", "zone", "a", "burst", true)}, []string{"zone", "burst"},
			`sentinels=3(default) replicas=3(default) memory=256Mi(default) cpu=100m(default) disk=1Gi(default) policy=noeviction(default) appendonly=true(default) keepAfterDeletion=true(default) auth=(default) networkPolicy=(default) image=redis:7.4.11-alpine(default) burst=true(--set) zone=a(--set)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			values, err := o.Resolve("resources.redis", tt.layers, tt.known)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(values); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			for _, v := range values[:10] {
				if v.Doc == "" {
					t.Errorf("%s has no doc", v.Key)
				}
			}
		})
	}
}

func TestResolveProblems(t *testing.T) {
	t.Parallel()
	o := operator(t)
	for _, tt := range []struct {
		name   string
		layers []Layer
		want   string
	}{
		{"all at once", []Layer{layer("f", "memory", "100MB", "sentinels", int64(2), "replicas", int64(0), "policy", "allkeys-lr", "memroy", "1Gi", "cpu", "250", "auth", "A b", "appendonly", "yes", "disk", "5", "networkPolicy", true)},
			`f:1: resources.redis.memory: "100MB" is not a Mi or Gi quantity; use 100Mi
f:2: resources.redis.sentinels: 2 is not 1, 3, 5, 7 or 9; sentinels need a majority, so use an odd number, at least 3
f:3: resources.redis.replicas: 0 is not an integer of 1 or more; use 3, or 1 if downtime is acceptable
f:4: resources.redis.policy: "allkeys-lr" is not allowed; one of "noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-lrm", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-lrm", "volatile-random", "volatile-ttl"; did you mean "allkeys-lrm"?
f:5: resources.redis.memroy: unknown value "memroy"; did you mean "memory"?
f:7: resources.redis.auth: "A b" is not a valid Secret name; use lowercase letters, digits, - and .
f:8: resources.redis.appendonly: "yes" is not true or false
f:9: resources.redis.disk: "5" is not a Mi, Gi or Ti quantity; use 5Mi, or "" for no volume
f:10: resources.redis.networkPolicy: true is not a valid namespace; use lowercase letters, digits and -`},
		{"gigabytes", []Layer{layer("f", "memory", "1G")}, `f:1: resources.redis.memory: "1G" is not a Mi or Gi quantity; use 1Gi`},
		{"words", []Layer{layer("f", "memory", "lots")}, `f:1: resources.redis.memory: "lots" is not a Mi or Gi quantity; use 256Mi`},
		{"a number", []Layer{layer("f", "memory", int64(512))}, `f:1: resources.redis.memory: 512 is not a Mi or Gi quantity; use 512Mi`},
		{"too little memory", []Layer{layer("f", "memory", "0.01Gi")}, `f:1: resources.redis.memory: "0.01Gi" is less than Redis needs to run; write 32Mi or more`},
		{"disk too small", []Layer{layer("f", "memory", "2Gi"), layer("g", "disk", "3Gi")},
			`g:1: resources.redis.disk: "3Gi" is less than twice the memory "2Gi", which snapshots and rewrites require; use 4Gi or more`},
		{"append-only without disk", []Layer{layer("f", "disk", "")}, `f:1: resources.redis.disk: an append-only file needs a disk; set disk, or appendonly to false`},
		{"queue that evicts", []Layer{profile(t, o, "queue"), layer("--set", "policy", "allkeys-lru")},
			`--set:1: resources.redis.policy: "allkeys-lru" loses jobs when memory is full; a queue needs noeviction`},
		{"one sentinel, many replicas", []Layer{layer("f", "sentinels", int64(1))},
			`f:1: resources.redis.sentinels: 1 sentinel with 3 replicas blocks node drains, because the operator's disruption budget asks for 2 sentinels; set sentinels to 3, or replicas to 2 or less`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := o.Resolve("resources.redis", tt.layers, nil)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

// Every profile at every size must be valid as it is, and hold only known keys.
func TestProfiles(t *testing.T) {
	t.Parallel()
	o := operator(t)
	var names []string
	for _, p := range o.Profiles() {
		names = append(names, p.Name)
		if p.Doc == "" {
			t.Errorf("%s has no doc", p.Name)
		}
		for _, size := range o.Profiles() {
			if !size.Size {
				continue
			}
			for _, layers := range [][]Layer{{p.Layer()}, {p.Layer(), size.Layer()}} {
				if _, err := o.Resolve("", layers, nil); err != nil {
					t.Errorf("%s at size %s: %v", p.Name, size.Name, err)
				}
			}
		}
	}
	if got := strings.Join(names, " "); got != "cache queue store dev" {
		t.Errorf("profiles %s", got)
	}
}

// Whatever the values are, the answer is values or problems in our words.
func FuzzResolve(f *testing.F) {
	f.Add("256Mi", "1Gi", "noeviction", "100m", int64(3))
	f.Add("0.3Gi", "", "allkeys-lru", "0.5", int64(-1))
	f.Add("999999999999999999999999Gi", "0Ti", "\xff", "\"", int64(1<<62))
	f.Add("100MB", "1GB", "", "1e400", int64(0))
	o := operator(f)
	f.Fuzz(func(t *testing.T, memory, disk, policy, cpu string, replicas int64) {
		l := layer("f", "memory", memory, "disk", disk, "policy", policy, "cpu", ParseValue(cpu), "replicas", replicas, "appendonly", disk != "")
		values, err := o.Resolve("resources.redis", []Layer{l}, nil)
		var problems finding.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		for _, v := range values {
			if v.Value == nil {
				t.Errorf("%s has no value", v.Key)
			}
		}
	})
}

func TestParseValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"3": int64(3), "-1": int64(-1), "0.5": 0.5, "true": true, "false": false, "yes": "yes", "1Gi": "1Gi", "": "", "null": "null", "~": "~",
		"2027-01-31": "2027-01-31", "0x10": int64(16), ".inf": ".inf", "99999999999999999999": 1e20, "a: b": "a: b", "*x": "*x",
	} {
		if got := ParseValue(text); got != want {
			t.Errorf("%q: got %T %v, want %T %v", text, got, got, want, want)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	src := []byte("strict: true\noperator: {version: \"1.3.0\"}\ndefaults:\n  values: {memory: 512Mi}\nrules:\n  auth/missing: {severity: warning}\n")
	for b.Loop() {
		c, err := LoadConfig(ConfigFile, src)
		if err != nil {
			b.Fatal(err)
		}
		o, err := OperatorNamed(c.Operator.Name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := o.Resolve("resources.redis", []Layer{o.Profiles()[0].Layer(), {Name: ConfigFile, Values: c.Defaults.Values}}, nil); err != nil {
			b.Fatal(err)
		}
		if _, err := o.Names(Request{Chart: "shop", Namespace: "default"}); err != nil {
			b.Fatal(err)
		}
	}
}

// Optional values are as they were asked for, in text or in YAML, and nothing without.
func TestResolveOptional(t *testing.T) {
	t.Parallel()
	o, err := OperatorNamed("spotahome")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key   string
		value any
		want  string // as JSON, or the end of the message
	}{
		{"zones", true, `true`},
		{"zones", false, `false`},
		{"zones", "yes", `"yes" is not true or false`},
		{"storageClass", "fast", `"fast"`},
		{"storageClass", "", `"" is not a valid StorageClass name; use lowercase letters, digits, - and .`},
		{"priorityClass", int64(7), `7 is not a valid PriorityClass name; use lowercase letters, digits, - and .`},
		{"nodeSelector", "disktype=ssd,node-role.kubernetes.io/database=", `{"disktype":"ssd","node-role.kubernetes.io/database":""}`},
		{"nodeSelector", "{disktype: ssd}", `{"disktype":"ssd"}`},
		{"nodeSelector", map[string]any{"disktype": "ssd"}, `{"disktype":"ssd"}`},
		{"nodeSelector", map[string]any{"spot": true}, `nodeSelector.spot: true is not a string; put it in quotes`},
		{"nodeSelector", "disktype", `"disktype" is not a mapping of labels; use for example {disktype: ssd}, or disktype=ssd`},
		{"nodeSelector", "{disktype", `"{disktype" is not a mapping of labels; use for example {disktype: ssd}, or disktype=ssd`},
		{"nodeSelector", []any{"a"}, `a list is not a mapping of labels; use for example {disktype: ssd}, or disktype=ssd`},
		{"tolerations", "role=database:NoSchedule, spot", `[{"effect":"NoSchedule","key":"role","operator":"Equal","value":"database"},{"key":"spot","operator":"Exists"}]`},
		{"tolerations", "[{operator: Exists, tolerationSeconds: 30}]", `[{"operator":"Exists","tolerationSeconds":30}]`},
		{"tolerations", "role:NoSchedul", `tolerations[0].effect: "NoSchedul" is not allowed; one of "NoSchedule", "PreferNoSchedule", "NoExecute"; did you mean "NoSchedule"?`},
		{"tolerations", "=database", `"=database" is not a list of tolerations; use for example [{key: dedicated, operator: Exists}], or dedicated=redis:NoSchedule`},
		{"tolerations", []any{map[string]any{"Key": "a"}}, `tolerations[0].Key: unknown key "Key"; did you mean "key"?`},
		{"seccompProfile", "localhost/profiles/redis.json", `"localhost/profiles/redis.json"`},
		{"seccompProfile", "runtime/default", `"runtime/default" is not a seccomp profile; use RuntimeDefault, Unconfined or localhost/FILE`},
		{"maxmemoryPercent", int64(81), `81 is not a whole number from 25 to 80; a fork and the buffers of replicas need the rest`},
		{"minReplicasToWrite", int64(0), `0`},
		{"minReplicasToWrite", int64(3), `3 is more than the replicas of 3 pods, one of which is the master, so every write would be rejected; use a smaller number, or more replicas`},
	} {
		values, err := o.Resolve("", []Layer{layer("--set", tt.key, tt.value)}, nil)
		got := ""
		for _, v := range values {
			if v.Optional {
				src, _ := json.Marshal(v.Value)
				got += string(src)
			}
		}
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && !strings.HasSuffix(got, tt.want) {
			t.Errorf("%s %v: got %s, want %s", tt.key, tt.value, got, tt.want)
		}
	}
}
