package repo

import (
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

// maxName is the longest name that CheckName takes. The Redis operator of Spotahome refuses a longer RedisFailover
// (api/redisfailover/v1/validate.go: maxNameLength).
const maxName = 48

// CheckName refuses a name that is not safe as a part of a path and of a Kubernetes name: lower-case letters, digits
// and "-", beginning with a letter, ending in a letter or digit, at most [maxName] long. what names it in the message,
// such as "application name".
func CheckName(what, name string) error {
	reason := nameReason(name)
	if reason == "" {
		return nil
	}
	return finding.Errorf(finding.Position{}, "", "invalid %s %q: %s", what, shorten(name), reason).About(CodeName, what)
}

func nameReason(name string) string {
	if name == "" {
		return `must not be empty; use a-z, 0-9 and "-"`
	}
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-':
		case c >= 'A' && c <= 'Z':
			return fmt.Sprintf("uppercase %q is not allowed; use a-z, 0-9 and \"-\"", string(c))
		default:
			return fmt.Sprintf("%q is not allowed; use a-z, 0-9 and \"-\"", string(c))
		}
	}
	switch {
	case len(name) > maxName:
		return fmt.Sprintf("%d characters, limit %d; choose a shorter name", len(name), maxName)
	case name[0] < 'a':
		return "must start with a letter from a to z"
	case strings.HasSuffix(name, "-"):
		return `must end with a letter or digit`
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

// unsafeSegment explains why a part of a path must not be written: some file system would take it for .git, or for another file
// than it names. It is what Git itself protects (read-cache.c: verify_path; path.c: is_ntfs_dotgit; utf8.c: is_hfs_dotgit), and
// the names that Windows reserves.
func unsafeSegment(segment string) string {
	// HFS+ ignores these characters, and Windows what follows a ":", and blanks and dots at the end.
	plain := strings.Map(func(c rune) rune {
		if ignoredByHFS(c) {
			return -1
		}
		return c
	}, segment)
	stem, _, _ := strings.Cut(plain, ":")
	stem = strings.ToLower(strings.TrimRight(stem, " ."))
	number, short := strings.CutPrefix(stem, "git~")
	switch {
	case stem == ".git" || short && number != "" && strings.Trim(number, "0123456789") == "":
		return "belongs to Git"
	case plain != segment:
		return fmt.Sprintf("%q contains a character that some file systems ignore", shorten(segment))
	case strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " "):
		return fmt.Sprintf("%q ends with a dot or space, which Windows removes", shorten(segment))
	case reservedOnWindows(stem):
		return fmt.Sprintf("%q is a reserved name on Windows", shorten(segment))
	}
	return ""
}

// ignoredByHFS is about the characters that HFS+ leaves out when it compares names (Git utf8.c: next_hfs_char).
func ignoredByHFS(c rune) bool {
	return c >= 0x200c && c <= 0x200f || c >= 0x202a && c <= 0x202e || c >= 0x206a && c <= 0x206f || c == 0xfeff
}

// reservedOnWindows is about device names, with any extension ("Naming Files, Paths, and Namespaces" of Windows).
func reservedOnWindows(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.TrimRight(stem, " ")
	switch stem {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	device, number := strings.CutPrefix(stem, "com")
	if !number {
		device, number = strings.CutPrefix(stem, "lpt")
	}
	return number && len([]rune(device)) == 1 && strings.Contains("0123456789¹²³", device)
}
