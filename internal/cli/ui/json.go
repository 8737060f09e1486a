package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// JSON writes a value for programs.
func (u *UI) JSON(v any) error {
	text, err := indented(v)
	if err != nil {
		return err
	}
	return u.JSONText(text)
}

// JSONErrors writes errors as JSON to standard error, for a program that reads the result as JSON.
func (u *UI) JSONErrors(problems finding.Problems) {
	type problem struct {
		File    string `json:"file,omitempty"`
		Line    int    `json:"line,omitempty"`
		Column  int    `json:"column,omitempty"`
		Path    string `json:"path,omitempty"`
		Message string `json:"message"`
	}
	all := make([]problem, len(problems))
	for i, p := range problems {
		all[i] = problem{p.File, p.Line, p.Column, p.Path, p.Message}
	}
	if text, err := indented(map[string]any{"errors": all}); err == nil {
		_, _ = u.Raw(u.Err).Write([]byte(asciiControls(u.Secrets.Foreign(string(text)))))
	}
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// JSONText writes JSON. Its strings escape what would act on a terminal, as JSON does.
func (u *UI) JSONText(text []byte) error {
	_, err := u.Raw(u.Out).Write([]byte(asciiControls(u.Secrets.Text(string(text)))))
	return err
}

// asciiControls escapes characters that json.Marshal leaves as they are: they stand in strings only.
func asciiControls(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || !redact.Hidden(r) {
			b.WriteRune(r)
			continue
		}
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}
