package plan

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/rdb"
)

func text(db int, key string) rdb.Entry {
	return rdb.Entry{DB: db, Key: []byte(key), Type: rdb.TypeString, Raw: rdb.AppendString(nil, []byte("value"))}
}

// moduleValue is a key of a module that no server here has.
func moduleValue(t *testing.T, key, module string) rdb.Entry {
	t.Helper()
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	id := uint64(0)
	for _, c := range []byte(module) {
		id = id<<6 | uint64(strings.IndexByte(letters, c))
	}
	raw := binary.BigEndian.AppendUint64([]byte{0x81}, id<<10)
	raw = append(raw, 2, 7, 0) // an integer, then the end
	return rdb.Entry{Key: []byte(key), Type: rdb.TypeModule2, Raw: raw, Module: module}
}

func TestNeeds(t *testing.T) {
	for _, tt := range []struct {
		version int
		entry   rdb.Entry
		want    string
		modules int
	}{
		{8, text(0, "a"), "Redis 4.0 and later, and Valkey, can load", 0},
		{11, text(0, "a"), "Redis 7.2 and later, and Valkey, can load", 0},
		{12, text(0, "a"), "Redis 7.4 and later can load, but not Valkey", 0},
		{80, text(0, "a"), "Valkey 9.0 and later can load, but not Redis", 0},
		{8, rdb.Entry{Key: []byte("s"), Type: rdb.TypeSetListpack, Raw: rdb.AppendString(nil, []byte{10, 0, 0, 0, 1, 0, 0x81, 'a', 2, 0xff})}, "Redis 7.2 and later, and Valkey, can load", 0},
		{8, moduleValue(t, "v", "vectorset"), "Redis 8.0 and later can load, but not Valkey", 1},
		{8, moduleValue(t, "m", "fakemodul"), "Redis 4.0", 1},
	} {
		var n Needs
		if err := n.Add(&tt.entry); err != nil {
			t.Fatal(err)
		}
		if got := n.Servers(tt.version); !strings.HasPrefix(got, tt.want) {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		if len(n.Modules()) != tt.modules || len(n.Missing(nil)) != tt.modules || len(n.Missing([]string{"fakemodul", "vectorset"})) != 0 {
			t.Errorf("modules %q, missing %q", n.Modules(), n.Missing(nil))
		}
	}
	var n Needs
	e := text(0, "a")
	if err := n.Add(&e); err != nil {
		t.Fatal(err)
	}
	if err := n.Add(&e); err == nil {
		t.Error("a key that is there twice was not noticed")
	}
}
