package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
)

// podSecurityChecks are the checks of kubernetes/pod-security-admission 8f84a87 (v0.36.3), policy/check_*.go, by their IDs. {pod} is what a
// pod has, {container} what its container has; want is what the finding names, "" for none.
var podSecurityChecks = []struct{ check, level, version, pod, container, want string }{
	{"allowPrivilegeEscalation", "restricted", "", "", "context:\n  allowPrivilegeEscalation: null", "allowPrivilegeEscalation: false"},
	{"allowPrivilegeEscalation", "restricted", "", "os: {name: windows}", "context:\n  allowPrivilegeEscalation: null", ""},
	{"appArmorProfile", "baseline", "", "context:\n  appArmorProfile: {type: Unconfined}", "", "the appArmorProfile Unconfined"},
	{"appArmorProfile", "baseline", "", "", "context:\n  appArmorProfile: {type: Unconfined}", "the appArmorProfile Unconfined"},
	{"appArmorProfile", "baseline", "", "", "context:\n  appArmorProfile: {type: Localhost, localhostProfile: redis}", ""},
	{"appArmorProfile", "baseline", "", "annotations:\n  container.apparmor.security.beta.kubernetes.io/redis: unconfined", "", "the AppArmor profile unconfined"},
	{"appArmorProfile", "baseline", "", "annotations:\n  container.apparmor.security.beta.kubernetes.io/redis: localhost/redis", "", ""},
	{"appArmorProfile", "baseline", "", "annotations:\n  container.apparmor.security.beta.kubernetes.io/redis: runtime/default", "", ""},
	{"capabilities_baseline", "baseline", "", "", "context:\n  capabilities: {add: [NET_RAW], drop: [ALL]}", "the capability NET_RAW"},
	{"capabilities_baseline", "baseline", "", "", "context:\n  capabilities: {add: [CHOWN], drop: [ALL]}", ""},
	{"capabilities_restricted", "restricted", "", "", "context:\n  capabilities: {add: [CHOWN], drop: [ALL]}", "the capability CHOWN"},
	{"capabilities_restricted", "restricted", "", "", "context:\n  capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}", ""},
	{"capabilities_restricted", "restricted", "", "", "context:\n  capabilities: {drop: [CHOWN]}", "capabilities.drop: [ALL]"},
	{"capabilities_restricted", "restricted", "v1.21", "", "context:\n  capabilities: {drop: [CHOWN]}", ""},
	{"hostNamespaces", "baseline", "", "hostNetwork: true", "", "hostNetwork"},
	{"hostNamespaces", "baseline", "", "hostPID: true", "", "hostPID"},
	{"hostNamespaces", "restricted", "", "hostIPC: true", "", "hostIPC"},
	{"hostPathVolumes", "baseline", "", "volumes: [{name: x, hostPath: {path: /x}}]", "", "the hostPath volume"},
	{"hostPathVolumes", "baseline", "", "volumes: [{name: x, nfs: {server: x, path: /x}}]", "", ""},
	{"hostPorts", "baseline", "", "", "ports: [{containerPort: 6379, hostPort: 6379}]", "hostPort"},
	{"hostPorts", "baseline", "", "", "ports: [{containerPort: 6379, hostPort: 0}]", ""},
	{"hostProbesAndHostLifecycle", "baseline", "", "", "livenessProbe: {httpGet: {host: 127.0.0.1, port: 1}}", "the host of livenessProbe"},
	{"hostProbesAndHostLifecycle", "baseline", "", "", "readinessProbe: {tcpSocket: {host: 127.0.0.1, port: 1}}", "the host of readinessProbe"},
	{"hostProbesAndHostLifecycle", "baseline", "", "", "startupProbe: {tcpSocket: {host: 127.0.0.1, port: 1}}", "the host of startupProbe"},
	{"hostProbesAndHostLifecycle", "baseline", "", "", "lifecycle: {preStop: {httpGet: {host: metadata, port: 1}}}", "the host of lifecycle"},
	{"hostProbesAndHostLifecycle", "baseline", "", "", "lifecycle: {postStart: {tcpSocket: {host: metadata, port: 1}}}", "the host of lifecycle"},
	{"hostProbesAndHostLifecycle", "baseline", "v1.33", "", "livenessProbe: {tcpSocket: {host: 127.0.0.1, port: 1}}", ""},
	{"hostProbesAndHostLifecycle", "baseline", "", "", "livenessProbe: {tcpSocket: {port: 1}}", ""},
	{"privileged", "baseline", "", "", "context:\n  privileged: true", "privileged: true"},
	{"procMount", "baseline", "", "", "context:\n  procMount: Unmasked", "procMount: Unmasked"},
	{"procMount", "baseline", "", "", "context:\n  procMount: Default", ""},
	{"procMount", "baseline", "", "hostUsers: false", "context:\n  procMount: Unmasked", ""},
	{"procMount", "baseline", "v1.34", "hostUsers: false", "context:\n  procMount: Unmasked", "procMount: Unmasked"},
	{"procMount_restricted", "restricted", "", "hostUsers: false", "context:\n  procMount: Unmasked", "procMount: Unmasked"},
	{"restrictedVolumes", "restricted", "", "volumes: [{name: x, nfs: {server: x, path: /x}}]", "", "the nfs volume"},
	{"restrictedVolumes", "restricted", "", "volumes: [{name: x, image: {reference: x}}, {name: y, projected: {sources: []}}, {name: z, csi: {driver: x}}]", "", ""},
	{"runAsNonRoot", "restricted", "", "context:\n  runAsNonRoot: null", "", "runAsNonRoot: true"},
	{"runAsNonRoot", "restricted", "", "", "context:\n  runAsNonRoot: false", "runAsNonRoot: false"},
	{"runAsNonRoot", "restricted", "", "hostUsers: false", "context:\n  runAsNonRoot: false", ""},
	{"runAsNonRoot", "restricted", "v1.30", "hostUsers: false", "context:\n  runAsNonRoot: false", "runAsNonRoot: false"},
	{"runAsUser", "restricted", "", "context:\n  runAsUser: 0", "", "runAsUser: 0"},
	{"runAsUser", "restricted", "", "", "context:\n  runAsUser: 0", "runAsUser: 0"},
	{"runAsUser", "restricted", "v1.22", "", "context:\n  runAsUser: 0", ""},
	{"runAsUser", "baseline", "", "", "context:\n  runAsUser: 0", ""},
	{"seLinuxOptions", "baseline", "", "context:\n  seLinuxOptions: {type: spc_t}", "", "the SELinux type spc_t"},
	{"seLinuxOptions", "baseline", "", "", "context:\n  seLinuxOptions: {user: system_u}", "the SELinux user system_u"},
	{"seLinuxOptions", "baseline", "", "", "context:\n  seLinuxOptions: {role: sysadm_r}", "the SELinux role sysadm_r"},
	{"seLinuxOptions", "baseline", "", "", "context:\n  seLinuxOptions: {type: container_engine_t, level: s0}", ""},
	{"seLinuxOptions", "baseline", "v1.30", "", "context:\n  seLinuxOptions: {type: container_engine_t}", "the SELinux type container_engine_t"},
	{"seccompProfile_baseline", "baseline", "", "context:\n  seccompProfile: {type: Unconfined}", "", "the seccompProfile Unconfined"},
	{"seccompProfile_baseline", "baseline", "", "", "context:\n  seccompProfile: {type: Unconfined}", "the seccompProfile Unconfined"},
	{"seccompProfile_restricted", "restricted", "", "context:\n  seccompProfile: null", "", "seccompProfile {type: RuntimeDefault}"},
	{"sysctls", "baseline", "", "context:\n  sysctls: [{name: net.core.somaxconn, value: x}]", "", "the sysctl net.core.somaxconn"},
	{"sysctls", "baseline", "", "context:\n  sysctls: [{name: net.ipv4.tcp_keepalive_time, value: x}]", "", ""},
	{"sysctls", "baseline", "v1.28", "context:\n  sysctls: [{name: net.ipv4.tcp_keepalive_time, value: x}]", "", "the sysctl net.ipv4.tcp_keepalive_time"},
	{"windowsHostProcess", "baseline", "", "context:\n  windowsOptions: {hostProcess: true}", "", "hostProcess: true"},
	{"windowsHostProcess", "baseline", "", "", "context:\n  windowsOptions: {hostProcess: true}", "hostProcess: true"},
}

