package wasm

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzRun: any call gets an answer in JSON, with a result or with problems, and never reaches a fault of the program.
func FuzzRun(f *testing.F) {
	for name := range calls() {
		f.Add(name, `{}`)
		f.Add(name, `null`)
		f.Add(name, `{"files": [{"path": "applications/x/values.yaml", "text": "a: [1"}], "app": "x", "type": "redis", "changes": [{"path": "../x", "text": "y"}]}`)
	}
	f.Add("open", `{"files": [{"path": ".redis-gitops.yaml", "text": "operator: {name: x}"}, {"path": "a", "base64": "!"}]}`)
	f.Add("plan", `{"command": "resource", "app": "shop", "set": {"memory": "1Gi"}, "force": true}`)
	f.Add("lint", `{"only": ["auth/*"], "paths": ["/"], "strict": true}`)
	f.Add("fix", `{"rule": "x", "file": "y", "line": -1}`)
	f.Fuzz(func(t *testing.T, name, request string) {
		s := session()
		for _, in := range []string{request, `{}`, request} { // an error leaves a session that goes on
			text := s.Run(t.Context(), name, []byte(in), nil)
			var out struct {
				Result json.RawMessage
				Error  *failure
			}
			if err := json.Unmarshal(text, &out); err != nil {
				t.Fatalf("%s(%s): %v in %s", name, in, err, text)
			}
			if out.Error != nil && (out.Error.Panic != "" || len(out.Error.Problems) == 0 || strings.TrimSpace(out.Error.Problems[0].Message) == "") {
				t.Errorf("%s(%s): %+v", name, in, out.Error)
			}
		}
	})
}
