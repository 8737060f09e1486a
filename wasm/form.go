package wasm

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy/engine"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// form is what a new resource can be asked to be. The page shows it before this program is there, from web/src/form.json.
type form struct {
	Operators []formOperator `json:"operators"` // the default one, whose values the page asks for
	Auth      []string       `json:"auth"`
	// Remedies are the fields that make the finding of a rule about a new Redis go away.
	Remedies map[string]string `json:"remedies"`
}

// remedies are fields of the form, as fieldOf names them, by rule.
var remedies = map[string]string{
	"auth/missing": "auth", "auth/secret-not-found": "secret", "sec/network-policy": "set.networkPolicy",
	"mem/headroom": "set.memory", "mem/no-requests": "set.memory", "data/pvc-too-small": "set.disk", "data/ephemeral": "set.disk",
	"data/pvc-dies-with-cr": "set.keepAfterDeletion", "ha/sentinels-below-three": "set.sentinels", "ha/single-redis": "set.replicas",
	"ha/zero-means-three": "set.replicas", "op/image-floating": "set.image", "op/image-end-of-life": "set.image",
	"op/image-vulnerable": "set.image", "op/image-license": "set.image", "op/image-mismatch": "set.image", "op/image-below-6": "set.image",
	"rails/sidekiq-evicts": "set.policy", "name/too-long": "suffix",
}

type formOperator struct {
	Name     string        `json:"name"`
	Doc      string        `json:"doc"`
	Types    []string      `json:"types"`
	Profiles []formProfile `json:"profiles"`

	Engines map[string]map[string]string `json:"engines"` // the values that choose each

	Order  []string        `json:"order"`  // of the values
	Schema json.RawMessage `json:"schema"` // JSON Schema of the values
}

type formProfile struct {
	Name   string         `json:"name"`
	Doc    string         `json:"doc"`
	Size   bool           `json:"size"`
	Values map[string]any `json:"values"`
}

// formJSON returns the form in JSON, as the page is built with.
func formJSON() ([]byte, error) {
	o, err := cue.OperatorNamed(cue.DefaultOperator())
	if err != nil {
		return nil, err
	}
	of := formOperator{Name: o.Name, Doc: o.Doc, Types: o.Types, Profiles: []formProfile{}, Engines: o.Engines, Order: []string{}}
	if of.Schema, err = o.ResourceJSONSchema(); err != nil {
		return nil, err
	}
	values, err := o.Resolve("", nil, nil)
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		of.Order = append(of.Order, v.Key)
	}
	for _, p := range o.Profiles() {
		profile := formProfile{p.Name, p.Doc, p.Size, map[string]any{}}
		for _, v := range p.Values {
			profile.Values[v.Key] = v.Value
		}
		of.Profiles = append(of.Profiles, profile)
	}
	return json.MarshalIndent(form{Operators: []formOperator{of}, Auth: scaffold.AuthMethods(), Remedies: remedies}, "", "  ")
}

// named are the fields of the form whose content becomes a name, by what repo.CheckName calls it.
var named = map[string]string{
	"application name": "app", "suffix": "suffix", "deployment name": "name", "namespace": "namespace", "Secret name": "secret", "store name": "store",
}

// fieldOf returns the field of the form that a problem is about: "" if none.
func fieldOf(p *finding.Problem) string {
	switch p.Code {
	case repo.CodeName:
		return named[p.Subject]
	case scaffold.CodeRequest:
		return p.Subject
	}
	if key, ok := strings.CutPrefix(p.File, "--set "); ok {
		return "set." + key
	}
	return ""
}

type empty struct{}

func (s *Session) form(context.Context, empty) (any, error) {
	f, err := formJSON()
	return json.RawMessage(f), err
}

// rules returns the built-in rules.
func (s *Session) rules(context.Context, empty) (any, error) {
	rules, err := engine.Default().Rules()
	if err != nil {
		return nil, err
	}
	out := make([]finding.RuleInfo, len(rules))
	for i, r := range rules {
		out[i] = r.RuleInfo
	}
	return out, nil
}
