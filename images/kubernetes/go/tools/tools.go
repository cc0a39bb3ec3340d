//go:build tools

// Names the programs that are compiled here, so that go.mod and go.sum hold what they need.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
	_ "sigs.k8s.io/cri-tools/cmd/crictl"
)
