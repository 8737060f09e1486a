package policy

import (
	"regexp"
	"strings"
	"testing"
)

// ofOthers are the names of operators and of charts in the metadata of rules, and ours are words that are none.
var ofOthers = regexp.MustCompile(`(?i)\b(spotahome|opstree|freshworks|saremox|buildio|power home|powerhome|alauda|kubedb|redis enterprise|bitnami|cloudpirates|redis-ha|valkey-helm|dragonfly|hyperspike|the operator|operator's)\b`)

var (
	// operatorSource is a repository of an operator or of a chart at the start of a reference.
	operatorSource = regexp.MustCompile(`^(spotahome|OT-CONTAINER-KIT|freshworks-oss|Saremox|buildio|powerhome|alauda|kubedb|RedisLabs|bitnami|DandyDeveloper|valkey-io/valkey-(?:helm|operator)|CloudPirates-io|dragonflydb|hyperspike)/`)
	// sourceLine is a place in it: a revision, a file, and the line or what the file has there.
	sourceLine = regexp.MustCompile(`^[\w.-]+/[\w.-]+ (?:v?\d+\.\d+\.\d+|[0-9a-f]{7,8})(?: and (?:v?\d+\.\d+\.\d+|[0-9a-f]{7,8}))*(?: \(\d{4}-\d\d-\d\d\))?[ ,] ?\S`)
	// bareFile is a file of an operator without its repository.
	bareFile = regexp.MustCompile(`^(operator|service|api|internal|pkg|apis|charts|templates)/`)
)

// TestSources: what a rule says of an operator or chart of others has the place that it was read in, at a revision, so that anybody can look it up.
func TestSources(t *testing.T) {
	t.Parallel()
	rules, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	claims := 0
	for _, r := range rules {
		sourced := false
		for _, ref := range r.References {
			switch {
			case bareFile.MatchString(ref):
				t.Errorf("%s: %q does not name its repository", r.Name, ref)
			case operatorSource.MatchString(ref) && !sourceLine.MatchString(ref):
				t.Errorf("%s: %q has no revision; write OWNER/REPOSITORY REVISION FILE:LINE, WHAT", r.Name, ref)
			case operatorSource.MatchString(ref), strings.HasPrefix(ref, "https://"), sourceLine.MatchString(ref):
				sourced = true
			}
		}
		if !ofOthers.MatchString(r.Title + "\n" + r.Description + "\n" + r.Remediation) {
			continue
		}
		if claims++; !sourced {
			t.Errorf("%s says something of an operator, without a reference to where that was read: %q", r.Name, r.References)
		}
	}
	if claims < 100 {
		t.Errorf("only %d rules name an operator", claims)
	}
}

// TestSourceLine holds the form of references.
func TestSourceLine(t *testing.T) {
	for ref, want := range map[string]bool{
		"spotahome/redis-operator 632aa3da service/k8s/util.go:13, GetRedisPassword": true,
		"spotahome/redis-operator v1.2.4 and 632aa3da service/redis/client.go":       true,
		"kubedb/installer 0c6e2459 (2026-08-21) catalog/kubedb/raw/redis":            true,
		"spotahome/redis-operator service/k8s/util.go":                               false,
		"spotahome/redis-operator":                                                   false,
		"spotahome/redis-operator 632aa3da":                                          false,
	} {
		if sourceLine.MatchString(ref) != want {
			t.Errorf("%s: %v", ref, !want)
		}
	}
}
