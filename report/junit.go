package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

func init() { register("junit", "application/xml", "JUnit XML, for test reports", writeJUnit) }

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Skipped *junitSkipped `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// writeJUnit makes a suite of each file with findings. Errors and warnings are failures, suppressed findings are skipped
// tests, and infos pass with what they say as output.
func writeJUnit(b *bytes.Buffer, v *view) {
	out := junitSuites{Name: v.tool}
	for _, group := range byFile(v.all) {
		name := fileName(group[0].File)
		suite := junitSuite{Name: name}
		for _, f := range group {
			suite.Tests++
			c := junitCase{Name: printable(f.Rule), Class: strings.ReplaceAll(name, ".", "_"), File: printable(f.File), Line: f.Line}
			if f.Line > 0 {
				c.Name += fmt.Sprintf(" line %d", f.Line)
			}
			text := where(f.Position) + ": " + printable(sentence(f))
			for _, r := range f.Related {
				text += fmt.Sprintf("\n%s: %s", where(r.Position), printable(r.Message))
			}
			switch {
			case f.Suppressed != nil:
				suite.Skipped++
				c.Skipped = &junitSkipped{"suppressed " + printable(suppression(f.Suppressed))}
			case f.Severity == finding.Info:
				c.Out = text
			default:
				suite.Failures++
				c.Failure = &junitFailure{printable(sentence(f)), f.Severity.String(), text}
			}
			suite.Cases = append(suite.Cases, c)
		}
		out.add(suite)
	}
	if len(v.all) == 0 { // readers take a report without a test for a broken one
		out.add(junitSuite{Name: v.tool, Tests: 1, Cases: []junitCase{{Name: v.summary.String(), Class: v.tool}}})
	}
	encodeXML(b, out)
}

func (s *junitSuites) add(suite junitSuite) {
	s.Suites = append(s.Suites, suite)
	s.Tests += suite.Tests
	s.Failures += suite.Failures
}

func encodeXML(b *bytes.Buffer, value any) {
	b.WriteString(xml.Header)
	e := xml.NewEncoder(b)
	e.Indent("", "  ")
	if err := e.Encode(value); err != nil {
		panic("report: " + err.Error()) // only unsupported types fail, and a test encodes each
	}
	b.WriteString("\n")
}
