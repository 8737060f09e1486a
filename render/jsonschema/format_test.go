package jsonschema

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
)

// examples are texts that are of some format, or nearly.
var examples = []string{
	"", "2026-01-31", "2026-02-30", "12:00:00Z", "23:59:60Z", "22:59:60-01:00", "00:59:60+01:00", "12:00:00", "12:00:00.5+25:00",
	"2026-01-31T12:00:00Z", "2026-01-31t12:00:00.25-01:30", "P1Y2M3DT4H5M6S", "P1W", "P", "PT", "P1DT", "P1S", "2026-01-31T12:00:00Z/P1D",
	"P1D/2026-01-31T12:00:00Z", "team@example.com", "\"a b\"@example.com", "a..b@example.com", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "@example.com",
	"redis.example.com", "redis_example", "-a.b", "a.", strings.Repeat("a", 64), "192.0.2.1", "192.0.2.01", "256.0.0.1", "1.2.3", "2001:db8::1", "::", "::1",
	"1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "::ffff:192.0.2.1", "1:2:3:4:5:6:7::", "::1:2:3:4:5:6:7", "1::2::3", ":1", "fe80::1%eth0",
	"https://example.com/a", "/a/b", "a/b", "a\\b", "a b", "123e4567-e89b-12d3-a456-426614174000", "123e4567", "/a~1b/c~0", "/a~2", "0#", "1/a", "01/a",
	"^a+$", "(", "1.2.3-rc.1+b.2", "1.02.3", "1.2.3-01", "1.2.3-", "v1.2.3",
}

// TestFormats holds every format against the library that Helm uses, with examples of each and changes of one character.
func TestFormats(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, draft := range []string{"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"} {
		for _, name := range append(slices.Sorted(maps.Keys(formats)), "unheard-of") { // in order, so that every run tries the same
			src := fmt.Sprintf(`{"$schema": %q, "format": %q}`, draft, name)
			doc, err := santhosh.UnmarshalJSON(strings.NewReader(src))
			if err != nil {
				t.Fatal(err)
			}
			c := santhosh.NewCompiler()
			if err := c.AddResource("file:///s.json", doc); err != nil {
				t.Fatal(err)
			}
			theirs, err := c.Compile("file:///s.json")
			if err != nil {
				t.Fatal(err)
			}
			ours, err := Parse([]byte(src))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range examples {
				for range 8 {
					got := ours.root.(map[string]any)
					v := (&checker{schema: ours, left: maxSteps}).check(got, got, text, nil, 0)
					if want := theirs.Validate(text) == nil; !v.unknown && v.valid() != want {
						t.Errorf("%s of %s: %q is valid: %v, theirs %v", name, draft, text, v.valid(), want)
					}
					text = changed(r, text)
				}
			}
		}
	}
}

// changed returns a text with a character changed, added or removed.
func changed(r *rand.Rand, text string) string {
	const signs = "0129aAfzZTPW:.-+/@~#\"\\ []%_"
	at, sign := r.IntN(len(text)+1), string(signs[r.IntN(len(signs))])
	rest := text[at:]
	if len(rest) > 0 && r.IntN(3) > 0 {
		rest = rest[1:]
	}
	if r.IntN(4) == 0 {
		sign = ""
	}
	return text[:at] + sign + rest
}
