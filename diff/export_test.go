package diff

import (
	"regexp"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/instance"
)

// PlantedChange is a planted change with the rules and resources that it is about.
type PlantedChange struct {
	Operator, Version, Edit, Old, New string
	Rules                             []string
}

// Planted returns the planted changes.
func Planted(t *testing.T) []PlantedChange {
	var out []PlantedChange
	for _, tt := range planted {
		name := strings.Fields(tt.where)
		o := instance.Options{Operator: name[1], Version: name[2]}
		p := PlantedChange{Operator: name[1], Version: name[2], Edit: tt.edit, Old: manifests(t, name[0])}
		if tt.before != "" {
			p.Old = edited(t, p.Old, tt.before)
		}
		p.New = edited(t, p.Old, tt.edit)
		for _, c := range compared(t, p.Old, p.New, o, o) {
			if c.Rule != "" {
				p.Rules = append(p.Rules, c.Rule+" "+c.Resource.String())
			}
		}
		out = append(out, p)
	}
	return out
}

var ruleInWant = regexp.MustCompile(`\[([a-z]+/[a-z-]+)\]$`)

// PlantedRules returns the rules that the planted changes name.
func PlantedRules() []string {
	var out []string
	for _, tt := range planted {
		if m := ruleInWant.FindStringSubmatch(tt.want); m != nil {
			out = append(out, m[1])
		}
	}
	return out
}

// InMemory is a repository in memory.
func InMemory(t *testing.T, files map[string]string) Source { return source(t, files) }
