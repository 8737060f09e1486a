package scaffold

import (
	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
)

// exampleURL returns the URL of the sentinels as the example of a generator has it, in the namespace default.
func (s *resource) exampleURL(of cue.Request) string {
	if !s.redis {
		return ""
	}
	of.Namespace, of.Sentinels, of.SentinelSet = "default", 0, ""
	names, _ := s.operator.Names(of)
	return names.SentinelURL
}

// checkNames refuses what the operator cannot do: to leave the password out that it creates, and to have no namespace in its names.
func (s *resource) checkNames() error {
	var problems finding.Problems
	if s.req.Auth.Method == NoAuth && s.names.OwnSecret != "" {
		problems = append(problems, finding.Errorf(finding.Position{}, "", "operator %q creates a password for each Redis, in the Secret %q", s.operator.Name, s.names.OwnSecret).
			Flags("; remove --auth none").About(CodeRequest, "auth"))
	}
	if s.names.Namespaced && s.local {
		problems = append(problems, finding.Errorf(finding.Position{}, "", "the sentinels of operator %q name the master after its namespace, and %q is deployed to several", s.operator.Name, s.app.Name).
			Flags("; pass --namespace for one of them").About(CodeRequest, "namespace"))
	}
	return problems.Err()
}
