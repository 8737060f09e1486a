package report

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/redact"
)

func init() {
	register("sarif", "application/sarif+json", "SARIF 2.1.0, for GitHub code scanning and editors", writeSARIF)
}

// What GitHub takes of a SARIF file (docs.github.com, "SARIF support for code scanning"). It refuses a file with more
// results, and cuts the rest itself.
const (
	sarifResults   = 25_000
	sarifLocations = 100
	sarifText      = 1_024
)

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool              sarifTool                `json:"tool"`
	Invocations       []sarifInvocation        `json:"invocations"`
	OriginalURIBaseID map[string]sarifLocation `json:"originalUriBaseIds"`
	Results           []sarifResult            `json:"results"`
	ColumnKind        string                   `json:"columnKind"`
	Properties        map[string]any           `json:"properties,omitempty"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   string             `json:"id"`
	ShortDescription     sarifMessage       `json:"shortDescription"`
	FullDescription      sarifMessage       `json:"fullDescription"`
	Help                 sarifMessage       `json:"help"`
	HelpURI              string             `json:"helpUri,omitempty"`
	DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
	Properties           map[string]any     `json:"properties"`
}

type sarifConfiguration struct {
	Level string `json:"level"`
}

type sarifMessage struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifInvocation struct {
	ExecutionSuccessful        bool                `json:"executionSuccessful"`
	ToolExecutionNotifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifMessage    `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifResult struct {
	RuleID              string             `json:"ruleId"`
	RuleIndex           int                `json:"ruleIndex"`
	Level               string             `json:"level"`
	Message             sarifMessage       `json:"message"`
	Locations           []sarifLocation    `json:"locations"`
	RelatedLocations    []sarifLocation    `json:"relatedLocations,omitempty"`
	PartialFingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
	Properties          map[string]any     `json:"properties,omitempty"`
}

type sarifSuppression struct {
	Kind          string         `json:"kind"`
	Status        string         `json:"status"`
	Justification string         `json:"justification,omitempty"`
	Location      *sarifLocation `json:"location,omitempty"`
}

type sarifLocation struct {
	ID               *int                   `json:"id,omitempty"`
	PhysicalLocation *sarifPhysicalLocation `json:"physicalLocation,omitempty"`
	LogicalLocations []sarifLogicalLocation `json:"logicalLocations,omitempty"`
	Message          *sarifMessage          `json:"message,omitempty"`
	Description      *sarifMessage          `json:"description,omitempty"`
}

type sarifPhysicalLocation struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId"`
}

type sarifRegion struct {
	StartLine   int           `json:"startLine"`
	StartColumn int           `json:"startColumn,omitempty"`
	EndLine     int           `json:"endLine,omitempty"`
	EndColumn   int           `json:"endColumn,omitempty"`
	Snippet     *sarifMessage `json:"snippet,omitempty"`
}

