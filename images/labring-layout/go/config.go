package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Config is what /etc/image-cri-shim.yaml says, as far as this shim reads it.
type Config struct {
	// Socket is where it listens.
	Socket string
	// Runtime is the socket of the container runtime.
	Runtime string
	// Address is the registry's, with its scheme.
	Address string
	// Username and Password log in there.
	Username, Password string
	// Timeout is the longest that a pull may take.
	Timeout time.Duration
}

// read reads a configuration: a flat map, one key a line.
func read(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	values := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if key, value, found := strings.Cut(line, ": "); found {
			values[key] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	for _, key := range []string{"shim", "cri", "address"} {
		if values[key] == "" {
			return Config{}, fmt.Errorf("%s does not say `%s`", path, key)
		}
	}
	username, password, _ := strings.Cut(values["auth"], ":")
	timeout, err := time.ParseDuration(values["timeout"])
	if err != nil {
		timeout = 15 * time.Minute
	}
	return Config{values["shim"], values["cri"], values["address"], username, password, timeout}, nil
}
