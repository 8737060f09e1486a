package lint

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/policy"
)

// held is data as rules see it. What comes from a [Keeper] is made when somebody asks for it.
type held struct {
	once  sync.Once
	pool  policy.Values
	text  []byte // as JSON; nil when value is there
	value policy.Value
	err   error
}

// get returns the value.
func (h *held) get() (policy.Value, error) {
	h.once.Do(func() {
		if h.text == nil {
			return
		}
		var data any
		if h.err = fromJSON(h.text, &data); h.err == nil {
			h.value, h.err = h.pool.Value(policy.Numbers(data))
		}
		h.text = nil
	})
	return h.value, h.err
}

// plain returns the value as plain data.
func (h *held) plain() (any, error) {
	value, err := h.get()
	if err != nil {
		return nil, err
	}
	return value.Plain()
}

func fromJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// keptValues are the flow of a chart as JSON, and its values files.
type keptValues struct {
	flow  []byte
	names []string
	texts [][]byte // as JSON
}

// opened returns the chart with all that is known of it.
func (c *chartModel) opened(pool policy.Values) (*chartModel, error) {
	if c.kept == nil {
		return c, nil
	}
	var flow model.KeptFlow
	if err := json.Unmarshal(c.kept.flow, &flow); err != nil {
		return nil, err
	}
	out := &chartModel{name: c.name, flow: model.FlowOf(flow)}
	for i, file := range c.kept.names {
		value, err := (&held{pool: pool, text: c.kept.texts[i]}).get()
		if err != nil {
			return nil, err
		}
		out.files = append(out.files, model.ValuesFile{File: file, Data: value})
	}
	return out, nil
}
