package finding

import "testing"

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		n          int
		noun, want string
	}{
		{0, "key", "0 keys"}, {1, "key", "1 key"}, {2, "key", "2 keys"}, {1, "entry", "1 entry"}, {2, "entry", "2 entries"},
		{1, "library", "1 library"}, {3, "library", "3 libraries"}, {1, "database", "1 database"},
	} {
		if got := Count(tt.n, tt.noun); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if got := Count(uint64(1), "key", "of type hash"); got != "1 key of type hash" {
		t.Error(got)
	}
	if Verb(1, "was", "were")+Verb(0, "was", "were") != "waswere" {
		t.Error("wrong form of a verb")
	}
}
