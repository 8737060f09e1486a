package lazyregexp

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestSame holds each method against that of package regexp, on texts with and without the words.
func TestSame(t *testing.T) {
	t.Parallel()
	const pattern = `(?i)(pass|-a)([0-9]*)`
	for _, lazy := range []*Regexp{New(pattern), New(pattern, "pass", "-a")} {
		re := regexp.MustCompile(pattern)
		random := rand.New(rand.NewPCG(1, 2))
		parts := []string{"pass", "PaSs", "-a", "-A", "pa", "ss", "-", "1", "23", " ", "\r", "é", "p", "A"}
		for range 2000 {
			var text strings.Builder
			for range random.IntN(6) {
				text.WriteString(parts[random.IntN(len(parts))])
			}
			s := text.String()
			b := []byte(s)
			same := func(what string, got, want any) {
				t.Helper()
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s of %q: %v, want %v", what, s, got, want)
				}
			}
			same("MatchString", lazy.MatchString(s), re.MatchString(s))
			same("Match", lazy.Match(b), re.Match(b))
			same("FindString", lazy.FindString(s), re.FindString(s))
			same("FindStringIndex", lazy.FindStringIndex(s), re.FindStringIndex(s))
			same("FindStringSubmatch", lazy.FindStringSubmatch(s), re.FindStringSubmatch(s))
			same("FindStringSubmatchIndex", lazy.FindStringSubmatchIndex(s), re.FindStringSubmatchIndex(s))
			same("FindAllString", lazy.FindAllString(s, -1), re.FindAllString(s, -1))
			same("FindAllStringIndex", lazy.FindAllStringIndex(s, 1), re.FindAllStringIndex(s, 1))
			same("FindAllStringSubmatch", lazy.FindAllStringSubmatch(s, -1), re.FindAllStringSubmatch(s, -1))
			same("FindAllStringSubmatchIndex", lazy.FindAllStringSubmatchIndex(s, -1), re.FindAllStringSubmatchIndex(s, -1))
			same("ReplaceAllString", lazy.ReplaceAllString(s, "<$2>"), re.ReplaceAllString(s, "<$2>"))
			same("ReplaceAllLiteralString", lazy.ReplaceAllLiteralString(s, "$2"), re.ReplaceAllLiteralString(s, "$2"))
			same("ReplaceAllStringFunc", lazy.ReplaceAllStringFunc(s, strings.ToUpper), re.ReplaceAllStringFunc(s, strings.ToUpper))
			same("FindSubmatch", lazy.FindSubmatch(b), re.FindSubmatch(b))
			same("ReplaceAll", lazy.ReplaceAll(b, []byte("$1")), re.ReplaceAll(b, []byte("$1")))
		}
	}
}

func TestCheck(t *testing.T) {
	if err := Check(); err != nil {
		t.Fatal(err)
	}
	New("(")
	defer func() { all = all[:len(all)-1] }()
	if err := Check(); err == nil {
		t.Error("a broken pattern passes")
	}
}
