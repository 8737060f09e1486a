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
	once   sync.Once
	pool   policy.Values
	packed []byte // see [packing]; nil when value is there
	value  policy.Value
	err    error
}

// packing keeps values as bytes: in the way of their engine, or as JSON.
func packing(pool policy.Values) policy.Packer {
	if p, ok := pool.(policy.Packer); ok {
		return p
	}
	return jsonPacker{pool}
}

type jsonPacker struct{ policy.Values }

// Pack implements [policy.Packer].
func (jsonPacker) Pack(value policy.Value) ([]byte, error) {
	data, err := value.Plain()
	if err != nil {
		return nil, err
	}
	return json.Marshal(data)
}

// Unpack implements [policy.Packer].
func (p jsonPacker) Unpack(packed []byte) (policy.Value, error) {
	var data any
	if err := fromJSON(packed, &data); err != nil {
		return nil, err
	}
	made := holding(p.Values, policy.Numbers(data))
	return made.value, made.err
}

// holding returns plain data as it is kept.
func holding(pool policy.Values, data any) *held {
	h := &held{pool: pool}
	if h.value, h.err = pool.Value(data); h.err == nil {
		h.value = pool.Share(h.value)
	}
	return h
}

// pack returns the data as bytes.
func (h *held) pack() ([]byte, error) {
	if h.packed != nil {
		return h.packed, nil
	}
	value, err := h.get()
	if err != nil {
		return nil, err
	}
	return packing(h.pool).Pack(value)
}

// get returns the value.
func (h *held) get() (policy.Value, error) {
	h.once.Do(func() {
		if h.packed != nil {
			h.value, h.err = packing(h.pool).Unpack(h.packed)
			h.packed = nil
		}
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
	files [][]byte // see [packing]
}

// opened returns the chart with all that is known of it. flows are those that were read before, by their JSON.
func (c *chartModel) opened(pool policy.Values, flows map[string]model.Flow) (*chartModel, error) {
	if c.kept == nil {
		return c, nil
	}
	flow, known := flows[string(c.kept.flow)]
	if !known {
		var kept model.KeptFlow
		if err := json.Unmarshal(c.kept.flow, &kept); err != nil {
			return nil, err
		}
		flow = model.FlowOf(kept)
		flows[string(c.kept.flow)] = flow
	}
	out := &chartModel{name: c.name, flow: flow}
	for i, file := range c.kept.names {
		value, err := packing(pool).Unpack(c.kept.files[i])
		if err != nil {
			return nil, err
		}
		out.files = append(out.files, model.ValuesFile{File: file, Data: value})
	}
	return out, nil
}
