# Known images and releases, for lib/images.rego. The tests of package cue write this file from cue/images/images.cue, which has the
# sources. Do not edit it.
package redisgitops.lib.known

# By engine and line: the newest release, the license, the day of its last fix if that has passed, and what replaces it then.
lines := {
	"dragonfly": {
		"1": {"license":"BUSL-1.1"},
	},
	"keydb": {
		"6.3": {"license":"BSD-3-Clause"},
	},
	"redis": {
		"5.0": {"ended":"2022-04-27","license":"BSD-3-Clause","newest":"5.0.14","next":"6.2.24"},
		"6.0": {"ended":"2022-05-31","license":"BSD-3-Clause","newest":"6.0.20","next":"6.2.24"},
		"6.2": {"license":"BSD-3-Clause","newest":"6.2.24"},
		"7.0": {"ended":"2024-07-29","license":"BSD-3-Clause","newest":"7.0.15","next":"7.2.16"},
		"7.2": {"license":"BSD-3-Clause","newest":"7.2.16"},
		"7.4": {"license":"RSALv2 OR SSPL-1.0","newest":"7.4.11"},
		"8.0": {"ended":"2026-02-11","license":"RSALv2 OR SSPL-1.0 OR AGPL-3.0-only","newest":"8.0.6","next":"8.2.9"},
		"8.2": {"license":"RSALv2 OR SSPL-1.0 OR AGPL-3.0-only","newest":"8.2.9"},
		"8.4": {"license":"RSALv2 OR SSPL-1.0 OR AGPL-3.0-only","newest":"8.4.6"},
		"8.6": {"license":"RSALv2 OR SSPL-1.0 OR AGPL-3.0-only","newest":"8.6.6"},
		"8.8": {"license":"RSALv2 OR SSPL-1.0 OR AGPL-3.0-only","newest":"8.8.2"},
		"8.10": {"license":"RSALv2 OR SSPL-1.0 OR AGPL-3.0-only","newest":"8.10.1"},
	},
	"redis-stack": {
		"7.2": {"license":"RSALv2 OR SSPL-1.0","newest":"7.2.0-v19"},
		"7.4": {"license":"RSALv2 OR SSPL-1.0","newest":"7.4.0-v7"},
	},
	"redis_exporter": {
		"1": {"license":"MIT","newest":"1.91.1"},
	},
	"valkey": {
		"7.2": {"license":"BSD-3-Clause","newest":"7.2.14"},
		"8.0": {"license":"BSD-3-Clause","newest":"8.0.11"},
		"8.1": {"license":"BSD-3-Clause","newest":"8.1.10"},
		"9.0": {"license":"BSD-3-Clause","newest":"9.0.6"},
		"9.1": {"license":"BSD-3-Clause","newest":"9.1.2"},
	},
}

