package cue

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// Every option that is uncommented must load and change nothing, and every option must be there with a comment.
func TestConfigTemplate(t *testing.T) {
	t.Parallel()
	template, err := ConfigTemplate()
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := LoadConfig(ConfigFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	asItIs, err := LoadConfig(ConfigFile, template)
	if err != nil {
		t.Fatal(err)
	}
	uncommented := regexp.MustCompile(`(?m)^# `).ReplaceAll(template, nil)
	all, err := LoadConfig(ConfigFile, uncommented)
	if err != nil {
		t.Fatalf("%v\n%s", err, uncommented)
	}
	fields := reflect.TypeFor[Config]().NumField() - 1 // all but doc
	if got := len(all.doc.data.(map[string]any)); got != fields {
		t.Errorf("%d options of %d are in the template", got, fields)
	}
	for _, c := range []*Config{asItIs, all} {
		c.doc, defaults.doc = nil, nil
		if !reflect.DeepEqual(c, defaults) {
			t.Errorf("got  %+v\nwant %+v", c, defaults)
		}
	}
	for i, line := range strings.Split(string(template), "\n") {
		if line != "" && !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "## ") || strings.HasSuffix(line, "## ") {
			t.Errorf("line %d is %q", i+1, line)
		}
	}
}
