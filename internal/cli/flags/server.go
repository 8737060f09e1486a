package flags

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const serverHelp = `A server is redis://HOST:PORT/DB, rediss://… (with TLS),
redis+sentinel://HOST,HOST/MASTER/DB (its master, found through Sentinel),
rediss+sentinel://… or unix:///PATH. Pass the password via %s or
--%spassword-file; in the URL it would be visible in the process list.`

// Server says how to log in to a server. A command with two servers has two of them, one with a prefix.
type Server struct {
	Prefix string // "" or a word with its hyphen, such as "source-"

	Username, PasswordFile, SentinelPasswordFile string
	TLS
	Insecure bool
}

// Add adds the flags.
func (f *Server) Add(c *cobra.Command) {
	set, p, env := c.Flags(), f.Prefix, f.env("PASSWORD")
	set.StringVar(&f.Username, p+"username", "", "user name, if not in the URL")
	File(set, &f.PasswordFile, p+"password-file", "file with the password (default: $"+env+")")
	File(set, &f.SentinelPasswordFile, p+"sentinel-password-file", "file with the password of the sentinels (default: "+f.env("SENTINEL_PASSWORD")+")")
	File(set, &f.CA, p+"tls-ca", "CA certificate file (PEM) to verify the server (default: the system's; for a NAME, the server is not verified, because traffic goes through the API server)")
	File(set, &f.Cert, p+"tls-cert", "client certificate file (PEM)")
	File(set, &f.Key, p+"tls-key", "private key file of the client certificate (PEM)")
	set.StringVar(&f.ServerName, p+"tls-server-name", "", "server name to send and verify (default: the host; for a NAME, its Service)")
	set.BoolVar(&f.Insecure, p+"insecure", false, "do not verify the server certificate")
}

// Help describes how a server is written.
func (f *Server) Help() string { return fmt.Sprintf(serverHelp, f.env("PASSWORD"), f.Prefix) }

// env is the name of a variable: REDIS_PASSWORD, REDIS_SOURCE_PASSWORD.
func (f *Server) env(name string) string {
	return "REDIS_" + strings.ToUpper(strings.ReplaceAll(f.Prefix, "-", "_")) + name
}

// Given reports whether any of the flags was given.
func (f *Server) Given() bool { return *f != (Server{Prefix: f.Prefix}) }

// Login reports whether any was given but those of TLS.
func (f *Server) Login() bool { return *f != (Server{Prefix: f.Prefix, TLS: f.TLS}) }

// Files reports whether any was given that names a file.
func (f *Server) Files() bool { return f.PasswordFile+f.SentinelPasswordFile+f.CA+f.Cert+f.Key != "" }

// Target returns the server of a URL with what the flags and the environment add.
func (f *Server) Target(u *ui.UI, url string) (*redis.Target, error) {
	t, err := redis.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	if t.Password != "" {
		u.PrintErrf("%s the password in the URL is visible in the process list; use %s or --%spassword-file\n",
			u.Paint(ui.Yellow, "warning:"), f.env("PASSWORD"), f.Prefix)
	}
	if t.Username == "" {
		t.Username = f.Username
	}
	if err := f.secret(&t.Password, "password-file", f.PasswordFile, "PASSWORD"); err != nil {
		return nil, err
	}
	if err := f.secret(&t.SentinelPassword, "sentinel-password-file", f.SentinelPasswordFile, "SENTINEL_PASSWORD"); err != nil {
		return nil, err
	}
	u.Secrets.Add(t.Password, t.SentinelPassword)
	if t.TLS == nil {
		if f.CA+f.Cert+f.Key+f.ServerName != "" || f.Insecure {
			return nil, fmt.Errorf("%s is not encrypted, but TLS options are set; use rediss://, or remove them", t)
		}
		return t, nil
	}
	config, err := f.TLS.Config(f.Insecure)
	if config != nil {
		t.TLS = config
	}
	return t, err
}

// secret sets a password from its file or variable. One that the URL has is stronger.
func (f *Server) secret(into *string, flag, file, env string) error {
	if *into != "" {
		return nil
	}
	if file == "" {
		*into = os.Getenv(f.env(env))
		return nil
	}
	password, err := inputfile.Password(file)
	if err != nil {
		return fmt.Errorf("--%s%s: %w", f.Prefix, flag, err)
	}
	*into = password
	return nil
}
