package scaffold

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/repo"
)

// rotate plans and applies a stage.
func rotate(t *testing.T, r *repo.Repo, req RotateRequest, stage int) *Plan {
	t.Helper()
	req.Stage = stage
	return apply(t, r)(PlanRotate(t.Context(), r, config(t, ""), Deps{Random: rand.Reader, Now: time.Now()}, req))
}

// states returns the states of all stages, as their first letters.
func states(t *testing.T, r *repo.Repo, req RotateRequest) (letters string) {
	t.Helper()
	rotation, err := Rotate(t.Context(), r, config(t, ""), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rotation.Stages.Stages {
		letters += string(s.State[:1])
	}
	return letters
}

// gitStages are those that change files, with the states after each.
var gitStages = []struct {
	stage int
	after string
}{{RotateAdd, "dnpppp"}, {RotateClients, "dddnpp"}, {RotateRedis, "ddddnp"}, {RotateRemove, "nppppp"}}

// exhaustive combines all of what TestRotate takes in turns; it takes a minute.
const exhaustive = false

// TestRotate takes a Redis through two rotations, with every method, in every form of a values file and in a kustomization: each stage
// changes nothing when it is run again, generate and update have nothing to do between them, and destroy gives back the first bytes, after
// whichever stage it comes.
func TestRotate(t *testing.T) {
	_, cert := certificate(t, time.Hour)
	methods := []Auth{{Method: Existing}, {Method: Sealed, Cert: cert}, {Method: External, Store: "vault"}, {Method: Existing, Secret: "own"}}
	var all []string
	for name := range valuesFiles {
		all = append(all, name)
	}
	slices.Sort(all)
	for n, name := range append(all, "kustomization", "kustomization", "kustomization") {
		for m, auth := range methods {
			if n%len(methods) != m && !exhaustive {
				continue
			}
			operator := []string{"spotahome", "opstree", "freshworks", "statefulset"}[(n+m)%4]
			until := 1 + (3*n+m)%8 // stages, four to a rotation
			t.Run(fmt.Sprintf("%s %s%s %s %d", name, auth.Method, auth.Secret, operator, until), func(t *testing.T) {
				r := shop(t, valuesFiles[name])
				if name == "kustomization" {
					r = openFiles(t, map[string]string{
						"applications/shop/kustomization.yaml": "# ours\nnamespace: prod\nresources:\n- deployment.yaml # first\n",
						"applications/shop/deployment.yaml":    strings.ReplaceAll(deployedBy, "{{ .Chart.Name }}", "shop"),
					})
				}
				first := everything(t, r)
				generated := ResourceRequest{App: "shop", Operator: operator, Suffix: []string{"", "cache"}[m%2], Namespace: "prod", Auth: auth}
				if _, err := PlanResource(t.Context(), r, config(t, ""), Deps{Random: rand.Reader, Now: time.Now()}, generated); err != nil {
					t.Skip(err) // a values file that generate refuses
				}
				apply(t, r)(PlanResource(t.Context(), r, config(t, ""), Deps{Random: rand.Reader, Now: time.Now()}, generated))
				req := RotateRequest{App: "shop", Name: "redis" + map[bool]string{true: "-cache"}[m%2 == 1], Namespace: "prod", Auth: Auth{Cert: auth.Cert}}
				for i := range until {
					s := gitStages[i%4]
					p := rotate(t, r, req, s.stage)
					if !p.Changed() {
						if s.stage == RotateClients && name == "kustomization" {
							continue // its env entries are for people to place
						}
						t.Fatalf("stage %d changes nothing", s.stage)
					}
					if got := states(t, r, req); got != s.after && name != "kustomization" {
						t.Fatalf("after stage %d: %s, want %s", s.stage, got, s.after)
					}
					if s.stage != RotateRemove && rotate(t, r, req, s.stage).Changed() {
						t.Fatalf("stage %d changes something again", s.stage)
					}
					if p := apply(t, r)(PlanUpdate(t.Context(), r, config(t, ""), UpdateRequest{})); p.Changed() {
						t.Fatalf("update after stage %d:\n%s", s.stage, p.Diff())
					}
					for _, e := range list(t, r, "shop") {
						if e.Kind == "resource" && e.State != Current {
							t.Fatalf("after stage %d it is %s", s.stage, e.State)
						}
					}
				}
				rotated(t, r, generated, until)
				apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: req.Name}))
				sameFiles(t, everything(t, r), first)
			})
		}
	}
}

