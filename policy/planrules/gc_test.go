package planrules

import _ "github.com/redis-gitops/redis-gitops/internal/testgc"
