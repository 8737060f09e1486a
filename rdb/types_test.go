package rdb

import "testing"

// A release writes its version, and the first release of a version is named after it.
func TestReleases(t *testing.T) {
	for _, name := range Releases() {
		v := VersionFor(name)
		if !knownVersion(v) || ServerOf(v) == "" {
			t.Errorf("%s writes version %d of %q", name, v, ServerOf(v))
		}
	}
	for v, want := range map[int]string{0: "", 1: "Redis 1.2", 6: "Redis 2.6", 9: "Redis 5.0", 10: "Redis 7.0", 12: "Redis 7.4", 15: "Redis 8.10", 16: "", 79: "", 80: "Valkey 9.0", 81: "Valkey 9.2", 82: ""} {
		if got := ServerOf(v); got != want {
			t.Errorf("version %d: %q, want %q", v, got, want)
		}
	}
	if VersionFor("6.1") != 0 {
		t.Error("6.1 is known")
	}
}
