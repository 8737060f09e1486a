package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// redisFailover is what the stand-in reads of one.
type redisFailover struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Redis    component `json:"redis"`
		Sentinel component `json:"sentinel"`
		Auth     struct {
			SecretPath string `json:"secretPath"`
		} `json:"auth"`
		LabelWhitelist []string `json:"labelWhitelist"`
		BootstrapNode  *struct {
			Host           string `json:"host"`
			Port           string `json:"port"`
			AllowSentinels bool   `json:"allowSentinels"`
		} `json:"bootstrapNode"`
	} `json:"spec"`

	password string
}

type component struct {
	Image              string                  `json:"image"`
	Replicas           int32                   `json:"replicas"`
	Port               int32                   `json:"port"`
	Resources          v1.ResourceRequirements `json:"resources"`
	CustomConfig       []string                `json:"customConfig"`
	Command            []string                `json:"command"`
	PodAnnotations     map[string]string       `json:"podAnnotations"`
	ServiceAnnotations map[string]string       `json:"serviceAnnotations"`
	Grace              int64                   `json:"terminationGracePeriod"`
	ShutdownConfigMap  string                  `json:"shutdownConfigMap"`
	Exporter           struct {
		Enabled bool   `json:"enabled"`
		Image   string `json:"image"`
	} `json:"exporter"`
	Storage struct {
		KeepAfterDeletion bool                      `json:"keepAfterDeletion"`
		EmptyDir          *v1.EmptyDirVolumeSource  `json:"emptyDir"`
		Claim             *v1.PersistentVolumeClaim `json:"persistentVolumeClaim"`
	} `json:"storage"`
}

const (
	maxName      = 48
	sentinelPort = 26379
	roleLabel    = "redisfailovers-role"
	master       = "master"
	slave        = "slave"
)

