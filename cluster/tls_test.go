package cluster

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// With an authority a Redis that speaks TLS is verified, by the name of its Service or another one. test/e2e logs in by a
// certificate.
func TestTLS(t *testing.T) {
	server, authority := redistest.StartTLS(t)
	other, _ := redistest.Certificate(t)
	o := newObjects()
	replication := Kind{"redis.redis.opstreelabs.in/v1beta2", "RedisReplication", "redisreplications"}
	o.served = []Kind{replication}
	const labels = "{app: shop, redis_setup_type: replication, role: replication, redis-role: master}"
	o.add(t, replication, "metadata: {namespace: default, name: shop}\nspec: {clusterSize: 1, TLS: {secret: {secretName: shop-tls}}}")
	o.add(t, serviceKind, fmt.Sprintf("metadata: {namespace: default, name: shop-master}\nspec: {selector: %s, ports: [{port: 6379, targetPort: %d}]}", labels, server.Port))
	o.add(t, podKind, "metadata: {namespace: default, name: shop-0, labels: "+labels+"}\nspec: {containers: [{name: shop}]}\nstatus: {phase: Running, podIP: 127.0.0.1, conditions: [{type: Ready, status: 'True'}]}")
	for _, tt := range []struct {
		name       string
		ca         []byte
		serverName string
		want       string
	}{
		{"not verified", nil, "", ""},
		{"by another name", authority, "redis.test", ""},
		{"by the Service", authority, "", "not shop-master.default.svc; pass the CA certificate with --tls-ca, or the name in its certificate with --tls-server-name"},
		{"another authority", other, "redis.test", "certificate signed by unknown authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var config *tls.Config
			if tt.ca != nil {
				var err error
				if config, err = redis.TLSConfig(tt.ca, nil, nil, tt.serverName, false); err != nil {
					t.Fatal(err)
				}
			}
			c := o.open(t, Options{TLS: config})
			state, err := c.State(t.Context(), find(t, c, "shop"))
			if err != nil {
				t.Fatal(err)
			}
			got := texts(state.CheckURL(false))
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}
