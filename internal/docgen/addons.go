package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
)

// addonsPage describes the addons, their values, and which operators have no use for one.
func addonsPage() (string, error) {
	operators, err := cue.Operators()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, generatedFrom, "cue/addon")
	b.WriteString(`# Addons

` + "`redis-gitops generate addon APP NAME KIND`" + ` adds something to a Redis of an application, whether generate made it or somebody wrote it:
a template and its values in values.yaml. It knows the pods, ports, exporters, sentinels and Secrets of the Redis from its resource and its
operator, as [url](cli/redis-gitops_url.md) does. As everything that generate makes, an addon is idempotent, is updated with
` + "`generate update`" + ` (which also renews what it knows of the Redis), listed with ` + "`list`" + ` and removed to the byte with ` + "`destroy addon`" + `. A Redis is
not destroyed while it has one.

` + "`generate addon APP NAME proxy --clients`" + ` also points the clients to the proxy: addresses of the master's Service in values and manifests of the
application, and of others in its namespace, become its URL. ` + "`destroy addon`" + ` changes them back.
`)
	for _, a := range cue.Addons() {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n| value | default | |\n|---|---|---|\n", a.Name, a.Doc)
		for _, v := range a.Values() {
			value := "–"
			if !v.Optional {
				value = fmt.Sprintf("`%v`", v.Value)
				if v.Value == "" {
					value = "`\"\"`"
				}
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Key, value, strings.ReplaceAll(v.Doc, "|", "\\|"))
		}
		for _, o := range operators {
			if why := o.WithoutAddon(a.Name); why != "" {
				fmt.Fprintf(&b, "\nNot for `%s`: %s.\n", o.Name, why)
			}
		}
	}
	return b.String(), nil
}

var (
	alertLine   = regexp.MustCompile(`(?m)^ +- alert: ([A-Za-z]+)\n(?:.*\n)*? +labels: \{ severity: ([a-z]+)`)
	runbookPage = regexp.MustCompile(`/([a-z-]+\.md)\n`)
)

// runbooksPage lists the runbooks of the alerts.
func runbooksPage() (string, error) {
	monitoring, err := cue.AddonNamed("monitoring")
	if err != nil {
		return "", err
	}
	text := string(monitoring.Template())
	alerts, pages := alertLine.FindAllStringSubmatch(text, -1), runbookPage.FindAllStringSubmatch(text, -1)
	if len(alerts) == 0 || len(alerts) != len(pages) {
		return "", fmt.Errorf("%d alerts and %d runbooks", len(alerts), len(pages))
	}
	var b strings.Builder
	fmt.Fprintf(&b, generatedFrom, "cue/addon/monitoring/template.yaml")
	b.WriteString("# Runbooks\n\nThe alerts of `redis-gitops generate addon APP NAME monitoring`, and what to do about each.\n\n| alert | severity |\n|---|---|\n")
	for i, a := range alerts {
		fmt.Fprintf(&b, "| [%s](%s) | %s |\n", a[1], pages[i][1], a[2])
	}
	return b.String(), nil
}