// decode reads a RedisFailover and fills in what the operator takes for what is not there.
func decode(object runtime.Object) (*redisFailover, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	rf := &redisFailover{}
	if err := json.Unmarshal(text, rf); err != nil {
		return nil, err
	}
	if len(rf.Name) > maxName {
		return nil, fmt.Errorf("name length can't be higher than %d", maxName)
	}
	if rf.Spec.BootstrapNode != nil && rf.Spec.BootstrapNode.Host == "" {
		return nil, errors.New("BootstrapNode must include a host when provided")
	}
	defaults := func(c *component, port int32) {
		if c.Image == "" {
			c.Image = "redis:6.2.6-alpine"
		}
		if c.Replicas <= 0 {
			c.Replicas = 3
		}
		if c.Port <= 0 {
			c.Port = port
		}
	}
	defaults(&rf.Spec.Redis, 6379)
	defaults(&rf.Spec.Sentinel, sentinelPort)
	// Validate in api/redisfailover/v1/validate.go: equal lines count once, and the sentinels' own come in place of the default.
	priority := "replica-priority 100"
	if b := rf.Spec.BootstrapNode; b != nil {
		priority = "replica-priority 0"
		if b.Port == "" {
			b.Port = "6379"
		}
	}
	lines := []string{priority}
	for _, line := range rf.Spec.Redis.CustomConfig {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	rf.Spec.Redis.CustomConfig = lines
	if len(rf.Spec.Sentinel.CustomConfig) == 0 {
		rf.Spec.Sentinel.CustomConfig = []string{"down-after-milliseconds 5000", "failover-timeout 10000"}
	}
	return rf, nil
}

func (rf *redisFailover) port() string { return strconv.Itoa(int(rf.Spec.Redis.Port)) }

func (rf *redisFailover) quorum() int32 { return rf.Spec.Sentinel.Replicas/2 + 1 }

func (rf *redisFailover) bootstrapping() bool { return rf.Spec.BootstrapNode != nil }

func (rf *redisFailover) sentinels() bool {
	return rf.Spec.BootstrapNode == nil || rf.Spec.BootstrapNode.AllowSentinels
}

// labels of a component: "redis" or "sentinel".
func (rf *redisFailover) labels(kind string) map[string]string {
	return map[string]string{
		"app.kubernetes.io/component": kind, "app.kubernetes.io/name": rf.Name,
		"app.kubernetes.io/part-of": "redis-failover", "app.kubernetes.io/managed-by": "redis-operator",
		"redisfailovers.databases.spotahome.com/name": rf.Name,
	}
}

func (rf *redisFailover) selector(kind string) map[string]string {
	labels := rf.labels(kind)
	delete(labels, "app.kubernetes.io/managed-by")
	delete(labels, "redisfailovers.databases.spotahome.com/name")
	return labels
}

func (rf *redisFailover) meta(name, kind string) metav1.ObjectMeta {
	yes := true
	return metav1.ObjectMeta{Namespace: rf.Namespace, Name: name, Labels: rf.labels(kind), OwnerReferences: []metav1.OwnerReference{{
		APIVersion: "databases.spotahome.com/v1", Kind: "RedisFailover", Name: rf.Name, UID: rf.UID, Controller: &yes, BlockOwnerDeletion: &yes,
	}}}
}

// ensure makes all objects, or changes those that differ, in the order of ensurer.go: what fails keeps those after it from being made.
func (o *operator) ensure(ctx context.Context, rf *redisFailover) error {
	redis, sentinel := rf.Spec.Redis, rf.Spec.Sentinel
	if redis.Exporter.Enabled {
		s := rf.service("rfr-"+rf.Name, "redis", "http-metrics", 9121, redis.ServiceAnnotations, nil)
		s.Spec.ClusterIP = v1.ClusterIPNone
		s.Spec.Ports[0].TargetPort = intstr.FromString("metrics")
		if err := o.ensureService(ctx, s); err != nil {
			return err
		}
	} else if err := o.client.CoreV1().Services(rf.Namespace).Delete(ctx, "rfr-"+rf.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if rf.sentinels() {
		if err := o.ensureService(ctx, rf.service("rfs-"+rf.Name, "sentinel", "sentinel", sentinelPort, sentinel.ServiceAnnotations, nil)); err != nil {
			return err
		}
		if err := o.ensureConfigMap(ctx, rf, "rfs-"+rf.Name, "sentinel", "sentinel.conf", sentinelConf(rf)); err != nil {
			return err
		}
	}
	for name, role := range map[string]string{"rfrm-": master, "rfrs-": slave} {
		if err := o.ensureService(ctx, rf.service(name+rf.Name, "redis", "redis", redis.Port, redis.ServiceAnnotations, map[string]string{roleLabel: role})); err != nil {
			return err
		}
	}
	if name := redis.ShutdownConfigMap; name != "" {
		if _, err := o.client.CoreV1().ConfigMaps(rf.Namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
	} else if err := o.ensureConfigMap(ctx, rf, "rfr-s-"+rf.Name, "redis", "shutdown.sh", shutdownScript(rf)); err != nil {
		return err
	}
	if err := o.ensureConfigMap(ctx, rf, "rfr-readiness-"+rf.Name, "redis", "ready.sh", readinessScript(rf)); err != nil {
		return err
	}
	if err := o.readPassword(ctx, rf); err != nil {
		return err
	}
	if err := o.ensureConfigMap(ctx, rf, "rfr-"+rf.Name, "redis", "redis.conf", redisConf(rf)); err != nil {
		return err
	}
	if err := o.ensurePDB(ctx, rf, "rfr-"+rf.Name, "redis"); err != nil {
		return err
	}
	if err := o.ensureStatefulSet(ctx, rf); err != nil {
		return err
	}
	if !rf.sentinels() {
		return nil
	}
	if err := o.ensurePDB(ctx, rf, "rfs-"+rf.Name, "sentinel"); err != nil {
		return err
	}
	return o.ensureDeployment(ctx, rf)
}

// readPassword reads the Secret: GetRedisPassword in service/k8s/util.go.
func (o *operator) readPassword(ctx context.Context, rf *redisFailover) error {
	name := rf.Spec.Auth.SecretPath
	if name == "" {
		return nil
	}
	s, err := o.client.CoreV1().Secrets(rf.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	password, ok := s.Data["password"]
	if !ok {
		return fmt.Errorf("secret %q does not have a password field", name)
	}
	rf.password = string(password)
	return nil
}

func (o *operator) ensureConfigMap(ctx context.Context, rf *redisFailover, name, kind, key, text string) error {
	m := &v1.ConfigMap{ObjectMeta: rf.meta(name, kind), Data: map[string]string{key: text}}
	return apply(ctx, o.client.CoreV1().ConfigMaps(rf.Namespace), name, m, func(old *v1.ConfigMap) bool {
		same := maps.Equal(old.Data, m.Data)
		old.Data = m.Data
		return !same
	})
}

func (o *operator) ensureService(ctx context.Context, s *v1.Service) error {
	return apply(ctx, o.client.CoreV1().Services(s.Namespace), s.Name, s, func(old *v1.Service) bool {
		same := maps.Equal(old.Spec.Selector, s.Spec.Selector) && old.Spec.Ports[0].Port == s.Spec.Ports[0].Port
		old.Spec.Selector, old.Spec.Ports = s.Spec.Selector, s.Spec.Ports
		return !same
	})
}

// api is a client of one kind in one namespace.
type api[T any] interface {
	Get(context.Context, string, metav1.GetOptions) (T, error)
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
}

// apply creates an object, or updates it when change says that it changed something.
func apply[T any](ctx context.Context, client api[T], name string, object T, change func(old T) bool) error {
	old, err := client.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = client.Create(ctx, object, metav1.CreateOptions{})
	case err == nil && change(old):
		_, err = client.Update(ctx, old, metav1.UpdateOptions{})
	}
	return err
}

func (rf *redisFailover) service(name, kind, port string, number int32, annotations, more map[string]string) *v1.Service {
	selector := rf.selector(kind)
	maps.Copy(selector, more)
	s := &v1.Service{ObjectMeta: rf.meta(name, kind), Spec: v1.ServiceSpec{
		Selector: selector,
		Ports:    []v1.ServicePort{{Name: port, Port: number, TargetPort: intstr.FromString(port), Protocol: v1.ProtocolTCP}},
	}}
	s.Annotations = annotations
	return s
}

// ensurePDB counts the Redis pods for both: ensurePodDisruptionBudget in service/client.go.
func (o *operator) ensurePDB(ctx context.Context, rf *redisFailover, name, kind string) error {
	available := intstr.FromInt32(2)
	if rf.Spec.Redis.Replicas <= 2 {
		available = intstr.FromInt32(1)
	}
	return apply(ctx, o.client.PolicyV1().PodDisruptionBudgets(rf.Namespace), name, &policyv1.PodDisruptionBudget{
		ObjectMeta: rf.meta(name, kind),
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &available, Selector: &metav1.LabelSelector{MatchLabels: rf.selector(kind)}},
	}, func(old *policyv1.PodDisruptionBudget) bool {
		same := old.Spec.MinAvailable != nil && *old.Spec.MinAvailable == available
		old.Spec.MinAvailable = &available
		return !same
	})
}

func redisConf(rf *redisFailover) string {
	text := fmt.Sprintf("slaveof 127.0.0.1 %[1]d\nport %[1]d\ntcp-keepalive 60\nsave 900 1\nsave 300 10\nuser pinger -@all +ping on >pingpass\n", rf.Spec.Redis.Port)
	if rf.password != "" {
		text += fmt.Sprintf("masterauth %[1]s\nrequirepass %[1]s\n", rf.password)
	}
	return text
}

func sentinelConf(rf *redisFailover) string {
	return fmt.Sprintf(`sentinel monitor mymaster 127.0.0.1 %d 2
sentinel down-after-milliseconds mymaster 1000
sentinel failover-timeout mymaster 3000
sentinel parallel-syncs mymaster 2
`, rf.Spec.Redis.Port)
}

// A master is asked to fail over before it ends; then there are 31 s for that, more than the usual grace period.
func shutdownScript(rf *redisFailover) string {
	variable := "RFS_" + strings.ToUpper(strings.ReplaceAll(rf.Name, "-", "_")) + "_SERVICE"
	return fmt.Sprintf(`sentinel="redis-cli -h ${%[1]s_HOST} -p ${%[1]s_PORT_SENTINEL}"
master=$($sentinel --csv SENTINEL get-master-addr-by-name mymaster | tr ',' ' ' | tr -d '"' | cut -d' ' -f1)
if [ "$master" = "$(hostname -i)" ]; then
	$sentinel SENTINEL failover mymaster
	sleep 31
fi
[ -z "$REDIS_PASSWORD" ] || export REDISCLI_AUTH="$REDIS_PASSWORD"
redis-cli -p %[2]d save
`, variable, rf.Spec.Redis.Port)
}

// A master is ready; a replica is once it follows one that is not 127.0.0.1 and is not being filled by it.
func readinessScript(rf *redisFailover) string {
	return fmt.Sprintf(`[ -z "$REDIS_PASSWORD" ] || export REDISCLI_AUTH="$REDIS_PASSWORD"
info=$(redis-cli -p %d info replication | tr -d '\r')
case $info in
*role:master*) exit 0 ;;
*role:slave*)
	case $info in
	*master_sync_in_progress:1* | *master_host:127.0.0.1*) exit 1 ;;
	esac
	exit 0
	;;
esac
echo "unespected" >&2
exit 1
`, rf.Spec.Redis.Port)
}

func sh(command string) *v1.Probe {
	return &v1.Probe{InitialDelaySeconds: 30, TimeoutSeconds: 5, ProbeHandler: v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"sh", "-c", command}}}}
}

