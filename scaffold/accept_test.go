package scaffold

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
)

// What a flag asks for is suppressed with a reason, and nothing else: not a value that another flag changes again, nor a Secret that
// the repository makes.
func TestAccepted(t *testing.T) {
	const auth, dev = "auth/secret-not-found", "ha/pdb-blocks-drain, ha/single-redis -- downtime"
	chart := map[string]string{
		"applications/shop/Chart.yaml":  "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
		"applications/shop/values.yaml": "env: []\n",
	}
	kustomization := map[string]string{"applications/shop/kustomization.yaml": "resources: []\n"}
	existing := Auth{Method: Existing, Secret: "shop-auth"}
	for _, tt := range []struct {
		name  string
		files map[string]string
		req   ResourceRequest
		want  []string
	}{
		{"nothing", nil, ResourceRequest{}, nil},
		{"dev", nil, ResourceRequest{Size: "dev"}, []string{dev}},
		{"dev as a profile", nil, ResourceRequest{Profile: "dev"}, []string{dev}},
		{"dev for OpsTree", nil, ResourceRequest{Size: "dev", Operator: "opstree"}, []string{"ignore ha/single-redis -- downtime"}},
		{"dev with two", nil, ResourceRequest{Size: "dev", Set: map[string]cue.LayerValue{"replicas": {Value: int64(2)}}}, nil},
		{"a Secret", nil, ResourceRequest{Auth: existing}, []string{auth}},
		{"both", nil, ResourceRequest{Auth: existing, Size: "dev"}, []string{auth, dev}},
		{"SealedSecret", map[string]string{"platform/secrets.yaml": "kind: SealedSecret\nmetadata:\n  name: shop-auth\n"}, ResourceRequest{Auth: existing}, nil},
		{"of the chart", map[string]string{"applications/shop/templates/auth.yaml": "kind: ExternalSecret\nspec:\n  target:\n    name: {{ .Chart.Name }}-auth\n"}, ResourceRequest{Auth: existing}, nil},
		{"secretGenerator", map[string]string{"platform/kustomization.yaml": "secretGenerator:\n  - name: 'shop-auth' # own\n    files: [password]\n"}, ResourceRequest{Auth: existing}, nil},
		{"another Secret", map[string]string{"platform/secrets.yaml": "kind: Secret\nmetadata:\n  name: shop-auth-2\n"}, ResourceRequest{Auth: existing}, []string{auth}},
		{"a mention", map[string]string{"applications/web/values.yaml": "secret:\n  name: shop-auth\n"}, ResourceRequest{Auth: existing}, []string{auth}},
	} {
		for form, application := range map[string]map[string]string{"chart": chart, "kustomization": kustomization} {
			t.Run(tt.name+"/"+form, func(t *testing.T) {
				files := maps.Clone(application)
				maps.Copy(files, tt.files)
				if form == "kustomization" && tt.name == "of the chart" {
					t.Skip("it has no templates")
				}
				r := openFiles(t, files)
				c := config(t, "")
				tt.req.App = "shop"
				p, err := PlanResource(context.Background(), r, c, Deps{Random: rand.Reader, Now: time.Now()}, tt.req)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Apply(r); err != nil {
					t.Fatal(err)
				}
				file, mark := "applications/shop/values.yaml", "redis-gitops:ignore"
				if form == "kustomization" {
					file, mark = "applications/shop/redis.yaml", "ignore.redis-gitops.io/"
				}
				text := read(t, r, file)
				rules := 0
				for _, want := range tt.want {
					if form == "chart" {
						if !strings.Contains(text, want) {
							t.Errorf("%s is missing in\n%s", want, text)
						}
						rules++
						continue
					}
					list, _, _ := strings.Cut(strings.TrimPrefix(want, "ignore "), " --")
					for rule := range strings.SplitSeq(list, ", ") {
						if !strings.Contains(text, mark+strings.Replace(rule, "/", ".", 1)+": ") {
							t.Errorf("%s is missing in\n%s", rule, text)
						}
						rules++
					}
				}
				if got := strings.Count(text, mark); got != rules {
					t.Errorf("%d suppressions, want %d in\n%s", got, rules, text)
				}
				update, err := PlanUpdate(context.Background(), r, c, UpdateRequest{})
				if err != nil || update.Changed() {
					t.Errorf("update finds changes: %v, %v", update, err)
				}
				again, err := PlanResource(context.Background(), r, c, Deps{Random: rand.Reader, Now: time.Now()}, tt.req)
				if err != nil || again.Changed() {
					t.Errorf("a second run finds changes: %v", err)
				}
			})
		}
	}
}

// A Secret that is added later makes no second run differ: lint reports the suppression as unused.
func TestAcceptedLater(t *testing.T) {
	r := openFiles(t, map[string]string{"applications/shop/kustomization.yaml": "resources: []\n"})
	deps := Deps{Random: rand.Reader, Now: time.Now()}
	req := ResourceRequest{App: "shop", Auth: Auth{Method: Existing, Secret: "shop-auth"}}
	for range 2 {
		p, err := PlanResource(context.Background(), r, config(t, ""), deps, req)
		if err == nil {
			err = p.Apply(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		r = openFiles(t, maps.Collect(func(yield func(string, string) bool) {
			for name, text := range contents(t, r) {
				yield(name, text)
			}
			yield("platform/secrets.yaml", "kind: SealedSecret\nmetadata:\n  name: shop-auth\n")
		}))
	}
}
