package preflight

import (
	"errors"
	"slices"
)

// notItself refuses a target that is the source, or replicates it or from it: emptying the one would empty the other.
func (ch *checker) notItself() error {
	if ch.Source.Live == nil {
		return nil
	}
	for _, id := range ch.Server.Identities() {
		if slices.Contains(ch.Source.Live.IDs, id.Run) || slices.Contains(ch.Source.Live.IDs, id.Repl) {
			return errors.New("source and target are the same server, or a master and its replica; pass two different servers")
		}
	}
	return nil
}
