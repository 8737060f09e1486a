# What applications use a Redis for: as Sidekiq's queue or as Rails cache.
package redisgitops.lib.rails

import data.redisgitops.lib.group
import data.redisgitops.lib.url
import data.redisgitops.lib.workloads

# The addresses that Sidekiq reads jobs from: of the variable that REDIS_PROVIDER names, or else REDIS_URL, and variables with
# Sidekiq, queue or job in their name.
sidekiq_references := [reference |
	some reference in url.references
	not reference.bare
	sidekiqs[[reference.resource, reference.container]]
	for_jobs(reference)
]

# Tables are built as a whole, once: OPA would search everything again for each key of a partial rule.
sidekiqs := {key: value | some key, value in each_sidekiqs}

each_sidekiqs[[c.resource, c.path]] if some c in workloads.sidekiq

for_jobs(reference) if reference.name == provider(reference)

for_jobs(reference) if {
	not provider(reference)
	reference.name in {"REDIS_URL", "SENTINEL_URL", "REDIS_SENTINEL_URL"}
}

for_jobs(reference) if regex.match(`(^|_)(SIDEKIQ|QUEUE|JOBS?)(_|$)`, reference.name)

provider(reference) := providers[[reference.resource, reference.container]]

providers := {key: value | some key, value in each_providers}

each_providers[[e.container.resource, e.container.path]] := e.value if {
	some e in workloads.environment
	e.name == "REDIS_PROVIDER"
}

# The uses of a Redis by Sidekiq, by the index of the Redis: {"reference"}.
queues := {key: value | some key, value in each_queues}

each_queues := group.by([[i, {"reference": reference}] |
	some reference in sidekiq_references
	some host in reference.hosts
	some i in url.redises(host)
])

# The uses of a Redis as a cache, by the name of the variable.
caches := {key: value | some key, value in each_caches}

each_caches := group.by([[i, {"reference": reference}] |
	some reference in url.references
	not reference.bare
	regex.match(`(^|_)CACHE(_|$)`, reference.name)
	some host in reference.hosts
	some i in url.redises(host)
])
