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

// Moved is what a generated Redis has too of one that was not generated: of a release of a chart, or of a resource that another template wrote
// and whose names are those of the operator's own. Paths, texts and conditions are those of a [Scheme]; for a release they are about the
// resource that stands for it. Of several the first whose conditions hold counts.
type Moved struct {
	APIVersions []string `json:"apiVersions"`
	Kind        string   `json:"kind"`
	If          []string `json:"if,omitempty"`

	Engine string            `json:"engine"`          // redis or valkey
	Image  string            `json:"image"`           // the path of the mapping with registry, repository, tag and digest
	Lines  map[string]string `json:"lines,omitempty"` // of the engine, by the first version of the chart that has it

	Cannot  []MigratedReason `json:"cannot,omitempty"`  // why it cannot be migrated
	Imports []MigratedReason `json:"imports,omitempty"` // why the new Redis cannot follow it

	// Passwords are paths of passwords in plain text. Where there are none and no Secret is named, the chart generates one.
	Passwords []string `json:"passwords,omitempty"`

	// Values are those of the new Redis by name; the first alternative that the release has counts.
	Values map[string][]MigratedValue `json:"values"`

	// Config are paths of texts with directives of Redis; Directives are the values of the new Redis that set one, by its name.
	Config     []string          `json:"config"`
	Directives map[string]string `json:"directives"`

	Unread  []string          `json:"unread,omitempty"`  // paths below which the chart reads nothing
	Settled []string          `json:"settled,omitempty"` // paths that the migration itself is about
	Drops   map[string]string `json:"drops,omitempty"`   // why what is at a path, or below it, is not carried over

	Claims []MigratedClaim `json:"claims,omitempty"`
}

// MigratedReason is a reason for what holds under conditions.
type MigratedReason struct {
	If     []string `json:"if"`
	Reason string   `json:"reason"`
}

// MigratedValue is where a value comes from: a path, or a value of its own.
type MigratedValue struct {
	If    []string `json:"if,omitempty"`
	Path  string   `json:"path,omitempty"`
	Value any      `json:"value,omitempty"`
	Plus  int      `json:"plus,omitempty"` // is added to a number at the path
}

// MigratedClaim names the PersistentVolumeClaims of a part of the release. Of one part the first whose conditions hold counts.
type MigratedClaim struct {
	Of      string     `json:"of"` // the part
	If      []string   `json:"if,omitempty"`
	Kept    []string   `json:"kept"`              // conditions: it has volumes
	Name    string     `json:"name"`              // with {name} of the release and {i}
	Count   string     `json:"count,omitempty"`   // of {i}; "" for one
	Removed [][]string `json:"removed,omitempty"` // conditions, of which one list means that they are removed with the release
}

// MovedOf returns the facts about the resources of a kind. They are shared, and nobody changes them.
func (o *Operator) MovedOf(kind string) []Moved { return o.derived.Moves.of(kind) }

// Migrates returns how a Redis moves to this operator, and from it.
func (o *Operator) Migrates() Migrates { return o.derived.Migrates }
