package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// A customConfig line goes through getConfigParameters and SetCustomRedisConfig in service/redis/client.go of Spotahome's operator
// (632aa3da, and v1.2.4 alike): split at each single blank, then CONFIG SET of the first part with the rest. The first refusal
// ends the round, before pods are replaced and sentinels repaired (operator/redisfailover/checker.go).

// A verdict is what becomes of a line.
type verdict struct {
	Line    int    // from 1, as in the resource
	Text    string // the line
	Name    string // of the directive, as the operator sends it
	Value   string
	Refused string // why Redis or the operator refuses it; "" where nothing says so
	Skipped bool   // the operator leaves it out without a word
}

// splitConfig takes a line apart as the operator does.
func splitConfig(line string) (name, value string, ok bool) {
	parts := strings.Split(line, " ")
	switch {
	case len(parts) < 2:
		return line, "", false
	case len(parts) == 2 && parts[1] == `""`:
		return parts[0], "", true
	}
	return parts[0], strings.Join(parts[1:], " "), true
}

// configLines returns the lines of a list, without those that are equal to one before: deduplicateStr in validate.go.
func configLines(data any) (lines []verdict) {
	list, _ := data.([]any)
	seen := map[string]bool{}
	for i, item := range list {
		if line := text(item); !seen[line] {
			seen[line] = true
			lines = append(lines, verdict{Line: i + 1, Text: line})
		}
	}
	return lines
}

// judgeConfig describes what becomes of each line of spec.redis.customConfig on a server with some configuration and version.
func judgeConfig(data any, have map[string]string, version string) []verdict {
	lines := configLines(data)
	for i := range lines {
		l := &lines[i]
		var ok bool
		if l.Name, l.Value, ok = splitConfig(l.Text); !ok {
			l.Refused = "it has no value"
			if strings.ContainsAny(l.Text, "\t:=") {
				l.Refused = "name and value must be separated by one blank"
			}
			continue
		}
		if strings.TrimSpace(l.Name) == "" {
			l.Skipped = true
			continue
		}
		l.Refused = refusedSetting(strings.ToLower(l.Name), l.Value, have, version)
	}
	return lines
}

// refusedSetting explains why CONFIG SET refuses a setting, as far as that shows without trying it.
func refusedSetting(name, value string, have map[string]string, version string) string {
	is, known := have[name]
	switch {
	case name == "rename-command":
		return "commands cannot be renamed at run time; use customCommandRenames"
	case len(have) > 0 && !known:
		return fmt.Sprintf("Redis %s has no such directive, or it cannot be set at run time", version)
	case slices.Contains(immutable, name):
		return "it cannot be changed at run time; pass it in spec.redis.command"
	case slices.Contains(protected, name) && have["enable-protected-configs"] == "no":
		return "it is protected (enable-protected-configs no); pass it in spec.redis.command"
	case slices.Contains(freeText, name):
		return ""
	case strings.HasPrefix(value, " "), strings.HasSuffix(value, " "), strings.Contains(value, "  ") && !slices.Contains(quoted, name):
		return "Redis gets the extra blank as part of the value; use single blanks"
	case strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "'"):
		return "Redis gets the quotes as part of the value; remove them"
	case len(have) == 0:
		return ""
	}
	return refusedValue(name, value, is)
}

var (
	integer  = lazyregexp.New(`^-?[0-9]+$`)
	quantity = lazyregexp.New(`(?i)^-?[0-9]+(b|k|kb|m|mb|g|gb)?$`) // memtoull in util.c
	percents = lazyregexp.New(`^[0-9]+%$`)
)

