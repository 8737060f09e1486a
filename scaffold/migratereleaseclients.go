package scaffold

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// releaseHosts finds the addresses of a release in texts. A host without a namespace resolves in the namespace of the pod, so it is one of the
// release only near it; with one it is always.
type releaseHosts struct {
	master    *regexp.Regexp // the Service of the master, and its port
	sentinels *regexp.Regexp // one sentinel or several, with ports, and the name of the master behind a slash
	near      map[string]bool
}

// Parts of the expressions: groups are what is before the host, and what is behind it.
const (
	beforeHost = `(^|[^A-Za-z0-9_.-])`
	afterHost  = `([^A-Za-z0-9_.-]|$)`
)

// qualified matches the namespace of a host, if it has one.
func (l *release) qualified() string {
	if l.Namespace == "" {
		return `(\.[a-z0-9-]+\.svc(?:\.cluster\.local)?)?`
	}
	return `(\.` + regexp.QuoteMeta(l.Namespace) + `(?:\.svc(?:\.cluster\.local)?)?)?`
}

func (m *migration) newReleaseHosts() *releaseHosts {
	l, h := m.release, &releaseHosts{near: map[string]bool{}}
	if l.Write != nil {
		h.master = regexp.MustCompile(beforeHost + regexp.QuoteMeta(l.Write.Service) + l.qualified() + `(:` + strconv.Itoa(l.Write.Port) + `)?` + afterHost)
	}
	if s := l.Sentinel; s != nil {
		names := []string{regexp.QuoteMeta(s.Service)}
		for _, host := range s.Hosts {
			name, _, _ := strings.Cut(host, ":")
			name, _, _ = strings.Cut(name, "."+l.Namespace+".svc")
			names = append(names, regexp.QuoteMeta(name))
		}
		slices.Reverse(names) // the longer ones first
		one := `(?:` + strings.Join(names, "|") + `)` + strings.Replace(l.qualified(), "(", "(?:", 1) + `:` + strconv.Itoa(s.Port)
		h.sentinels = regexp.MustCompile(beforeHost + `(` + one + `(?:,` + one + `)*)(/` + regexp.QuoteMeta(s.Master) + `)?` + afterHost)
	}
	return h
}

// isNear reports whether pods of a file run in the namespace of the release.
func (m *migration) isNear(file string) bool {
	dir := path.Dir(file)
	if near, ok := m.release.hosts.near[dir]; ok {
		return near
	}
	near := false
	if app := m.repo.AppOf(dir); app != nil {
		namespaces, err := app.Namespaces()
		if len(namespaces) == 0 && app.Name == m.app.Name {
			namespaces = []string{m.placeholders["namespace"]}
		}
		near = err == nil && slices.Contains(namespaces, m.release.Namespace)
	}
	m.release.hosts.near[dir] = near
	return near
}

// insteadOfRelease returns a text of a file with the addresses of the new Redis.
func (m *migration) insteadOfRelease(file, text string) string {
	h, near := m.release.hosts, m.isNear(file)
	if h.sentinels != nil {
		text = replaceAll(h.sentinels, text, func(p []string) (string, bool) {
			// p: before, hosts, /master, after
			if !near && !strings.Contains(p[2], "."+m.release.Namespace) {
				return "", false
			}
			hosts := m.will.SentinelService + "." + m.placeholders["namespace"] + ".svc:26379"
			url, _, _ := strings.Cut(strings.TrimPrefix(m.will.SentinelURL, "redis-sentinel://"), "/")
			if _, own, ok := strings.Cut(url, "@"); ok {
				url = own
			}
			if strings.Contains(p[2], ",") || p[3] != "" {
				hosts = url
			}
			if near && m.here() && !strings.Contains(p[2], "."+m.release.Namespace) {
				hosts = strings.ReplaceAll(hosts, "."+m.placeholders["namespace"]+".svc", "")
			}
			if p[3] != "" {
				hosts += "/" + m.will.MasterName
			}
			return p[1] + hosts + p[4], true
		})
	}
	if h.master == nil {
		return text
	}
	return replaceAll(h.master, text, func(p []string) (string, bool) {
		// p: before, namespace, :port, after
		host := m.will.MasterService
		switch {
		case p[2] != "":
			_, rest, _ := strings.Cut(p[2][1:], ".")
			host += strings.TrimSuffix("."+m.placeholders["namespace"]+"."+rest, ".")
		case !near:
			return "", false
		case !m.here():
			host += "." + m.placeholders["namespace"] + ".svc"
		}
		if p[3] != "" {
			p[3] = ":6379"
		}
		return p[1] + host + p[3] + p[4], true
	})
}

// here reports whether the new Redis is in the namespace of the old one.
func (m *migration) here() bool { return m.placeholders["namespace"] == m.release.Namespace }

// replaceAll replaces each match by what is returned for its groups; a match may begin with the end of the one before it.
func replaceAll(r *regexp.Regexp, text string, with func(groups []string) (string, bool)) string {
	var b strings.Builder
	for {
		at := r.FindStringSubmatchIndex(text)
		if at == nil {
			return b.String() + text
		}
		groups := make([]string, len(at)/2)
		for i := range groups {
			if at[2*i] >= 0 {
				groups[i] = text[at[2*i]:at[2*i+1]]
			}
		}
		after := len(groups[len(groups)-1])
		b.WriteString(text[:at[0]])
		if out, ok := with(groups); ok {
			b.WriteString(out[:len(out)-after])
		} else {
			b.WriteString(text[at[0] : at[1]-after])
		}
		if at[1] == len(text) {
			return b.String() + text[at[1]-after:]
		}
		text = text[at[1]-after:]
	}
}

