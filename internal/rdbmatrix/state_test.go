//go:build integration

package rdbmatrix

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// readState asks a server for everything by ordinary commands, as one fact each. What other does not know is not asked for.
func readState(s *redistest.Server, own, other release) map[string]string {
	s.TB.Helper()
	facts := map[string]string{}
	keyspace, _ := s.Do("INFO", "keyspace").(string)
	for line := range strings.Lines(keyspace) {
		db, ok := strings.CutPrefix(strings.SplitN(line, ":", 2)[0], "db")
		if !ok {
			continue
		}
		s.Do("SELECT", db)
		for cursor := "0"; ; {
			page := s.Do("SCAN", cursor, "COUNT", "1000").([]any)
			for _, k := range page[1].([]any) {
				readKey(s, facts, db, k.(string), own)
			}
			if cursor = page[0].(string); cursor == "0" {
				break
			}
		}
	}
	s.Do("SELECT", "0")
	if own.functions {
		list, _ := s.Do("FUNCTION", "LIST", "WITHCODE").([]any)
		for _, l := range list {
			m := pairs(l)
			facts["function "+m["library_name"]] = m["library_code"]
		}
	}
	return facts
}

func readKey(s *redistest.Server, facts map[string]string, db, key string, own release) {
	s.TB.Helper()
	name := fmt.Sprintf("db %s %q", db, key)
	if idle, err := s.Try("OBJECT", "IDLETIME", key); err == nil { // first, since reading is a use
		// A key younger than the server's clock of seconds seems to be idle for 194 days.
		facts["idle "+name] = fmt.Sprint(idle.(int64) >= 80_000 && idle.(int64) < 1_000_000)
	}
	kind, _ := s.Do("TYPE", key).(string)
	var value string
	switch kind {
	case "none": // it expired
		delete(facts, "idle "+name)
		return
	case "string":
		value = fmt.Sprintf("%q", s.Do("GET", key))
	case "list":
		value = fmt.Sprintf("%q", s.Do("LRANGE", key, "0", "-1"))
	case "set":
		value = sorted(s.Do("SMEMBERS", key), 1)
	case "zset":
		list, _ := s.Do("ZRANGE", key, "0", "-1", "WITHSCORES").([]any)
		for i := 1; i < len(list); i += 2 { // versions write the same number in different ways
			score, err := strconv.ParseFloat(list[i].(string), 64)
			value += fmt.Sprintf("%q %v %v ", list[i-1], score, err)
		}
	case "hash":
		value = sorted(s.Do("HGETALL", key), 2)
		if own.fieldTTL {
			fields, _ := s.Do("HKEYS", key).([]any)
			var ends []string
			for i, at := range s.Do(append([]string{"HPEXPIRETIME", key, "FIELDS", fmt.Sprint(len(fields))}, words(fields)...)...).([]any) {
				if at != int64(-1) {
					ends = append(ends, fmt.Sprintf("%q at %v", fields[i], at))
				}
			}
			if slices.Sort(ends); len(ends) > 0 {
				facts["fields expire "+name] = strings.Join(ends, ", ")
			}
		}
	case "stream":
		value = readStream(s, facts, key, name)
	case "vectorset":
		value = fmt.Sprint(s.Do("VCARD", key), s.Do("VDIM", key))
		for i := range s.Do("VCARD", key).(int64) {
			element := fmt.Sprint("e", i)
			value += fmt.Sprint(s.Do("VEMB", key, element), s.Do("VGETATTR", key, element))
		}
	default:
		value = "of a type that is not compared"
	}
	if len(value) > 300 {
		value = fmt.Sprintf("%.100s… %x", value, sha256.Sum256([]byte(value)))
	}
	facts["value "+name] = kind + " " + value
	if at := s.Do("PTTL", key).(int64); at >= 0 {
		now := s.Do("TIME").([]any)
		var seconds, micros int64
		fmt.Sscan(now[0].(string), &seconds)
		fmt.Sscan(now[1].(string), &micros)
		facts["expiry "+name] = fmt.Sprint((seconds*1000 + micros/1000 + at + 500) / 1000) // to a second: the clock goes on in between
	}
}

// readStream returns items and groups with what is pending; consumers and counters are facts of their own.
func readStream(s *redistest.Server, facts map[string]string, key, name string) string {
	value := fmt.Sprintf("%q", s.Do("XRANGE", key, "-", "+"))
	info := pairs(s.Do("XINFO", "STREAM", key))
	value += " last " + info["last-generated-id"] + " length " + info["length"]
	if _, ok := info["entries-added"]; ok {
		facts["counters "+name] = info["entries-added"] + " " + info["max-deleted-entry-id"]
	}
	groups, _ := s.Do("XINFO", "GROUPS", key).([]any)
	for _, g := range groups {
		group := pairs(g)
		value += fmt.Sprintf(" group %q last %s", group["name"], group["last-delivered-id"])
		pending, _ := s.Do("XPENDING", key, group["name"], "-", "+", "1000000").([]any)
		for _, p := range pending {
			item := p.([]any)
			value += fmt.Sprint(" ", item[0], item[1], item[3])
		}
		consumers, _ := s.Do("XINFO", "CONSUMERS", key, group["name"]).([]any)
		var names []string
		for _, c := range consumers {
			names = append(names, pairs(c)["name"])
		}
		slices.Sort(names)
		facts["consumers "+name+" "+group["name"]] = strings.Join(names, ",")
	}
	return value
}

// pairs reads a reply of names and values in turn.
func pairs(reply any) map[string]string {
	list, _ := reply.([]any)
	m := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		m[fmt.Sprint(list[i])] = fmt.Sprint(list[i+1])
	}
	return m
}

func words(list []any) (out []string) {
	for _, w := range list {
		out = append(out, w.(string))
	}
	return out
}

// sorted returns elements of so many parts in an order of their own.
func sorted(reply any, parts int) string {
	list, _ := reply.([]any)
	var out []string
	for i := 0; i+parts <= len(list); i += parts {
		out = append(out, fmt.Sprintf("%q", list[i:i+parts]))
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}
