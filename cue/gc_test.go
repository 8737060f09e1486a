package cue

import _ "github.com/redis-gitops/redis-gitops/internal/testgc"
