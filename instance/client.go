package instance

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"

	"github.com/redis-gitops/redis-gitops/cue"
)

// The formats that are code or manifests, found by iteration. Their text is verified with real clients in
// internal/clientcheck.
//
//go:embed client/*.tmpl
var clients embed.FS

// ClientOptions say how an instance is to be reached.
type ClientOptions struct {
	Sentinel bool    // by way of the sentinels
	Password *string // put into the URL; nil leaves a reference to the variable REDIS_PASSWORD there. Of format "url" only
}

// Formats returns the names of the formats of [Instance.Client].
func Formats() []string {
	names := []string{"url"}
	files, err := fs.Glob(clients, "client/*.tmpl")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".tmpl"))
	}
	return append(names, "json")
}

// client is what the templates see.
type client struct {
	Scheme           string // redis or rediss
	Sentinel         bool
	Cluster, TLS     bool
	Host             string
	Port             int
	Address          string // host:port
	Master           string
	MasterIsHost     bool // the master's name can stand in a URL as a host
	Sentinels        []hostPort
	Auth             bool
	Username         bool
	AuthFrom         *Auth
	SentinelAuth     bool
	SentinelUsername bool
	SentinelAuthFrom *Auth
	URL              string
}

type hostPort struct {
	Host string
	Port int
}

