package render

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/redis-gitops/redis-gitops/repo"
)

// TestValue holds our reading of YAML 1.1 from nodes against the parser that Helm has.
func TestValue(t *testing.T) {
	compare := func(name string, src []byte) bool {
		docs, err := repo.ParseDocuments(name, src)
		if err != nil || len(docs) != 1 {
			return false // Helm would read the first, an empty one too, or the last of two equal keys
		}
		var want any
		wantErr := yaml.Unmarshal(src, &want)
		got, err := value(docs[0].Node)
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%s: got error %v, want %v", name, err, wantErr)
		} else if err == nil && want != nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", name, got, want)
		}
		return true
	}
	for _, scalar := range []string{
		"1", "-1", "+1", "01", "0o17", "0x1f", "0X1F", "0b11", "-0b11", "1_000", "_1", "1__0", "1.0", "1.", ".5", "-.5", "+.5", "1e3", "1e+3", "1E-3", ".e3", "1.5e3x",
		"0.1_0", "12:30", "12:30:45", "190:20:30.15", "2024-01-02", "2024-01-02T03:04:05Z", "99999999999999999999", "-99999999999999999999", "18446744073709551615", "1e999",
		".inf", "-.inf", "+.INF", ".nan", ".NaN", ".Nan", "~", "null", "Null", "NULL", "nUll", "y", "Y", "yes", "Yes", "YES", "yEs", "n", "no", "on", "On", "OFF", "off",
		"true", "True", "TRUE", "tRue", "false", "'yes'", "\"1\"", "!!str 1", "!!int \"3\"", "!!float 3", "!!bool \"yes\"", "!custom 1", "!!binary aGk=", "1Mi", "0.5Gi", "007", "08", "0",
		"-", "+", ".", "-a", "=", "<<", "1,000", "0x", "0b", "1e", "e1", "Infinity", "0777", "-0777", "0.0", "-0", "1.10", "|\n  a\n  b", ">\n  a\n  b", "[1, yes, ~]", "{a: 1, 2: b}",
	} {
		compare(scalar, []byte("a: "+scalar+"\n"))
		compare("key "+scalar, []byte(scalar+": a\n"))
	}
	compare("merge", []byte("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], z: 5}\nd: {<<: *a, x: 0}\ne: {y: 9, <<: *b}\n"))
	files := 0
	for _, dir := range []string{"../examples", "../../shared/corpus", "../cue"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !isYAML(path) {
				return nil
			}
			src, err := os.ReadFile(path)
			if err == nil && compare(path, src) {
				files++
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	t.Log(fmt.Sprint(files, " files compared"))
}
