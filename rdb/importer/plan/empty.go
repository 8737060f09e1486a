package plan

import "github.com/redis-gitops/redis-gitops/rdb"

// MaxEmpty is more bytes than any encoding takes that has no element.
const MaxEmpty = 24

// IsEmpty reports that a value has no element. Servers leave such a key out when they load a dump.
func IsEmpty(e *rdb.Entry) bool {
	empty := true
	err := rdb.Decode(e, func(*rdb.Element) error { empty = false; return nil })
	return err == nil && empty
}
