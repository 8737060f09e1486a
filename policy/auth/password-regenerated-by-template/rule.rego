# METADATA
# title: Password changes with every render
# description: |-
#   A random function returns a new value each time the chart is rendered. Argo CD renders without cluster access,
#   where lookup returns nothing, so every sync sets a new password in the Secret. The operator uses the new password
#   immediately but the pods do not, which locks the operator out. Helm and Flux find the existing password with
#   lookup.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   remediation: |-
#     Generate the password once, outside of the chart: as a SealedSecret, or as an ExternalSecret with a generator
#     and a PushSecret.
#   general: true
#   since: 0.1.0
#   references:
#     - https://github.com/hcengineering/huly-selfhost/issues/321
#     - https://github.com/goharbor/harbor-helm/issues/1641
#     - https://github.com/spotahome/redis-operator/issues/568
#     - https://helm.sh/docs/chart_template_guide/functions_and_pipelines/#using-the-lookup-function
package redisgitops.auth["password-regenerated-by-template"]

deny contains {
	"message": sprintf("\"%s\" generates a new password on every render, because lookup returns nothing under Argo CD; generate it once, outside of the chart", [function]),
	"file": t.file,
	"line": i + 1,
} if {
	some t in data.repo.templates
	regex.match(`(?i)password|secret`, t.text)
	regex.match(`(?i)redis`, sprintf("%s %s", [t.file, t.text]))
	not looked_up_by_flux(t)
	some i, line in split(t.text, "\n")
	[[_, function]] := regex.find_all_string_submatch_n(`\{\{.*\b(rand(?:AlphaNum|Alpha|Numeric|Ascii|Bytes)|uuidv4)\b`, line, 1)
}

# Flux installs by Helm, in the cluster.
looked_up_by_flux(t) if {
	contains(t.text, "lookup")
	some r in data.repo.resources
	r.kind == "HelmRelease"
	path := trim_prefix(r.object.spec.chart.spec.chart, "./")
	startswith(t.file, sprintf("%s/", [path]))
}
