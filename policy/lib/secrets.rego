# The Secrets of the repository: Secret manifests, and Secrets that a controller creates from a resource in the repository.
package redisgitops.lib.secrets

import data.redisgitops.lib.group
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.references
import data.redisgitops.lib.workloads

# Kinds that create a Secret, with the path of its name (or else their own name) and the paths of its keys.
name_at := {
	"BitwardenSecret": ["spec", "secretName"],
	"Certificate": ["spec", "secretName"],
	"ClusterExternalSecret": ["spec", "externalSecretSpec", "target", "name"],
	"DopplerSecret": ["spec", "managedSecret", "name"],
	"ExternalSecret": ["spec", "target", "name"],
	"HCPVaultSecretsApp": ["spec", "destination", "name"],
	"InfisicalSecret": ["spec", "managedSecretReference", "secretName"],
	"OnePasswordItem": ["metadata", "name"],
	"SealedSecret": ["metadata", "name"], # the template's name does not count, see Unseal of sealed-secrets
	"Secret": ["metadata", "name"],
	"VaultDynamicSecret": ["spec", "destination", "name"],
	"VaultPKISecret": ["spec", "destination", "name"],
	"VaultSecret": ["metadata", "name"],
	"VaultStaticSecret": ["spec", "destination", "name"],
}

# The sources of Secrets: {"resource": id, "unit", "set", "namespace", "name", "keys": {"password": path, …}, "complete"}.
# complete means that there are no other keys. Values are not included.
providers := array.concat(
	[p |
		some r in data.repo.resources
		path := name_at[r.kind]
		name := object.get(r.object, path, r.name)
		is_string(name)
		p := {
			"resource": r.id, "unit": r.unit, "set": r.set, "namespace": namespace(r), "name": name,
			"keys": keys(r), "complete": complete(r),
		}
	],
	[p |
		some r in data.repo.resources
		r.kind == "SopsSecret"
		some template in r.object.spec.secretTemplates
		p := {
			"resource": r.id, "unit": r.unit, "set": r.set, "namespace": r.namespace, "name": template.name,
			"keys": {}, "complete": false,
		}
	],
)

# The namespace of the Secret; "" if it may be any, because a controller copies it to other namespaces.
namespace(r) := "" if {
	r.kind == "ClusterExternalSecret"
} else := "" if {
	some key, _ in r.object.metadata.annotations
	regex.match(`reflector\.|replicator\.|replicate|appscode\.com/kubed`, key)
} else := r.namespace

keys(r) := {key: path |
	some place in ["data", "stringData"]
	some key, _ in r.object[place]
	path := [place, key]
} if {
	r.kind == "Secret"
} else := {key: path |
	some place in [["spec", "encryptedData"], ["spec", "template", "data"]]
	some key, _ in object.get(r.object, place, {})
	path := array.concat(place, [key])
} if {
	r.kind == "SealedSecret"
} else := {key: path |
	some key, _ in r.object.spec.target.template.data
	path := ["spec", "target", "template", "data", key]
} if {
	r.kind == "ExternalSecret"
	is_object(r.object.spec.target.template.data)
} else := {entry.secretKey: path |
	some i, entry in r.object.spec.data
	path := ["spec", "data", i, "secretKey"]
} if {
	r.kind == "ExternalSecret"
} else := {}

complete(r) if {
	r.kind in {"Secret", "SealedSecret"}
	not generated(r)
} else if {
	r.kind == "ExternalSecret"
	not r.object.spec.dataFrom
	not r.object.spec.target.template.templateFrom
} else := false

# Resources whose Secret gets its data from elsewhere.
generated(r) if {
	count(keys(r)) == 0
}

generated(r) if {
	some key, _ in r.object.metadata.annotations
	regex.match(`avp\.kubernetes\.io|secret-generator|vault|replicate-from`, key)
}

# The providers by the name of the Secret.
named := {name: found |
	some name in names
	found := [p | some p in providers; p.name == name]
}

# The providers of the Secret that a RedisFailover refers to, in its namespace.
for_redis(r) := of_name(r, redisfailover.secret(r.object))

# The providers of a Secret for a resource, in its namespace.
of_name(r, name) := [p |
	some p in anywhere(r, name)
	same_namespace(p.namespace, r.namespace)
]

# The providers of a name in any namespace of the cluster of a resource.
anywhere(r, name) := [p |
	name in names # few Secrets are in the repository
	some i in candidates(by_name, r, name)
	p := providers[i]
	meets(p, r)
]

names := {p.name | some p in providers}

# The number of providers of one name that one resource is compared with, so that the work stays linear. The resource's own unit
# and namespace always come first.
most := 16

# The indexes of providers, in ascending order.
candidates(index, r, text) := sort({i |
	some scope in scopes(r)
	some i in object.get(index, [[text, scope]], [])
})

scopes(r) := {["unit", r.unit, r.set], ["namespace", r.namespace], ["namespace", ""], ["all"]}

# The resources that a provider can be for.
scopes_of(p) := [["unit", p.unit, p.set], ["namespace", p.namespace], ["all"]]

by_name := {key: array.slice(sort(found), 0, most) | some key, found in named_in}

named_in := group.by([[[p.name, scope], i] |
	some i, p in providers
	some scope in scopes_of(p)
])

by_key := {key: array.slice(sort(found), 0, most) | some key, found in keyed_in}

keyed_in := group.by([[[key, scope], i] |
	some i, p in providers
	some key, _ in p.keys
	some scope in scopes_of(p)
])

by_slip := {key: array.slice(sort(found), 0, most) | some key, found in slipped_in}

slipped_in := group.by([[[slip, scope], i] |
	some i, p in providers
	some slip in deletions(p.name)
	some scope in scopes_of(p)
])