var (
	dnsName    = lazyregexp.New(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	masterName = lazyregexp.New(`^[A-Za-z0-9]([-A-Za-z0-9._/]*[A-Za-z0-9])?$`)
	secretKey  = lazyregexp.New(`^[-._a-zA-Z0-9]+$`)
)

// Client returns the text of a format: a URL, manifest entries or code that connects to the instance. It never holds a
// password but that of the options. The error says why there is no such text.
func (in *Instance) Client(format string, o ClientOptions) (string, error) {
	if formats := Formats(); !slices.Contains(formats, format) {
		return "", fmt.Errorf("unknown format %q; %s%s", format, finding.OneOf(formats), finding.DidYouMean(format, formats))
	}
	if o.Password != nil && format != "url" {
		return "", fmt.Errorf("a password can only be inserted with format \"url\"; the other formats read it from the environment")
	}
	if err := in.checkNames(); err != nil {
		return "", err
	}
	if format == "json" {
		out, err := json.MarshalIndent(in, "", "  ")
		return string(out) + "\n", err
	}
	c, err := in.client(o)
	if err != nil {
		return "", err
	}
	if format == "url" {
		return c.URL + "\n", nil
	}
	refused := ""
	funcs := template.FuncMap{"fail": func(message string) (string, error) { refused = message; return "", errors.New(message) }}
	src, err := clients.ReadFile("client/" + format + ".tmpl")
	if err != nil {
		return "", err
	}
	t, err := template.New(format).Funcs(funcs).Parse(string(src))
	if err != nil {
		return "", fmt.Errorf("embedded format %s: %w", format, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, c); refused != "" {
		return "", errors.New(refused)
	} else if err != nil {
		return "", fmt.Errorf("embedded format %s: %w", format, err)
	}
	return b.String(), nil
}

// checkNames refuses names that are none: they come from a repository and go into code.
func (in *Instance) checkNames() error {
	names := []struct {
		what, name string
		form       *lazyregexp.Regexp
	}{{"resource", in.Name, dnsName}, {"namespace", in.Namespace, dnsName}}
	add := func(what, name string, form *lazyregexp.Regexp) {
		names = append(names, struct {
			what, name string
			form       *lazyregexp.Regexp
		}{what, name, form})
	}
	auth := func(a *Auth) {
		if a != nil {
			add("Secret", a.Secret, dnsName)
			add("key of the Secret", a.Key, secretKey)
			add("key of the Secret", a.UsernameKey, secretKey)
		}
	}
	for _, e := range []*Endpoint{in.Write, in.Read} {
		if e != nil {
			add("host", e.Host, dnsName)
		}
	}
	auth(in.Auth)
	if in.Sentinel != nil {
		add("master", in.Sentinel.Master, masterName)
		for _, h := range in.Sentinel.split() {
			add("host", h.Host, dnsName)
		}
		auth(in.Sentinel.Auth)
	}
	for _, n := range names {
		if n.name != "" && (len(n.name) > 253 || !n.form.MatchString(n.name)) {
			return fmt.Errorf("%s %q of %s %q is not a valid Kubernetes name; fix it in %s", n.what, n.name, in.Kind, in.Name, in.Where)
		}
	}
	return nil
}

func (s *Sentinel) split() []hostPort {
	var out []hostPort
	for _, h := range s.Hosts {
		host, port, _ := strings.Cut(h, ":")
		out = append(out, hostPort{host, number(port)})
	}
	return out
}

func (in *Instance) client(o ClientOptions) (*client, error) {
	c := &client{Scheme: "redis", Sentinel: o.Sentinel, Cluster: in.Cluster, TLS: in.TLS, AuthFrom: in.Auth, Auth: in.Auth != nil}
	c.Username = c.Auth && in.Auth.UsernameKey != ""
	if in.TLS {
		c.Scheme = "rediss"
	}
	if o.Sentinel {
		s := in.Sentinel
		if s == nil {
			return nil, in.noSentinel()
		}
		if s.Master == "" {
			return nil, fmt.Errorf("the sentinels name the master of %s %q after its namespace, which the files do not set; set metadata.namespace", in.Kind, in.Name)
		}
		c.Master, c.Sentinels, c.SentinelAuthFrom, c.SentinelAuth = s.Master, s.split(), s.Auth, s.Auth != nil
		c.SentinelUsername = c.SentinelAuth && s.Auth.UsernameKey != ""
		c.MasterIsHost = dnsName.MatchString(s.Master)
		c.Host, c.Port = s.Host, s.Port
		c.URL = "redis-sentinel://" + userinfo(o.Password, nil) + strings.Join(s.Hosts, ",") + "/" + url.PathEscape(s.Master)
	} else {
		if in.Write == nil {
			return nil, in.noWrites()
		}
		if in.Write.Port == 0 {
			return nil, fmt.Errorf("the port of %s %q is not known from the files: %s", in.Kind, in.Name, strings.Join(in.Notes, "; "))
		}
		c.Host, c.Port = in.Write.Host, in.Write.Port
		c.URL = c.Scheme + "://" + userinfo(o.Password, in.Auth) + c.Host + ":" + strconv.Itoa(c.Port)
	}
	c.Address = c.Host + ":" + strconv.Itoa(c.Port)
	return c, nil
}

// userinfo returns the password for a URL, or the reference that Kubernetes expands in env.
func userinfo(password *string, auth *Auth) string {
	switch {
	case password != nil:
		return ":" + strings.ReplaceAll(url.QueryEscape(*password), "+", "%20") + "@"
	case auth == nil:
		return ""
	case auth.UsernameKey != "":
		return "$(REDIS_USERNAME):$(REDIS_PASSWORD)@"
	}
	return ":$(REDIS_PASSWORD)@"
}

func (in *Instance) noWrites() error {
	message := fmt.Sprintf("no Service selects the master of %s %q", in.Kind, in.Name)
	for _, s := range in.Absent {
		if s.Role == Write && in.Kind == cue.KindOfCharts {
			message += fmt.Sprintf(" (with these values the chart makes no %q)", s.Name)
		} else if s.Role == Write {
			message += fmt.Sprintf(" (%s %s makes no %q)", in.Operator, in.Version, s.Name)
		}
	}
	switch {
	case in.Sentinel != nil:
		return errors.New(message + "; add a Service that selects the master, or use Sentinel in clients (sentinel-url)")
	case len(in.Notes) > 0:
		return errors.New(message + ": " + strings.Join(in.Notes, "; "))
	}
	return errors.New(message + "; add a Service that selects it")
}

func (in *Instance) noSentinel() error {
	message := fmt.Sprintf("%s %q has no sentinels", in.Kind, in.Name)
	if in.Cluster {
		message += ", because it is a Redis Cluster"
	} else if len(in.Notes) > 0 {
		message += ": " + strings.Join(in.Notes, "; ")
	}
	return errors.New(message + "; use url")
}

// SentinelHosts returns host:port of each sentinel, or of the one Service before all of them.
func (in *Instance) SentinelHosts() ([]string, error) {
	if err := in.checkNames(); err != nil {
		return nil, err
	}
	if in.Sentinel == nil {
		return nil, in.noSentinel()
	}
	return in.Sentinel.Hosts, nil
}

// URL returns the URL by which redis-gitops reaches the Redis from a pod, without a password. Through its sentinels, if it has any, it
// follows a failover.
func (in *Instance) URL() (string, error) {
	s := ""
	if in.TLS {
		s = "s"
	}
	switch {
	case in.Sentinel != nil && in.Sentinel.Port != 0:
		return "redis" + s + "+sentinel://" + in.Sentinel.address() + "/" + url.PathEscape(in.Sentinel.Master), nil
	case in.Write != nil && in.Write.Port != 0:
		return "redis" + s + "://" + in.Write.address(), nil
	}
	return "", fmt.Errorf("no Service with a known port selects %s %s, and it has no sentinels", in.Kind, in.Name)
}

// ReachedAs reports whether clients reach both in the same way.
func (in *Instance) ReachedAs(other *Instance) bool {
	way := func(in *Instance) any {
		return []any{in.Name, in.Namespace, in.Kind, in.Cluster, in.TLS, in.Write, in.Read, in.Sentinel, in.Auth}
	}
	return reflect.DeepEqual(way(in), way(other))
}
