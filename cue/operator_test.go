package cue

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/finding"
)

func TestOperatorNamed(t *testing.T) {
	t.Parallel()
	operators, err := Operators()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operators {
		if o.Doc == "" || len(o.Versions) == 0 || len(o.Schemes()) == 0 {
			t.Errorf("%s: doc %q, versions %v, %d schemes", o.Name, o.Doc, o.Versions, len(o.Schemes()))
		}
		// A kind is one that the operator owns, or one of Kubernetes that it is recognised by.
		for _, s := range o.Schemes() {
			for _, apiVersion := range s.APIVersions {
				ofChart := s.Kind == KindOfCharts && slices.ContainsFunc(o.Charts(), func(c RedisChart) bool { return c.Values == apiVersion })
				if !slices.Contains(o.Kinds, Kind{apiVersion, s.Kind}) && apiVersion != "apps/v1" && !ofChart {
					t.Errorf("%s has a scheme of %s %s, which it does not own", o.Name, apiVersion, s.Kind)
				}
			}
		}
		for _, typ := range o.Types {
			if len(o.Template(typ)) == 0 {
				t.Errorf("%s has no template of %s", o.Name, typ)
			}
		}
		if defaults, err := o.Defaults(); err != nil || len(defaults) == 0 && len(o.Types) > 0 && len(o.Kinds) > 0 {
			t.Errorf("%s has the defaults %v, %v", o.Name, defaults, err)
		}
		if o.Template("kafka") != nil {
			t.Errorf("%s has a template of kafka", o.Name)
		}
	}
	if _, err := OperatorNamed("spotahom"); err == nil || err.Error() != `unknown operator "spotahom"; `+finding.OneOf(operatorNames())+`; did you mean "spotahome"?` {
		t.Error(err)
	}
}

// TestChartValues: a chart is known by its name and its publisher, in whatever form the repository is written.
func TestChartValues(t *testing.T) {
	t.Parallel()
	for _, tt := range [][3]string{
		{"redis", "https://charts.bitnami.com/bitnami", "bitnami/redis"},
		{"redis", "registry-1.docker.io/bitnamicharts", "bitnami/redis"},
		{"valkey", "oci://registry-1.docker.io/bitnamicharts/", "bitnami/valkey"},
		{"redis-cluster", "https://raw.githubusercontent.com/bitnami/charts/pre-2022/bitnami", "bitnami/redis-cluster"},
		{"valkey-cluster", "registry.example.com/proxy/bitnamicharts", "bitnami/valkey-cluster"},
		{"redis", "bitnami", "bitnami/redis"},
		{"redis", "bitnami-oci", "bitnami/redis"},
		{"redis", "oci://ghcr.io/cloudpirates-io/helm-charts", "cloudpirates/redis"},
		{"valkey", "registry-1.docker.io/cloudpirates", "cloudpirates/valkey"},
		{"valkey", "https://valkey.io/valkey-helm/", "valkey-helm/valkey"},
		{"redis-ha", "https://dandydeveloper.github.io/charts", "dandydeveloper/redis-ha"},
		{"redis", "https://charts.example.com", ""},
		{"redis", "", ""},
		{"postgresql", "https://charts.bitnami.com/bitnami", ""},
	} {
		if got := ChartValues(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s of %s: %q, not %q", tt[0], tt[1], got, tt[2])
		}
	}
	operators, err := Operators()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operators {
		for _, c := range o.Charts() {
			for _, p := range c.Publishers {
				if got := ChartValues(c.Name, "https://charts.example.com/"+p); got != c.Values {
					t.Errorf("%s: chart %s of %s is %q", o.Name, c.Name, p, got)
				}
			}
		}
	}
}

func operator(t testing.TB) *Operator {
	t.Helper()
	o, err := OperatorNamed("spotahome")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestNames(t *testing.T) {
	t.Parallel()
	o := operator(t)
	for _, tt := range []struct {
		name    string
		request Request
		want    Names
		objects int
		err     string
	}{
		{
			name:    "plain",
			request: Request{Chart: "shop", Suffix: "-cache", Namespace: "default"},
			want: Names{
				Resource: "shop-cache", MasterService: "shop-cache-redis-master", SentinelService: "rfs-shop-cache", MasterName: "mymaster",
				MasterHost: "shop-cache-redis-master.default.svc", SentinelHost: "rfs-shop-cache.default.svc",
				URL: "redis://shop-cache-redis-master.default.svc:6379", SentinelURL: "redis-sentinel://rfs-shop-cache.default.svc:26379/mymaster",
			},
			objects: 10,
		},
		{
			name:    "password, port, no namespace, 1.3.0",
			request: Request{Chart: "shop", Secret: "shop-redis", Port: 6380, Version: "1.3.0"},
			want: Names{
				Resource: "shop", MasterService: "shop-redis-master", SentinelService: "rfs-shop", MasterName: "mymaster",
				MasterHost: "shop-redis-master", SentinelHost: "rfs-shop", SecretKey: "password",
				URL: "redis://:$(REDIS_PASSWORD)@shop-redis-master:6380", SentinelURL: "redis-sentinel://rfs-shop:26379/mymaster",
			},
			objects: 12,
		},
		{
			name:    "too long",
			request: Request{Chart: strings.Repeat("a", 45), Suffix: "-caches"},
			err: `name "` + strings.Repeat("a", 45) + `-caches" has 52 characters, 48 allowed (chart name "` + strings.Repeat("a", 45) +
				`" 45 + suffix "-caches" 7); choose a shorter suffix`,
		},
		{
			name:    "not a label",
			request: Request{Chart: "Shop.v2", Suffix: "-", Namespace: "no.dots"},
			err: `name "Shop.v2-" is not a DNS label (chart name "Shop.v2" + suffix "-"); use lower case letters, digits and -, a letter or digit at both ends
namespace "no.dots" is not a DNS label; use lower case letters, digits and -`,
		},
		{
			name:    "version",
			request: Request{Chart: "shop", Version: "1.2"},
			err:     `unknown version "1.2" of operator "spotahome"; one of "1.2.4", "1.3.0"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := o.Names(tt.request)
			if err != nil || tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("got %v, want %s", err, tt.err)
				}
				return
			}
			if len(got.Objects) != tt.objects {
				t.Errorf("%d objects, want %d: %v", len(got.Objects), tt.objects, got.Objects)
			}
			got.Objects = nil
			if got.URL != tt.want.URL || got.SentinelURL != tt.want.SentinelURL || got.Resource != tt.want.Resource ||
				got.MasterHost != tt.want.MasterHost || got.SentinelHost != tt.want.SentinelHost || got.SecretKey != tt.want.SecretKey ||
				got.MasterService != tt.want.MasterService || got.SentinelService != tt.want.SentinelService || got.MasterName != tt.want.MasterName {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// Whatever the names are, the answer is names or problems in our words.
func FuzzNames(f *testing.F) {
	f.Add("shop", "-cache", "default", "shop-redis")
	f.Add("", "", "", "")
	f.Add("A.b", "\xff", "-", "\"\\(x)")
	o := operator(f)
	f.Fuzz(func(t *testing.T, chart, suffix, namespace, secret string) {
		names, err := o.Names(Request{Chart: chart, Suffix: suffix, Namespace: namespace, Secret: secret})
		var problems finding.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		if err == nil && (names.Resource != chart+suffix || len(names.Resource) > 48 || len(names.Objects) == 0) {
			t.Errorf("names %+v", names)
		}
	})
}