# The units that provide a Secret of a name.
units := {name: {p.unit | some p in found} | some name, found in named}

# The namespaces with a Secret of a name; "" if it may be any.
namespaces := {name: {p.namespace | some p in found} | some name, found in named}

# Whether two resources can be in one cluster, and are not two ways to deploy one directory.
meets(p, r) if p.unit != r.unit

meets(p, r) if {
	p.unit == r.unit
	p.set == r.set
}

# Whether two namespaces may be the same; "" is unknown.
same_namespace(a, b) if a == b

same_namespace("", b) if b != ""

same_namespace(a, "") if a != ""

# The value of a Secret key as Redis receives it. Undefined if it is encrypted or filled in later. Never print it.
value(object, key) := text if {
	text := object.stringData[key]
	is_string(text)
	not filled_in(object, text)
} else := text if {
	encoded := object.data[key]
	is_string(encoded)
	not filled_in(object, encoded)
	in_base64(encoded)
	text := decoded(regex.replace(encoded, `\s`, ""))
	not filled_in(object, text)
}

# base64.decode is undefined for an empty text in compiled rules.
decoded("") := ""

decoded(text) := base64.decode(text) if text != ""

# Whether the API server accepts a text as base64; base64.is_valid of compiled rules accepts more.
in_base64(text) if regex.match(`^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$`, regex.replace(text, `\s`, ""))

# Whether a Secret key has a value in plain text or base64.
holds(object, place, key) if {
	text := object[place][key]
	is_string(text)
	text != ""
	not filled_in(object, text)
	not decoded_is_filled_in(place, text)
}

decoded_is_filled_in("data", text) if {
	in_base64(text)
	filled_in({}, base64.decode(text))
}

# The value is filled in by SOPS, the Argo CD Vault plugin, Flux substitution or a generator.
filled_in(object, _) if object.sops

filled_in(_, text) if regex.match(`^(ENC\[|<path:|<[a-zA-Z0-9_-]+(\s*\|[^>]*)?>$|\$\{|ref\+|vault:|op://)`, text)

# The providers for a resource, in its namespace, whose name differs from a text in one letter, or that have a key of that name.
alike(r, text) := [p |
	found := array.concat(
		[i | some slip in sort(deletions(text)); some i in candidates(by_slip, r, slip)],
		candidates(by_key, r, text),
	)
	some i in found
	p := providers[i]
	meets(p, r)
	same_namespace(p.namespace, r.namespace)
]

# The providers for a resource, in its namespace, that have a key.
with_key(r, key) := [p |
	some i in candidates(by_key, r, key)
	p := providers[i]
	meets(p, r)
	same_namespace(p.namespace, r.namespace)
]

# A text and all variants with one letter deleted: two names share one if they differ in one letter.
deletions(text) := {concat("", [substring(text, 0, i), substring(text, i + 1, -1)]) | some i in numbers.range(0, count(text) - 1)} | {text}

# Whether a text is a placeholder that was never replaced by a password.
placeholder(text) if {
	regex.match(`(?i)^(.*change[ _-]?(me|this|it)\b.*|changeme.*|(your|my|some)[ _-].*|.*[ _-]here|.*example.*|.*placeholder.*|replace[ _-].*|insert[ _-].*|todo|fixme|x{3,}|\*{3,}|password|passwd|secret|dummy|foobared)$`, text)
}

# The paths in values files with a Redis password in plain text: redisPassword, or password below a key that names Redis.
redis_passwords(values) := [path |
	regex.match(`(?i)pass`, json.marshal(values)) # few have any, and walking through all of them takes long
	walk(values, [path, text])
	is_string(text)
	text != ""
	regex.match(`(?i)^(redis_?)?pass(word)?$`, path[count(path) - 1])
	regex.match(`(?i)redis`, concat(".", [step | some step in path; is_string(step)]))
	not filled_in({}, text)
]

# These paths in all values files of the repository: [document, path].
in_values := [[d, path] |
	some d in data.repo.documents
	d.type == "values"
	some path in redis_passwords(d.data)
]

# Where a Redis of any operator names the Secret with its password, unless the operator creates that: {"resource", "path", "name", "key"}.
passwords := array.concat(
	[{"resource": r.id, "path": ["spec", "auth", "secretPath"], "name": name, "key": "password"} |
		some r in redisfailover.all
		name := redisfailover.secret(r.object)
		name != ""
	],
	[{"resource": id, "path": paths[0], "name": redis.secret.name, "key": redis.secret.key} |
		some redis in data.repo.redis
		redis.secret
		some id in resources_of(data.repo.resources[redis.resource])
		paths := sort({ref.path | some ref in object.get(to_secrets, [[id, redis.secret.name]], [])})
		count(paths) > 0
	],
)

# The resources of a Redis: without an operator it can have several StatefulSets, beside each other.
resources_of(r) := object.get(beside, [[r.unit, r.set, r.namespace]], []) if r.kind == "StatefulSet"

else := [r.id] if r.kind != "RedisFailover"

beside := group.by([[[r.unit, r.set, r.namespace], r.id] | some r in data.repo.resources; r.kind == "StatefulSet"])

# The references to Secrets that nobody creates, by resource and name.
to_secrets := group.by(array.concat(
	[[[ref.resource, ref.name], {"path": ref.path}] |
		some ref in references.all
		ref.kind == "Secret"
		not ref.created
	],
	[[[c.resource, ref.name], {"path": array.concat(c.path, ["env", i, "valueFrom", "secretKeyRef", "name"])}] |
		some c in workloads.containers
		some i, e in c.object.env
		ref := e.valueFrom.secretKeyRef
		is_string(ref.name)
		object.get(ref, "optional", false) != true
	],
))
