package report

import (
	"bytes"
	"encoding/xml"
)

func init() {
	register("checkstyle", "application/xml", "Checkstyle XML, for Jenkins and reviewdog", writeCheckstyle)
}

type checkstyle struct {
	XMLName xml.Name         `xml:"checkstyle"`
	Version string           `xml:"version,attr"` // of the format
	Files   []checkstyleFile `xml:"file"`
}

type checkstyleFile struct {
	Name   string            `xml:"name,attr"`
	Errors []checkstyleError `xml:"error"`
}

type checkstyleError struct {
	Line     int    `xml:"line,attr,omitempty"`
	Column   int    `xml:"column,attr,omitempty"`
	Severity string `xml:"severity,attr"`
	Message  string `xml:"message,attr"`
	Source   string `xml:"source,attr"`
}

func writeCheckstyle(b *bytes.Buffer, v *view) {
	out := checkstyle{Version: "4.3"}
	for _, group := range byFile(v.active()) {
		file := checkstyleFile{Name: fileName(group[0].File)}
		for _, f := range group {
			file.Errors = append(file.Errors, checkstyleError{f.Line, f.Column, f.Severity.String(), printable(sentence(f)), printable(f.Rule)})
		}
		out.Files = append(out.Files, file)
	}
	encodeXML(b, out)
}
