// image-cri-shim: the image service of a container runtime, in front of which names of images are turned to the registry of
// the cluster wherever that has the image.
//
// It is written after what is said of the program of this name in labring's images: its socket, its file and what it
// does with names. kubelet and crictl speak to it as to the runtime.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func main() {
	path := flag.String("f", "/etc/image-cri-shim.yaml", "the configuration")
	flag.Parse()
	config, err := read(*path)
	if err != nil {
		log.Fatal(err)
	}
	if err := serve(config); err != nil {
		log.Fatal(err)
	}
}

// serve answers at the shim's socket until it is told to end.
func serve(config Config) error {
	connection, err := grpc.NewClient("unix://"+config.Runtime, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	if err := os.Remove(config.Socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", config.Socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	images := &images{runtime: runtime.NewImageServiceClient(connection), registry: newRegistry(config), timeout: config.Timeout}
	runtime.RegisterImageServiceServer(server, images)
	return server.Serve(listener)
}

// images is the runtime's image service with other names.
type images struct {
	runtime.UnimplementedImageServiceServer
	runtime  runtime.ImageServiceClient
	registry *registry
	timeout  time.Duration
}

func (s *images) ListImages(ctx context.Context, r *runtime.ListImagesRequest) (*runtime.ListImagesResponse, error) {
	if r.Filter != nil {
		s.turn(ctx, r.Filter.Image)
	}
	return s.runtime.ListImages(ctx, r)
}

func (s *images) ImageStatus(ctx context.Context, r *runtime.ImageStatusRequest) (*runtime.ImageStatusResponse, error) {
	s.turn(ctx, r.Image)
	return s.runtime.ImageStatus(ctx, r)
}

func (s *images) PullImage(ctx context.Context, r *runtime.PullImageRequest) (*runtime.PullImageResponse, error) {
	if s.turn(ctx, r.Image) {
		r.Auth = &runtime.AuthConfig{Username: s.registry.username, Password: s.registry.password}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.runtime.PullImage(ctx, r)
}

func (s *images) RemoveImage(ctx context.Context, r *runtime.RemoveImageRequest) (*runtime.RemoveImageResponse, error) {
	s.turn(ctx, r.Image)
	return s.runtime.RemoveImage(ctx, r)
}

func (s *images) ImageFsInfo(ctx context.Context, r *runtime.ImageFsInfoRequest) (*runtime.ImageFsInfoResponse, error) {
	return s.runtime.ImageFsInfo(ctx, r)
}

// turn gives an image its name in the cluster's registry, if that has it, and says whether it did.
func (s *images) turn(ctx context.Context, image *runtime.ImageSpec) bool {
	if image == nil {
		return false
	}
	name, found := s.registry.name(ctx, image.Image)
	if found {
		image.Image = name
	}
	return found
}