// TestPodSecurity: every check of baseline and restricted has its finding, in each container of the pods, and what a check accepts has
// none. Ephemeral containers cannot be in the template of a pod.
func TestPodSecurity(t *testing.T) {
	ids := map[string]bool{}
	for _, tt := range podSecurityChecks {
		ids[tt.check] = true
		for _, list := range []string{"containers", "initContainers", "sidecar"} {
			if tt.container == "" && list != "containers" {
				continue
			}
			got := podSecurity(t, tt.level, tt.version, tt.pod, tt.container, list)
			if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)) {
				t.Errorf("%s in %s of %s %s, %s%s: want %q\ngot %q", tt.check, list, tt.level, tt.version, tt.pod, tt.container, tt.want, got)
			}
		}
	}
	if len(ids) != 19 {
		t.Errorf("%d checks have a case; Kubernetes has 19", len(ids))
	}
}

// podSecurity returns the messages about a StatefulSet that is right for restricted but for some fields.
func podSecurity(t *testing.T, level, version, pod, container, list string) []string {
	t.Helper()
	right := "allowPrivilegeEscalation: false\ncapabilities: {drop: [ALL]}"
	parts := func(text, context string) (annotations, fields, merged string) {
		key, rest, found := strings.Cut(text, ":\n")
		switch {
		case found && key == "annotations":
			return rest, "", context
		case found:
			kept := slices.DeleteFunc(strings.Split(context, "\n"), func(line string) bool {
				name, _, _ := strings.Cut(line, ":")
				return strings.HasPrefix(strings.TrimSpace(rest), name+":")
			})
			return "", "", strings.Join(append(kept, strings.TrimSpace(rest)), "\n")
		}
		return "", text, context
	}
	annotations, fields, podContext := parts(pod, "runAsNonRoot: true\nseccompProfile: {type: RuntimeDefault}")
	_, containerFields, context := parts(container, right)
	one := func(name, fields, context string) string {
		text := "name: " + name + "\nimage: redis:7.4.11-alpine\n" + fields + "\nsecurityContext:\n" + indent(context, 2)
		return "- " + strings.TrimPrefix(indent(text, 2), "  ")
	}
	containers, init := one("redis", containerFields, context), ""
	switch list {
	case "initContainers":
		containers, init = one("redis", "", right), one("prepare", containerFields, context)
	case "sidecar":
		containers = one("redis", "", right) + one("side", containerFields, context)
	}
	src := fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {pod-security.kubernetes.io/enforce: %s, pod-security.kubernetes.io/enforce-version: %s}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cache, namespace: shop}
spec:
  serviceName: cache
  selector: {matchLabels: {app: cache}}
  template:
    metadata:
      labels: {app: cache}
      annotations:
%s
    spec:
      securityContext:
%s
%s
      containers:
%s
      initContainers:
%s
`, level, `"`+version+`"`, indent(annotations, 8), indent(podContext, 8), indent(fields, 6), indent(containers, 6), indent(init, 6))
	r, config := open(t, []txtar.File{{Name: "applications/shop/redis.yaml", Data: []byte(src)}})
	var got []string
	for _, f := range run(t, r, lint.Options{Config: config, Only: []string{"sec/pod-security-refuses"}}).Findings {
		got = append(got, f.Message)
	}
	return got
}

func indent(text string, by int) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(strings.Repeat(" ", by) + line + "\n")
	}
	return b.String()
}