func securityContext() *v1.PodSecurityContext {
	id, yes := int64(1000), true
	return &v1.PodSecurityContext{RunAsUser: &id, RunAsGroup: &id, FSGroup: &id, RunAsNonRoot: &yes}
}

func containerSecurityContext() *v1.SecurityContext {
	yes, no := true, false
	return &v1.SecurityContext{
		ReadOnlyRootFilesystem: &yes, AllowPrivilegeEscalation: &no, Privileged: &no, RunAsNonRoot: &yes,
		Capabilities: &v1.Capabilities{Drop: []v1.Capability{"ALL"}},
	}
}

func exporter(c component, name string, port int32) []v1.Container {
	if !c.Exporter.Enabled {
		return nil
	}
	return []v1.Container{{Name: name, Image: c.Exporter.Image, Ports: []v1.ContainerPort{{Name: "metrics", ContainerPort: port}}, SecurityContext: containerSecurityContext()}}
}

func configMapVolume(name, configMap string) v1.Volume {
	mode := int32(0o744)
	return v1.Volume{Name: name, VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{
		LocalObjectReference: v1.LocalObjectReference{Name: configMap}, DefaultMode: &mode,
	}}}
}

func (o *operator) ensureStatefulSet(ctx context.Context, rf *redisFailover) error {
	redis := rf.Spec.Redis
	name := "rfr-" + rf.Name
	command := redis.Command
	if len(command) == 0 {
		command = []string{"redis-server", "/redis/redis.conf"}
	}
	container := v1.Container{
		Name: "redis", Image: redis.Image, Command: command, Resources: redis.Resources, SecurityContext: containerSecurityContext(),
		Ports: []v1.ContainerPort{{Name: "redis", ContainerPort: redis.Port}},
		Env: []v1.EnvVar{
			{Name: "REDIS_ADDR", Value: fmt.Sprintf("redis://127.0.0.1:%d", redis.Port)}, {Name: "REDIS_PORT", Value: fmt.Sprint(redis.Port)}, {Name: "REDIS_USER", Value: "default"},
		},
		VolumeMounts: []v1.VolumeMount{
			{Name: "redis-config", MountPath: "/redis"}, {Name: "redis-readiness-config", MountPath: "/redis-readiness"}, {Name: "redis-shutdown-config", MountPath: "/redis-shutdown"},
		},
		LivenessProbe:  sh(fmt.Sprintf("redis-cli -h $(hostname) -p %d --user pinger --pass pingpass --no-auth-warning ping | grep PONG", redis.Port)),
		ReadinessProbe: sh("sh /redis-readiness/ready.sh"),
		Lifecycle:      &v1.Lifecycle{PreStop: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"/bin/sh", "/redis-shutdown/shutdown.sh"}}}},
	}
	container.LivenessProbe.FailureThreshold, container.LivenessProbe.PeriodSeconds = 6, 15
	if rf.Spec.Auth.SecretPath != "" {
		container.Env = append(container.Env, v1.EnvVar{Name: "REDIS_PASSWORD", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{
			LocalObjectReference: v1.LocalObjectReference{Name: rf.Spec.Auth.SecretPath}, Key: "password",
		}}})
	}
	grace := redis.Grace
	if grace == 0 {
		grace = 30
	}
	shutdown := redis.ShutdownConfigMap
	if shutdown == "" {
		shutdown = "rfr-s-" + rf.Name
	}
	labels := rf.labels("redis")
	labels[roleLabel] = slave
	set := &appsv1.StatefulSet{ObjectMeta: rf.meta(name, "redis"), Spec: appsv1.StatefulSetSpec{
		ServiceName: name, Replicas: &redis.Replicas, PodManagementPolicy: appsv1.ParallelPodManagement,
		UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
		Selector:       &metav1.LabelSelector{MatchLabels: rf.selector("redis")},
		Template: v1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: redis.PodAnnotations},
			Spec: v1.PodSpec{
				SecurityContext: securityContext(), TerminationGracePeriodSeconds: &grace,
				Volumes: []v1.Volume{
					configMapVolume("redis-config", "rfr-"+rf.Name), configMapVolume("redis-readiness-config", "rfr-readiness-"+rf.Name), configMapVolume("redis-shutdown-config", shutdown),
				},
			},
		},
	}}
	data := v1.VolumeMount{Name: "redis-data", MountPath: "/data"}
	if claim := redis.Storage.Claim; claim != nil {
		claim = claim.DeepCopy()
		data.Name = claim.Name
		claim.Labels = labels
		if !redis.Storage.KeepAfterDeletion {
			claim.OwnerReferences = set.OwnerReferences
		}
		set.Spec.VolumeClaimTemplates = []v1.PersistentVolumeClaim{*claim}
	} else {
		empty := redis.Storage.EmptyDir
		if empty == nil {
			empty = &v1.EmptyDirVolumeSource{}
		}
		set.Spec.Template.Spec.Volumes = append(set.Spec.Template.Spec.Volumes, v1.Volume{Name: data.Name, VolumeSource: v1.VolumeSource{EmptyDir: empty}})
	}
	container.VolumeMounts = append(container.VolumeMounts, data)
	set.Spec.Template.Spec.Containers = append([]v1.Container{container}, exporter(redis, "redis-exporter", 9121)...)
	return apply(ctx, o.client.AppsV1().StatefulSets(rf.Namespace), name, set, func(old *appsv1.StatefulSet) bool {
		same := *old.Spec.Replicas == redis.Replicas && sameTemplate(old.Spec.Template, set.Spec.Template)
		old.Spec.Replicas, old.Spec.Template = set.Spec.Replicas, set.Spec.Template
		return !same
	})
}

