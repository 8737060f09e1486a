package ui

import "testing"

func TestSetColor(t *testing.T) {
	for _, tt := range []struct {
		color, noColor, term string
		terminal, want       bool
	}{
		{"auto", "", "xterm-256color", true, true},
		{"auto", "", "xterm-256color", false, false},
		{"auto", "1", "xterm-256color", true, false},
		{"auto", "", "dumb", true, false},
		{"always", "1", "dumb", false, true},
		{"never", "", "xterm", true, false},
	} {
		t.Setenv("NO_COLOR", tt.noColor)
		t.Setenv("TERM", tt.term)
		u := &UI{Color: tt.color, Terminal: tt.terminal}
		if err := u.SetColor(); err != nil || u.Colored() != tt.want {
			t.Errorf("%+v: got %v, %v", tt, u.Colored(), err)
		}
	}
}
