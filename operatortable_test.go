package redisgitops_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/cue"
)

// operatorColumns are what the tool does for an operator: whether it does, by the facts of the operator, and the tests of that.
var operatorColumns = []struct {
	name  string
	holds func(*cue.Operator) bool
	tests []string
}{
	{"base", func(o *cue.Operator) bool { return len(o.Recognise().Bases) > 0 }, []string{"instance.TestEveryOperatorRecognised"}},
	{"chart", func(o *cue.Operator) bool { return len(o.Recognise().Charts) > 0 }, []string{"instance.TestEveryOperatorRecognised"}},
	{"release", func(o *cue.Operator) bool { return len(o.Charts()) > 0 }, []string{"cue.TestChartValues"}},
	{"image", func(o *cue.Operator) bool { return len(o.Recognise().Images) > 0 }, []string{"instance.TestEveryOperatorRecognised"}},
	{"schema", hasSchema, []string{"cue.TestStructure", "cue.TestKindSchemas", "cue.TestTypos"}},
	{"url", func(o *cue.Operator) bool { return len(o.Schemes()) > 0 }, []string{"instance.TestNamesOfOperators", "instance.TestEveryOperator", "instance.TestFind"}},
	{"sentinel-url", hasSentinels, []string{"instance.TestNamesOfOperators", "instance.TestFind"}},
	{"generate", generates, []string{"cue.TestTemplateProfiles", "scaffold.TestOperators"}},
	{"cluster", func(o *cue.Operator) bool { return slices.Contains(o.Types, "cluster") }, []string{"scaffold.TestOperators", "scaffold.TestClusterOfShards"}},
	{"engine", func(o *cue.Operator) bool { return len(o.Engines) > 0 }, []string{"cue.TestTemplateEngines", "scaffold.TestEngine"}},
	{"lint", generates, []string{"lint.TestScaffolded"}},
	{"import", runs, []string{"cluster.TestOperators"}},
	{"doctor", runs, []string{"cluster.TestOperators"}},
	{"failover", func(o *cue.Operator) bool { return runs(o) && hasSentinels(o) }, []string{"cluster.TestOperators"}},
	{"corpus", hasExamples, []string{"lint.TestCorpus", "instance.TestCorpus"}},
}

// absentOf says why an operator has an empty cell.
var absentOf = map[string]map[string]string{
	"alauda":      {"chart": "no chart of its own is known", "generate": "not maintained as a way to move to", "lint": "nothing is generated"},
	"powerhome":   {"chart": "its chart installs the image of Spotahome", "generate": "a fork that has no users to move to it", "lint": "nothing is generated"},
	"saremox":     {"generate": "a fork that has no users to move to it", "lint": "nothing is generated"},
	"spotahome":   {"cluster": "the operator runs none"},
	"freshworks":  {"cluster": "the operator runs none"},
	"kubedb":      {"base": "installed from a chart only"},
	"reclaim":     {"base": "no operator", "chart": "no operator", "image": "no operator", "schema": "resources of Kubernetes", "generate": "--operator statefulset has a newer template", "lint": "nothing is generated"},
	"statefulset": {"base": "no operator", "chart": "no operator", "image": "no operator", "schema": "resources of Kubernetes", "corpus": "our own template", "cluster": "its scripts ask sentinels"},
	"workload": {
		"base": "no operator", "chart": "no operator", "image": "no operator", "schema": "resources of Kubernetes", "generate": "of somebody else's chart", "lint": "nothing is generated",
	},
	"dragonfly":        {"sentinel-url": "the operator moves a label", "generate": "a server of its own", "lint": "nothing is generated", "failover": "the operator does it", "corpus": "no example of its upstream is in it"},
	"hyperspike":       {"sentinel-url": "Valkey Cluster", "generate": "Valkey Cluster only", "lint": "nothing is generated", "failover": "Valkey Cluster does it", "corpus": "no example of its upstream is in it"},
	"valkey-operator":  {"sentinel-url": "Valkey Cluster", "generate": "not ready for production by its own words", "lint": "nothing is generated", "failover": "Valkey Cluster does it", "corpus": "no example of its upstream is in it"},
	"valkey-helm":      {"sentinel-url": "it has no sentinels"},
	"redis-enterprise": {"sentinel-url": "clients connect to one endpoint", "failover": "its own cluster does it", "cluster": "a database is one endpoint"},
}

// ofCharts says why an operator that is a chart has an empty cell.
var ofCharts = map[string]string{
	"base": "no operator", "chart": "no operator", "image": "no operator", "schema": "its values are free", "generate": "of somebody else's chart", "lint": "nothing is generated",
	"import": "in a cluster it is a workload", "doctor": "in a cluster it is a workload", "failover": "in a cluster it is a workload", "corpus": "in the repositories of its users",
}

