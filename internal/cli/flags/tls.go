package flags

import (
	"crypto/tls"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// TLS says how a server that speaks TLS is verified, and by which certificate a user logs in: files in PEM.
type TLS struct{ CA, Cert, Key, ServerName string }

// Config returns nil when no flag was given.
func (f *TLS) Config(insecure bool) (*tls.Config, error) {
	if *f == (TLS{}) && !insecure {
		return nil, nil
	}
	var pem [3][]byte
	for i, name := range []string{f.CA, f.Cert, f.Key} {
		if name == "" {
			continue
		}
		var err error
		if pem[i], err = inputfile.Read(name, inputfile.MaxSecret); err != nil {
			return nil, err
		}
	}
	return redis.TLSConfig(pem[0], pem[1], pem[2], f.ServerName, insecure)
}

// CLI returns the options of redis-cli.
func (f *TLS) CLI() []string {
	var args []string
	for _, file := range [][]string{{"--cacert", f.CA}, {"--cert", f.Cert}, {"--key", f.Key}} {
		if file[1] != "" {
			args = append(args, file...)
		}
	}
	return args
}

// add adds the flags of a command that takes the name of a Redis.
func (f *TLS) add(c *cobra.Command) {
	set := c.Flags()
	File(set, &f.CA, "tls-ca", "CA certificate file (PEM) to verify the server; by default the server is not verified, because traffic goes through the API server")
	File(set, &f.Cert, "tls-cert", "client certificate file (PEM)")
	File(set, &f.Key, "tls-key", "private key file of the client certificate (PEM)")
	set.StringVar(&f.ServerName, "tls-server-name", "", "with --tls-ca: server name to verify (default: SERVICE.NAMESPACE.svc of the Redis)")
}
