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

// holding returns plain data as it is kept.
func holding(pool policy.Values, data any) *held {
	h := &held{}
	if h.value, h.err = pool.Value(data); h.err == nil {
		h.value = pool.Share(h.value)
	}
	return h
}

// json returns the data as JSON.
func (h *held) json() ([]byte, error) {
	if h.text != nil {
		return h.text, nil
	}
	data, err := h.plain()
	if err != nil {
		return nil, err
	}
	return json.Marshal(data)
}

// get returns the value.
func (h *held) get() (policy.Value, error) {
	_, err := h.open()
	return h.value, err
}

// open makes the value if it is not there yet, of data that it then returns.
func (h *held) open() (data any, err error) {
	h.once.Do(func() {
		if h.text == nil {
			return
		}
		if h.err = fromJSON(h.text, &data); h.err == nil {
			data = policy.Numbers(data)
			made := holding(h.pool, data)
			h.value, h.err = made.value, made.err
		}
		h.text = nil
	})
	return data, h.err
}

// plain returns the value as plain data.
func (h *held) plain() (any, error) {
	data, err := h.open()
	if data == nil && err == nil {
		return h.value.Plain()
	}
	return data, err
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
