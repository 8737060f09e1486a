# Facts and helpers about the resources of Redis Enterprise. Source: redis_enterprise_database_api.md, redis_enterprise_cluster_api.md and
# redis_enterprise_active_active_database_api.md of RedisLabs/redis-enterprise-k8s-docs at 2c2f61d.
package redisgitops.lib.enterprise

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

# The clusters that a database can run on: those of the name it has, else those of its namespace.
clusters_of(r) := [c |
	some c in clusters
	name := cluster_name(r.object)
	c.name in {name, named_or(name, c)}
	beside(c, r)
	near(name, c, r)
]

named_or("", c) := c.name

named_or(name, _) := name if name != ""

# A cluster serves databases of other namespaces too, which then have to name it.
near("", c, r) if same(c.namespace, r.namespace)

near(name, _, _) if name != ""

# What is deployed twice from one directory is for two clusters of Kubernetes.
beside(a, b) if a.unit != b.unit

beside(a, b) if {
	a.unit == b.unit
	a.set == b.set
}

same(a, b) if a == b

same("", b) if b != ""

same(a, "") if a != ""

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
