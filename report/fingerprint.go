package report

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

// fingerprints sets an identifier of each finding that outlives changes of lines and wording: of rule, file, resource and path, and
// of its place among those that agree in all of these, so that no two are equal.
func fingerprints(fs []*finding.Finding) map[*finding.Finding]string {
	seen := make(map[string]int)
	out := make(map[*finding.Finding]string, len(fs))
	for _, f := range fs {
		parts := []string{f.Rule, f.File}
		if r := f.Resource; r != nil {
			group, _, grouped := strings.Cut(r.APIVersion, "/")
			if !grouped {
				group = ""
			}
			parts = append(parts, group, r.Kind, r.Namespace, r.Name)
		}
		key := strings.Join(append(parts, f.Path...), "\x00")
		sum := sha256.Sum256([]byte(key + "\x00" + strconv.Itoa(seen[key])))
		seen[key]++
		out[f] = hex.EncodeToString(sum[:16])
	}
	return out
}
