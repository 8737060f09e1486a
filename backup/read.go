package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// errSealed is the error of an encrypted backup without an identity that opens it.
var errSealed = errors.New("it is encrypted")

// Read writes the dump of a backup to w, decrypted but compressed as it is. If it is not what was written, the error
// says so, and what w has must not be used.
func Read(ctx context.Context, s Store, r Record, identities []age.Identity, w io.Writer) error {
	if r.Sealed && len(identities) == 0 {
		return inStore(s, "use", r.File, fmt.Errorf("%w; pass the file of an age identity", errSealed))
	}
	body, err := s.Open(ctx, r.File)
	if err != nil {
		return inStore(s, "read", r.File, err)
	}
	defer body.Close()
	sum := &summed{Hash: sha256.New()}
	all := io.TeeReader(io.LimitReader(body, r.Size+1), sum)
	opened, unsealed := io.Reader(all), error(nil)
	if r.Sealed {
		opened, unsealed = unseal(all, identities)
	}
	if unsealed == nil {
		_, unsealed = io.Copy(w, opened)
	}
	// The sum first: a damaged file cannot be decrypted either, but that is not what is wrong with it.
	if _, err := io.Copy(io.Discard, all); err != nil {
		return inStore(s, "read", r.File, err)
	}
	if err := sum.is(r); err != nil {
		return inStore(s, "use", r.File, err)
	}
	return inStore(s, "use", r.File, unsealed)
}

func unseal(from io.Reader, identities []age.Identity) (io.Reader, error) {
	opened, err := age.Decrypt(from, identities...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, fmt.Errorf("%w for other recipients; pass the age identity of one of them", errSealed)
	}
	return opened, err
}
