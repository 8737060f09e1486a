package redact

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestCommonValues wants passwords that are words, numbers or names to leave what only looks like them alone.
func TestCommonValues(t *testing.T) {
	for _, tt := range []struct{ value, text, ours, foreign string }{
		{"redis", `Redis "redis" is redis`, `Redis "redis" is redis`, `Redis "redis" is redis`},
		{"1", "1 of 1", "1 of 1", "1 of 1"},
		{"true", "true", "true", "true"},
		{"shop-web", `Service "shop-web" is unknown`, `Service "shop-web" is unknown`, `Service "shop-web" is unknown`},
		{"hunter", "hunter and hunters", "hunter and hunters", "*** and hunters"},
		{"123456", "123456 and 1234567", "123456 and 1234567", "*** and 1234567"},
		{"hunter2", "xhunter2y", "x***y", "x***y"},
		{"correcthorsebattery", "a correcthorsebattery", "a ***", "a ***"},
		{"100Mi", "write 100Mi", "write 100Mi", "write ***"},
	} {
		s := &Secrets{}
		s.AddFile(Scan("a.yaml", []byte("kind: Service\nmetadata:\n  name: shop-web\n---\npassword: \""+tt.value+"\"\n")))
		if got := s.Text(tt.text); got != tt.ours {
			t.Errorf("%q in our text: got %q, want %q", tt.value, got, tt.ours)
		}
		if got := s.Foreign(tt.text); got != tt.foreign {
			t.Errorf("%q in foreign text: got %q, want %q", tt.value, got, tt.foreign)
		}
		f := s.File("a.yaml")
		line := `password: "` + tt.value + `"`
		if got := Without(line, s.Hide(f, 5, line)); got != "password: ***" && tt.value != "true" {
			t.Errorf("%q is shown on its line: %s", tt.value, got)
		}
		if got := s.At(`it is "`+tt.value+`"`, false, f.Line(5, line)); strings.Contains(got, tt.value) && tt.value != "shop-web" && tt.value != "true" {
			t.Errorf("%q is quoted about its line: %s", tt.value, got)
		}
	}
}

// TestPatch has hunks with and without secrets.
func TestPatch(t *testing.T) {
	plain := "diff --git a/x.yaml b/x.yaml\n--- a/x.yaml\n+++ b/x.yaml\n@@ -1,2 +1,3 @@\n a: \"\u200d\" # \u00fc\r\n+b: 2\n c: 3\n"
	secret := "diff --git a/y.yaml b/y.yaml\n--- a/y.yaml\n+++ b/y.yaml\n@@ -1,2 +1,3 @@\n password: hunter2\n+b: hunter2\n c: 3\n"
	order := "diff --git a/z.yaml b/z.yaml\nnew file mode 100644\n--- /dev/null\n+++ b/z.yaml\n@@ -0,0 +1,2 @@\n+a: \x1b[31m\n+##[error]x\n"
	got, changed := (&Secrets{}).Patch(plain + secret + order)
	if !strings.HasPrefix(got, plain) {
		t.Errorf("a patch with nothing to hide is changed:\n%q", got)
	}
	if fmt.Sprint(changed) != "[y.yaml z.yaml]" {
		t.Errorf("changed %v", changed)
	}
	if strings.Contains(got, "hunter2") || strings.Contains(got, "\x1b") || strings.Contains(got, "##[") {
		t.Errorf("got %q", got)
	}
	if strings.Count(got, "\n@@ -") != 3 || strings.Count(got, "\n@@ -shown only -") != 2 {
		t.Errorf("the hunks are wrong:\n%s", got)
	}
}

// TestMany is about work, not time: what is masked in a text must not depend on how many secrets there are.
func TestMany(t *testing.T) {
	s := &Secrets{}
	for i := range 5000 {
		s.Add(fmt.Sprintf("pass-%d-word", i*7919))
	}
	start := time.Now()
	text := strings.Repeat("applications/shop/values.yaml:7:13: error: no password; set spec.auth.secretPath ", 20)
	for range 2000 {
		if got := s.Text(text); got != text {
			t.Fatal(got)
		}
	}
	t.Logf("2000 texts of %d bytes against 5000 secrets in %v", len(text), time.Since(start))
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"kind: Secret\nstringData:\n  a: |\n   x", "a: {b: [c, {d: *e", "{{ range $k, $v := .Values.x }}\n{{ $k }}: {{ $v }}\n{{ end }}", "- - - a: b\n? c\n: d", "secretGenerator: [{literals: [a", "\"a\": 'b\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := Scan("x.yaml", []byte(text), "a.b")
		s := &Secrets{}
		s.AddFile(Link([]*File{file}, func(string) ([]byte, bool) { return []byte(text), true })...)
		for i, line := range strings.Split(text, "\n") {
			_ = Without(line, s.Hide(file, i+1, line))
		}
		_, _ = s.Patch("--- a\n+++ b\n@@ -1 +1 @@\n" + text)
		_ = s.Foreign(text)
	})
}