// rotated checks that generate keeps the new Secret once the rotation is over, and waits for its end until then.
func rotated(t *testing.T, r *repo.Repo, req ResourceRequest, stages int) {
	t.Helper()
	if req.Auth.Secret == "own" {
		return // it would go back
	}
	p, err := PlanResource(t.Context(), r, config(t, ""), Deps{Random: rand.Reader, Now: time.Now()}, req)
	switch {
	case stages%4 != 0 && (err == nil || !strings.Contains(err.Error(), "is under way")):
		t.Errorf("generate in the middle: %v", err)
	case stages%4 == 0 && (err != nil || p.Changed()):
		var conflict *ConflictError
		if errors.As(err, &conflict) {
			t.Errorf("generate after the rotation: %s", conflict.Conflicts[0].Diff)
		}
		t.Errorf("generate after the rotation: %v", err)
	}
}

// TestRotateClients moves what other applications of the namespace and other forms of references have, and names what it cannot move.
func TestRotateClients(t *testing.T) {
	app := func(name, namespace string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + "}\nspec:\n  source: {path: applications/" + name + "}\n  destination: {namespace: " + namespace + "}\n"
	}
	uses := "env:\n  # ours\n  - name: PASSWORD\n    valueFrom:\n      secretKeyRef: {name: \"shop-redis-auth\", key: password} # of shop\n"
	volumes := "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec:\n  containers:\n  - name: a\n    envFrom: [{secretRef: {name: shop-redis-auth}}]\n  volumes:\n  - secret: {secretName: shop-redis-auth}\n  - projected: {sources: [{secret: {name: shop-redis-auth}}]}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: shop-redis-auth-old}\n"
	r := openFiles(t, map[string]string{
		"argocd/shop.yaml": app("shop", "prod"), "argocd/web.yaml": app("web", "prod"), "argocd/far.yaml": app("far", "staging"),
		"applications/shop/Chart.yaml":            "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
		"applications/shop/values.yaml":           "env: []\n",
		"applications/shop/values-prod.yaml":      "resources: {redis: {auth: shop-redis-auth}}\n",
		"applications/shop/templates/worker.yaml": "kind: Deployment\n{{- if .Values.worker }}\nsecretKeyRef: {name: shop-redis-auth}\n{{- end }}\n",
		"applications/web/kustomization.yaml":     "resources: [pod.yaml]\n", "applications/web/pod.yaml": volumes,
		"applications/far/Chart.yaml": "apiVersion: v2\nname: far\nversion: 1.0.0\n", "applications/far/values.yaml": uses,
	})
	write(t, r, "applications/shop/values.yaml", "env: []\n")
	generate(t, r, ResourceRequest{App: "shop", Auth: Auth{Method: Existing}})
	write(t, r, "applications/shop/values-extra.yaml", uses)
	req := RotateRequest{App: "shop", Name: "redis"}
	if p := rotate(t, r, req, RotateAdd); !strings.Contains(strings.Join(p.Next, "\n"), `create the Secret "shop-redis-auth-2" with a new password under the key "password" in namespace "prod"`) {
		t.Errorf("next: %q", p.Next)
	}
	rotation, err := Rotate(t.Context(), r, config(t, ""), req)
	if err != nil || rotation.From != "shop-redis-auth" || rotation.To != "shop-redis-auth-2" || rotation.Key != "password" || rotation.Resource != "shop" ||
		strings.Join(rotation.Notes, "") != "clients that use the old Secret: applications/shop/values-extra.yaml, applications/shop/values.yaml, applications/web/pod.yaml" {
		t.Fatalf("%+v, %v", rotation, err)
	}
	p := rotate(t, r, req, RotateClients)
	notes := strings.Join(p.Notes, "\n")
	if !strings.HasPrefix(notes, "applications/shop/templates/worker.yaml:3:22 still names the Secret \"shop-redis-auth\"") || len(p.Notes) != 1 {
		t.Errorf("notes:\n%s", notes)
	}
	if got := read(t, r, "applications/shop/values-extra.yaml"); got != strings.ReplaceAll(uses, "shop-redis-auth", "shop-redis-auth-2") {
		t.Errorf("values:\n%s", got)
	}
	if got := read(t, r, "applications/web/pod.yaml"); strings.Count(got, "shop-redis-auth-2") != 3 || !strings.Contains(got, "shop-redis-auth-old") {
		t.Errorf("pod:\n%s", got)
	}
	if got := read(t, r, "applications/far/values.yaml"); got != uses {
		t.Errorf("another namespace:\n%s", got)
	}
	rotate(t, r, req, RotateRedis)
	if got := read(t, r, "applications/shop/values-prod.yaml"); got != "resources: {redis: {auth: shop-redis-auth-2}}\n" {
		t.Errorf("values of an environment:\n%s", got)
	}
	// What still names the old Secret keeps it.
	req.Stage = RotateRemove
	if _, err := PlanRotate(t.Context(), r, config(t, ""), deps, req); err == nil || !strings.Contains(err.Error(), "applications/shop/templates/worker.yaml:3:") {
		t.Errorf("removed: %v", err)
	}
	req.Force = true
	if p := rotate(t, r, req, RotateRemove); !strings.Contains(p.Diff(), "-rotation:") {
		t.Error(p.Diff())
	}
}

