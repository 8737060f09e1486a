package cue

// Migrates is how a Redis moves to an operator, and from it. The sources are in its operator.cue; docs/migrating.md has the stages.
type Migrates struct {
	// Instead is why no Redis can be moved to this operator by a plan, and what to do; "" where one can.
	Instead string `json:"instead,omitempty"`

	// Follows: nothing makes a server of a new Redis the master while it follows another Redis and its sentinels watch nothing. Where
	// that is not so, Imports says why, and the data is imported.
	Follows bool   `json:"follows,omitempty"`
	Imports string `json:"imports,omitempty"`
	Source  string `json:"source,omitempty"` // of Imports, in the operator's repository

	// Adopts are operators whose resources this one takes over as they are, with their pods and volumes: nothing is copied.
	Adopts []string `json:"adopts,omitempty"`

	// Engines are the values that make a Redis run another engine, by its name.
	Engines map[string]map[string]string `json:"engines,omitempty"`

	// Drops are the values that are not taken over from another operator, with the reason.
	Drops map[string]string `json:"drops,omitempty"`

	// Claims are the PersistentVolumeClaims that are left when the resource is removed, with {name} for that of the resource and {i} for a
	// number from 0.
	Claims string `json:"claims,omitempty"`
}

// Migrates returns how a Redis moves to this operator, and from it.
func (o *Operator) Migrates() Migrates { return o.derived.Migrates }
