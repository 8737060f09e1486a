package repo

import (
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/diag"
)

// MaxName is the longest name that CheckName takes. The Redis operator of Spotahome refuses a longer RedisFailover
// (api/redisfailover/v1/validate.go: maxNameLength).
const MaxName = 48

// CheckName refuses a name that is not safe as a part of a path and of a Kubernetes name: lower-case letters, digits
// and "-", beginning with a letter, ending in a letter or digit, at most [MaxName] long. what names it in the message,
// such as "application name".
func CheckName(what, name string) error {
	reason := nameReason(name)
	if reason == "" {
		return nil
	}
	return diag.Errorf(diag.Position{}, "", "invalid %s %q: %s", what, shorten(name), reason)
}

func nameReason(name string) string {
	if name == "" {
		return `it is empty; use a-z, 0-9 and "-"`
	}
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-':
		case c >= 'A' && c <= 'Z':
			return fmt.Sprintf("%q is a capital letter; use a-z, 0-9 and \"-\"", string(c))
		default:
			return fmt.Sprintf("%q is not allowed; use a-z, 0-9 and \"-\"", string(c))
		}
	}
	switch {
	case len(name) > MaxName:
		return fmt.Sprintf("it has %d characters, limit %d; choose a shorter one", len(name), MaxName)
	case name[0] < 'a':
		return "it does not begin with a letter; begin it with one of a-z"
	case strings.HasSuffix(name, "-"):
		return `it ends in "-"; end it with a letter or digit`
	}
	return ""
}

// shorten keeps a hostile name from filling the screen.
func shorten(name string) string {
	const limit = 100
	if len(name) <= limit {
		return name
	}
	return strings.ToValidUTF8(name[:limit], "") + "…"
}
