package main

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// registry is the cluster's own.
type registry struct {
	address, host      string
	username, password string
	client             http.Client
}

func newRegistry(config Config) *registry {
	_, host, _ := strings.Cut(config.Address, "://")
	return &registry{
		address: config.Address, host: host, username: config.Username, password: config.Password,
		client: http.Client{Timeout: 10 * time.Second},
	}
}

// name returns what an image is called in the registry, and whether the registry has it.
func (r *registry) name(ctx context.Context, image string) (string, bool) {
	if image == "" || strings.HasPrefix(image, "sha256:") {
		return image, false
	}
	repository, reference := split(strings.TrimPrefix(image, r.host+"/"))
	if !r.has(ctx, repository, reference) {
		return image, false
	}
	separator := ":"
	if strings.HasPrefix(reference, "sha256:") {
		separator = "@"
	}
	return r.host + "/" + repository + separator + reference, true
}

func (r *registry) has(ctx context.Context, repository, reference string) bool {
	url := r.address + "/v2/" + repository + "/manifests/" + reference
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return false
	}
	request.SetBasicAuth(r.username, r.password)
	for _, kind := range []string{
		"application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
		"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
	} {
		request.Header.Add("Accept", kind)
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// split parts an image's name into its repository, without the registry it comes from, and its tag or digest.
func split(image string) (repository, reference string) {
	if name, digest, found := strings.Cut(image, "@"); found {
		repository, _ = split(name)
		return repository, digest
	}
	repository, reference = image, "latest"
	if at := strings.LastIndex(image, ":"); at > strings.LastIndex(image, "/") {
		repository, reference = image[:at], image[at+1:]
	}
	first, rest, found := strings.Cut(repository, "/")
	if found && (strings.ContainsAny(first, ".:") || first == "localhost") {
		repository = rest
	}
	return repository, reference
}
