// Package redis finds a Redis or Valkey server by its URL, connects to it and speaks its protocol (RESP2).
//
// It is small on purpose: commands and replies, pipelines whose writing and reading halves run at the same time, and the
// connection as a stream of bytes, which replication needs ([Conn.Reader] after PSYNC). Nothing it prints holds a
// password: neither [Target.String] nor any error.
package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Target says where a server is and how to log in to it. It comes from [ParseTarget]; the fields may be changed before
// the first use.
type Target struct {
	// Addrs is the host:port of the server, the path of its Unix socket, or, with Master, those of the Sentinels.
	Addrs []string
	// Unix reports that Addrs[0] is the path of a socket.
	Unix bool
	// Master is the name under which the Sentinels know the server; empty for a server that is addressed itself.
	Master string
	// DB is selected on every connection.
	DB int
	// Username and Password log in to the server; without a password nobody does.
	Username, Password string
	// SentinelUsername and SentinelPassword log in to the Sentinels.
	SentinelUsername, SentinelPassword string
	// TLS is nil for plain text. Where it has no ServerName, the host of the address is verified.
	TLS *tls.Config
	// Timeout is for each step of making a connection: name, TCP, TLS, login, asking a Sentinel. 0 stands for 10 s.
	Timeout time.Duration
	// Dial replaces the dialer, for a way in that is no address (such as a port-forward). nil stands for net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Moves reports that Dial looks for the master each time: after a failover another server answers at the same address.
	Moves bool
}

// Follows reports whether a new connection leads to the master of the moment, after a failover too.
func (t *Target) Follows() bool { return t.Master != "" || t.Moves }

const (
	defaultTimeout      = 10 * time.Second
	defaultPort         = "6379"
	defaultSentinelPort = "26379"
)

// The schemes of ParseTarget. Sentinels speak TLS where the server does.
const (
	schemeTCP         = "redis"
	schemeTLS         = "rediss"
	schemeSentinel    = "redis+sentinel"
	schemeTLSSentinel = "rediss+sentinel"
	schemeUnix        = "unix"
)

// IsTarget reports whether a word is meant as the URL of a server, and not as the name of a file.
func IsTarget(word string) bool {
	scheme, _, ok := strings.Cut(word, "://")
	return ok && slices.Contains([]string{schemeTCP, schemeTLS, schemeSentinel, schemeTLSSentinel, schemeUnix}, strings.ToLower(scheme))
}

// ParseTarget reads one of
//
//	redis://[[USER]:PASSWORD@]HOST[:6379][/DB]
//	rediss://…                                          with TLS
//	redis+sentinel://[[USER]:PASSWORD@]HOST[:26379][,HOST…]/MASTER[/DB][?sentinel_username=U&sentinel_password=P]
//	rediss+sentinel://…                                 with TLS to both
//	unix://[[USER]:PASSWORD@]/PATH[?db=DB]
//
// User, password and master name are percent-encoded where they must be. The error never holds what stands before the @.
func ParseTarget(text string) (*Target, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if !ok || !IsTarget(text) {
		return nil, errors.New("not a server URL; use redis://HOST:PORT/DB, rediss://…, redis+sentinel://HOST,HOST/MASTER or unix:///PATH")
	}
	t := &Target{}
	// Not net/url for the whole: it refuses lists of hosts, and its errors quote the password.
	login, where := "", rest
	if head, _, _ := strings.Cut(rest, "?"); strings.Contains(head, "@") {
		at := strings.LastIndexByte(head, '@')
		login, where = rest[:at], rest[at+1:]
	}
	if err := t.login(login); err != nil {
		return nil, err
	}
	where, query, _ := strings.Cut(where, "?")
	options, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("the query is not percent-encoded; encode % as %25")
	}
	if scheme == schemeTLS || scheme == schemeTLSSentinel {
		t.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	switch scheme {
	case schemeUnix:
		err = t.unix(where, options)
	case schemeSentinel, schemeTLSSentinel:
		err = t.sentinel(where, options)
	default:
		err = t.direct(where)
	}
	if err != nil {
		return nil, err
	}
	for name := range options {
		return nil, fmt.Errorf("unknown option %q of a %s:// URL; remove it", name, scheme)
	}
	return t, nil
}

