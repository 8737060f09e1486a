package backup

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// Recipients reads age recipients (age1…), of which each can decrypt a backup, from texts with one a line.
// A text without any is an error, since a backup for nobody would not be encrypted.
func Recipients(texts ...string) ([]age.Recipient, error) {
	var all []age.Recipient
	for _, text := range texts {
		if strings.Contains(text, "AGE-SECRET-KEY-") {
			return nil, errors.New("a recipient is the public key (age1…); this is a private one, which must not be where backups are written")
		}
		rs, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("not an age recipient (age1…): %w", err)
		}
		all = append(all, rs...)
	}
	return all, nil
}

// Identities reads a file of age identities, as age-keygen writes it. The error has nothing of what is in it.
func Identities(file []byte) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(bytes.NewReader(file))
	if err != nil {
		return nil, errors.New("not a file of age identities (AGE-SECRET-KEY-…)")
	}
	return ids, nil
}
