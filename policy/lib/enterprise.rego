# Facts and helpers about the resources of Redis Enterprise. Source: redis_enterprise_database_api.md, redis_enterprise_cluster_api.md and
# redis_enterprise_active_active_database_api.md of RedisLabs/redis-enterprise-k8s-docs at 2c2f61d.
package redisgitops.lib.enterprise

import data.redisgitops.lib.group

# Whether a resource is of Redis Enterprise.
owns(resource) if startswith(resource.apiVersion, "app.redislabs.com/")

# The settings of the database in a resource: {"path", "spec"}. Those of an Active-Active database are its globalConfigurations; a
# database that belongs to one has the settings of that one. Undefined for other resources.
database(resource) := {"path": ["spec"], "spec": spec} if {
	owns(resource)
	resource.kind == "RedisEnterpriseDatabase"
	spec := resource.spec
	is_object(spec)
	not spec.activeActive
}

database(resource) := {"path": ["spec", "globalConfigurations"], "spec": mapping(resource.spec, "globalConfigurations")} if {
	owns(resource)
	resource.kind == "RedisEnterpriseActiveActiveDatabase"
	is_object(resource.spec)
}

# As database, without the databases that speak the protocol of memcached.
redis(resource) := d if {
	d := database(resource)
	object.get(d.spec, "type", "redis") != "memcached"
}

mapping(resource, key) := resource[key] if {
	is_object(resource[key])
} else := {}

# Whether the data may be lost, because the Redis is a cache: by its label or because it evicts any key.
cache(resource) if resource.metadata.labels.purpose == "cache"

cache(resource) if {
	object.get(resource, ["metadata", "labels", "purpose"], "") == ""
	policy := database(resource).spec.evictionPolicy
	startswith(policy, "allkeys-")
}

# The databases of the repository.
databases := [r |
	some r in data.repo.resources
	r.kind in {"RedisEnterpriseDatabase", "RedisEnterpriseActiveActiveDatabase"}
	database(r.object)
]

# The clusters of the repository.
clusters := [r |
	some r in data.repo.resources
	r.kind == "RedisEnterpriseCluster"
	owns(r.object)
]

# The clusters that a database can run on: those of the name it has, in any namespace, else those of its namespace.
clusters_of(r) := [c |
	some i in sort({i | some key in keys(r, cluster_name(r.object)); some i in object.get(by_place, [key], [])})
	c := clusters[i]
	beside(c, r)
]

keys(r, name) := [["both", name, r.namespace], ["name", name]] if name != ""

keys(r, "") := [["namespace", r.namespace], ["namespace", ""]] if r.namespace != ""

keys(r, "") := [["all"]] if r.namespace == ""

# The number of objects of one name or place that one resource is compared with, so that the work stays linear.
most := 16

by_place := {key: array.slice(sort(found), 0, most) | some key, found in placed}

placed := group.by([[key, i] |
	some i, c in clusters
	some key in [["both", c.name, c.namespace], ["name", c.name], ["namespace", c.namespace], ["all"]]
])

# What is deployed twice from one directory is for two clusters of Kubernetes.
beside(a, b) if a.unit != b.unit

beside(a, b) if {
	a.unit == b.unit
	a.set == b.set
}

# The name of the cluster that a database refers to; "" for that of its namespace.
cluster_name(resource) := name if {
	name := resource.spec.redisEnterpriseCluster.name
	is_string(name)
} else := ""

# The name of the Secret with the password of a database.
secret(r) := name if {
	name := database(r.object).spec.databaseSecretName
	is_string(name)
	name != ""
} else := concat("-", ["redb", r.name])

# The fields of the spec of a database and of its backup, and of the spec of a cluster. Source: crds/redb_crd.yaml, crds/reaadb_crd.yaml and
# crds/rec_crd.yaml.
database_fields := {
	"activeActive", "alertSettings", "auditing", "backup", "clientAuthenticationCertificates", "connectionSettings",
	"dataInternodeEncryption", "databasePort", "databaseSecretName", "databaseServicePort", "defaultUser", "evictionPolicy",
	"isRof", "memcachedSaslSecretName", "memorySize", "modulesList", "ossCluster", "ossClusterSettings", "persistence",
	"proxyPolicy", "rackAware", "redisEnterpriseCluster", "redisVersion", "replicaSources", "replication", "resp3",
	"rofRamRatio", "rofRamSize", "rolesPermissions", "searchOnBigstore", "shardCount", "shardingEnabled", "shardsPlacement",
	"tlsMode", "type", "upgradeSpec",
}

backup_fields := {
	"abs", "ftp", "gcs", "interval", "intervalOffset", "mount", "s3", "sftp", "swift",
}

cluster_fields := {
	"activeActive", "antiAffinityAdditionalTopologyKeys", "auditing", "backup", "bootstrapperImageSpec",
	"bootstrapperResources", "certificates", "clusterCredentialSecretName", "clusterCredentialSecretRole",
	"clusterCredentialSecretType", "clusterRecovery", "containerTimezone", "createServiceAccount", "dataInternodeEncryption",
	"encryptPkeys", "enforceIPv4", "extraEnvVars", "extraLabels", "hostAliases", "ingressOrRouteSpec", "ldap", "license",
	"licenseSecretName", "nodeSelector", "nodes", "ocspConfiguration", "ossClusterSettings", "persistentSpec",
	"podAnnotations", "podAntiAffinity", "podStartingPolicy", "podTolerations", "priorityClassName", "pullSecrets",
	"rackAwarenessNodeLabel", "redisEnterpriseAdditionalPodSpecAttributes", "redisEnterpriseIPFamily",
	"redisEnterpriseImageSpec", "redisEnterpriseNodeResources", "redisEnterprisePodAnnotations",
	"redisEnterpriseServicesConfiguration", "redisEnterpriseServicesRiggerImageSpec",
	"redisEnterpriseServicesRiggerResources", "redisEnterpriseTerminationGracePeriodSeconds", "redisEnterpriseVolumeMounts",
	"redisOnFlashSpec", "redisUpgradePolicy", "resp3Default", "securityContext", "serviceAccountName", "services",
	"servicesRiggerSpec", "sideContainersSpec", "slaveHA", "sso", "uiAnnotations", "uiServiceType", "upgradeSpec",
	"usageMeter", "usageReportFields", "userDefinedModules", "username", "vaultCASecret", "volumes",
}
