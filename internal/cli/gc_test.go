package cli

import _ "github.com/redis-gitops/redis-gitops/internal/testgc"
