package snapshot_test

import _ "github.com/redis-gitops/redis-gitops/internal/testgc"
