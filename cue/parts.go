package cue

// Part is one kind of pods of a Redis, for what selects pods: policies, monitors and Services. Texts and conditions are those of a
// [Scheme]; of the parts of one name the first whose conditions hold counts.
type Part struct {
	If       []string          `json:"if,omitempty"`
	Name     string            `json:"name"` // redis, sentinel, leader, follower
	Labels   map[string]string `json:"labels"`
	Port     string            `json:"port"`               // that it listens on
	Replicas string            `json:"replicas,omitempty"` // "" is unknown
	API      bool              `json:"api,omitempty"`      // its containers call the Kubernetes API, or may
	Users    map[string]string `json:"users,omitempty"`    // labels of all pods that use these, those of other Redis instances too
	Metrics  *PartMetrics      `json:"metrics,omitempty"`  // nil if it has no exporter
}

// PartMetrics is the port of an exporter in the pods.
type PartMetrics struct {
	If   []string `json:"if,omitempty"`
	Name string   `json:"name"` // of the port of the container
	Port string   `json:"port"`
}

// WithoutAddon returns why an addon does not fit the operator, or the one that it is a fork of, or what to do instead; "" if it may fit.
func (o *Operator) WithoutAddon(name string) string {
	why := o.derived.WithoutAddons[name]
	if from := o.origin(); why == "" && from != nil {
		why = from.WithoutAddons[name]
	}
	return why
}

// AddonNote returns what somebody should know of an addon with the operator, or the one that it is a fork of; "" is nothing.
func (o *Operator) AddonNote(name string) string {
	note := o.derived.AddonNotes[name]
	if from := o.origin(); note == "" && from != nil {
		note = from.AddonNotes[name]
	}
	return note
}
