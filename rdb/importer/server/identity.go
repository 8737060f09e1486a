package server

import (
	"maps"
	"slices"
	"strings"
)

// An Identity distinguishes a server process and its data from another (INFO, run_id, master_replid, master_replid2).
type Identity struct {
	Run string `json:"run"`
	// Repl names the history of the data, Before the one that it goes on from: a replica that became a master, or a server
	// that was restarted with the data of another.
	Repl   string `json:"repl,omitempty"`
	Before string `json:"before,omitempty"`
}

func identityOf(info map[string]string) Identity {
	id := Identity{Run: info["run_id"], Repl: info["master_replid"]}
	if before := info["master_replid2"]; strings.Trim(before, "0") != "" {
		id.Before = before
	}
	if id.Run == "" && id.Repl != "" { // Dragonfly: of the process, too
		id.Run = id.Repl
	}
	return id
}

// goesOn reports that a server's data is what another one had, and what was written to it since. A process that was made a replica
// for a while has lost its own data without another run ID.
func (id Identity) goesOn(from Identity) bool {
	if from.Repl == "" {
		return id.Run != "" && id.Run == from.Run
	}
	return id.Repl == from.Repl || id.Before == from.Repl
}

// Descends reports that every node has data that one of the old nodes had confirmed. Without that, a key that is there may be
// another's.
func Descends(old, now map[string]Identity) bool {
	if len(old) == 0 {
		return false
	}
	for _, n := range now {
		if !slices.ContainsFunc(slices.Collect(maps.Values(old)), n.goesOn) {
			return false
		}
	}
	return true
}

// same compares the server at the other end with the one that was there before.
func (s *Known) same(node string, id Identity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Cluster && node == "" {
		return nil // any node
	}
	old, ok := s.ids[node]
	switch {
	case !s.fixed:
		if s.ids == nil {
			s.ids = map[string]Identity{}
		}
		s.ids[node] = id
	case !ok || old.Run != id.Run || old.Repl != "" && !id.goesOn(old):
		return &RestartedError{}
	}
	return nil
}

// Identities returns the processes of the target by node, "" for a server alone.
func (s *Known) Identities() map[string]Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids
}