// upstream are the directories of the corpus with the examples of an operator.
var upstream = map[string][]string{
	"alauda": {"alauda+redis-operator"}, "freshworks": {"freshworks-oss+redis-operator"}, "kubedb": {"kubedb+docs"}, "opstree": {"OT-CONTAINER-KIT+redis-operator"},
	"powerhome": {"powerhome+redis-operator"}, "reclaim": {"reclaim-the-stack+get-started"}, "redis-enterprise": {"RedisLabs+redis-enterprise-k8s-docs"},
	"saremox": {"Saremox+redis-operator"}, "spotahome": {"spotahome+redis-operator"}, "workload": {"eco2-team+backend"},
}

func hasSchema(o *cue.Operator) bool {
	_, err := os.Stat("cue/operator/" + o.Name + "/schema.cue")
	return err == nil
}

// runs is of an operator whose Redis instances a cluster shows; TestOperators wants a shape of each.
func runs(o *cue.Operator) bool { return len(o.Schemes()) > 0 && len(o.Charts()) == 0 }

func generates(o *cue.Operator) bool { return len(o.Types) > 0 }

func hasExamples(o *cue.Operator) bool { return len(upstream[o.Name]) > 0 }

func hasSentinels(o *cue.Operator) bool {
	for _, s := range o.Schemes() {
		if len(s.Sentinel) > 0 {
			return true
		}
	}
	return false
}

// TestOperatorTable prints which tests cover what the tool does for each operator. An operator that lacks something has a reason here, and each
// test is there and tries that operator.
func TestOperatorTable(t *testing.T) {
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{}
	for _, column := range operatorColumns {
		for _, test := range column.tests {
			if tests[test] = sourceOf(t, test); tests[test] == "" {
				t.Errorf("%s: there is no test %s", column.name, test)
			}
		}
	}
	var table strings.Builder
	for _, o := range operators {
		for _, column := range operatorColumns {
			why := absentOf[o.Name][column.name]
			if column.name == "release" && len(o.Charts()) == 0 {
				why = "installed by resources of its own"
			}
			if len(o.Charts()) > 0 && ofCharts[column.name] != "" {
				why = ofCharts[column.name]
			}
			if (column.name == "cluster" || column.name == "engine") && !generates(o) {
				why = "nothing is generated"
			}
			switch holds := column.holds(o); {
			case holds && why != "":
				t.Errorf("%s, %s: it is there, so remove the reason %q", o.Name, column.name, why)
			case !holds && why == "":
				t.Errorf("%s, %s: nothing; add it, or the reason to absentOf", o.Name, column.name)
			case holds:
				for _, test := range column.tests {
					if !everyOperator.MatchString(tests[test]) && !strings.Contains(tests[test], `"`+o.Name) && !strings.Contains(tests[test], "name: "+o.Name) {
						t.Errorf("%s, %s: %s does not try it", o.Name, column.name, test)
					}
				}
				why = strings.Join(column.tests, ", ")
			default:
				why = "(" + why + ")"
			}
			fmt.Fprintf(&table, "%-16s %-12s %s\n", o.Name, column.name, why)
		}
	}
	t.Logf("\n%s", table.String())
	if corpus := "../shared/corpus"; exists(corpus) {
		for name, dirs := range upstream {
			for _, dir := range dirs {
				if !exists(filepath.Join(corpus, dir)) {
					t.Errorf("%s: %s is not in the corpus", name, dir)
				}
			}
		}
	}
	for name := range absentOf {
		if !slices.ContainsFunc(operators, func(o *cue.Operator) bool { return o.Name == name }) {
			t.Errorf("there is no operator %s", name)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// everyOperator matches what a test goes through that is about all operators, or all examples.
var everyOperator = regexp.MustCompile(`(?i)\b(operators|operatorNames|generated|generatedNames|generatedTypes|examples|corpusRepos)\(|corpus \+`)

// sourceOf returns the text of a test, given as package.TestName; "" if the package has none.
func sourceOf(t *testing.T, test string) string {
	t.Helper()
	dir, name, _ := strings.Cut(test, ".")
	files, err := filepath.Glob(filepath.FromSlash(dir) + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?ms)^func ` + name + `\(.*?^}`)
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text := function.Find(src); text != nil {
			return string(text)
		}
	}
	return ""
}

// TestChartsDocumented: docs/policies.md has what a rule sees of each chart.
func TestChartsDocumented(t *testing.T) {
	src, err := os.ReadFile("docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	charts := 0
	for _, o := range operators {
		for _, c := range o.Charts() {
			if charts++; !strings.Contains(string(src), "`"+c.Values+"`") {
				t.Errorf("docs/policies.md does not name %s", c.Values)
			}
		}
	}
	if charts < 8 {
		t.Errorf("only %d charts", charts)
	}
}
