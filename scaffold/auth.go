package scaffold

import (
	"cmp"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	sealing "github.com/bitnami-labs/sealed-secrets/pkg/crypto"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// AuthMethod is where the password of a Redis comes from. It never stands in Git in plain text.
type AuthMethod string

// The methods.
const (
	Default  AuthMethod = ""         // the configuration's; with strict: true an existing Secret, else none
	NoAuth   AuthMethod = "none"     // an open Redis
	Existing AuthMethod = "existing" // a Secret that somebody makes
	Sealed   AuthMethod = "sealed"   // a SealedSecret with a random password
	External AuthMethod = "external" // an ExternalSecret with a generated password
)

// AuthMethods lists the methods that a user can name.
func AuthMethods() []string {
	return []string{string(NoAuth), string(Existing), string(Sealed), string(External)}
}

// Auth asks for a password.
type Auth struct {
	Method AuthMethod
	Secret string // the name of the Secret; "" is <chart><suffix>-redis-auth, of a cluster <chart><suffix>-cluster-auth
	Cert   []byte // Sealed: the controller's certificate in PEM, as `kubeseal --fetch-cert` prints it
	Store  string // External: a ClusterSecretStore, or SecretStore/NAME
	Key    string // External: KEY or KEY#PROPERTY of a password that the store has; "" creates one
}

const passwordKey = "password" // the key that the Redis operator reads (spotahome redis-operator, service/k8s/util.go)

// authSecret settles the method and gives the name of the Secret, "" without auth.
func (s *resource) authSecret(deps Deps) (string, error) {
	auth := &s.req.Auth
	if err := s.setAuth(); err != nil {
		return "", err
	}
	asked := *auth
	if auth.Method == Default {
		configured := s.config.Defaults.Auth
		auth.Method = AuthMethod(configured.Method)
		if auth.Secret == "" {
			auth.Secret = configured.Secret
		}
		if auth.Store == "" {
			auth.Store = configured.Store
		}
		if auth.Method == Sealed && auth.Cert == nil && configured.Cert != "" {
			cert, err := s.repo.ReadFile(configured.Cert)
			if err != nil {
				return "", err
			}
			auth.Cert = cert
		}
		if auth.Method == Default && s.config.Strict && s.redis && !s.ownSecret() {
			auth.Method = Existing
		}
	}
	if err := asked.check(auth.Method); err != nil {
		return "", err
	}
	switch auth.Method {
	case Default, NoAuth:
		return "", nil
	case Existing:
	case Sealed:
		if auth.Cert == nil {
			return "", finding.Errorf(finding.Position{}, "", "a sealed password requires the certificate of the sealed-secrets controller").Flags("; pass --cert FILE (kubeseal --fetch-cert > FILE)").About(CodeRequest, "cert")
		}
		if _, err := parseCert(auth.Cert, deps.Now); err != nil {
			return "", err
		}
	case External:
		if auth.Store == "" {
			return "", finding.Errorf(finding.Position{}, "", "a password of External Secrets requires a secret store").Flags("; pass --store NAME (a ClusterSecretStore) or --store SecretStore/NAME").About(CodeRequest, "store")
		}
		kind, name := splitStore(auth.Store)
		if !slices.Contains([]string{"SecretStore", "ClusterSecretStore"}, kind) {
			return "", finding.Errorf(finding.Position{}, "", "unknown store kind %q", kind).Flags("; use --store NAME (a ClusterSecretStore) or --store SecretStore/NAME").About(CodeRequest, "store")
		}
		if err := repo.CheckName("store name", name); err != nil {
			return "", err
		}
		if auth.Key != "" && (!storeKey.MatchString(auth.Key) || len(auth.Key) > maxStoreKey) {
			return "", finding.Errorf(finding.Position{}, "", "invalid key %q of a secret store", auth.Key).Flags("; use --auth external:KEY or external:KEY#PROPERTY, with letters, digits and . _ / : + = @ -").About(CodeRequest, "key")
		}
	default:
		return "", finding.Errorf(finding.Position{}, "", "unknown auth method %q; %s%s", auth.Method, finding.OneOf(AuthMethods()), finding.DidYouMean(string(auth.Method), AuthMethods()))
	}
	if auth.Secret == "" {
		auth.Secret = s.currentSecret()
	}
	if err := repo.CheckName("Secret name", auth.Secret); err != nil {
		return "", err
	}
	return auth.Secret, nil
}

// ownSecret reports whether the operator creates a password unless a Secret has one.
func (s *resource) ownSecret() bool {
	names, _ := s.operator.Names(cue.Request{Chart: s.chart, Suffix: s.suffix})
	return names.OwnSecret != ""
}

// firstSecret is the Secret of a Redis for which no other name was asked.
func (s *resource) firstSecret() string {
	return s.chart + s.suffix + "-" + s.operator.Type() + "-auth"
}

// numbered matches the name of a Secret that a rotation made.
var numbered = lazyregexp.New(`^(.+)-([1-9][0-9]{0,3})$`)

// currentSecret is that of the last rotation of firstSecret.
func (s *resource) currentSecret() string {
	if last, err := s.former(); err == nil && last != nil {
		if m := numbered.FindStringSubmatch(last.Values["auth"]); m != nil && m[1] == s.firstSecret() {
			return m[0]
		}
	}
	return s.firstSecret()
}

// authFile is where the manifest of the Secret is: a rotation gives it another file.
func (s *resource) authFile() string {
	last, err := s.former()
	switch {
	case s.authPath != "":
		return s.authPath
	case err == nil && last != nil && len(last.Files) == 2 && last.Values["auth"] == s.secret:
		return last.Files[1].Path
	}
	return path.Join(s.templateDir(), s.name+"-auth.yaml")
}

// setAuth takes --set auth=NAME for what it means, a Secret that exists: the URL needs the password too.
func (s *resource) setAuth() error {
	v, ok := s.req.Set["auth"]
	name, _ := v.Value.(string)
	if !ok || name == "" || !s.redis {
		return nil
	}
	auth := &s.req.Auth
	if auth.Method != Default && (auth.Method != Existing || auth.Secret != "" && auth.Secret != name) {
		return finding.Errorf(v.At, "auth", "the value auth=%s and the authentication method %s contradict each other; remove one of them", name, auth.Method).About(CodeRequest, "auth")
	}
	auth.Method, auth.Secret = Existing, name
	set := maps.Clone(s.req.Set)
	delete(set, "auth")
	s.req.Set = set
	return nil
}

// check refuses what was asked for and has no effect with the method that it came to: a password that somebody believes to be
// in a store must not silently be none.
func (a Auth) check(method AuthMethod) error {
	if !slices.Contains(AuthMethods(), string(cmp.Or(method, NoAuth))) {
		return nil // a problem of its own
	}
	var problems finding.Problems
	useless := func(given bool, what string, needs ...AuthMethod) {
		if given && !slices.Contains(needs, method) {
			problems = append(problems, finding.Errorf(finding.Position{}, "", "%s has no effect with the authentication method %s", what, cmp.Or(method, NoAuth)).
				Flags("; use --auth %s, or remove it", needs[0]))
		}
	}
	useless(a.Store != "", "a secret store", External)
	useless(a.Cert != nil, "a certificate", Sealed)
	useless(a.Key != "", fmt.Sprintf("the key %q of a store", a.Key), External)
	useless(a.Secret != "", fmt.Sprintf("the name %q of a Secret", a.Secret), Existing, Sealed, External)
	return problems.Err()
}

// storeKey matches a key of the usual secret stores, with a property.
var storeKey = lazyregexp.New(`^[A-Za-z0-9/][A-Za-z0-9._/:+=@-]*(?:#[A-Za-z0-9._-]+)?$`)

const maxStoreKey = 512

// splitStore returns kind and name of a store: a ClusterSecretStore, unless the kind is written before it.
func splitStore(store string) (kind, name string) {
	if kind, name, ok := strings.Cut(store, "/"); ok {
		return kind, name
	}
	return "ClusterSecretStore", store
}

// planAuth writes the manifest that makes the Secret. One that is there stays: sealed text is never the same twice.
func (s *resource) planAuth(p *Plan, rec *record, deps Deps) error {
	var text string
	var err error
	file := s.authFile()
	switch s.req.Auth.Method {
	case Sealed:
		if s.local {
			return finding.Errorf(finding.Position{}, "", "a sealed password is bound to one namespace, and %q is deployed to several", s.app.Name).Flags("; use --auth external, or --namespace for one of them").About(CodeRequest, "namespace")
		}
		if s.namespace == "" || s.assumed {
			return finding.Errorf(finding.Position{}, "", "a sealed password is bound to a namespace, and the namespace of %q is unknown", s.app.Name).Flags("; pass --namespace").About(CodeRequest, "namespace")
		}
		var old []byte
		if old, err = readIfThere(s.repo, file); err != nil {
			return err
		}
		if old != nil && s.sealsTheSame(file, old) {
			text = string(old)
			break
		}
		if text, err = s.sealedSecret(deps); err != nil {
			return err
		}
	case External:
		if text, err = s.externalSecret(file); err != nil {
			return err
		}
	default:
		return nil
	}
	if err := p.create(s.repo, rec, file, text, s.req.Conflicts, s.name, s.app.Name); err != nil {
		return err
	}
	if s.req.Auth.Method == Sealed {
		written := &rec.Files[len(rec.Files)-1]
		written.Text, written.Opaque = "", true
	}
	if s.app.Kind == repo.Kustomize {
		return s.planKustomization(p, rec, path.Base(file))
	}
	return nil
}

func (s *resource) sealsTheSame(file string, src []byte) bool {
	docs, err := repo.ParseDocuments(file, src)
	return err == nil && len(docs) == 1 && docs[0].Kind() == "SealedSecret" && docs[0].Name() == s.secret && docs[0].Namespace() == s.namespace
}

// sealedSecret makes a random password and encrypts it for one name in one namespace (strict scope).
func (s *resource) sealedSecret(deps Deps) (string, error) {
	key, err := parseCert(s.req.Auth.Cert, deps.Now)
	if err != nil {
		return "", err
	}
	password, err := randomPassword(deps.Random)
	if err != nil {
		return "", err
	}
	sealed, err := sealing.HybridEncrypt(deps.Random, key, []byte(password), []byte(s.namespace+"/"+s.secret))
	if err != nil {
		return "", finding.Errorf(finding.Position{}, "", "cannot seal the password: %v", err)
	}
	return fmt.Sprintf(`# The password of the Redis %[1]s, sealed for this name and namespace. It is random, and only the sealed-secrets controller in
# the cluster can decrypt it. Running servers keep their password when it changes: %[6]s
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata:
  name: %[2]s
  namespace: %[3]s
spec:
  encryptedData:
    %[4]s: %[5]s
  template:
    metadata:
      name: %[2]s
      namespace: %[3]s
%[7]s`, s.chart+s.suffix, s.secret, s.namespace, passwordKey, base64.StdEncoding.EncodeToString(sealed), finding.HelpURL("", finding.HelpPage("auth/rotation-needs-plan")),
		s.userData("    ")), nil
}

// existingKey reads a password that the store has.
func (s *resource) existingKey() string {
	kind, store := splitStore(s.req.Auth.Store)
	key, property, ok := strings.Cut(s.req.Auth.Key, "#")
	if !ok {
		property = passwordKey
	}
	return fmt.Sprintf("# The password of the Redis %s, synced from the secret store %s into a Secret.\n", s.chart+s.suffix, store) +
		s.readBack(store, kind, valueText(key), valueText(property))
}

// readBack returns what makes a Secret of a password in the store.
func (s *resource) readBack(store, kind, key, property string) string {
	return fmt.Sprintf(`apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: %[1]s
spec:
  refreshInterval: 1h0m0s
  secretStoreRef:
    name: %[2]s
    kind: %[3]s
  target:
    name: %[1]s
%[7]s  data:
    - secretKey: %[4]s
      remoteRef:
        key: %[5]s
        property: %[6]s
`, s.secret, store, kind, passwordKey, key, property, s.template())
}

// userData returns what a template of a Secret adds for an operator that reads the name of the user there too.
func (s *resource) userData(indent string) string {
	if s.names.Username == "" {
		return ""
	}
	return indent + "type: kubernetes.io/basic-auth\n" + indent + "data:\n" + indent + "  " + s.names.UsernameKey + ": " + s.names.Username + "\n"
}

// template returns the same for an ExternalSecret, whose template replaces the keys of the store unless it is merged
// (external-secrets.io, guides/templating).
func (s *resource) template() string {
	if s.names.Username == "" {
		return ""
	}
	return "    template:\n      mergePolicy: Merge\n" + s.userData("      ")
}

// remoteKey returns the key under which a new password is stored: with the namespace, as a store may be that of several namespaces and
// clusters. A manifest that is there keeps its key, or its password would be another one.
func (s *resource) remoteKey(file string) (string, error) {
	old, err := readIfThere(s.repo, file)
	if err != nil {
		return "", err
	}
	if s.namespace == "" || s.assumed || strings.Contains(string(old), "\n          remoteKey: "+s.secret+"\n") {
		return s.secret, nil
	}
	return s.namespace + "-" + s.secret, nil
}

// externalSecret generates a password once, pushes it to the store unless the store has one, and reads it back from there,
// so that the password stays the same for ever (external-secrets.io, guides/pushsecrets and api/pushsecret).
func (s *resource) externalSecret(file string) (string, error) {
	if s.req.Auth.Key != "" {
		return s.existingKey(), nil
	}
	remote, err := s.remoteKey(file)
	if err != nil {
		return "", err
	}
	kind, store := splitStore(s.req.Auth.Store)
	return fmt.Sprintf(`# The password of the Redis %[1]s: generated once, stored in the secret store %[3]s, and synced into a Secret.
apiVersion: generators.external-secrets.io/v1alpha1
kind: Password
metadata:
  name: %[2]s
spec:
  length: 32
  digits: 8
  symbols: 0
  noUpper: false
  allowRepeat: true
---
apiVersion: external-secrets.io/v1alpha1
kind: PushSecret
metadata:
  name: %[2]s
spec:
  updatePolicy: IfNotExists
  deletionPolicy: None
  refreshInterval: 1h0m0s
  secretStoreRefs:
    - name: %[3]s
      kind: %[4]s
  selector:
    generatorRef:
      apiVersion: generators.external-secrets.io/v1alpha1
      kind: Password
      name: %[2]s
  data:
    - match:
        secretKey: password
        remoteRef:
          remoteKey: %[6]s
          property: %[5]s
---
`, s.chart+s.suffix, s.secret, store, kind, passwordKey, remote) + s.readBack(store, kind, remote, passwordKey), nil
}

// parseCert reads the controller's certificate. An expired one is refused: kubeseal refuses it too.
func parseCert(text []byte, now time.Time) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, finding.Errorf(finding.Position{}, "", "the certificate is not PEM-encoded").Flags("; get it with `kubeseal --fetch-cert`").About(CodeRequest, "cert")
	}
	key, notAfter, err := certifiedKey(block.Bytes)
	if err != nil {
		return nil, finding.Errorf(finding.Position{}, "", "cannot parse the certificate: %v", err).Flags("; get it with `kubeseal --fetch-cert`").About(CodeRequest, "cert")
	}
	if now.After(notAfter) {
		return nil, finding.Errorf(finding.Position{}, "", "the sealed-secrets certificate expired on %s", notAfter.Format(time.DateOnly)).Flags("; get the current one with `kubeseal --fetch-cert`").About(CodeRequest, "cert")
	}
	if key == nil {
		return nil, finding.Errorf(finding.Position{}, "", "the certificate has no RSA key; sealed-secrets only supports RSA").About(CodeRequest, "cert")
	}
	return key, nil
}

// passwordLetters need no quoting in redis.conf, in a shell and in a URL.
const passwordLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// randomPassword returns 32 letters and digits, 190 bits.
func randomPassword(random io.Reader) (string, error) {
	var b strings.Builder
	one := make([]byte, 1)
	for b.Len() < 32 {
		if _, err := io.ReadFull(random, one); err != nil {
			return "", finding.Errorf(finding.Position{}, "", "cannot read random numbers: %v", err)
		}
		// 248 is the largest multiple of 62 in a byte: what lies above would make some letters likelier.
		if one[0] < 248 {
			b.WriteByte(passwordLetters[int(one[0])%len(passwordLetters)])
		}
	}
	return b.String(), nil
}
