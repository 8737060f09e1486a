package report

import "bytes"

func init() { register("gitlab", "application/json", "GitLab Code Quality", writeGitLab) }

// The format is that of GitLab's documentation, "Code Quality report format".
type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"` // GitLab drops an issue whose fingerprint it has seen
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
	End   int `json:"end,omitempty"`
}

func writeGitLab(b *bytes.Buffer, v *view) {
	prints := fingerprints(v.all)
	issues := []gitlabIssue{}
	for _, f := range v.active() {
		issue := gitlabIssue{
			Description: printable(sentence(f)),
			CheckName:   printable(f.Rule),
			Fingerprint: prints[f],
			Severity:    asSeverity(f.Severity, "critical", "major", "info"),
			Location:    gitlabLocation{Path: fileName(f.File), Lines: gitlabLines{Begin: max(f.Line, 1)}},
		}
		if f.EndLine > f.Line {
			issue.Location.Lines.End = f.EndLine
		}
		issues = append(issues, issue)
	}
	encode(b, issues)
}
