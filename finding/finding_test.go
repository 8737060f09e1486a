package finding

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

func TestProblem(t *testing.T) {
	for _, tt := range []struct {
		problem Problem
		want    string
	}{
		{Problem{Position: Position{"applications/shop/values.yaml", 7, 13}, Path: "resources.redis.memory", Message: `"100MB" is not a Mi or Gi quantity; write 100Mi`},
			`applications/shop/values.yaml:7:13: resources.redis.memory: "100MB" is not a Mi or Gi quantity; write 100Mi`},
		{Problem{Position: Position{"a.yaml", 7, 0}, Message: "no"}, "a.yaml:7: no"},
		{Problem{Position: Position{"a.yaml", 0, 0}, Path: "x", Message: "no"}, "a.yaml: x: no"},
		{Problem{Message: "no"}, "no"},
	} {
		if got := tt.problem.Error(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestProblems(t *testing.T) {
	if err := (Problems{}).Err(); err != nil {
		t.Errorf("no problems are an error: %v", err)
	}
	ps := Problems{
		Errorf(Position{"b.yaml", 1, 1}, "", "four"),
		Errorf(Position{"a.yaml", 2, 1}, "", "three"),
		Errorf(Position{"a.yaml", 1, 2}, "", "two"),
		Errorf(Position{"a.yaml", 1, 1}, "", "one"),
	}
	want := "a.yaml:1:1: one\na.yaml:1:2: two\na.yaml:2:1: three\nb.yaml:1:1: four"
	if got := ps.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := All(fmt.Errorf("reading: %w", ps)); len(got) != 4 {
		t.Errorf("All of wrapped problems gave %d", len(got))
	}
	if got := All(ps[0]); len(got) != 1 || got[0] != ps[0] {
		t.Errorf("All of one problem gave %v", got)
	}
	if got := All(errors.New("disk full")); len(got) != 1 || got[0].Error() != "disk full" {
		t.Errorf("All of a foreign error gave %v", got)
	}
}

func TestSeverityJSON(t *testing.T) {
	for _, s := range []Severity{Error, Warning, Info} {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Severity
		if err := json.Unmarshal(text, &back); err != nil || back != s {
			t.Errorf("%s came back as %s, %v", s, back, err)
		}
	}
	var s Severity
	if err := json.Unmarshal([]byte(`"fatal"`), &s); err == nil {
		t.Error("an unknown severity was accepted")
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"enterprise", "opstree", "spotahome", "shop-web", "strict"}
	for _, tt := range []struct{ name, want string }{
		{"opstre", "opstree"},
		{"opsrtee", "opstree"},
		{"strct", "strict"},
		{"STRICT", "strict"},
		{"shopweb", "shop-web"},
		{"kafka", ""},
		{"", ""},
		{"é", ""},
	} {
		if got := Nearest(tt.name, known); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := DidYouMean("opstre", known); got != `; did you mean "opstree"?` {
		t.Error(got)
	}
	if got := DidYouMean("kafka", known); got != "" {
		t.Error(got)
	}
	if got := OneOf([]string{"a", "b"}); got != `one of "a", "b"` {
		t.Error(got)
	}
}

func TestHelp(t *testing.T) {
	for _, tt := range []struct{ docs, page, want string }{
		{"", "", ""},
		{"https://docs.example.com/", "", ""},
		{"", "docs/rules/auth/missing.md", Docs + "docs/rules/auth/missing.md"},
		{"https://docs.example.com/", "docs/rules/auth/missing.md", "https://docs.example.com/docs/rules/auth/missing.md"},
		{"https://docs.example.com/", "https://example.com/own", "https://example.com/own"},
	} {
		if got := HelpURL(tt.docs, tt.page); got != tt.want {
			t.Errorf("HelpURL(%q, %q) = %q, want %q", tt.docs, tt.page, got, tt.want)
		}
	}
	own, user := RuleInfo{Name: "auth/missing"}, RuleInfo{Name: "mine/rule", User: true}
	if own.HelpPage() != "docs/rules/auth/missing.md" || user.HelpPage() != "" {
		t.Errorf("pages %q, %q", own.HelpPage(), user.HelpPage())
	}
}

func TestLevel(t *testing.T) {
	for _, s := range []Severity{Error, Warning, Info} {
		if got, on := LevelOf(s).Severity(); got != s || !on {
			t.Errorf("%s came back as %s, %v", s, got, on)
		}
	}
	if _, on := LevelOff.Severity(); on {
		t.Error("off is a severity")
	}
}