type sarifLogicalLocation struct {
	Name               string `json:"name"`
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

func writeSARIF(b *bytes.Buffer, v *view) {
	results := v.all
	invocation := sarifInvocation{ExecutionSuccessful: true}
	if len(results) > sarifResults {
		results = worst(results)[:sarifResults]
		invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications, sarifNotification{
			Level:   "warning",
			Message: sarifMessage{Text: fmt.Sprintf("%d findings omitted; the limit per file is %d", len(v.all)-sarifResults, sarifResults)},
		})
		finding.SortFindings(results)
	}
	for _, n := range v.notices {
		note := sarifNotification{Level: "note", Message: sarifMessage{Text: (&finding.Problem{Path: n.Path, Message: n.Message}).Error()}}
		if n.File != "" {
			note.Locations = []sarifLocation{v.sarifLocation(n.Position, 0, 0)}
		}
		invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications, note)
	}
	fired := make(map[string]*finding.Finding)
	for _, f := range results {
		fired[f.Rule] = f
	}
	names := slices.Sorted(maps.Keys(fired))
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: v.tool, Version: v.run.Version, InformationURI: strings.TrimSuffix(v.docs, "blob/main/"), Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{invocation},
		OriginalURIBaseID: map[string]sarifLocation{
			"%SRCROOT%": {Description: &sarifMessage{Text: "the repository root"}},
		},
		Results:    []sarifResult{},
		ColumnKind: "unicodeCodePoints",
	}
	for _, name := range names {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, v.sarifRule(name, fired[name]))
	}
	prints := fingerprints(v.all)
	for _, f := range results {
		index, _ := slices.BinarySearch(names, f.Rule)
		run.Results = append(run.Results, v.sarifResult(f, index, prints[f]))
	}
	encode(b, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func (v *view) sarifRule(name string, example *finding.Finding) sarifRule {
	r, known := v.run.Rules[name]
	if !known {
		r.Severity = finding.LevelOf(example.Severity)
	}
	severity, _ := r.Severity.Severity()
	filled := v.rule(name)
	r.Category, r.Title = filled.Category, filled.Title
	description := r.Description
	if description == "" {
		description = r.Title
	}
	page := v.page(example)
	text := description
	if r.Remediation != "" {
		text += "\n\n" + r.Remediation
	}
	markdown := text
	for _, ref := range r.References {
		text += "\n" + ref
		if strings.HasPrefix(ref, "https://") {
			ref = "<" + ref + ">"
		} else {
			ref = markdownText(ref)
		}
		markdown += "\n\n" + ref
	}
	if page != "" {
		text += "\n" + page
		markdown += fmt.Sprintf("\n\n[%s](%s)", name, page)
	}
	properties := map[string]any{"tags": []string{r.Category}, "precision": "high", "problem.severity": asSeverity(severity, "error", "warning", "recommendation")}
	if r.Category == "auth" || r.Category == "sec" {
		// GitHub shows from 7.0 as high, from 4.0 as medium, and reads the number of rules tagged security only.
		properties["tags"] = []string{r.Category, "security"}
		properties["security-severity"] = asSeverity(severity, "8.0", "5.5", "3.0")
	}
	return sarifRule{
		ID:                   cut(name, 255),
		ShortDescription:     sarifMessage{Text: cut(r.Title, sarifText)},
		FullDescription:      sarifMessage{Text: cut(description, sarifText)},
		Help:                 sarifMessage{Text: text, Markdown: markdown},
		HelpURI:              page,
		DefaultConfiguration: sarifConfiguration{sarifLevel(severity)},
		Properties:           properties,
	}
}

func (v *view) sarifResult(f *finding.Finding, ruleIndex int, fingerprint string) sarifResult {
	location := v.sarifLocation(f.Position, f.EndLine, f.EndColumn)
	if line, ok := v.line(f.Position); ok {
		line = redact.Without(line, v.hide(f.Position, line))
		location.PhysicalLocation.Region.Snippet = &sarifMessage{Text: cut(line, sarifText)}
	}
	if r := f.Resource; r != nil {
		location.LogicalLocations = []sarifLogicalLocation{{
			Name: r.Name, FullyQualifiedName: strings.TrimPrefix(r.Namespace+"/"+r.String(), "/"), Kind: "resource",
		}}
	}
	result := sarifResult{
		RuleID: cut(f.Rule, 255), RuleIndex: ruleIndex, Level: sarifLevel(f.Severity),
		Message:             sarifMessage{Text: sarifEscape(sentence(f))},
		Locations:           []sarifLocation{location},
		PartialFingerprints: map[string]string{"redisGitopsFinding/v1": fingerprint},
		Properties:          make(map[string]any),
	}
	for i, r := range f.Related[:min(len(f.Related), sarifLocations)] {
		related := v.sarifLocation(r.Position, 0, 0)
		related.ID, related.Message = &i, &sarifMessage{Text: sarifEscape(r.Message)}
		result.RelatedLocations = append(result.RelatedLocations, related)
	}
	if len(f.Path) > 0 {
		result.Properties["path"] = f.Path
	}
	if f.Count > 1 {
		result.Properties["count"] = f.Count
	}
	if len(f.Sets) > 0 {
		result.Properties["sets"] = f.Sets
	}
	if f.Fixable() {
		result.Properties["fix"] = f.Fix
		result.Properties["fixSafe"] = f.Suggested == ""
	}
	if s := f.Suppressed; s != nil {
		suppressed := sarifSuppression{Kind: "external", Status: "accepted", Justification: s.Reason}
		if s.Kind == "comment" || s.Kind == "annotation" {
			suppressed.Kind = "inSource"
		}
		if s.Until != "" {
			suppressed.Justification += " (until " + s.Until + ")"
		}
		if s.File != "" {
			at := v.sarifLocation(s.Position, 0, 0)
			suppressed.Location = &at
		}
		result.Suppressions = []sarifSuppression{suppressed}
	}
	return result
}

func (v *view) sarifLocation(at finding.Position, endLine, endColumn int) sarifLocation {
	region := sarifRegion{StartLine: max(at.Line, 1), StartColumn: at.Column}
	if at.Line > 0 && endLine >= at.Line && (endLine > at.Line || endColumn > at.Column) {
		region.EndLine, region.EndColumn = endLine, endColumn
	}
	return sarifLocation{PhysicalLocation: &sarifPhysicalLocation{
		ArtifactLocation: sarifArtifact{URI: relativeURI(at.File), URIBaseID: "%SRCROOT%"},
		Region:           region,
	}}
}

func sarifLevel(s finding.Severity) string { return asSeverity(s, "error", "warning", "note") }

var (
	sarifLink        = lazyregexp.New(`\[([^\[\]]*)\]\(`)
	sarifPlaceholder = lazyregexp.New(`\{(\d+)\}`)
)

// sarifEscape keeps a message plain: it may hold neither links nor placeholders (SARIF 2.1.0 §3.11.5, §3.11.6). Other
// brackets and braces stay as they are, since viewers show the escapes.
func sarifEscape(s string) string {
	s = sarifLink.ReplaceAllString(printable(s), `\[$1\](`)
	return sarifPlaceholder.ReplaceAllString(s, "{{$1}}")
}

// relativeURI returns a path as a relative reference of RFC 3986: no scheme, no query, and a colon only behind a slash.
func relativeURI(file string) string {
	if file == "" {
		return "."
	}
	var b strings.Builder
	first, _, _ := strings.Cut(file, "/")
	if strings.Contains(first, ":") {
		b.WriteString("./")
	}
	for i := 0; i < len(file); i++ {
		c := file[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/:@!$&'()*+,;=", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
