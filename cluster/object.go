package cluster

import (
	"strconv"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
)

func at(data any, path ...string) any          { return cue.At(data, path...) }
func text(data any) string                     { return instance.Text(data) }
func stringMap(data any) map[string]string     { return instance.Texts(data) }
func nameOf(object map[string]any) string      { return text(at(object, "metadata", "name")) }
func namespaceOf(object map[string]any) string { return text(at(object, "metadata", "namespace")) }

func number(data any) int {
	n, _ := strconv.Atoi(text(data))
	return n
}
