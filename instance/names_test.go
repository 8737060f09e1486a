package instance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// seen is a Redis as its clients see it: all Services with their ports, sorted; the URLs; what sentinels call the master; SECRET/KEY, and
// that of the sentinels.
type seen struct {
	services, url, sentinel, master, secret, ofSentinels string
}

// named is a resource of operator, or of the version of it that the configuration names, and what is seen of its Redis.
type named struct {
	name, operator, version string
	manifest                string
	want                    seen
}

// failoverOf is a RedisFailover, which the forks of an operator share.
func failoverOf(spec string) string {
	return resourceOf("databases.spotahome.com/v1", "RedisFailover", "shop", spec)
}

func opsTreeOf(kind, name, spec string) string {
	return resourceOf("redis.redis.opstreelabs.in/v1beta2", kind, name, spec)
}

func databaseOf(spec string) string {
	return resourceOf("app.redislabs.com/v1alpha1", "RedisEnterpriseDatabase", "shop", spec)
}

func kubeDBOf(kind, name, spec string) string { return resourceOf("kubedb.com/v1", kind, name, spec) }

func resourceOf(api, kind, name, spec string) string {
	return fmt.Sprintf("---\napiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec: {%s}\n", api, kind, name, spec)
}

// setOf is a StatefulSet, and serviceOf a Service, with labels of the pods.
func setOf(name, labels, container string) string {
	return resourceOf("apps/v1", "StatefulSet", name, "replicas: 1, template: {metadata: {labels: {"+labels+"}}, spec: {containers: [{name: redis, "+container+"}]}}")
}

func serviceOf(name, labels, ports string) string {
	return resourceOf("v1", "Service", name, "selector: {"+labels+"}, ports: ["+ports+"]")
}

// hosts are those of the pods of sentinels with a headless Service.
func hosts(set string, n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s-%d.%s.apps.svc:26379", set, i, set))
	}
	return strings.Join(all, ",")
}

const (
	ofRFS    = "redis-sentinel://rfs-shop.apps.svc:26379/mymaster"
	withAuth = "redis://:$(REDIS_PASSWORD)@"
)

