package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/redact"
)

// JSON writes a value for programs.
func (u *UI) JSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return u.JSONText(b.Bytes())
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