// besideAddresses returns what else clients name beside the addresses: the Secret with its key, and the master as sentinels call it.
func (m *migration) besideAddresses(file string, src []byte) (found []rename) {
	l := m.release
	if l.Auth != nil && !l.keeps && m.to != "" && m.isNear(file) && bytes.Contains(src, []byte(l.Auth.Secret)) {
		found = append(found, m.secretOf(src)...)
	}
	if l.Sentinel == nil || m.was.MasterName == m.will.MasterName || !slices.ContainsFunc(m.addresses(file, src), func(v string) bool { return l.hosts.sentinels.MatchString(v) }) {
		return found
	}
	named := func(at []string, v string) bool {
		last := strings.ToLower(at[max(0, len(at)-1)])
		return len(at) > 0 && v == m.was.MasterName && (last == "value" || strings.Contains(last, "master") || strings.Contains(last, "primary"))
	}
	if hasValue(src, named) {
		found = append(found, rename{m.will.MasterName, named})
	}
	return found
}

// hasValue reports whether a file has a value that match accepts.
func hasValue(src []byte, match func(path []string, value string) bool) (found bool) {
	_, _, _ = yamledit.Rename(src, "", func(path []string, value string) bool {
		found = found || match(path, value)
		return false
	})
	return found
}

// secretOf replaces the Secret of the old Redis, and its key, where variables of pods name both. All such references of one file come in the
// same order: the key after or before the name.
func (m *migration) secretOf(src []byte) (found []rename) {
	l := m.release
	ofKey := func(path []string) bool {
		return len(path) > 1 && path[len(path)-2] == "secretKeyRef"
	}
	// Whether a reference is to the Secret shows only with its other field, so they are counted in pairs.
	var names, keys []bool
	_, _, err := yamledit.Rename(src, "", func(path []string, value string) bool {
		if ofKey(path) {
			switch path[len(path)-1] {
			case "name":
				names = append(names, value == l.Auth.Secret)
			case "key":
				keys = append(keys, value == l.Auth.Key)
			}
		}
		return false
	})
	if err != nil || len(names) != len(keys) {
		return nil
	}
	pairs := false
	for i := range names {
		pairs = pairs || names[i] && keys[i]
	}
	if !pairs {
		return nil
	}
	keyed, named := 0, 0
	counted := func(n *int, field string) func(path []string, value string) bool {
		return func(path []string, _ string) bool {
			if !ofKey(path) || path[len(path)-1] != field {
				return false
			}
			*n++
			return names[*n-1] && keys[*n-1]
		}
	}
	return []rename{{passwordKey, counted(&keyed, "key")}, {m.to, counted(&named, "name")}}
}

// left returns what still names a Service of the release, or the Secret that goes with it, in files that stay and whose pods may mean it.
func (m *migration) left() ([]referrer, error) {
	l := m.release
	t := &target{app: m.app.Name, chart: m.chart, plan: m.plan}
	if dir, ok := strings.CutSuffix(l.file(), "/Chart.yaml"); ok { // whose templates make names of that of their release
		t.templates, t.chart = dir+"/templates", instance.Text(l.reads.At("metadata.release"))
	}
	for _, s := range l.Services {
		if s.Name != l.Name && s.By == "operator" {
			t.words = append(t.words, s.Name)
		}
	}
	if err := findReferences(m.repo, t); err != nil {
		return nil, err
	}
	if err := m.leftOfName(t); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(t.found, func(ref referrer) bool {
		if ref.at.File == l.file() || strings.HasPrefix(ref.at.File, recordFolder+"/") {
			return true
		}
		app := m.repo.AppOf(path.Dir(ref.at.File))
		if app == nil || m.isNear(ref.at.File) {
			return false
		}
		namespaces, err := app.Namespaces()
		_, src, readErr := m.plan.current(m.repo, ref.at.File)
		lines := strings.Split(string(src), "\n")
		return err == nil && readErr == nil && len(namespaces) > 0 && (ref.at.Line > len(lines) || !strings.Contains(lines[ref.at.Line-1], "."+l.Namespace))
	}), nil
}

// leftOfName adds what names the Service, or the Secret, that has the name of the release itself, by which much else is called: as a host with
// a port or namespace, or as a Secret.
func (m *migration) leftOfName(t *target) error {
	l := m.release
	name := regexp.QuoteMeta(l.Name)
	named := regexp.MustCompile(`(?:^|[^A-Za-z0-9_.-])(` + name + `(?::[0-9]{2,5}\b|\.` + regexp.QuoteMeta(l.Namespace) + `\b))`)
	secret := regexp.MustCompile(`(?i)\b(?:name|secret|secretname|existingsecret)"?:\s*["']?(` + name + `)["']?\s*(?:[,}#]|$)`)
	files, err := m.repo.Files(".")
	if err != nil {
		return err
	}
	for _, file := range files {
		if !mayRefer(file) {
			continue
		}
		_, src, err := m.plan.current(m.repo, file)
		if err != nil || !bytes.Contains(src, []byte(l.Name)) {
			continue // what cannot be read was reported
		}
		inRef := false // of a variable of a pod, whose lines are together
		for i, line := range strings.Split(string(src), "\n") {
			inRef = strings.Contains(line, "secretKeyRef") || strings.Contains(line, "secretRef") || inRef && (strings.Contains(line, "name:") || strings.Contains(line, "key:"))
			at := named.FindStringSubmatchIndex(line)
			if at == nil && l.Auth != nil && l.Auth.Secret == l.Name && (inRef || strings.Contains(strings.ToLower(line), "secret")) {
				at = secret.FindStringSubmatchIndex(line)
			}
			if at != nil && !isComment(line) {
				t.found = append(t.found, referrer{finding.Position{File: file, Line: i + 1, Column: at[2] + 1}, line[at[2]:at[3]]})
			}
		}
	}
	return nil
}