// TestRotateRefuses has a reason for each rotation that cannot be.
func TestRotateRefuses(t *testing.T) {
	r := shop(t, valuesFiles["fresh"])
	generate(t, r, ResourceRequest{App: "shop"})
	generate(t, r, ResourceRequest{App: "shop", Suffix: "a", Auth: Auth{Method: Existing, Secret: "both"}})
	generate(t, r, ResourceRequest{App: "shop", Suffix: "b", Auth: Auth{Method: Existing, Secret: "both"}})
	generate(t, r, ResourceRequest{App: "shop", Suffix: "c", Auth: Auth{Method: Existing}})
	generate(t, r, ResourceRequest{App: "shop", Suffix: "d", Auth: Auth{Method: External, Store: "vault", Key: "redis#pass"}})
	add := func(name string, auth Auth) RotateRequest {
		return RotateRequest{App: "shop", Name: name, Stage: RotateAdd, Auth: auth}
	}
	for want, req := range map[string]RotateRequest{
		`application "shop" has no generated Redis "redis-z"; one of "redis-a", "redis-b", "redis-c", "redis-d", "redis"`:               {App: "shop", Name: "redis-z", Stage: 1},
		`redis of application "shop" has no password to rotate`:                                                                         add("redis", Auth{}),
		`redis-b uses the Secret "both" too; give it a Secret of its own`:                                                               add("redis-a", Auth{}),
		`stage 7 does not exist; use 1 to 6`:                                                                                            {App: "shop", Name: "redis-c", Stage: 7},
		`stage 2 changes running servers, not files`:                                                                                    {App: "shop", Name: "redis-c", Stage: 2},
		`stage 1 comes first: add the Secret "shop-c-redis-auth-2" with a new password; run redis-gitops rotate shop redis-c --stage 1`: {App: "shop", Name: "redis-c", Stage: 4},
		`already uses the Secret "shop-c-redis-auth"`:                                                                                   add("redis-c", Auth{Method: Existing, Secret: "shop-c-redis-auth"}),
		`a rotation needs a new password; use --auth`:                                                                                   add("redis-c", Auth{Method: NoAuth}),
		`requires the certificate`:                                                                                                      add("redis-c", Auth{Method: Sealed}),
		`reads a password that the secret store has; create a new one there, and pass its key with --auth external:KEY`:                 add("redis-d", Auth{}),
		`application "none" does not exist`:                                                                                             {App: "none", Name: "redis"},
		`invalid resource name "Redis"`:                                                                                                 {App: "shop", Name: "Redis"},
	} {
		if p, err := PlanRotate(t.Context(), r, config(t, ""), deps, req); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, %+v; want %s", req, err, p, want)
		}
	}
	// Two that share sentinels, whichever of them is asked for.
	both := shop(t, valuesFiles["fresh"])
	generate(t, both, ResourceRequest{App: "shop", Operator: "statefulset", Auth: Auth{Method: Existing, Secret: "both"}})
	generate(t, both, ResourceRequest{App: "shop", Operator: "statefulset", Suffix: "a", Set: setOf("sentinelsOf=shop-redis"), Auth: Auth{Method: Existing, Secret: "both"}})
	for _, name := range []string{"redis", "redis-a"} {
		if _, err := PlanRotate(t.Context(), both, config(t, ""), deps, add(name, Auth{})); err == nil || !strings.Contains(err.Error(), "give it sentinels of its own first") {
			t.Errorf("%s: %v", name, err)
		}
	}
	rotate(t, r, add("redis-d", Auth{Key: "redis-2#pass"}), RotateAdd)
	if text := read(t, r, "applications/shop/templates/redis-d-auth-2.yaml"); !strings.Contains(text, "key: redis-2\n") || !strings.Contains(text, "name: vault\n") {
		t.Error(text)
	}
	if _, err := Rotate(t.Context(), r, config(t, ""), RotateRequest{App: "shop", Name: "redis-d", Auth: Auth{Method: Existing, Secret: "else"}}); err == nil || !strings.Contains(err.Error(), `the rotation to the Secret "shop-d-redis-auth-2" is under way`) {
		t.Error(err)
	}
}
