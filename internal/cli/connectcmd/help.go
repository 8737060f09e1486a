package connectcmd

import "strings"

// clusterHelp is part of the help of every command that asks a cluster.
const clusterHelp = `NAME is a custom resource or StatefulSet of a Redis, an application, or a Service
that selects it. In a repository, the namespace is read from the files unless
--namespace is given; elsewhere it is the namespace of the current context.
docs/rbac.md lists the required permissions.`

// clusterLong joins a help, the common part and examples.
func clusterLong(help, examples string) string {
	return help + "\n\n" + clusterHelp + "\n\nExamples:\n" + strings.TrimPrefix(examples, "\n")
}
