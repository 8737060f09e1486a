package jsonschema

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// format is a named form of text. check gives whether a text has it, and false where that is not known.
type format struct {
	example string
	check   func(s string) (valid, known bool)
}

func sure(check func(s string) bool) func(string) (bool, bool) {
	return func(s string) (bool, bool) { return check(s), true }
}

func matching(pattern string) func(string) (bool, bool) {
	return sure(regexp.MustCompile(pattern).MatchString)
}

// formats are those that Helm checks in schemas up to draft 7; later drafts only describe them (santhosh-tekuri/jsonschema v6.0.3
// format.go and assertFormat in objcompiler.go). A name that is not here demands nothing.
var formats = map[string]format{
	"date":                  {"2026-01-31", sure(isDate)},
	"time":                  {"12:00:00Z", sure(isTime)},
	"date-time":             {"2026-01-31T12:00:00Z", sure(isDateTime)},
	"duration":              {"P1DT12H", sure(isDuration)},
	"period":                {"2026-01-31T12:00:00Z/P1D", sure(isPeriod)},
	"email":                 {"team@example.com", sure(isEmail)},
	"hostname":              {"redis.example.com", sure(isHostname)},
	"ipv4":                  {"192.0.2.1", sure(isIPv4)},
	"ipv6":                  {"2001:db8::1", sure(isIPv6)},
	"uri":                   {"https://example.com/", isURI},
	"iri":                   {"https://example.com/", isURI},
	"uri-reference":         {"/path", isReference},
	"iri-reference":         {"/path", isReference},
	"uri-template":          {"/path/{name}", func(string) (bool, bool) { return false, false }},
	"uuid":                  {"123e4567-e89b-12d3-a456-426614174000", matching(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)},
	"json-pointer":          {"/a/b", matching(`^(/([^~/]|~[01])*)*$`)},
	"relative-json-pointer": {"1/a", matching(`^(0|[1-9][0-9]*)(#|(/([^~/]|~[01])*)*)$`)},
	"regex":                 {"^a+$", sure(func(s string) bool { _, err := regexp.Compile(s); return err == nil })},
	"semver":                {"1.2.3", matching(`^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-` + preRelease + `(\.` + preRelease + `)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)},
}

const preRelease = `(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// Helm's validator reads two characters as a number, and so takes +5 and -0.
const two = `([0-9]{2}|\+[0-9]|-0)`

var clock = lazyregexp.New(`^` + two + `:` + two + `:` + two + `(?:\.[0-9]+)?(?:[zZ]|([+-])` + two + `:` + two + `)$`)

// isTime takes a leap second where it is 23:59:60 in UTC.
func isTime(s string) bool {
	m := clock.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v } // a number, or nothing
	hour, minute, second := n(1), n(2), n(3)
	if hour > 23 || minute > 59 || second > 60 || n(5) > 23 || n(6) > 59 {
		return false
	}
	offset := n(5)*60 + n(6)
	if m[4] == "+" {
		offset = -offset
	}
	const day = 24 * 60
	return second < 60 || (hour*60+minute+offset+day)%day == day-1
}

func isDateTime(s string) bool {
	return len(s) > 10 && (s[10] == 't' || s[10] == 'T') && isDate(s[:10]) && isTime(s[11:])
}

var (
	weeks    = lazyregexp.New(`^P[0-9]+W$`)
	duration = lazyregexp.New(`^P(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+S)?)?$`)
)

func isDuration(s string) bool {
	return weeks.MatchString(s) || duration.MatchString(s) && s != "P" && !strings.HasSuffix(s, "T")
}

func isPeriod(s string) bool {
	start, end, found := strings.Cut(s, "/")
	if strings.HasPrefix(start, "P") {
		return found && isDuration(start) && isDateTime(end)
	}
	return found && isDateTime(start) && (isDateTime(end) || strings.HasPrefix(end, "P") && isDuration(end))
}

var label = lazyregexp.New(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

func isHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	for _, part := range strings.Split(s, ".") {
		if !label.MatchString(part) {
			return false
		}
	}
	return true
}

var (
	quotedLocal = lazyregexp.New(`^"[^"\\]*"$`)
	plainLocal  = lazyregexp.New("^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]*$")
)

func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if len(s) > 254 || at < 0 || at > 64 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	plain := plainLocal.MatchString(local) && !strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".") && !strings.Contains(local, "..")
	if !plain && !quotedLocal.MatchString(local) {
		return false
	}
	if inside, ok := strings.CutPrefix(domain, "["); ok && strings.HasSuffix(inside, "]") {
		inside = strings.TrimSuffix(inside, "]")
		if v6, ok := strings.CutPrefix(inside, "IPv6:"); ok {
			return isIPv6(v6)
		}
		return isIPv4(inside)
	}
	return isHostname(domain)
}

func isIPv4(s string) bool {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 255 || len(p) > 1 && p[0] == '0' {
			return false
		}
	}
	return len(parts) == 4
}

var hextet = lazyregexp.New(`^[0-9a-fA-F]{1,4}$`)

func isIPv6(s string) bool {
	before, after, short := strings.Cut(s, "::")
	if strings.Contains(after, "::") || strings.HasPrefix(after, ":") {
		return false
	}
	count := 0
	for i, side := range []string{before, after} {
		if side == "" {
			if i == 0 && !short {
				return false
			}
			continue
		}
		groups := strings.Split(side, ":")
		for j, g := range groups {
			last := j == len(groups)-1 && (i == 1 || !short)
			switch {
			case hextet.MatchString(g):
				count++
			case last && dotted.MatchString(g) && isIPv4(g):
				count += 2
			default:
				return false
			}
		}
	}
	return count == 8 && !short || short && count < 8
}

var dotted = lazyregexp.New(`^[0-9]{1,3}(\.[0-9]{1,3}){3}$`)

var scheme = lazyregexp.New(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// isURI knows only what has no scheme to be none: the rest depends on the parser of Go.
func isURI(s string) (valid, known bool) { return false, !scheme.MatchString(s) }

func isReference(s string) (valid, known bool) { return false, strings.Contains(s, `\`) }