// refusedValue judges a value by the kind of the one that the server has.
func refusedValue(name, value, is string) string {
	lower := strings.ToLower(value)
	switch {
	case name == "save":
		fields := strings.Split(value, " ")
		if value != "" && (len(fields)%2 != 0 || slices.ContainsFunc(fields, func(f string) bool { return !integer.MatchString(f) })) {
			return "save takes pairs of seconds and changes"
		}
	case (is == "yes" || is == "no") && !slices.Contains(wordy, name):
		if lower != "yes" && lower != "no" {
			return "its value is yes or no"
		}
	case integer.MatchString(is) && !slices.Contains(wordy, name):
		if !quantity.MatchString(value) && !percents.MatchString(value) {
			return "its value is a number, where memory may have the unit b, k, kb, m, mb, g or gb"
		}
	case name == "maxmemory-policy":
		policies := []string{"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-lrm", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-lrm", "volatile-random", "volatile-ttl"}
		if !slices.Contains(policies, lower) {
			return "it is not a valid eviction policy"
		}
	case name == "appendfsync":
		if !slices.Contains([]string{"always", "everysec", "no"}, lower) {
			return "its value is always, everysec or no"
		}
	}
	return ""
}

// The directives of config.c (Redis 6.2 to 8.0): IMMUTABLE_CONFIG, PROTECTED_CONFIG, strings that may hold blanks, those whose yes
// or no is one of several words, and those that split their own value. A test holds all but those of several words against policy/lib.
var (
	immutable = []string{"aclfile", "always-show-logo", "aof_rewrite_cpulist", "appenddirname", "appendfilename", "bgsave_cpulist", "bio_cpulist",
		"cluster-config-file", "cluster-enabled", "cluster-port", "daemonize", "databases", "disable-thp", "enable-debug-command",
		"enable-module-command", "enable-protected-configs", "io-threads", "io-threads-do-reads", "logfile", "pidfile",
		"rdbchecksum", "server_cpulist", "set-proc-title", "socket-mark-id", "supervised", "syslog-enabled", "syslog-facility",
		"syslog-ident", "tcp-backlog", "unixsocket", "unixsocketperm"}
	protected = []string{"dbfilename", "dir"}
	freeText  = []string{"masterauth", "masteruser", "requirepass", "replica-announce-ip", "slave-announce-ip", "cluster-announce-ip", "cluster-announce-hostname",
		"cluster-announce-human-nodename", "ignore-warnings", "proc-title-template", "notify-keyspace-events", "dir", "dbfilename", "locale-collate",
		"tls-cert-file", "tls-key-file", "tls-key-file-pass", "tls-ca-cert-file", "tls-ca-cert-dir", "tls-ciphers", "tls-ciphersuites", "tls-protocols", "tls-dh-params-file"}
	wordy  = []string{"appendfsync", "oom-score-adj", "sanitize-dump-payload", "repl-diskless-load", "tls-auth-clients", "shutdown-on-sigint", "shutdown-on-sigterm", "latency-tracking-info-percentiles", "replica-announce-port"}
	quoted = []string{"latency-tracking-info-percentiles"}
)

// judgeSentinelConfig describes what becomes of the lines of spec.sentinel.customConfig: SetCustomSentinelConfig sends SENTINEL SET of
// each; unlike that of Redis it leaves no line out.
func judgeSentinelConfig(data any) []verdict {
	lines := configLines(data)
	for i := range lines {
		l := &lines[i]
		var ok bool
		if l.Name, l.Value, ok = splitConfig(l.Text); !ok {
			l.Refused = "it has no value"
			continue
		}
		// sentinelSetCommand in sentinel.c
		switch name := strings.ToLower(l.Name); name {
		case "down-after-milliseconds", "failover-timeout", "parallel-syncs", "quorum":
			if n, err := strconv.ParseInt(l.Value, 10, 64); err != nil || n <= 0 {
				l.Refused = "its value is a number above 0"
			}
		case "master-reboot-down-after-period":
			if n, err := strconv.ParseInt(l.Value, 10, 64); err != nil || n < 0 {
				l.Refused = "its value is a number"
			}
		case "auth-pass", "auth-user":
		case "notification-script", "client-reconfig-script":
			l.Refused = "scripts cannot be set at run time (sentinel deny-scripts-reconfig)"
		default:
			l.Refused = "SENTINEL SET knows no such parameter"
			if strings.HasPrefix(l.Text, " ") {
				l.Refused = "it starts with a blank"
			}
		}
	}
	return lines
}

// applied returns the lines that are in force when the operator has done its work: up to the first refused one, and of those that
// set the same directive the last one, as with CONFIG SET.
func applied(lines []verdict) []verdict {
	if i := slices.IndexFunc(lines, func(l verdict) bool { return l.Refused != "" }); i >= 0 {
		lines = lines[:i]
	}
	return slices.DeleteFunc(slices.Clone(lines), func(l verdict) bool {
		return l.Skipped || slices.ContainsFunc(lines, func(later verdict) bool { return later.Line > l.Line && strings.EqualFold(later.Name, l.Name) })
	})
}

// mappedConfig reads the keys of a mapping, as Alauda has it, sorted by name.
func mappedConfig(data map[string]any) (lines []verdict) {
	for _, name := range slices.Sorted(maps.Keys(data)) {
		v := text(data[name])
		lines = append(lines, verdict{Text: name + " " + v, Name: name, Value: strings.Trim(v, `"'`)})
	}
	return lines
}

// secretSetting reports that the value of a directive is never shown.
func secretSetting(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "pass") || strings.Contains(name, "auth") || strings.HasPrefix(strings.TrimSpace(name), "user")
}

