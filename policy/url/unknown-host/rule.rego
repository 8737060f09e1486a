# METADATA
# title: URL points to a Service that does not exist
# description: |-
#   No Service with this name exists in the repository and no operator creates one, so the host name does not
#   resolve. Usually the Redis was renamed, or the URL was copied from another application.
# custom:
#   scope: repository
#   fix: 'suggested: sets the only matching Service'
#   since: 0.1.0
#   remediation: Use the name of the Redis Service.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/names.go:10-47
package redisgitops.url["unknown-host"]

import data.redisgitops.lib.group
import data.redisgitops.lib.services
import data.redisgitops.lib.url
import data.redisgitops.lib.words

deny contains object.union(
	{
		"message": sprintf("Service \"%s\" is not in the repository%s; %s", [host.service, where(host.namespace), remedy(near, all)]),
		"resource": reference.resource,
		"path": reference.path,
		"absent": {"namespace": host.namespace, "name": host.service},
	},
	fix(reference, host, near),
) if {
	count(data.repo.redis) > 0
	some reference in url.references
	some host in reference.hosts
	host.pod == ""
	count(services.namespaces(host.service)) == 0
	not foreign(host)
	all := candidates(reference, host)
	near := words.near(host.service, all)
}

# A host counts as ours when the operator's prefix says so, or when a Redis of this repository is in the same namespace and nothing
# that comes from elsewhere, such as a chart, brings Services there.
foreign(host) if {
	not regex.match(`^rf(s|rm|rs)-`, host.service)
	not managed[host.namespace]
}

# Of url/rfr-service, and of url/rfrm-not-in-version when there is such a Redis.
foreign(host) if startswith(host.service, "rfr-")

foreign(host) if {
	regex.match(`^rfr[ms]-`, host.service)
	services.redis_by_name[substring(host.service, 5, -1)]
}

# What an operator makes beside the Services of clients, in some version or with some fields.
foreign(host) if {
	name := regex.replace(host.service, `(-leader|-follower|-master|-replica|-sentinel|-shard)?[-0-9]*-(additional|headless|metrics|stats|pods|[0-9]+)$`, "")
	name != host.service
	some i in services.redis_by_name[name]
	data.repo.redis[i].kind != "RedisFailover"
}

# What an object of a kind that nobody here knows makes, such as a KubeBlocks Cluster, has its name or one with it in it.
foreign(host) if {
	not url.no_service(host)
	words := split(host.service, "-")
	count(words) <= 12
	some from in numbers.range(0, count(words) - 1)
	some to in numbers.range(from + 1, count(words))
	borne(concat("-", array.slice(words, from, to)), host.namespace)
}

borne(name, namespace) if bearers[[namespace, name]]

borne(name, namespace) if {
	namespace != ""
	bearers[["", name]]
}

borne(name, "") if name in bearing

# bearers are the custom objects of which no operator known here makes a Redis, by namespace and name.
bearers := {[r.namespace, r.name]: true |
	some r in data.repo.resources
	custom(r)
	not r.id in redis_ids
}

bearing := {key[1] | some key, _ in bearers}

redis_ids := {redis.resource | some redis in data.repo.redis}

# custom reports whether a resource is of a custom resource definition, and of none that is known to make no Service of its own.
custom(r) if {
	group := split(r.apiVersion, "/")[0]
	contains(group, ".")
	not regex.match(`(^|\.)(k8s\.io|argoproj\.io|fluxcd\.io|bitnami\.com|external-secrets\.io|cert-manager\.io|coreos\.com|kyverno\.io|spotahome\.com|istio\.io|cilium\.io|projectcalico\.org|keda\.sh|traefik\.io|traefik\.containo\.us)$`, group)
}

managed := {key: value | some key, value in each_managed}

each_managed[redis.namespace] if {
	some redis in data.repo.redis
	redis.namespace != ""
	not elsewhere[redis.namespace]
	not elsewhere[""]
}

