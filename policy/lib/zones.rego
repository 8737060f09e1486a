# The zones and regions that pods can be scheduled in: their node selector or affinity, the node pools of the repository, or what
# most clusters have.
package redisgitops.lib.zones

import data.redisgitops.lib.pods

# surge: with less than four pods a Deployment takes none away before the new one runs (25 %, rounded down).
surge(p) := 1 if {
	p.surges
	p.replicas < 4
} else := 0

words := {
	"failure-domain.beta.kubernetes.io/region": "region", "failure-domain.beta.kubernetes.io/zone": "zone",
	"kubernetes.io/hostname": "node", "topology.kubernetes.io/region": "region", "topology.kubernetes.io/zone": "zone",
}

# available describes how many there are for a pod, as far as the repository shows it.
available(p, key) := {"count": n, "sure": true, "words": sprintf("their node selector or affinity allows %d", [n])} if {
	words[key]
	n := min({count(listed) | some listed in listing(p, key)})
} else := {"count": n, "sure": false, "words": sprintf("the node pools of the repository have %d", [n])} if {
	words[key] == "zone"
	n := count(pools)
	n >= 3
} else := {"count": 3, "sure": false, "words": "most regions have 3"} if {
	words[key] == "zone"
} else := {"count": 1, "sure": false, "words": "most clusters are in 1"} if {
	words[key] == "region"
}

# listing are the sets of values that the pods accept of a label of nodes.
listing(p, key) := {{value} | value := pods.field(p, "nodeSelector")[key]} | {values |
	affinity := pods.field(p, "affinity")
	is_object(affinity)
	terms := object.get(affinity, ["nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"], [])
	count(terms) > 0
	every term in terms { accepted(term, key) }
	values := {value | some term in terms; some value in accepted(term, key)}
}

accepted(term, key) := {value | some value in e.values} if {
	some e in term.matchExpressions
	e.key == key
	e.operator == "In"
}

# pools are the zones of the node pools of the repository: Karpenter, Cluster API and Config Connector.
pools := {zone |
	some r in data.repo.resources
	r.kind in {"NodePool", "Provisioner"}
	some path in [["spec", "template", "spec", "requirements"], ["spec", "requirements"]]
	some requirement in object.get(r.object, path, [])
	words[requirement.key] == "zone"
	requirement.operator == "In"
	some zone in requirement.values
} | {zone |
	some r in data.repo.resources
	r.kind in {"ContainerNodePool", "MachineDeployment", "MachinePool"}
	some zone in array.concat([object.get(r.object, ["spec", "template", "spec", "failureDomain"], null)], array.concat(object.get(r.object, ["spec", "failureDomains"], []), object.get(r.object, ["spec", "nodeLocations"], [])))
	is_string(zone)
}