func (t *Target) login(text string) error {
	user, password, ok := strings.Cut(text, ":")
	if !ok {
		user, password = text, ""
	}
	var err1, err2 error
	t.Username, err1 = url.PathUnescape(user)
	t.Password, err2 = url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return errors.New("user and password are not percent-encoded; encode % as %25")
	}
	return nil
}

func (t *Target) direct(where string) error {
	hosts, path, _ := strings.Cut(where, "/")
	if strings.Contains(hosts, ",") {
		return fmt.Errorf("%q contains more than one server; only redis+sentinel:// supports that", hosts)
	}
	return t.place(hosts, defaultPort, path)
}

func (t *Target) sentinel(where string, options url.Values) error {
	hosts, path, _ := strings.Cut(where, "/")
	master, db, _ := strings.Cut(path, "/")
	name, err := url.PathUnescape(master)
	if err != nil || name == "" {
		return errors.New("redis+sentinel:// URLs require the master name; use redis+sentinel://HOST:PORT/MASTER")
	}
	t.Master = name
	t.SentinelUsername, t.SentinelPassword = options.Get("sentinel_username"), options.Get("sentinel_password")
	options.Del("sentinel_username")
	options.Del("sentinel_password")
	return t.place(hosts, defaultSentinelPort, db)
}

// place reads hosts and the number of a database.
func (t *Target) place(hosts, port, db string) (err error) {
	for host := range strings.SplitSeq(hosts, ",") {
		addr, err := hostPort(host, port)
		if err != nil {
			return err
		}
		t.Addrs = append(t.Addrs, addr)
	}
	t.DB, err = database(strings.TrimSuffix(db, "/"))
	return err
}

func (t *Target) unix(where string, options url.Values) (err error) {
	path, err := url.PathUnescape(where)
	if err != nil || !strings.HasPrefix(path, "/") {
		return errors.New("unix:// URLs require an absolute path; use for example unix:///run/redis/redis.sock")
	}
	t.Unix, t.Addrs = true, []string{path}
	t.DB, err = database(options.Get("db"))
	options.Del("db")
	return err
}

func hostPort(host, port string) (string, error) {
	name := host
	if strings.HasPrefix(host, "[") || strings.Count(host, ":") == 1 {
		if h, p, err := net.SplitHostPort(host); err == nil {
			name, port = h, p
		} else {
			name = strings.Trim(host, "[]")
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("invalid port %q; use HOST:PORT", port)
	}
	if name == "" || strings.ContainsAny(name, "/ \t\r\n") {
		return "", fmt.Errorf("invalid host %q; use HOST:PORT", host)
	}
	return net.JoinHostPort(name, port), nil
}

func database(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("invalid database number %q", text)
	}
	return int(n), nil
}

// String returns the URL without user, password and other secrets.
func (t *Target) String() string {
	scheme, s := schemeTCP, ""
	if t.TLS != nil {
		scheme = schemeTLS
	}
	if t.Unix {
		u := url.URL{Scheme: schemeUnix, Path: t.Addrs[0]}
		if t.DB != 0 {
			u.RawQuery = "db=" + strconv.Itoa(t.DB)
		}
		return u.String()
	}
	if t.Master != "" {
		scheme, s = scheme+"+sentinel", "/"+url.PathEscape(t.Master)
	}
	if t.DB != 0 {
		s += "/" + strconv.Itoa(t.DB)
	}
	return scheme + "://" + strings.Join(t.Addrs, ",") + s
}

// TLSConfig makes the configuration of a client from PEM texts, each of which may be empty: certificates of authorities
// instead of the system's, and a certificate and key to show. serverName replaces the name that is verified; insecure
// verifies nothing.
func TLSConfig(ca, cert, key []byte, serverName string, insecure bool) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName, InsecureSkipVerify: insecure}
	if len(ca) > 0 {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the CA file contains no PEM certificate")
		}
	}
	if len(cert) > 0 || len(key) > 0 {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate and key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// WithDB returns a copy that selects another database.
func (t *Target) WithDB(db int) *Target {
	c := *t
	c.DB = db
	return &c
}

// WithAddr returns a copy that connects to one server, such as a node of the cluster or a replica, with the same login.
func (t *Target) WithAddr(addr string) *Target {
	c := *t
	c.Addrs, c.Unix, c.Master, c.Moves = []string{addr}, false, "", false
	return &c
}

func (t *Target) timeout() time.Duration {
	if t.Timeout > 0 {
		return t.Timeout
	}
	return defaultTimeout
}
