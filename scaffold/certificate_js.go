package scaffold

import (
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"math/big"
	"time"
)

// x509Certificate is as much of a certificate as sealing needs (RFC 5280, section 4.1). crypto/x509 would bring every signature
// and package net into the browser: a tenth of the program.
type x509Certificate struct {
	TBS       tbsCertificate
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

type tbsCertificate struct {
	Version   int `asn1:"optional,explicit,default:0,tag:0"`
	Serial    *big.Int
	Algorithm asn1.RawValue
	Issuer    asn1.RawValue
	Validity  struct{ NotBefore, NotAfter time.Time }
	Subject   asn1.RawValue
	Key       struct {
		Algorithm struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Bits asn1.BitString
	}
	IssuerID   asn1.RawValue `asn1:"optional,tag:1"`
	SubjectID  asn1.RawValue `asn1:"optional,tag:2"`
	Extensions asn1.RawValue `asn1:"optional,tag:3"`
}

// rsaEncryption is the name of RSA's keys (RFC 8017, appendix C).
var rsaEncryption = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}

// certifiedKey returns the RSA key of a certificate in DER, nil when it holds another, and when it expires.
func certifiedKey(der []byte) (*rsa.PublicKey, time.Time, error) {
	var cert x509Certificate
	rest, err := asn1.Unmarshal(der, &cert)
	if err != nil {
		return nil, time.Time{}, errors.New("malformed certificate")
	}
	if len(rest) > 0 {
		return nil, time.Time{}, errors.New("trailing data")
	}
	notAfter := cert.TBS.Validity.NotAfter
	if !cert.TBS.Key.Algorithm.ID.Equal(rsaEncryption) {
		return nil, notAfter, nil
	}
	var key struct {
		N *big.Int
		E int
	}
	if rest, err := asn1.Unmarshal(cert.TBS.Key.Bits.Bytes, &key); err != nil || len(rest) > 0 || key.N.Sign() <= 0 || key.E <= 0 {
		return nil, notAfter, errors.New("invalid RSA key")
	}
	return &rsa.PublicKey{N: key.N, E: key.E}, notAfter, nil
}