# By engine and line, worst first: the patch that fixes a vulnerability, as 1000 × patch + build, its name and severity.
fixes := {
	"redis": {
		"6.2": [[20000,"CVE-2025-49844","critical"],[23000,"CVE-2026-63639","high"],[20000,"CVE-2025-46817","high"],[19000,"CVE-2025-32023","high"],[19000,"CVE-2025-48367","high"],[18000,"CVE-2025-21605","high"],[17000,"CVE-2024-46981","high"],[16000,"CVE-2024-31449","high"],[16000,"CVE-2024-31228","medium"]],
		"7.2": [[11000,"CVE-2025-49844","critical"],[15000,"CVE-2026-63639","high"],[14000,"CVE-2026-23479","high"],[14000,"CVE-2026-25243","high"],[14000,"CVE-2026-23631","high"],[13000,"CVE-2025-67733","high"],[11000,"CVE-2025-46817","high"],[10000,"CVE-2025-32023","high"],[10000,"CVE-2025-48367","high"],[8000,"CVE-2025-21605","high"],[7000,"CVE-2024-46981","high"],[6000,"CVE-2024-31449","high"],[9000,"CVE-2025-27151","medium"],[7000,"CVE-2024-51741","medium"],[6000,"CVE-2024-31228","medium"],[6000,"CVE-2024-31227","medium"]],
		"7.4": [[6000,"CVE-2025-49844","critical"],[10000,"CVE-2026-63639","high"],[9000,"CVE-2026-23479","high"],[9000,"CVE-2026-25243","high"],[9000,"CVE-2026-23631","high"],[8000,"CVE-2025-67733","high"],[6000,"CVE-2025-46817","high"],[5000,"CVE-2025-32023","high"],[5000,"CVE-2025-48367","high"],[3000,"CVE-2025-21605","high"],[2000,"CVE-2024-46981","high"],[1000,"CVE-2024-31449","high"],[11000,"a bypass of TLS client certificates by a NUL in the common name","high"],[4000,"CVE-2025-27151","medium"],[2000,"CVE-2024-51741","medium"],[1000,"CVE-2024-31228","medium"],[1000,"CVE-2024-31227","medium"]],
		"8.0": [[4000,"CVE-2025-49844","critical"],[6000,"CVE-2025-67733","high"],[4000,"CVE-2025-46817","high"],[3000,"CVE-2025-32023","high"],[3000,"CVE-2025-48367","high"],[2000,"CVE-2025-27151","medium"]],
		"8.10": [[1000,"CVE-2026-62356","high"],[1000,"a bypass of TLS client certificates by a NUL in the common name","high"]],
		"8.2": [[2000,"CVE-2025-49844","critical"],[9000,"CVE-2026-62356","high"],[8000,"CVE-2026-63639","high"],[6000,"CVE-2026-23479","high"],[6000,"CVE-2026-25243","high"],[6000,"CVE-2026-23631","high"],[6000,"CVE-2026-25588","high"],[6000,"CVE-2026-25589","high"],[5000,"CVE-2025-67733","high"],[3000,"CVE-2025-62507","high"],[2000,"CVE-2025-46817","high"],[9000,"a bypass of TLS client certificates by a NUL in the common name","high"]],
		"8.4": [[6000,"CVE-2026-62356","high"],[5000,"CVE-2026-63639","high"],[3000,"CVE-2026-23479","high"],[3000,"CVE-2026-25243","high"],[3000,"CVE-2026-23631","high"],[3000,"CVE-2026-25588","high"],[3000,"CVE-2026-25589","high"],[2000,"CVE-2025-67733","high"],[6000,"a bypass of TLS client certificates by a NUL in the common name","high"]],
		"8.6": [[6000,"CVE-2026-62356","high"],[5000,"CVE-2026-63639","high"],[3000,"CVE-2026-23479","high"],[3000,"CVE-2026-25243","high"],[3000,"CVE-2026-23631","high"],[3000,"CVE-2026-25588","high"],[3000,"CVE-2026-25589","high"],[1000,"CVE-2025-67733","high"],[6000,"a bypass of TLS client certificates by a NUL in the common name","high"]],
		"8.8": [[2000,"CVE-2026-62356","high"],[1000,"CVE-2026-63639","high"],[2000,"a bypass of TLS client certificates by a NUL in the common name","high"]],
	},
	"redis-stack": {
		"7.2": [[19,"CVE-2025-49844","critical"],[19,"CVE-2025-46817","high"]],
		"7.4": [[7,"CVE-2025-49844","critical"],[7,"CVE-2025-46817","high"]],
	},
	"valkey": {
		"7.2": [[11000,"CVE-2025-49844","critical"],[14000,"CVE-2026-63639","high"],[13000,"CVE-2026-23479","high"],[13000,"CVE-2026-25243","high"],[13000,"CVE-2026-23631","high"],[12000,"CVE-2026-21863","high"],[12000,"CVE-2025-67733","high"],[11000,"CVE-2025-46817","high"],[7000,"CVE-2024-31449","high"],[7000,"CVE-2024-31228","medium"],[7000,"CVE-2024-31227","medium"]],
		"8.0": [[6000,"CVE-2025-49844","critical"],[10000,"CVE-2026-63639","high"],[10000,"CVE-2026-56684","high"],[9000,"CVE-2026-23479","high"],[9000,"CVE-2026-25243","high"],[9000,"CVE-2026-23631","high"],[7000,"CVE-2026-21863","high"],[7000,"CVE-2025-67733","high"],[6000,"CVE-2025-46817","high"],[1000,"CVE-2024-31449","high"],[1000,"CVE-2024-31228","medium"],[1000,"CVE-2024-31227","medium"]],
		"8.1": [[4000,"CVE-2025-49844","critical"],[9000,"CVE-2026-63639","high"],[9000,"CVE-2026-56684","high"],[7000,"CVE-2026-23479","high"],[7000,"CVE-2026-25243","high"],[7000,"CVE-2026-23631","high"],[6000,"CVE-2026-21863","high"],[6000,"CVE-2025-67733","high"],[4000,"CVE-2025-46817","high"]],
		"9.0": [[5000,"CVE-2026-63639","high"],[5000,"CVE-2026-56684","high"],[4000,"CVE-2026-23479","high"],[4000,"CVE-2026-25243","high"],[4000,"CVE-2026-23631","high"],[3000,"CVE-2026-21863","high"],[3000,"CVE-2025-67733","high"]],
		"9.1": [[1000,"CVE-2026-63639","high"],[1000,"CVE-2026-56684","high"],[2000,"GHSA-fq2f-crmw-q97r","high"]],
	},
}

