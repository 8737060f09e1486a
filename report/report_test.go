package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestUnknownFormat(t *testing.T) {
	err := Write(&bytes.Buffer{}, "sarf", &Run{}, Options{})
	if err == nil || !strings.Contains(err.Error(), `unknown format "sarf"; one of "text", `) || !strings.HasSuffix(err.Error(), `; did you mean "sarif"?`) {
		t.Error(err)
	}
	if err := Check("kafka"); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Error(err)
	}
	for _, f := range Formats() {
		if err := Check(f.Name); err != nil {
			t.Error(err)
		}
		if f.Title == "" {
			t.Errorf("%s says nothing about itself", f.Name)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteError(t *testing.T) {
	for _, f := range Formats() {
		if err := Write(full{}, f.Name, &Run{}, Options{}); err == nil || err.Error() != "writing the "+f.Name+" report: disk full" {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
