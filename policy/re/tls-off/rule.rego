# METADATA
# title: Redis Enterprise database accepts plain connections
# description: |-
#   With tlsMode disabled, the default, passwords and data cross the network in clear; replica_ssl only encrypts the
#   replication to other databases. Reported in strict mode only.
# custom:
#   severity: "off"
#   strict: warning
#   kinds: [RedisEnterpriseDatabase, RedisEnterpriseActiveActiveDatabase]
#   since: 0.1.0
#   remediation: Set tlsMode to enabled, and use rediss:// in the URLs of clients.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L242
package redisgitops.re["tls-off"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": sprintf("clients connect without TLS (%s); set tlsMode: enabled", [mode]),
	"path": array.concat(d.path, ["tlsMode"]),
} if {
	d := enterprise.redis(input)
	mode := said(object.get(d.spec, "tlsMode", ""))
}

said(value) := "tlsMode is not set" if value in {"", null}

said("disabled") := "tlsMode is disabled"

said("replica_ssl") := "replica_ssl covers replication only"