repositories := {"docker.dragonflydb.io/dragonflydb/dragonfly":{"engine":"dragonfly"},"docker.io/bitnami/redis":{"engine":"redis","gone":"2025-09-29","kept":["latest"]},"docker.io/bitnami/redis-cluster":{"engine":"redis","gone":"2025-09-29","kept":["latest"]},"docker.io/bitnami/redis-sentinel":{"engine":"redis","gone":"2025-09-29","kept":["latest"]},"docker.io/bitnami/valkey":{"engine":"valkey","gone":"2025-09-29","kept":null},"docker.io/bitnami/valkey-cluster":{"engine":"valkey","gone":"2025-09-29","kept":null},"docker.io/bitnami/valkey-sentinel":{"engine":"valkey","gone":"2025-09-29","kept":null},"docker.io/eqalpha/keydb":{"engine":"keydb"},"docker.io/library/redis":{"engine":"redis"},"docker.io/oliver006/redis_exporter":{"engine":"redis_exporter"},"docker.io/redis/redis-stack":{"engine":"redis-stack"},"docker.io/redis/redis-stack-server":{"engine":"redis-stack"},"docker.io/valkey/valkey":{"engine":"valkey"},"ghcr.io/valkey-io/valkey":{"engine":"valkey"},"quay.io/oliver006/redis_exporter":{"engine":"redis_exporter"},"quay.io/opstree/redis":{"engine":"redis"},"quay.io/opstree/redis-exporter":{"engine":"redis_exporter"},"quay.io/opstree/redis-sentinel":{"engine":"redis"}}

owners := {"docker.io/bitnami":{"gone":"2025-09-29","kept":["latest"]},"docker.io/bitnamilegacy":{"frozen":"2025-08-28"},"public.ecr.aws/bitnami":{"gone":"2026-06-10","kept":null}}

engines := {"dragonfly":"dragonfly","keydb":"keydb","redis":"redis","redis-cluster":"redis","redis-exporter":"redis_exporter","redis-sentinel":"redis","redis-stack":"redis-stack","redis-stack-server":"redis-stack","redis_exporter":"redis_exporter","valkey":"valkey","valkey-cluster":"valkey","valkey-sentinel":"valkey"}

moving := ["alpine","bookworm","bullseye","edge","latest","trixie","unstable"]

defaults := {"freshworks":{"exporter":{"image":"quay.io/oliver006/redis_exporter:v1.43.0","year":"2022"},"image":"redis:7.2.4-alpine","valkey":"valkey/valkey:7.2.11-alpine","year":"2024"},"powerhome":{"image":"redis:7.2.4-alpine","year":"2024"},"saremox":{"image":"redis:7.2.12-alpine","year":"2025"},"spotahome":{"exporter":{"image":"quay.io/oliver006/redis_exporter:v1.43.0","year":"2022"},"image":"redis:6.2.6-alpine","year":"2021"}}
