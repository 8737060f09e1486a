# METADATA
# title: Image is gone from its registry or frozen there
# description: |-
#   In 2025 Bitnami removed the versions of its images from docker.io/bitnami: a pod that moves to another node cannot pull its
#   image and stays in ImagePullBackOff. Copies in docker.io/bitnamilegacy get no updates, so each vulnerability found since then
#   is open. Bitnami closed public.ecr.aws/bitnami in June 2026.
# custom:
#   kinds: [redis, Application, CronJob, DaemonSet, HelmRelease, Job, Pod]
#   since: 0.2.0
#   remediation: |-
#     Use an image of redis or valkey/valkey with your own manifests, an operator, or another chart: the charts of Bitnami do not
#     start these images. Until then, use a mirror of the old image.
#   references:
#     - https://github.com/bitnami/charts/issues/35164
#     - https://github.com/bitnami/charts/issues/36313
#     - https://github.com/bitnami/charts/issues/36537
package redisgitops.op["image-registry-gone"]

import data.redisgitops.lib.images
import data.redisgitops.lib.known
import data.redisgitops.lib.operators
import data.redisgitops.lib.places

deny contains {
	"message": sprintf("\"%s\" was removed from its registry on %s, so new pods cannot pull it; use another image", [p.image, p.repository.gone]),
	"path": p.path,
} if {
	some p in published
	p.repository.gone
	not kept(p)
	not told(p)
}

deny contains {
	"message": sprintf("\"%s\" has had no updates since %s; use another image", [p.image, p.repository.frozen]),
	"path": p.path,
	"severity": "warning",
} if {
	some p in published
	p.repository.frozen
}

deny contains {
	"message": sprintf("chart %s %s of Bitnami uses images that were removed from docker.io/bitnami on %s; use another chart, or set its images", [c.chart, c.version, known.owners["docker.io/bitnami"].gone]),
	"path": c.path,
} if {
	some c in charts
	dead(c.chart, c.version)
	not other_images(c.values)
}

# A subchart, or a chart of a kustomization.
deny contains {
	"message": sprintf("chart %s %s of Bitnami uses images that were removed from docker.io/bitnami on %s; use another chart, or set its images", [name, input.metadata.version, known.owners["docker.io/bitnami"].gone]),
	"path": ["metadata", "version"],
} if {
	input.kind == "Chart"
	input.metadata.installer == ""
	startswith(input.apiVersion, "bitnami/")
	name := trim_prefix(input.apiVersion, "bitnami/")
	object.get(input.spec, "enabled", true) != false
	dead(name, input.metadata.version)
	not other_images(input.spec)
}

# The version of the chart is reported, and another tag of its images does not help.
told(p) if {
	p.own == false
	dead(trim_prefix(input.apiVersion, "bitnami/"), input.metadata.version)
}

# Charts of Bitnami that the input installs. A HelmRelease only names its repository.
charts := array.concat(
	[{"chart": s.source.chart, "version": s.source.targetRevision, "path": array.concat(s.path, ["targetRevision"]), "values": object.get(s.source, "helm", {})} |
		input.kind == "Application"
		some s in operators.sources(input)
		regex.match(`(^|//)(charts\.bitnami\.com/bitnami|(registry-1\.)?docker\.io/bitnamicharts|public\.ecr\.aws/bitnami)(/|$)`, s.source.repoURL)
	],
	[{"chart": spec.chart, "version": spec.version, "path": ["spec", "chart", "spec", "version"], "values": object.filter(input.spec, ["values", "valuesFrom"])} |
		input.kind == "HelmRelease"
		spec := input.spec.chart.spec
		contains(spec.sourceRef.name, "bitnami")
	],
)

# Before version 24 the chart redis names versions of images; no image of Valkey is left. Ranges count by where they begin.
dead("redis", version) if {
	[parts] := regex.find_all_string_submatch_n(`^[~^>=v ]*([0-9]{1,3})(\.|$)`, version, 1)
	to_number(parts[1]) < 24
}

dead("valkey", version) if version != ""

# Values that set images, or that are elsewhere.
other_images(values) if {
	walk(values, [at, _])
	some step in at
	step in {"repository", "registry", "imageRegistry", "digest", "valueFiles", "valuesFrom"}
}

other_images(values) if {
	walk(values, [_, text])
	is_string(text)
	regex.match(`repository|egistry|digest`, text)
}

published := [object.union(p, {"ref": ref, "repository": images.repository(ref)}) |
	some p in places.all
	ref := images.reference(p.image)
]

# The chart chooses the tag.
kept(p) if p.untagged

# Tags that the registry has, and images pinned by digest, which it may have.
kept(p) if p.ref.digest != ""

kept(p) if p.ref.tag in p.repository.kept

kept(p) if {
	p.ref.tag == ""
	"latest" in p.repository.kept
}