// TestNamesOfOperators: what a minimal resource of each operator gives to clients, and each field that changes a name. TestFind has
// instances with many fields.
func TestNamesOfOperators(t *testing.T) {
	rows := slices.Concat(namesOfFailovers(), namesOfOpsTree(), namesOfCommercial(), namesOfSets(), namesOfCharts(), namesOfOthers())
	operators, tried := operators(t), map[string]bool{}
	for _, tt := range rows {
		tried[tt.operator] = true
		t.Run(tt.operator+" "+tt.version+" "+tt.name, func(t *testing.T) {
			o := Options{}
			if tt.version != "" {
				o.Operator, o.Version = tt.operator, tt.version
			}
			found := Find(documents(t, "redis.yaml", "apps", []byte(tt.manifest)), operators, o)
			if len(found) != 1 || found[0].Operator != tt.operator || tt.version != "" && found[0].Version != tt.version {
				t.Fatalf("%d instances, %+v", len(found), found)
			}
			if got := look(found[0]); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
	for _, o := range operators {
		if !tried[o.Name] {
			t.Errorf("no row of %s", o.Name)
		}
	}
}

func look(in *Instance) (s seen) {
	var services []string
	for _, service := range in.Services {
		services = append(services, fmt.Sprintf("%s:%d", service.Name, service.Port))
	}
	slices.Sort(services)
	s.services = strings.Join(services, " ")
	url := func(sentinel bool) string {
		text, err := in.Client("url", ClientOptions{Sentinel: sentinel})
		if err != nil {
			return ""
		}
		return strings.TrimSpace(text)
	}
	secret := func(a *Auth) string {
		if a == nil {
			return ""
		}
		return a.Secret + "/" + a.Key
	}
	s.url, s.secret = url(false), secret(in.Auth)
	if in.Sentinel != nil {
		s.sentinel, s.master, s.ofSentinels = url(true), in.Sentinel.Master, secret(in.Sentinel.Auth)
	}
	return s
}

// Sources: operator/redisfailover/service/{names,generator}.go of each fork, at the commits in its operator.cue.
func namesOfFailovers() []named {
	login, services := "auth: {secretPath: login}", "rfrm-shop:6379 rfrs-shop:6379 rfs-shop:26379"
	url := withAuth + "rfrm-shop.apps.svc:6379"
	return []named{
		{"with a password", "spotahome", "1.2.4", failoverOf(login), seen{"rfs-shop:26379", "", ofRFS, "mymaster", "login/password", ""}},
		{"with a Service of Reclaim the Stack", "spotahome", "1.2.4", failoverOf("") + serviceOf("shop-redis-master", "redisfailovers.databases.spotahome.com/name: shop, redisfailovers-role: master", "{port: 6379}"),
			seen{"rfs-shop:26379 shop-redis-master:6379", "redis://shop-redis-master.apps.svc:6379", ofRFS, "mymaster", "", ""}},
		{"with an exporter", "spotahome", "1.2.4", failoverOf("redis: {exporter: {enabled: true}}"), seen{"rfr-shop:9121 rfs-shop:26379", "", ofRFS, "mymaster", "", ""}},
		{"with a password", "spotahome", "1.3.0", failoverOf(login), seen{services, url, ofRFS, "mymaster", "login/password", ""}},
		{"with a port", "spotahome", "1.3.0", failoverOf("redis: {port: 6380}"),
			seen{"rfrm-shop:6380 rfrs-shop:6380 rfs-shop:26379", "redis://rfrm-shop.apps.svc:6380", ofRFS, "mymaster", "", ""}},
		{"without sentinels", "saremox", "4.0.0", failoverOf(login), seen{"rfrm-shop:6379 rfrs-shop:6379", url, "", "", "login/password", ""}},
		{"with sentinels", "saremox", "4.0.0", failoverOf("sentinel: {enabled: true}, " + login), seen{services, url, ofRFS, "mymaster", "login/password", ""}},
		{"with sentinels by default", "saremox", "1.4.0", failoverOf(login), seen{services, url, ofRFS, "mymaster", "login/password", ""}},
		{"without sentinels", "saremox", "1.4.0", failoverOf("sentinel: {enabled: false}"), seen{"rfrm-shop:6379 rfrs-shop:6379", "redis://rfrm-shop.apps.svc:6379", "", "", "", ""}},
		{"without HAProxy", "powerhome", "4.3.2", failoverOf(login), seen{services, url, ofRFS, "mymaster", "login/password", ""}},
		{"with HAProxy", "powerhome", "4.3.2", failoverOf("haproxy: {replicas: 2}, " + login),
			seen{"redis-shop:6379 rfrm-haproxy-shop:6379 " + services, withAuth + "rfrm-haproxy-shop.apps.svc:6379", ofRFS, "mymaster", "login/password", ""}},
		{"with a name for HAProxy", "powerhome", "4.3.2", failoverOf("haproxy: {redisHost: writes}"),
			seen{"redis-shop:6379 " + services + " writes:6379", "redis://writes.apps.svc:6379", ofRFS, "mymaster", "", ""}},
		{"with a port", "powerhome", "4.3.2", failoverOf("redis: {port: 6380}"),
			seen{"rfrm-shop:6380 rfrs-shop:6380 rfs-shop:26380", "redis://rfrm-shop.apps.svc:6380", "redis-sentinel://rfs-shop.apps.svc:26380/mymaster", "mymaster", "", ""}},
		{"Redis", "freshworks", "3.3.5", failoverOf("engine: Redis, " + login), seen{services, url, ofRFS, "mymaster", "login/password", ""}},
		{"Valkey", "freshworks", "3.3.5", failoverOf("engine: Valkey, " + login), seen{services, url, ofRFS, "mymaster", "login/password", ""}},
		{"with its own name for the master", "freshworks", "3.3.5", failoverOf("sentinel: {disableMyMaster: true}"),
			seen{services, "redis://rfrm-shop.apps.svc:6379", "redis-sentinel://rfs-shop.apps.svc:26379/shop", "shop", "", ""}},
		{"before freshworks-oss", "freshworks", "3.3.0", failoverOf(login), seen{services, url, ofRFS, "mymaster", "login/password", ""}},
		{"with sentinels", "alauda", "3.18.0", failoverOf("sentinel: {replicas: 3}, " + login), seen{"rfs-shop:26379", "", ofRFS, "mymaster", "login/password", ""}},
		{"with a password of the sentinels", "alauda", "3.18.0", failoverOf("sentinel: {passwordSecret: watch}"), seen{"rfs-shop:26379", "", ofRFS, "mymaster", "", "watch/password"}},
		{"with the sentinels of another resource", "alauda", "3.18.0", failoverOf("sentinel: {sentinelReference: {nodes: []}}"), seen{}},
	}
}

// Source: internal/k8sutils at 5dd04e17 of OT-CONTAINER-KIT/redis-operator, as in its operator.cue.
func namesOfOpsTree() []named {
	secret := "kubernetesConfig: {redisSecret: {name: login, key: pw}}"
	all := "shop-additional:6379 shop-headless:6379 shop-master:6379 shop-replica:6379 shop:6379"
	url := withAuth + "shop-master.apps.svc:6379"
	pods := "redis-sentinel://" + strings.ReplaceAll(hosts("watch-sentinel", 3), ".watch-sentinel.", ".watch-sentinel-headless.")
	watched := all + " watch-sentinel-additional:26379 watch-sentinel-headless:26379 watch-sentinel:26379"
	return []named{
		{"alone", "opstree", "0.26.0", opsTreeOf("Redis", "shop", secret), seen{"shop-additional:6379 shop-headless:6379 shop:6379", withAuth + "shop.apps.svc:6379", "", "", "login/pw", ""}},
		{"with an exporter", "opstree", "0.26.0", opsTreeOf("Redis", "shop", "redisExporter: {enabled: true}"),
			seen{"shop-additional:6379 shop-headless:6379 shop-metrics:9121 shop:6379", "redis://shop.apps.svc:6379", "", "", "", ""}},
		{"with an exporter, before it had a Service", "opstree", "0.23.0", opsTreeOf("Redis", "shop", "redisExporter: {enabled: true}"),
			seen{"shop-additional:6379 shop-headless:6379 shop:6379", "redis://shop.apps.svc:6379", "", "", "", ""}},
		{"with replicas", "opstree", "0.26.0", opsTreeOf("RedisReplication", "shop", "clusterSize: 3, "+secret), seen{all, url, "", "", "login/pw", ""}},
		{"with sentinels inside", "opstree", "0.26.0", opsTreeOf("RedisReplication", "shop", "clusterSize: 3, sentinel: {size: 3}, "+secret),
			seen{strings.Replace(all, " shop:", " shop-s-hl:26379 shop:", 1), url, "redis-sentinel://shop-s-hl.apps.svc:26379/mymaster", "mymaster", "login/pw", ""}},
		{"with sentinels beside", "opstree", "0.26.0", opsTreeOf("RedisReplication", "shop", "clusterSize: 3") + opsTreeOf("RedisSentinel", "watch", "redisSentinelConfig: {redisReplicationName: shop}, "+secret),
			seen{watched, "redis://shop-master.apps.svc:6379", pods + "/myMaster", "myMaster", "", "login/pw"}},
		{"with a name for the master", "opstree", "0.26.0", opsTreeOf("RedisReplication", "shop", "clusterSize: 3") + opsTreeOf("RedisSentinel", "watch", "redisSentinelConfig: {redisReplicationName: shop, masterGroupName: main}"),
			seen{watched, "redis://shop-master.apps.svc:6379", pods + "/main", "main", "", ""}},
		{"Redis Cluster", "opstree", "0.26.0", opsTreeOf("RedisCluster", "shop", "clusterSize: 3, port: 6380, "+secret), seen{
			"shop-follower-additional:6380 shop-follower-headless:6380 shop-follower:6380 shop-leader-additional:6380 shop-leader-headless:6380 shop-leader:6380 shop-master:6380",
			withAuth + "shop-leader.apps.svc:6380", "", "", "login/pw", "",
		}},
	}
}

// Sources: redis_enterprise_database_api.md at 2c2f61d of RedisLabs/redis-enterprise-k8s-docs, docs/guides/redis at dd66a58b of kubedb/docs.
func namesOfCommercial() []named {
	cluster := func(rigger string) string {
		return resourceOf("app.redislabs.com/v1", "RedisEnterpriseCluster", "rec", "servicesRiggerSpec: {"+rigger+"}")
	}
	watch := kubeDBOf("RedisSentinel", "watch", "")
	master := "redis-sentinel://watch.apps.svc:26379/apps%2Fshop"
	return []named{
		{"with a port", "redis-enterprise", "", databaseOf("databasePort: 12000"), seen{"shop-headless:12000 shop:12000", withAuth + "shop.apps.svc:12000", "", "", "redb-shop/password", ""}},
		{"with a Secret", "redis-enterprise", "", databaseOf("databasePort: 12000, databaseSecretName: login"), seen{"shop-headless:12000 shop:12000", withAuth + "shop.apps.svc:12000", "", "", "login/password", ""}},
		{"with a port that the operator chooses", "redis-enterprise", "", databaseOf("memorySize: 1GB"), seen{"shop-headless:0 shop:0", "", "", "", "redb-shop/password", ""}},
		{"with the default port", "redis-enterprise", "", cluster("databaseServicePortPolicy: RedisDefaultPort") + databaseOf("databasePort: 12000"),
			seen{"shop-headless:6379 shop:6379", withAuth + "shop.apps.svc:6379", "", "", "redb-shop/password", ""}},
		{"named by its port", "redis-enterprise", "", cluster("serviceNaming: redis-port") + databaseOf("databasePort: 12000"),
			seen{"redis-12000-headless:12000 redis-12000:12000", withAuth + "redis-12000.apps.svc:12000", "", "", "redb-shop/password", ""}},
		{"alone", "kubedb", "", kubeDBOf("Redis", "shop", ""), seen{"shop-pods:6379 shop:6379", "redis://$(REDIS_USERNAME):$(REDIS_PASSWORD)@shop.apps.svc:6379", "", "", "shop-auth/password", ""}},
		{"without a password", "kubedb", "", kubeDBOf("Redis", "shop", "disableAuth: true"), seen{"shop-pods:6379 shop:6379", "redis://shop.apps.svc:6379", "", "", "", ""}},
		{"with a Secret", "kubedb", "", kubeDBOf("Redis", "shop", "authSecret: {name: login}"), seen{"shop-pods:6379 shop:6379", "redis://$(REDIS_USERNAME):$(REDIS_PASSWORD)@shop.apps.svc:6379", "", "", "login/password", ""}},
		{"with sentinels", "kubedb", "", kubeDBOf("Redis", "shop", "mode: Sentinel, disableAuth: true, sentinelRef: {name: watch, namespace: apps}") + watch,
			seen{"shop-pods:6379 shop-standby:6379 shop:6379 watch:26379", "redis://shop.apps.svc:6379", master, "apps/shop", "", "watch-auth/password"}},
	}
}

// Sources: templates of this project and of Reclaim the Stack, and those of charts; see the operator.cue of each.
func namesOfSets() []named {
	password := func(secret, key string) string {
		return "env: [{name: POD, value: x}, {name: REDISCLI_AUTH, valueFrom: {secretKeyRef: {name: " + secret + ", key: " + key + "}}}]"
	}
	port := "{port: 6379}"
	chart := func(name, component string) string {
		return "app.kubernetes.io/name: " + name + ", app.kubernetes.io/instance: shop, app.kubernetes.io/component: " + component
	}
	// bitnami is a StatefulSet of a chart, and the Service that selects its pods.
	bitnami := func(name, component, service, ports string) string {
		variable := strings.ToUpper(name) + "_PASSWORD"
		return setOf("shop-"+name+"-"+component, chart(name, component), "image: 'bitnamilegacy/"+name+":8', ports: [{name: "+name+", containerPort: 6379}], "+
			strings.ReplaceAll(password("shop-"+name, name+"-password"), "REDISCLI_AUTH", variable)) + serviceOf(service, chart(name, component), ports)
	}
	inFile := func(items string) string {
		set := setOf("shop-redis-master", chart("redis", "master"), "image: 'bitnamilegacy/redis:8', env: [{name: REDIS_PASSWORD_FILE, value: /opt/bitnami/redis/secrets/redis-password}], "+
			"volumeMounts: [{name: data, mountPath: /data}, {name: redis-password, mountPath: /opt/bitnami/redis/secrets/}]")
		return strings.Replace(set, "containers:", "volumes: [{name: data, emptyDir: {}}, {name: redis-password, secret: {secretName: login"+items+"}}], containers:", 1)
	}
	both := "{name: tcp, port: 6379, targetPort: 6379}, {name: tcp-sentinel, port: 26379, targetPort: 26379}"
	return []named{
		{"with sentinels", "statefulset", "", setOf("shop-a", "redis-gitops.io/redis: shop, redis-gitops.io/sentinels: watch", "image: 'redis:8', "+password("login", "password")) +
			setOf("watch", "redis-gitops.io/sentinel: watch", "image: 'redis:8', args: [--sentinel]") + serviceOf("shop", "redis-gitops.io/redis: shop, redis-gitops.io/role: master", port),
			seen{"shop:6379 watch:26379", withAuth + "shop.apps.svc:6379", "redis-sentinel://watch-0.watch.apps.svc:26379/shop", "shop", "login/password", "login/password"}},
		{"with sentinels", "reclaim", "", setOf("shop-redis-a", "redis.reclaim-the-stack.com/cluster: shop, redis.reclaim-the-stack.com/component: redis", "image: 'redis:8'") +
			serviceOf("shop-redis-master", "redis.reclaim-the-stack.com/cluster: shop, redis.reclaim-the-stack.com/component: redis, redis.reclaim-the-stack.com/role: master", port),
			seen{"shop-redis-master:6379 shop-sentinel:26379", "redis://shop-redis-master.apps.svc:6379", "redis-sentinel://" + hosts("shop-sentinel", 3) + "/shop", "shop", "", ""}},
		{"chart redis", "workload", "", bitnami("redis", "master", "shop-redis-master", port) + bitnami("redis", "replica", "shop-redis-replicas", port),
			seen{"shop-redis-master:6379 shop-redis-replicas:6379", withAuth + "shop-redis-master.apps.svc:6379", "", "", "shop-redis/redis-password", ""}},
		{"chart redis from 20.10.0, whose password is in a file", "workload", "", inFile("") + serviceOf("shop-redis-master", chart("redis", "master"), port),
			seen{"shop-redis-master:6379", withAuth + "shop-redis-master.apps.svc:6379", "", "", "login/redis-password", ""}},
		{"chart redis with a key in a file", "workload", "", inFile(", items: [{key: pw, path: redis-password}]") + serviceOf("shop-redis-master", chart("redis", "master"), port),
			seen{"shop-redis-master:6379", withAuth + "shop-redis-master.apps.svc:6379", "", "", "login/pw", ""}},
		{"chart redis with one file of the Secret", "workload", "", strings.Replace(inFile(""), "mountPath: /opt/bitnami/redis/secrets/", "mountPath: /opt/bitnami/redis/secrets/redis-password, subPath: pw", 1) + serviceOf("shop-redis-master", chart("redis", "master"), port),
			seen{"shop-redis-master:6379", withAuth + "shop-redis-master.apps.svc:6379", "", "", "login/pw", ""}},
		{"chart redis with another file", "workload", "", inFile(", items: [{key: pw, path: other}]") + serviceOf("shop-redis-master", chart("redis", "master"), port),
			seen{"shop-redis-master:6379", "redis://shop-redis-master.apps.svc:6379", "", "", "", ""}},
		{"chart redis with sentinels", "workload", "", strings.Replace(bitnami("redis", "node", "shop-redis", both), "replicas: 1", "replicas: 3", 1),
			seen{"shop-redis:26379 shop-redis:6379", "", "redis-sentinel://shop-redis.apps.svc:26379/mymaster", "mymaster", "shop-redis/redis-password", ""}},
		{"chart valkey", "workload", "", bitnami("valkey", "primary", "shop-valkey-primary", port) + bitnami("valkey", "replica", "shop-valkey-replicas", port),
			seen{"shop-valkey-primary:6379 shop-valkey-replicas:6379", withAuth + "shop-valkey-primary.apps.svc:6379", "", "", "shop-valkey/valkey-password", ""}},
		{"chart valkey with sentinels", "workload", "", strings.Replace(bitnami("valkey", "node", "shop-valkey", both), "replicas: 1", "replicas: 3", 1),
			seen{"shop-valkey:26379 shop-valkey:6379", "", "redis-sentinel://shop-valkey.apps.svc:26379/myprimary", "myprimary", "shop-valkey/valkey-password", ""}},
	}
}

// releaseOf is a release "shop" of a chart, as package render gives it.
func releaseOf(values, chart, spec string) string {
	name := "shop-" + chart
	return strings.Replace(resourceOf(values, "Chart", name, spec), "name: "+name, "name: "+name+", release: shop, chart: "+chart, 1)
}

// Sources: bitnami/charts 5165628a, valkey-io/valkey-helm dbcf6a60, CloudPirates-io/helm-charts 983ec96e, DandyDeveloper/charts 62244545.
func namesOfCharts() []named {
	nodes := func(host string, n int, set string) string {
		var all []string
		for i := range n {
			all = append(all, strings.ReplaceAll(host, "#", fmt.Sprint(i))+".apps.svc:26379")
		}
		return "redis-sentinel://" + strings.Join(all, ",") + "/" + set
	}
	redis, valkey := "bitnami/redis", "bitnami/valkey"
	own := "shop-redis/redis-password"
	return []named{
		{"redis with replicas", "bitnami", "", releaseOf(redis, "redis", ""),
			seen{"shop-redis-headless:6379 shop-redis-master:6379 shop-redis-replicas:6379", withAuth + "shop-redis-master.apps.svc:6379", "", "", own, ""}},
		{"redis alone", "bitnami", "", releaseOf(redis, "redis", "architecture: standalone, auth: {enabled: false}, master: {service: {ports: {redis: 6380}}}"),
			seen{"shop-redis-headless:6379 shop-redis-master:6380", "redis://shop-redis-master.apps.svc:6380", "", "", "", ""}},
		{"redis with sentinels", "bitnami", "", releaseOf(redis, "redis", "sentinel: {enabled: true}, auth: {existingSecret: login, existingSecretPasswordKey: pw}"),
			seen{"shop-redis-headless:6379 shop-redis:26379 shop-redis:6379", "", nodes("shop-redis-node-#.shop-redis-headless", 3, "mymaster"), "mymaster", "login/pw", "login/pw"}},
		{"redis with sentinels and a Service of the master", "bitnami", "", releaseOf(redis, "redis", "sentinel: {enabled: true, masterSet: main, masterService: {enabled: true}}, auth: {sentinel: false}, replica: {replicaCount: 1}"),
			seen{"shop-redis-headless:6379 shop-redis-master:6379 shop-redis:26379 shop-redis:6379", withAuth + "shop-redis-master.apps.svc:6379", nodes("shop-redis-node-#.shop-redis-headless", 1, "main"), "main", own, ""}},
		{"valkey", "bitnami", "", releaseOf(valkey, "valkey", "metrics: {enabled: true}"),
			seen{"shop-valkey-headless:6379 shop-valkey-metrics:9121 shop-valkey-primary:6379 shop-valkey-replicas:6379", withAuth + "shop-valkey-primary.apps.svc:6379", "", "", "shop-valkey/valkey-password", ""}},
		{"valkey with sentinels", "bitnami", "", releaseOf(valkey, "valkey", "sentinel: {enabled: true}, replica: {replicaCount: 1}"),
			seen{"shop-valkey-headless:6379 shop-valkey:26379 shop-valkey:6379", "", nodes("shop-valkey-node-#.shop-valkey-headless", 1, "myprimary"), "myprimary", "shop-valkey/valkey-password", "shop-valkey/valkey-password"}},
		{"redis-cluster", "bitnami", "", releaseOf("bitnami/redis-cluster", "redis-cluster", ""),
			seen{"shop-redis-cluster-headless:6379 shop-redis-cluster:6379", withAuth + "shop-redis-cluster.apps.svc:6379", "", "", "shop-redis-cluster/redis-password", ""}},
		{"valkey-cluster", "bitnami", "", releaseOf("bitnami/valkey-cluster", "valkey-cluster", "usePassword: false"),
			seen{"shop-valkey-cluster-headless:6379 shop-valkey-cluster:6379", "redis://shop-valkey-cluster.apps.svc:6379", "", "", "", ""}},
		{"alone", "valkey-helm", "", releaseOf("valkey-helm/valkey", "valkey", ""), seen{"shop-valkey:6379", "redis://shop-valkey.apps.svc:6379", "", "", "", ""}},
		{"with replicas", "valkey-helm", "", releaseOf("valkey-helm/valkey", "valkey", "replica: {enabled: true}, auth: {enabled: true, usersExistingSecret: login}"),
			seen{"shop-valkey-headless:6379 shop-valkey-read:6379 shop-valkey:6379", withAuth + "shop-valkey.apps.svc:6379", "", "", "login/default", ""}},
		{"redis alone", "cloudpirates", "", releaseOf("cloudpirates/redis", "redis", ""), seen{"shop-redis-headless:6379 shop-redis:6379", withAuth + "shop-redis.apps.svc:6379", "", "", own, ""}},
		{"valkey with replicas", "cloudpirates", "", releaseOf("cloudpirates/valkey", "valkey", "architecture: replication"),
			seen{"shop-valkey-headless:6379 shop-valkey-master:6379 shop-valkey:6379", withAuth + "shop-valkey-master.apps.svc:6379", "", "", "shop-valkey/password", ""}},
		{"redis with sentinels", "cloudpirates", "", releaseOf("cloudpirates/redis", "redis", "architecture: replication, sentinel: {enabled: true, masterName: main}"),
			seen{"shop-redis-headless:6379 shop-redis-sentinel:26379 shop-redis:6379", "", "redis-sentinel://shop-redis-sentinel.apps.svc:26379/main", "main", own, own}},
		{"valkey with a proxy", "cloudpirates", "", releaseOf("cloudpirates/valkey", "valkey", "architecture: replication, sentinel: {enabled: true, masterProxy: {enabled: true}}"),
			seen{"shop-valkey-headless:6379 shop-valkey-master:6379 shop-valkey-sentinel:26379 shop-valkey:6379", withAuth + "shop-valkey-master.apps.svc:6379", "redis-sentinel://shop-valkey-sentinel.apps.svc:26379/mymaster", "mymaster", "shop-valkey/password", ""}},
		{"with sentinels", "redis-ha", "", releaseOf("dandydeveloper/redis-ha", "redis-ha", ""),
			seen{"shop-redis-ha-announce-0:6379 shop-redis-ha-announce-1:6379 shop-redis-ha-announce-2:6379 shop-redis-ha:26379 shop-redis-ha:6379", "", nodes("shop-redis-ha-announce-#", 3, "mymaster"), "mymaster", "", ""}},
		{"with HAProxy", "redis-ha", "", releaseOf("dandydeveloper/redis-ha", "redis-ha", "auth: true, haproxy: {enabled: true}, sentinel: {auth: true}, replicas: 1"),
			seen{"shop-redis-ha-announce-0:6379 shop-redis-ha-announce-1:6379 shop-redis-ha-announce-2:6379 shop-redis-ha-haproxy:6379 shop-redis-ha:26379 shop-redis-ha:6379", withAuth + "shop-redis-ha-haproxy.apps.svc:6379",
				nodes("shop-redis-ha-announce-#", 1, "mymaster"), "mymaster", "shop-redis-ha/auth", "shop-redis-ha-sentinel/sentinel-password"}},
	}
}

// Sources: valkey-io/valkey-operator c33988f5, hyperspike/valkey-operator 78116be6, dragonflydb/dragonfly-operator b28637d7; see the
// operator.cue of each.
func namesOfOthers() []named {
	valkey := func(spec string) string {
		return resourceOf("valkey.io/v1alpha1", "ValkeyCluster", "shop", "shards: 3"+spec)
	}
	hyperspike := func(spec string) string { return resourceOf("hyperspike.io/v1", "Valkey", "shop", spec) }
	dragonfly := func(spec string) string { return resourceOf("dragonflydb.io/v1alpha1", "Dragonfly", "shop", spec) }
	return []named{
		{"open to all", "valkey-operator", "", valkey(""), seen{"valkey-shop:6379", "redis://valkey-shop.apps.svc:6379", "", "", "", ""}},
		{"with users", "valkey-operator", "", valkey(", users: [{name: app, passwordSecret: {name: app}}, {name: default, passwordSecret: {name: login, keys: [pw]}}]"),
			seen{"valkey-shop:6379", withAuth + "valkey-shop.apps.svc:6379", "", "", "login/pw", ""}},
		{"with the Secret of its name", "valkey-operator", "", valkey(", users: [{name: default, passwordSecret: {}}]"),
			seen{"valkey-shop:6379", withAuth + "valkey-shop.apps.svc:6379", "", "", "shop-users/default", ""}},
		{"with a password", "hyperspike", "", hyperspike("nodes: 3"), seen{"shop-headless:6379 shop:6379", withAuth + "shop.apps.svc:6379", "", "", "shop/password", ""}},
		{"with a Secret and an exporter", "hyperspike", "", hyperspike("prometheus: true, servicePassword: {name: login, key: pw}"),
			seen{"shop-headless:6379 shop-metrics:9121 shop:6379", withAuth + "shop.apps.svc:6379", "", "", "login/pw", ""}},
		{"open to all", "hyperspike", "", hyperspike("anonymousAuth: true"), seen{"shop-headless:6379 shop:6379", "redis://shop.apps.svc:6379", "", "", "", ""}},
		{"with a password", "dragonfly", "", dragonfly("replicas: 2, authentication: {passwordFromSecret: {name: login, key: pw}}"),
			seen{"shop:6379", withAuth + "shop.apps.svc:6379", "", "", "login/pw", ""}},
		{"with a name for its Service", "dragonfly", "", dragonfly("serviceSpec: {name: front}"), seen{"front:6379", "redis://front.apps.svc:6379", "", "", "", ""}},
	}
}
