//go:build tools

// Names the programs that are compiled here, so that go.mod and go.sum hold what they need.
package tools

import (
	_ "github.com/cri-o/cri-o/cmd/crio"
)