// shown is a line as a message may have it.
func (v verdict) shown() string {
	if name, _, _ := strings.Cut(strings.TrimSpace(v.Text), " "); secretSetting(name) {
		return name + " ***"
	}
	return v.Text
}

type setting struct{ want, have string }

// unlike returns the lines that a server has another value of, in their order. Those that it does not tell are left out.
func unlike(lines []verdict, have map[string]string) []setting {
	var all []setting
	for _, l := range applied(lines) {
		name := strings.ToLower(l.Name)
		is, ok := have[name]
		switch {
		case !ok, name == "client-output-buffer-limit", name == "rename-command", secretSetting(name):
		case normal(is) != normal(l.Value):
			all = append(all, setting{l.Text, name + " " + like(is, l.Value)})
		}
	}
	return all
}

// normal returns a value as CONFIG GET has it: 100mb as bytes, one blank, lower case.
func normal(value string) string {
	value = strings.ToLower(strings.Join(strings.Fields(strings.Trim(value, `"'`)), " "))
	if n, ok := bytesOf(value); ok {
		return strconv.FormatInt(n, 10)
	}
	return value
}

// units are those of memtoull in Redis' util.c, the largest first.
var units = []struct {
	name   string
	factor int64
}{{"gb", 1 << 30}, {"g", 1e9}, {"mb", 1 << 20}, {"m", 1e6}, {"kb", 1 << 10}, {"k", 1000}, {"b", 1}}

func bytesOf(value string) (int64, bool) {
	digits := strings.TrimRight(value, "kmgb")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, false
	}
	if digits == value {
		return n, true
	}
	for _, u := range units {
		if value[len(digits):] == u.name {
			return n * u.factor, true
		}
	}
	return 0, false
}

// like writes a number of bytes in the unit of another value, where that comes out even.
func like(is, want string) string {
	want = strings.ToLower(want)
	n, err := strconv.ParseInt(is, 10, 64)
	if _, ok := bytesOf(want); !ok || err != nil || n == 0 {
		return is
	}
	for _, u := range units {
		if strings.HasSuffix(want, u.name) {
			for _, larger := range units[slices.Index(units, u):] {
				if n%larger.factor == 0 && (larger.factor&(larger.factor-1) == 0) == (u.factor&(u.factor-1) == 0) {
					return strconv.FormatInt(n/larger.factor, 10) + larger.name
				}
			}
			return is
		}
	}
	return is
}

