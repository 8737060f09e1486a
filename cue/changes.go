package cue

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// What changes do is data: operator/*/changes.cue has it for each operator, changes/general.cue for all, changes/schema.cue its meaning.
// The tests derive changes.json, so that nothing evaluates CUE for it, and only programs that ask for it contain it.

//go:embed changes/changes.json
var changesJSON []byte

// Changes is what changes of resources do.
type Changes struct {
	General   []ChangeRule               `json:"general"`
	Operators map[string]OperatorChanges `json:"operators"` // by name
}

// OperatorChanges is what changes of the resources of an operator do.
type OperatorChanges struct {
	Like     string       `json:"like,omitempty"`
	Stateful []Stateful   `json:"stateful,omitempty"`
	Changes  []ChangeRule `json:"changes,omitempty"`
}

// ChangeRule describes what happens when a field changes; the first that fits counts. See changes/schema.cue.
type ChangeRule struct {
	Kinds  []string `json:"kinds"`
	Path   string   `json:"path"`
	On     []string `json:"on,omitempty"`
	If     []string `json:"if,omitempty"`
	Class  string   `json:"class"`
	Risk   string   `json:"risk,omitempty"`
	Text   string   `json:"text"`
	Do     string   `json:"do,omitempty"`
	Rule   string   `json:"rule,omitempty"`
	Source string   `json:"source"`
}

// Stateful is where the resources of a kind have what decides about data.
type Stateful struct {
	Kinds      []string `json:"kinds"`
	If         []string `json:"if,omitempty"`
	Replicas   string   `json:"replicas"`
	Sentinels  string   `json:"sentinels,omitempty"`
	Image      string   `json:"image,omitempty"`
	Repository string   `json:"repository,omitempty"`
	// Apps are the versions in the images of a chart, by the first version of the chart.
	Apps       map[string]string `json:"apps,omitempty"`
	Version    string            `json:"version,omitempty"`
	Valkey     []string          `json:"valkey,omitempty"`
	Kept       []string          `json:"kept"`
	Retained   []string          `json:"retained"`
	Directives []string          `json:"directives,omitempty"`
	Texts      []string          `json:"texts,omitempty"`
	Default    string            `json:"default,omitempty"`
	Command    string            `json:"command,omitempty"`
	Labels     string            `json:"labels,omitempty"`
	Allow      string            `json:"allow,omitempty"`

	Survival *Survival `json:"survival,omitempty"` // nil is unknown
}

// Survival is what an operator does about losses.
type Survival struct {
	Sentinel       []string       `json:"sentinel,omitempty"`
	Watches        string         `json:"watches,omitempty"` // path of the name of the Redis that such a resource watches; "" if it is its own
	Failover       []Failover     `json:"failover"`
	Labels         bool           `json:"labels,omitempty"` // the operator labels the master, and a pod that is made again has no label
	Waits          []string       `json:"waits,omitempty"`  // conditions: it labels no other master while a pod ends, or does not answer
	Splits         bool           `json:"splits,omitempty"` // where nobody promotes, it leaves two pods that restart in one round masters
	Steps          []string       `json:"steps,omitempty"`  // conditions: the operator promotes a replica where sentinels have no majority
	Spread         string         `json:"spread,omitempty"`
	Affinity       []string       `json:"affinity,omitempty"`
	Topology       []string       `json:"topology,omitempty"`
	Budget         []string       `json:"budget,omitempty"`
	SentinelBudget SentinelBudget `json:"sentinelBudget,omitzero"`
	Save           string         `json:"save,omitempty"`
	AOF            ImageAOF       `json:"aof,omitzero"`
	Rollout        string         `json:"rollout"`
	Retain         string         `json:"retain,omitempty"`
	Keep           string         `json:"keep,omitempty"`
	Source         string         `json:"source"`
}

// SentinelBudget is the PodDisruptionBudget that an operator makes for sentinels, if a condition holds: it keeps so many of them, or 1 where
// Redis has no more pods than that.
type SentinelBudget struct {
	If    []string `json:"if"`
	Keeps int      `json:"keeps"`
}

// ImageAOF says when images of a repository turn the append-only file on, and which key of a ConfigMap may turn it off.
type ImageAOF struct {
	If     []string `json:"if"`
	Image  string   `json:"image"`  // the end of the repository
	Config string   `json:"config"` // path of the name of the ConfigMap
	Key    string   `json:"key"`
}

// Failover is who promotes a replica, if conditions hold: sentinels, operator, servers or nobody.
type Failover struct {
	If      []string `json:"if,omitempty"`
	Watched bool     `json:"watched,omitempty"` // and sentinels of another resource watch it
	By      string   `json:"by"`
}

// ChangeClasses are the kinds of consequences, as changes/schema.cue explains them.
func ChangeClasses() []string {
	return []string{"live", "roll", "roll-sentinels", "ignored", "later", "stuck", "rejected", "recreate", "destroy", "orphan", "clients"}
}

var knownChanges struct {
	once    sync.Once
	changes Changes
	err     error
}

// KnownChanges returns what changes do. It is shared: do not change it.
func KnownChanges() (*Changes, error) {
	knownChanges.once.Do(func() {
		if err := json.Unmarshal(changesJSON, &knownChanges.changes); err != nil {
			knownChanges.err = fmt.Errorf("embedded changes: %w", err)
		}
	})
	return &knownChanges.changes, knownChanges.err
}

// Of returns the facts about the resources of an operator: its own, and then those of the operator that it is like, or a fork of.
func (c *Changes) Of(o *Operator) OperatorChanges {
	own := c.Operators[o.Name]
	from := c.Operators[cmp.Or(own.Like, o.Fork)]
	return OperatorChanges{Stateful: slices.Concat(own.Stateful, from.Stateful), Changes: slices.Concat(own.Changes, from.Changes)}
}
