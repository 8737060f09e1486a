package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// certificate makes one for a host, which is its own authority and a client's too.
func (b *bench) certificate(host string) (cert, key string) {
	b.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	b.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	b.must(err)
	keyDER, err := x509.MarshalECPrivateKey(private)
	b.must(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
}

// TestTLS: a Redis that speaks TLS only and wants a certificate of its clients is reached through the API server, and verified
// by the name of its Service.
func TestTLS(t *testing.T) {
	b := newBench(t)
	host := "safe-master." + b.namespace + ".svc"
	cert, key := b.certificate(host)
	wrong, _ := b.certificate(host)
	dir := b.TempDir()
	for name, text := range map[string]string{"tls.crt": cert, "tls.key": key, "wrong.crt": wrong} {
		b.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	_, err := cluster.Client.CoreV1().Secrets(b.namespace).Create(b.ctx, &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "safe-tls"}, StringData: map[string]string{"ca.crt": cert, "tls.crt": cert, "tls.key": key},
	}, metav1.CreateOptions{})
	b.must(err)
	owner := b.resource("RedisReplication", "safe", "{clusterSize: 1, TLS: {secret: {secretName: safe-tls}}}")
	b.statefulSet("safe", owner, "{app: safe, redis_setup_type: replication, role: replication, redis-role: master}", 1, "quay.io/opstree/redis:v7.0.15",
		"command: [redis-server, --port, '0', --tls-port, '6379', --tls-cert-file, /tls/tls.crt, --tls-key-file, /tls/tls.key, --tls-ca-cert-file, /tls/ca.crt, --tls-auth-clients, 'yes'], "+
			"volumeMounts: [{name: tls, mountPath: /tls}]",
		"volumes: [{name: tls, secret: {secretName: safe-tls}}]")
	b.service("safe-master", "{app: safe, redis_setup_type: replication, role: replication, redis-role: master}", 6379)
	b.beDeveloper()
	login := []string{"--tls-cert", "tls.crt", "--tls-key", "tls.key"}
	run := func(args ...string) result { return b.tool(dir, args...) }
	verified := append([]string{"url", "safe", "--live", "--tls-ca", "tls.crt"}, login...)
	b.until("it is ready", func() error { return b.failed(run(verified...)) })
	b.prints(run(verified...), "rediss://"+host+":6379")
	b.has(run(append([]string{"url", "safe", "--live"}, login...)...), 0, "live: master: pod safe-0")

	b.has(run(append([]string{"url", "safe", "--live", "--tls-ca", "wrong.crt"}, login...)...), 1, "pod safe-0 is ready, but does not answer", "certificate signed by unknown authority", "pass the CA certificate with --tls-ca, or the name in its")
	b.has(run(append(verified, "--tls-server-name", "another.svc")...), 1, "certificate is valid for "+host+", not another.svc")
	b.has(run("url", "safe", "--live", "--tls-ca", "tls.crt"), 1, "pod safe-0 is ready, but does not answer", "it may require a client certificate: use --tls-cert and")
	b.has(run("url", "safe", "--live", "--tls-ca", "absent.crt"), 2, "absent.crt")
	b.has(run("url", "safe", "--live", "--tls-server-name", host), 2, "--tls-server-name has no effect without --tls-ca; pass it too")

	both := append([]string{"--tls-ca", "tls.crt"}, login...)
	b.prints(run(append(append([]string{"cli", "safe", "--local"}, both...), "--", "SET", "a b", "c")...), "OK")
	b.has(run(append([]string{"dump", "safe", "out.rdb"}, both...)...), 0, "1 key,")
	b.has(run(append([]string{"import", "out.rdb", "safe", "--replace"}, both...)...), 0, "all")
	b.has(run(append([]string{"primaries"}, both...)...), 0, "safe-0")
	b.ok(run(append([]string{"doctor", "safe"}, both...)...))
}