# elsewhere are the namespaces that charts, remote bases and releases of elsewhere go to; "" when one does not say.
elsewhere := {key: value | some key, value in each_elsewhere}

each_elsewhere[namespace] if {
	some r in data.repo.resources
	r.kind == "Application"
	some s in array.concat([object.get(r.object, ["spec", "source"], {})], object.get(r.object, ["spec", "sources"], []))
	namespace := object.get(r.object, ["spec", "destination", "namespace"], "")
	brings(s, namespace)
}

# brings reports whether a source of an Application is not of this repository: a chart, or a folder that is not here.
brings(source, namespace) if {
	chart := object.get(source, "chart", "")
	chart != ""
	not of_operator(chart)
	not [namespace, chart] in released
}

# The charts whose Services are known, although their templates are not in the repository.
released := {[r.namespace, r.object.metadata.chart] |
	some r in data.repo.resources
	r.kind == "Chart"
}

# of_operator: the chart of the operator brings no Service for clients.
of_operator(chart) if {
	is_string(chart)
	endswith(chart, "redis-operator")
}

brings(source, _) if {
	folder := trim(trim_prefix(object.get(source, "path", ""), "./"), "/")
	not folder in {"", "."}
	not folder in folders
}

folders := {r.unit | some r in data.repo.resources} | {a.dir | some a in data.repo.applications}

each_elsewhere[namespace] if {
	some r in data.repo.resources
	r.kind in {"HelmRelease", "HelmChart"}
	chart := object.get(r.object, ["spec", "chart", "spec", "chart"], object.get(r.object, ["spec", "chart"], ""))
	not of_operator(chart)
	namespace := object.get(r.object, ["spec", "targetNamespace"], r.namespace)
	not [namespace, chart] in released
}

each_elsewhere[namespace] if {
	some d in data.repo.documents
	d.type == "kustomization"
	some list in ["resources", "bases", "helmCharts"]
	some entry in d.data[list]
	remote(entry)
	namespace := object.get(d.data, "namespace", "")
}

each_elsewhere[namespace] if {
	some d in data.repo.documents
	d.type == "chart"
	namespace := object.get(namespaces, d.file, "")
	some dependency in object.get(d.data, "dependencies", [])
	not [namespace, object.get(dependency, "alias", dependency.name)] in released
}

namespaces := {key: value | some key, value in each_namespaces}

each_namespaces[a.chart.file] := a.namespace if some a in data.repo.applications

remote(entry) if is_object(entry)

remote(entry) if {
	is_string(entry)
	regex.match(`^(https?://|git@|ssh://|github\.com)`, entry)
	not contains(entry, "redis-operator")
}

where("") := ""

where(namespace) := sprintf(" in namespace \"%s\"", [namespace]) if namespace != ""

# candidates are the Services of that use of the Redis in the same namespace.
candidates(reference, host) := sort(object.get(leading, [[host.namespace, role(reference, host)]], set()))

leading := {key: value | some key, value in each_leading}

each_leading := group.by([[[e.namespace, e.role], name] |
	some name, endpoints in services.ways
	some e in endpoints
])

role(reference, host) := "sentinels" if {
	url.sentinel(reference)
} else := "sentinels" if {
	host.port == 26379
} else := "sentinels" if {
	startswith(host.service, "rfs-")
} else := "writes"

remedy(near, all) := sprintf("did you mean \"%s\"?", [concat("\" or \"", array.slice(near, 0, 3))]) if {
	count(near) > 0
} else := sprintf("existing: \"%s\"", [concat("\" and \"", array.slice(all, 0, 3))]) if {
	count(all) > 0
} else := "fix the name"

fix(reference, host, [name]) := {"fix": object.union(
	url.replaced(reference, url.with_host(reference, host, replace(host.text, host.service, name))),
	{"suggested": "the name is a guess, and the Service may be created outside of this repository"},
)} if {
	count(split(reference.text, host.service)) == 2
} else := {}

fix(_, _, near) := {} if count(near) != 1
