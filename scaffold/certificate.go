//go:build !js

package scaffold

import (
	"crypto/rsa"
	"crypto/x509"
	"time"
)

// certifiedKey returns the RSA key of a certificate in DER, nil when it holds another, and when it expires.
func certifiedKey(der []byte) (*rsa.PublicKey, time.Time, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, time.Time{}, err
	}
	key, _ := cert.PublicKey.(*rsa.PublicKey)
	return key, cert.NotAfter, nil
}
