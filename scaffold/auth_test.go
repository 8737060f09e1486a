package scaffold

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"github.com/redis-gitops/redis-gitops/cue"
	"strings"
	"testing"
	"time"

	sealing "github.com/bitnami-labs/sealed-secrets/pkg/crypto"

	"github.com/redis-gitops/redis-gitops/repo"
)

// certificate makes a controller's key and certificate.
func certificate(t *testing.T, validFor time.Duration) (*rsa.PrivateKey, []byte) {
	t.Helper()
	key, cert, err := sealing.GeneratePrivateKeyAndCert(2048, validFor, "sealed-secrets")
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

func TestSealed(t *testing.T) {
	key, cert := certificate(t, time.Hour)
	deps := Deps{Random: rand.Reader, Now: time.Now()}
	r := shop(t, valuesFiles["fresh"])
	c := config(t, "")
	req := ResourceRequest{App: "shop", Namespace: "prod", Auth: Auth{Method: Sealed, Cert: cert}}
	p, err := PlanResource(context.Background(), r, c, deps, req)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	docs, err := r.Documents("applications/shop/templates/redis-auth.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 1 || docs[0].Kind() != "SealedSecret" || docs[0].Name() != "shop-redis-auth" || docs[0].Namespace() != "prod" {
		t.Fatalf("not the SealedSecret: %+v", docs)
	}
	sealed, err := base64.StdEncoding.DecodeString(docs[0].Get("spec", "encryptedData", "password").Value)
	if err != nil {
		t.Fatal(err)
	}
	fingerprint, err := sealing.PublicKeyFingerprint(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]*rsa.PrivateKey{fingerprint: key}
	password, err := sealing.HybridDecrypt(rand.Reader, keys, sealed, []byte("prod/shop-redis-auth"))
	if err != nil || len(password) != 32 || strings.Trim(string(password), passwordLetters) != "" {
		t.Errorf("password %q, %v", password, err)
	}
	if _, err := sealing.HybridDecrypt(rand.Reader, keys, sealed, []byte("other/shop-redis-auth")); err == nil {
		t.Error("the password opens in another namespace")
	}
	for _, f := range p.Files {
		if strings.Contains(string(f.New), string(password)) {
			t.Errorf("%s holds the password in plain text", f.Path)
		}
	}
	if strings.Contains(p.Diff(), string(password)) {
		t.Error("the diff holds the password in plain text")
	}
	values := read(t, r, "applications/shop/values.yaml")
	secret, url := strings.Index(values, "name: REDIS_PASSWORD"), strings.Index(values, `redis://:$(REDIS_PASSWORD)@shop-redis-master.prod.svc:6379`)
	if secret < 0 || url < secret {
		t.Errorf("REDIS_PASSWORD does not come before the URL that uses it:\n%s", values)
	}
	again, err := PlanResource(context.Background(), r, c, deps, req)
	if err != nil || again.Changed() {
		t.Errorf("a second run: %v\n%s", err, again.Diff())
	}
	p, err = PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: "redis"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	if src, _ := readIfThere(r, "applications/shop/templates/redis-auth.yaml"); src != nil {
		t.Error("the sealed password is still there")
	}
}

func TestAuthErrors(t *testing.T) {
	_, valid := certificate(t, time.Hour)
	_, expired := certificate(t, time.Hour)
	late := Deps{Random: rand.Reader, Now: time.Now().Add(48 * time.Hour)}
	now := Deps{Random: rand.Reader, Now: time.Now()}
	rts := "# Example values.yaml:\n# resources:\n#   %{camelName}:\n#     memory: 100Mi\n\nkind: RedisFailover\n"
	for _, tt := range []struct {
		name      string
		auth      Auth
		deps      Deps
		generator string
		want      string
	}{
		{"no certificate", Auth{Method: Sealed}, now, "", "pass --cert FILE"},
		{"not PEM", Auth{Method: Sealed, Cert: []byte("x")}, now, "", "not PEM-encoded"},
		{"expired", Auth{Method: Sealed, Cert: expired}, late, "", "certificate expired on "},
		{"no namespace", Auth{Method: Sealed, Cert: valid}, now, "", `the namespace of "shop" is unknown; pass --namespace`},
		{"no store", Auth{Method: External}, now, "", "pass --store NAME"},
		{"an unknown kind of store", Auth{Method: External, Store: "Vault/x"}, now, "", `unknown store kind "Vault"`},
		{"a store that is no name", Auth{Method: External, Store: "a: b"}, now, "", `invalid store name "a: b"`},
		{"a store without external", Auth{Store: "vault"}, now, "", "a secret store has no effect with the authentication method none; use --auth external, or remove it"},
		{"a certificate without sealed", Auth{Method: Existing, Cert: valid}, now, "", "a certificate has no effect with the authentication method existing; use --auth sealed"},
		{"a Secret without a password", Auth{Method: NoAuth, Secret: "a"}, now, "", `the name "a" of a Secret has no effect with the authentication method none`},
		{"bad name", Auth{Method: Existing, Secret: "a/b"}, now, "", `invalid Secret name "a/b"`},
		{"unknown", Auth{Method: "seald"}, now, "", `did you mean "sealed"?`},
		{"a generator without auth", Auth{Method: Existing}, now, rts, "the generator has no such value, so a password has no effect"},
	} {
		r := shop(t, valuesFiles["fresh"])
		if tt.generator != "" {
			if err := r.Apply("test", []repo.Change{{Path: "generators/resources/redis.yaml", New: []byte(tt.generator)}}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := PlanResource(context.Background(), r, config(t, ""), tt.deps, ResourceRequest{App: "shop", Auth: tt.auth})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestStrictWantsAPassword(t *testing.T) {
	r := shop(t, valuesFiles["fresh"])
	p, err := PlanResource(context.Background(), r, config(t, "strict: true\noperator:\n  namespace: redis-operator\n"), deps, ResourceRequest{App: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	diff := p.Diff()
	for _, want := range []string{"+    auth: shop-redis-auth", "+    networkPolicy: redis-operator", "name: REDIS_PASSWORD, valueFrom: { secretKeyRef: { name: shop-redis-auth, key: password }"} {
		if !strings.Contains(diff, want) {
			t.Errorf("no %q in\n%s", want, diff)
		}
	}
	if !strings.Contains(strings.Join(p.Next, "\n"), `make sure that the Secret "shop-redis-auth"`) {
		t.Errorf("next: %q", p.Next)
	}
	p, err = PlanResource(context.Background(), r, config(t, "strict: true\n"), deps, ResourceRequest{App: "shop", Auth: Auth{Method: NoAuth}})
	if err != nil || strings.Contains(p.Diff(), "REDIS_PASSWORD") {
		t.Errorf("--auth none: %v", err)
	}
}

func TestExternal(t *testing.T) {
	r := shop(t, valuesFiles["fresh"])
	req := ResourceRequest{App: "shop", Suffix: "cache", Auth: Auth{Method: External, Store: "SecretStore/vault"}}
	p, err := PlanResource(context.Background(), r, config(t, ""), deps, req)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	docs, err := r.Documents("applications/shop/templates/redis-cache-auth.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, d := range docs {
		kinds = append(kinds, d.Kind()+" "+d.Name())
	}
	if got, want := strings.Join(kinds, ", "), "Password shop-cache-redis-auth, PushSecret shop-cache-redis-auth, ExternalSecret shop-cache-redis-auth"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if store := docs[2].Get("spec", "secretStoreRef", "kind"); store == nil || store.Value != "SecretStore" {
		t.Error("not the store that was asked for")
	}
	if !strings.Contains(read(t, r, "applications/shop/values.yaml"), "name: REDIS_CACHE_PASSWORD") {
		t.Error("the password's entry has no name of its own")
	}
}

// TestExternalKey: a key that the store has is read and never written; a new one has the namespace in its name, an old one keeps its name.
func TestExternalKey(t *testing.T) {
	r := shop(t, "resources: {}\nenv: []\n")
	const file = "applications/shop/templates/redis-auth.yaml"
	external := func(key, namespace string, on OnConflict) (*Plan, error) {
		return PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{App: "shop", Namespace: namespace, Auth: Auth{Method: External, Store: "vault", Key: key}, Conflicts: on})
	}
	for key, want := range map[string]string{
		"prod/shop/redis":     "        key: prod/shop/redis\n        property: password\n",
		"shop#redis.password": "        key: shop\n        property: redis.password\n",
		"123":                 "        key: \"123\"\n        property: password\n",
	} {
		p := apply(t, r)(external(key, "", Refuse))
		text := read(t, r, file)
		if !strings.Contains(text, want) || strings.Contains(text, "PushSecret") || strings.Contains(text, "generators.") {
			t.Errorf("%s:\n%s", key, text)
		}
		if next := strings.Join(p.Next, "\n"); !strings.Contains(next, "has the key") {
			t.Errorf("next: %s", next)
		}
		if p, err := external(key, "", Refuse); err != nil || p.Changed() {
			t.Errorf("a second run: %v", err)
		}
		destroy(t, r, "redis")
	}
	for _, key := range []string{"a b", "#x", "a#", "-a", "a\nb", "{{a}}", strings.Repeat("a", 600)} {
		if _, err := external(key, "", Refuse); err == nil || !strings.Contains(err.Error(), "invalid key") {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{App: "shop", Auth: Auth{Method: Existing, Key: "a"}}); err == nil {
		t.Error("a key of no store is accepted")
	}
	apply(t, r)(external("", "prod", Refuse))
	if text := read(t, r, file); strings.Count(text, "ey: prod-shop-redis-auth\n") != 2 {
		t.Errorf("the key of a new password:\n%s", text)
	}
	write(t, r, file, strings.ReplaceAll(read(t, r, file), "ey: prod-shop-redis-auth", "ey: shop-redis-auth"))
	p, err := external("", "prod", Refuse)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		if f.Path == file && f.Action != Unchanged {
			t.Errorf("the key of an old password changes:\n%s", p.Diff())
		}
	}
}

// TestSetAuth: a Secret given as a value is in the URL too.
func TestSetAuth(t *testing.T) {
	r := shop(t, "resources: {}\nenv: []\n")
	req := ResourceRequest{App: "shop", Set: map[string]cue.LayerValue{"auth": {Value: "shop-password"}}}
	p := apply(t, r)(PlanResource(t.Context(), r, config(t, ""), deps, req))
	if text := read(t, r, "applications/shop/values.yaml"); !strings.Contains(text, "name: shop-password, key: password") || !strings.Contains(text, "auth: shop-password") || !strings.Contains(p.URL, "$(REDIS_PASSWORD)") {
		t.Errorf("URL %s in\n%s", p.URL, text)
	}
	if req.Set["auth"].Value != "shop-password" {
		t.Error("the request is changed")
	}
	if p, err := PlanResource(t.Context(), r, config(t, ""), deps, req); err != nil || p.Changed() {
		t.Errorf("a second run: %v", err)
	}
	req.Auth = Auth{Method: NoAuth}
	if _, err := PlanResource(t.Context(), r, config(t, ""), deps, req); err == nil || !strings.Contains(err.Error(), "contradict") {
		t.Errorf("got %v", err)
	}
}
