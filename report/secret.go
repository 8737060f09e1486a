package report

import (
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/diag"
)

// mask stands for a value that may be secret.
const mask = "***"

var (
	// secretWord is in names of keys, variables and arguments whose values are secret.
	secretWord = regexp.MustCompile(`(?i)passw(or)?d|passphrase|requirepass|masterauth|token|secret|credential|(api|access|private)[-_]?key`)
	// reference is a key that names a Secret and holds none.
	reference = regexp.MustCompile(`(?i)secret[-_]?(name|path|ref|keyref|key|store|storeref)?$`)
	// objectName is what the name of a Secret can be. A password that somebody took for one is mostly not.
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	// structure is a key whose value every manifest has, and in a Secret too tells nothing.
	structure = regexp.MustCompile(`^(apiVersion|kind|type|name|namespace|key)$`)
	// userinfo is a password in a web address, and what might be one: an unescaped one may hold any character.
	userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s"']*@`)
	// fallback is the word that a template takes for a missing value.
	fallback = regexp.MustCompile(`default\s*["\x60]([^"\x60]+)["\x60]`)
	// assigned is the key of a line of YAML, behind the dashes of sequences; flow mappings come with it.
	assigned = regexp.MustCompile(`^(\s*(?:-\s+)*)("[^"]*"|'[^']*'|[^\s:#"'{\[][^:]*?)\s*[:=]`)
	// item is the dashes of sequences before a value.
	item = regexp.MustCompile(`^\s*(?:-\s+)*`)
)

// masking says how much of a finding's source may be shown.
type masking int

const (
	open   masking = iota // all but what looks secret by itself
	values                // keys, and *** for values
)

// redact gives a copy of f without secret values in its texts, and how its source is to be shown.
func (v *view) redact(f *diag.Finding) (*diag.Finding, masking) {
	clean := *f
	m := open
	if v.rule(f.Rule).Category == "auth" || f.Resource != nil && f.Resource.Kind == "Secret" || slices.ContainsFunc(f.Path, secretWord.MatchString) {
		m = values
	}
	places := []diag.Position{f.Position}
	for _, r := range f.Related {
		places = append(places, r.Position)
	}
	var secrets []string
	for _, at := range places {
		if line, ok := v.line(at); ok && (m == values || v.secret(at)) {
			secrets = append(secrets, secretValues(line)...)
		}
	}
	// The longest first, so that no part of one is left behind.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	text := func(s string) string {
		s = withoutUserinfo(s)
		for _, secret := range secrets {
			s = strings.ReplaceAll(s, secret, mask)
		}
		return s
	}
	clean.Message, clean.Fix, clean.Suggested = text(f.Message), text(f.Fix), text(f.Suggested)
	clean.Related = slices.Clone(f.Related)
	for i := range clean.Related {
		clean.Related[i].Message = text(clean.Related[i].Message)
	}
	if f.Suppressed != nil {
		s := *f.Suppressed
		s.Reason = text(s.Reason)
		clean.Suppressed = &s
	}
	return &clean, m
}

func withoutUserinfo(s string) string { return userinfo.ReplaceAllString(s, "${1}"+mask+"@") }

// secret is true for a line that looks as if it held a secret: by its own words, or by the name beside a `value:`.
func (v *view) secret(at diag.Position) bool {
	line, ok := v.line(at)
	if !ok {
		return false
	}
	if secretWord.MatchString(line) || userinfo.MatchString(line) {
		return true
	}
	key, _, _ := splitKey(line)
	if keyName(key) != "value" {
		return false
	}
	for _, beside := range []int{at.Line - 1, at.Line + 1} {
		if near, ok := v.line(diag.Position{File: at.File, Line: beside}); ok && secretWord.MatchString(near) {
			return true
		}
	}
	return false
}

// shown gives a source line as it may be printed.
func (v *view) shown(at diag.Position, m masking) (string, bool) {
	line, ok := v.line(at)
	if !ok {
		return "", false
	}
	if m == open && !v.secret(at) {
		return line, true
	}
	key, value, isKey := splitKey(line)
	switch {
	case isKey && (value == "" || structure.FindString(keyName(key)) == "kind"):
		return line, true
	case isKey:
		space := value[:len(value)-len(strings.TrimLeft(value, " \t"))]
		return key + space + mask, true
	case strings.TrimSpace(line) == "":
		return line, true
	}
	return item.FindString(line) + mask, true
}

// splitKey parts a line behind the colon of its first key.
func splitKey(line string) (key, value string, ok bool) {
	at := assigned.FindStringIndex(line)
	if at == nil {
		return "", line, false
	}
	key, value = line[:at[1]], line[at[1]:]
	if key[len(key)-1] == '=' && !secretWord.MatchString(key) {
		return "", line, false // the end of Base64, or a part of the secret
	}
	if value != "" && value[0] != ' ' && value[0] != '\t' && key[len(key)-1] == ':' {
		return "", line, false // a URL or a time
	}
	return key, strings.TrimRight(value, " \t"), true
}

// keyName gives the bare name of what splitKey gave.
func keyName(key string) string { return strings.Trim(item.ReplaceAllString(key, ""), `"':= `) }

// secretValues gives what on a secret line must not stand in a message. Short words and names of Secrets may.
func secretValues(line string) []string {
	key, value, isKey := splitKey(line)
	name := keyName(key)
	if isKey && (structure.MatchString(name) || reference.MatchString(name) && objectName.MatchString(strings.Trim(value, `"' `))) {
		return nil
	}
	if !isKey {
		value = item.ReplaceAllString(line, "")
	}
	value = strings.TrimSpace(value)
	if strings.Contains(value, "{{") {
		var found []string // the value is elsewhere
		for _, m := range fallback.FindAllStringSubmatch(value, -1) {
			found = append(found, m[1])
		}
		return found
	}
	found := []string{value}
	if at := strings.Index(value, " #"); at >= 0 {
		found = append(found, strings.TrimSpace(value[:at]))
	}
	if strings.ContainsAny(value, "{[") {
		for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("{}[],", r) }) {
			if _, v, ok := splitKey(part); ok {
				found = append(found, strings.TrimSpace(v))
			}
		}
	}
	for _, s := range slices.Clone(found) {
		found = append(found, strings.Trim(s, `"'`))
	}
	return slices.DeleteFunc(found, func(s string) bool {
		return len(s) < 4 || slices.Contains([]string{"true", "false", "null", "none"}, strings.ToLower(s))
	})
}
