package repo

import (
	"reflect"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/finding"
)

func TestParseLastWins(t *testing.T) {
	const src = "a: 1\nb: {c: 1, d: 2, c: 3}\na: [x]\n---\nk: 1\n---\n: [\n"
	docs, err := ParseLastWins("values.yaml", []byte(src))
	var got []any
	for _, d := range docs {
		var v any
		if err := d.Node.Decode(&v); err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	want := []any{map[string]any{"b": map[string]any{"d": 2, "c": 3}, "a": []any{"x"}}, map[string]any{"k": 1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var codes []string
	for _, p := range finding.All(err) {
		codes = append(codes, string(p.Code))
	}
	if got := strings.Join(codes, " "); got != "duplicate-key duplicate-key syntax" {
		t.Errorf("problems: %s", got)
	}
	if docs, _ := ParseDocuments("values.yaml", []byte(src)); len(docs) != 1 {
		t.Errorf("ParseDocuments gives %d documents of which one is good", len(docs))
	}
}

// The limits hold for a document that also sets a key twice.
func TestParseLastWinsLimits(t *testing.T) {
	bomb := "x: 1\nx: 2\na: &a [1,2,3,4,5,6,7,8,9]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n"
	}
	if docs, err := ParseLastWins("values.yaml", []byte(bomb)); len(docs) > 0 || err == nil {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}
