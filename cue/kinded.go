package cue

import (
	"encoding/json"
	"fmt"
	"sync"
)

// kinded are facts of an operator by the kind of the resources that they are about, in the order of operator.cue. Those of a kind are
// decoded when somebody first asks for them: most operators have no resource in a repository, and a linter starts with every commit.
type kinded[T any] []*ofKind[T]

type ofKind[T any] struct {
	Kind string          `json:"kind"`
	List json.RawMessage `json:"list"`

	once    sync.Once
	decoded []T
}

func (k *ofKind[T]) get() []T {
	k.once.Do(func() {
		if err := json.Unmarshal(k.List, &k.decoded); err != nil {
			panic(fmt.Errorf("embedded facts about %s: %w", k.Kind, err)) // TestKinded reads all
		}
	})
	return k.decoded
}

// of returns the facts about a kind. They are shared, and nobody changes them.
func (k kinded[T]) of(kind string) []T {
	for _, each := range k {
		if each.Kind == kind {
			return each.get()
		}
	}
	return nil
}

// all returns the facts about every kind.
func (k kinded[T]) all() []T {
	var all []T
	for _, each := range k {
		all = append(all, each.get()...)
	}
	return all
}

// add puts facts to those about a kind.
func (k *kinded[T]) add(kind string, facts ...T) error {
	var to *ofKind[T]
	for _, each := range *k {
		if each.Kind == kind {
			to = each
		}
	}
	if to == nil {
		to = &ofKind[T]{Kind: kind}
		*k = append(*k, to)
	}
	to.decoded = append(to.decoded, facts...)
	to.once.Do(func() {}) // they need no decoding
	var err error
	to.List, err = json.Marshal(to.decoded)
	return err
}

// kindedBy files facts by their kinds.
func kindedBy[T any](list []T, kind func(T) string) (kinded[T], error) {
	var out kinded[T]
	for _, each := range list {
		if err := out.add(kind(each), each); err != nil {
			return nil, err
		}
	}
	return out, nil
}