func (o *operator) ensureDeployment(ctx context.Context, rf *redisFailover) error {
	sentinel := rf.Spec.Sentinel
	name := "rfs-" + rf.Name
	command := sentinel.Command
	if len(command) == 0 {
		command = []string{"redis-server", "/redis/sentinel.conf", "--sentinel"}
	}
	container := v1.Container{
		Name: "sentinel", Image: sentinel.Image, Command: command, Resources: sentinel.Resources, SecurityContext: containerSecurityContext(),
		Ports:        []v1.ContainerPort{{Name: "sentinel", ContainerPort: sentinelPort}},
		VolumeMounts: []v1.VolumeMount{{Name: "sentinel-config-writable", MountPath: "/redis"}},
		// Not ready before the operator has set its master.
		ReadinessProbe: sh(fmt.Sprintf("redis-cli -h $(hostname) -p %d sentinel get-master-addr-by-name mymaster | head -n 1 | grep -vq '127.0.0.1'", sentinelPort)),
		LivenessProbe:  sh(fmt.Sprintf("redis-cli -h $(hostname) -p %d ping", sentinelPort)),
	}
	deployment := &appsv1.Deployment{ObjectMeta: rf.meta(name, "sentinel"), Spec: appsv1.DeploymentSpec{
		Replicas: &sentinel.Replicas, Selector: &metav1.LabelSelector{MatchLabels: rf.selector("sentinel")},
		Template: v1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: rf.labels("sentinel"), Annotations: sentinel.PodAnnotations},
			Spec: v1.PodSpec{
				SecurityContext: securityContext(),
				InitContainers: []v1.Container{{
					Name: "sentinel-config-copy", Image: sentinel.Image, SecurityContext: containerSecurityContext(),
					Command:      []string{"cp", "/redis/sentinel.conf", "/redis-writable/sentinel.conf"},
					VolumeMounts: []v1.VolumeMount{{Name: "sentinel-config", MountPath: "/redis"}, {Name: "sentinel-config-writable", MountPath: "/redis-writable"}},
				}},
				Containers: append([]v1.Container{container}, exporter(sentinel, "sentinel-exporter", 9355)...),
				Volumes: []v1.Volume{
					configMapVolume("sentinel-config", name), {Name: "sentinel-config-writable", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
				},
			},
		},
	}}
	return apply(ctx, o.client.AppsV1().Deployments(rf.Namespace), name, deployment, func(old *appsv1.Deployment) bool {
		same := *old.Spec.Replicas == sentinel.Replicas && sameTemplate(old.Spec.Template, deployment.Spec.Template)
		old.Spec.Replicas, old.Spec.Template = deployment.Spec.Replicas, deployment.Spec.Template
		return !same
	})
}

// sameTemplate compares what a RedisFailover can change; the API server fills in the rest.
func sameTemplate(a, b v1.PodTemplateSpec) bool {
	if !maps.Equal(a.Annotations, b.Annotations) || len(a.Spec.Containers) != len(b.Spec.Containers) {
		return false
	}
	for i := range a.Spec.Containers {
		x, y := a.Spec.Containers[i], b.Spec.Containers[i]
		if x.Image != y.Image || fmt.Sprint(x.Command) != fmt.Sprint(y.Command) || !equality.Semantic.DeepEqual(x.Env, y.Env) || !sameResources(x.Resources, y.Resources) {
			return false
		}
	}
	return true
}

func sameResources(a, b v1.ResourceRequirements) bool {
	same := func(a, b v1.ResourceList) bool {
		return maps.EqualFunc(a, b, func(x, y resource.Quantity) bool { return x.Cmp(y) == 0 })
	}
	return same(a.Requests, b.Requests) && same(a.Limits, b.Limits)
}
