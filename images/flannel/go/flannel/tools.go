//go:build tools

// Names the program that is compiled here, so that go.mod and go.sum hold what it needs.
package tools

import _ "github.com/flannel-io/flannel"
