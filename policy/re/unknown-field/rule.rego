# METADATA
# title: Unknown field in a resource of Redis Enterprise
# description: |-
#   Kubernetes drops a field that is not in the CRD, without an error: the database then has the default, such as 100MB, no
#   modules, or no backup. In clusters, whose fields differ between versions of the operator, a name is only reported if
#   it is nearly that of a field, or often used in the wrong place.
# custom:
#   kinds: [RedisEnterpriseDatabase, RedisEnterpriseActiveActiveDatabase, RedisEnterpriseCluster]
#   since: 0.1.0
#   remediation: Correct the name of the field, or move it to the correct location.
#   references:
#     - RedisLabs/redis-enterprise-k8s-docs 2c2f61d crds/redb_crd.yaml, crds/reaadb_crd.yaml and crds/rec_crd.yaml
package redisgitops.re["unknown-field"]

import data.redisgitops.lib.enterprise
import data.redisgitops.lib.words

deny contains {
	"message": sprintf("unknown field %q, which Kubernetes drops; %s", [u.path[count(u.path) - 1], u.advice]),
	"path": u.path,
	"key": true,
} if {
	some u in array.concat(array.concat(in_database, in_backup), in_cluster)
}

in_database := [{"path": array.concat(d.path, [name]), "advice": advice(name, slips, enterprise.database_fields)} |
	d := enterprise.database(input)
	some name, _ in d.spec
	not name in enterprise.database_fields
]

in_backup := [{"path": array.concat(d.path, path), "advice": advice(concat(".", path), slips, enterprise.backup_fields)} |
	d := enterprise.database(input)
	some path in array.concat(
		[["backup", name] | some name, _ in d.spec.backup; not name in enterprise.backup_fields],
		[["backup", "s3", name] | some name, _ in d.spec.backup.s3; slips[concat(".", ["backup", "s3", name])]],
	)
]

in_cluster := [{"path": array.concat(["spec"], path), "advice": text} |
	input.kind == "RedisEnterpriseCluster"
	enterprise.owns(input)
	some path in array.concat(
		[[name] | some name, _ in input.spec; not name in enterprise.cluster_fields],
		[["servicesRiggerSpec", name] | some name, _ in input.spec.servicesRiggerSpec],
	)
	text := cluster_advice(path)
]

cluster_advice(path) := cluster_slips[concat(".", path)]

cluster_advice([name]) := sprintf("did you mean %q?", [near[0]]) if {
	not cluster_slips[name]
	near := words.near(name, enterprise.cluster_fields)
	count(near) > 0
}

advice(name, known, _) := known[name]

advice(name, known, fields) := sprintf("did you mean %q?", [near[0]]) if {
	not known[name]
	near := words.near(regex.replace(name, `^backup\.`, ""), fields)
	count(near) > 0
} else := "remove it, or correct its name" if not known[name]

slips := {
	"aclRules": "use rolesPermissions",
	"authentication": "use databaseSecretName, or rolesPermissions and LDAP of the cluster",
	"backup.enabled": "remove it: the block switches backups on",
	"backup.s3.awsAccessKeyId": "use awsSecretName",
	"backup.s3.awsSecretAccessKey": "use awsSecretName",
	"maxmemoryPolicy": "use evictionPolicy",
	"memory": "use memorySize",
	"memoryLimit": "use memorySize",
	"modules": "use modulesList",
	"password": "use databaseSecretName",
	"port": "use databasePort",
	"redisModule": "use modulesList",
	"redisModules": "use modulesList",
	"replicas": "use replication",
	"shards": "use shardCount",
	"tls": "use tlsMode",
}

cluster_slips := {
	"redisEnterpriseServicesRiggerSpec": "use servicesRiggerSpec",
	"replicas": "use nodes",
	"resources": "use redisEnterpriseNodeResources",
	"servicesRiggerSpec.servicesRiggerImageSpec": "use redisEnterpriseServicesRiggerImageSpec beside servicesRiggerSpec",
	"storage": "use persistentSpec",
}
