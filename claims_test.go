package redisgitops_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// claimRow is a row of docs/claims.md: claim, result, what was changed, and the test with what it tries.
	claimRow = regexp.MustCompile(`^\| (.+) \| (true|\*\*false\*\*) \| (.*?) ?\| (Test\w+)(?: "(.+)")? \|$`)
	// claimTried is what a test of an operator tries, by name.
	claimTried = regexp.MustCompile(`o\.claim\("([^"]+)"|\{name: "([^"]+)", part:|\{"(deleted|kept)", claim|(?:redisFailover|replication)\("([^"]+)"`)
)

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// claimFiles are the files of the tests that play what is said of an operator.
var claimFiles = [][]string{{"opstreeclaims_test.go"}, {"consequences_test.go"}, {"assess_test.go", "assessopstree_test.go"}}

// TestClaims holds docs/claims.md against test/e2e: each row names a test that is there and tries it, each thing that these tests try has a row, and
// what was false has what was changed.
func TestClaims(t *testing.T) {
	src, err := os.ReadFile("docs/claims.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, tried := map[string]string{}, map[string]string{}
	for _, files := range claimFiles {
		text := ""
		for _, file := range files {
			src, err := os.ReadFile(filepath.Join("test", "e2e", file))
			if err != nil {
				t.Fatal(err)
			}
			text += string(src)
		}
		for _, m := range testFunction.FindAllStringSubmatch(text, -1) {
			tests[m[1]] = text
		}
		for _, m := range claimTried.FindAllStringSubmatch(text, -1) {
			tried[strings.Join(m[1:], "")] = files[0]
		}
	}
	rows := map[string]int{}
	var named []string
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| claim") {
			continue
		}
		m := claimRow.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not a row: %s", line)
			continue
		}
		claim, result, changed, test, name := m[1], m[2], m[3], m[4], m[5]
		rows[regexp.MustCompile(`OpsTree|Assess|Consequences`).FindString(test)]++
		named = append(named, name)
		switch text := tests[test]; {
		case text == "":
			t.Errorf("%s: there is no %s", claim, test)
		case name != "" && !strings.Contains(text, `"`+name+`"`):
			t.Errorf("%s: %s does not try %q", claim, test, name)
		case (result == "true") != (changed == ""):
			t.Errorf("%s: %s, and changed is %q", claim, result, changed)
		}
	}
	if rows["OpsTree"] < 15 || rows["Assess"]+rows["Consequences"] < 15 {
		t.Errorf("%v rows; fifteen of each operator are wanted", rows)
	}
	for name, file := range tried {
		if !slices.Contains(named, name) {
			t.Errorf("docs/claims.md has no row for %q of %s", name, file)
		}
	}
	if len(tried) < 45 {
		t.Errorf("only %d things are tried", len(tried))
	}
}
