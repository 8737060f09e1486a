package repo

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "shop", "shop-2", "s0-0s", strings.Repeat("a", maxName)} {
		if err := CheckName("application name", name); err != nil {
			t.Error(err)
		}
	}
	for _, tt := range []struct{ name, want string }{
		{"", `invalid application name "": must not be empty; use a-z, 0-9 and "-"`},
		{"../../etc", `invalid application name "../../etc": "." is not allowed; use a-z, 0-9 and "-"`},
		{"shop\n../x", `invalid application name "shop\n../x": "\n" is not allowed; use a-z, 0-9 and "-"`},
		{"shop\x00", `invalid application name "shop\x00": "\x00" is not allowed; use a-z, 0-9 and "-"`},
		{"CON", `invalid application name "CON": uppercase "C" is not allowed; use a-z, 0-9 and "-"`},
		{"sh\u2024p", `invalid application name "sh․p": "․" is not allowed; use a-z, 0-9 and "-"`},
		{"shop_web", `invalid application name "shop_web": "_" is not allowed; use a-z, 0-9 and "-"`},
		{"2shop", `invalid application name "2shop": must start with a letter from a to z`},
		{"-shop", `invalid application name "-shop": must start with a letter from a to z`},
		{"shop-", `invalid application name "shop-": must end with a letter or digit`},
		{strings.Repeat("a", 49), `invalid application name "` + strings.Repeat("a", 49) + `": 49 characters, limit 48; choose a shorter name`},
	} {
		checkError(t, CheckName("application name", tt.name), tt.want)
	}
	if err := CheckName("suffix", strings.Repeat("é", 1<<20)); len(err.Error()) > 400 {
		t.Errorf("a message of %d bytes", len(err.Error()))
	}
}

func FuzzCheckName(f *testing.F) {
	for _, seed := range []string{"shop", "../x", "a\n", "a-", "A", "é", "a.b", "\xff"} {
		f.Add(seed)
	}
	valid := regexp.MustCompile(`\A[a-z]([-a-z0-9]{0,46}[a-z0-9])?\z`)
	f.Fuzz(func(t *testing.T, name string) {
		err := CheckName("name", name)
		if (err == nil) != valid.MatchString(name) {
			t.Errorf("%q: %v", name, err)
		}
		if err == nil && path.Join("applications", name) != "applications/"+name {
			t.Errorf("%q is more than one folder", name)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x00\x1b") {
			t.Errorf("the message has a control character: %q", err)
		}
	})
}

// TestUnsafeSegment has the names that Git's own tests refuse (t/t1014-read-tree-confusing.sh, t/helper/test-path-utils.c), and
// others that only look like them.
func TestUnsafeSegment(t *testing.T) {
	for _, name := range []string{
		".git", ".GIT", ".Git", ".git ", ".git.", ".git. .", ".git...", ".git::$INDEX_ALLOCATION", ".git:x", "git~1", "GIT~1", "git~1.", "git~10", "git~1::$DATA",
		".g\u200cit", ".gi\u200dt", ".git\u200e", "\u200f.git", ".\u202agit", ".g\u202eit", ".\u206agit", ".git\u206f", "\ufeff.git", ".G\u200cIT ",
		"a\u200cb", "a.", "a ", "...", " ", "con", "CON", "nul.yaml", "Aux", "prn.tar.gz", "com1", "COM9.yaml", "lpt¹", "conin$", "nul .txt",
	} {
		if unsafeSegment(name) == "" {
			t.Errorf("%q may be written", name)
		}
	}
	for _, name := range []string{
		".gitignore", ".gitkeep", ".github", ".gitlab-ci.yml", "git", ".gi", "agit", "git~", "git~a", "git~1x", "a.b", ".a", "console", "com", "com10", "lpt", "nullable", "auxiliary", "ünïcode",
	} {
		if reason := unsafeSegment(name); reason != "" {
			t.Errorf("%q may not be written: %s", name, reason)
		}
	}
}