// config checks what becomes of customConfig, and that it is in force.
func (p *problems) config(s *State) {
	var lines []verdict
	switch data := at(s.Object, "spec", "redis", "customConfig").(type) {
	case map[string]any:
		lines = mappedConfig(data)
	case []any:
		have, version := map[string]string{}, ""
		if i := slices.IndexFunc(s.Servers, func(server *Server) bool { return server.Err == nil && len(server.Config) > 0 }); i >= 0 {
			have, version = s.Servers[i].Config, s.Servers[i].Version()
		}
		lines = judgeConfig(data, have, version)
	}
	stopped := p.stopped("spec.redis.customConfig", lines, "replace outdated pods", "repair the sentinels")
	for _, l := range lines {
		if l.Skipped {
			p.warn(configSkipped, "config/malformed", "spec.redis.customConfig line %d, %q, starts with a blank, so the operator ignores it; remove the blank", l.Line, l.shown())
		}
	}
	p.off(s, lines, slices.Collect(func(yield func(has) bool) {
		for _, server := range s.Servers {
			if server.Err == nil && len(server.Config) > 0 && !yield(has{server.Pod.Name, server.Config}) {
				return
			}
		}
	}), "pod")
	if !s.traits().Reapplies {
		return
	}
	sentinels := judgeSentinelConfig(at(s.Object, "spec", "sentinel", "customConfig"))
	if p.stopped("spec.sentinel.customConfig", sentinels, "configure the other sentinels") || stopped {
		return
	}
	p.off(s, sentinels, slices.Collect(func(yield func(has) bool) {
		for _, sentinel := range s.Sentinels {
			if sentinel.Err == nil && !yield(has{sentinel.Pod.Name, sentinel.Fields}) {
				return
			}
		}
	}), "sentinel")
}

// has is the configuration that a pod runs with.
type has struct {
	pod    string
	config map[string]string
}

// off reports lines that are not in force: the first one, since that may be what keeps the others from being applied.
func (p *problems) off(s *State, lines []verdict, all []has, noun string) {
	type found struct {
		first setting
		rest  string
	}
	var order []found
	pods := map[found][]string{}
	for _, h := range all {
		missing := unlike(lines, h.config)
		if len(missing) == 0 {
			continue
		}
		var rest []string
		for _, m := range missing[1:] {
			rest = append(rest, fmt.Sprintf("%q is not in force either: it is %q", m.want, m.have))
		}
		f := found{missing[0], strings.Join(rest, "\n")}
		if pods[f] == nil {
			order = append(order, f)
		}
		pods[f] = append(pods[f], h.pod)
	}
	hint := "see the log of the operator"
	if s.traits().Reapplies {
		hint = "the operator sets it every 30 s, so wait for that; if it stays, Redis refuses this line"
	}
	for _, f := range order {
		problem := p.error(configOff, "config/bad-value", "%s %s: customConfig %q is not in force, the value is %q; %s", noun, strings.Join(pods[f], ", "), f.first.want, f.first.have, hint).about(pods[f]...)
		if f.rest != "" {
			problem.saw(strings.Split(f.rest, "\n")...)
		}
	}
}

// stopped reports the first line that stops the operator, once, with the lines after it that are never applied and what else it
// leaves undone.
func (p *problems) stopped(field string, lines []verdict, undone ...string) bool {
	i := slices.IndexFunc(lines, func(l verdict) bool { return l.Refused != "" })
	if i < 0 {
		return false
	}
	if rest := lines[i+1:]; len(rest) > 0 {
		var list []string
		for _, l := range rest {
			list = append(list, strconv.Quote(l.shown()))
		}
		undone = append([]string{"apply the lines after it (" + strings.Join(list, ", ") + ")"}, undone...)
	}
	text := undone[len(undone)-1]
	if len(undone) > 1 {
		text = strings.Join(undone[:len(undone)-1], ", ") + " or " + text
	}
	help := "config/bad-value"
	if _, _, ok := splitConfig(lines[i].Text); !ok {
		help = "config/malformed"
	}
	p.error(configStopped, help, "%s line %d, %q, stops the operator: %s; until it is fixed, the operator does not %s", field, lines[i].Line, lines[i].shown(), lines[i].Refused, text)
	return true
}
