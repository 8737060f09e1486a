package redisgitops_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// flowStep is a step of a flow in docs/ARCHITECTURE.md: a file and a function in it.
var flowStep = regexp.MustCompile(`([\w./-]+\.(?:go|ts)):(\w+)`)

// TestFlows fails when docs/ARCHITECTURE.md names a function that is not where it says.
func TestFlows(t *testing.T) {
	src, err := os.ReadFile("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := flowStep.FindAllStringSubmatch(string(src), -1)
	if len(steps) < 30 {
		t.Errorf("only %d steps", len(steps))
	}
	for _, step := range steps {
		code, err := os.ReadFile(step[1])
		if err != nil {
			t.Errorf("%s: %v", step[0], err)
			continue
		}
		declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|\s+(async )?|export (async )?function )` + step[2] + `[(<\[]`)
		if !declared.Match(code) {
			t.Errorf("docs/ARCHITECTURE.md: %s has no %s", step[1], step[2])
		}
	}
	if !strings.Contains(string(src), "flows_test.go") {
		t.Error("the page does not say that this test holds it")
	}
}
