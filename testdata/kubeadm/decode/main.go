// Reads KubeletConfiguration and KubeProxyConfiguration documents as the kubelet and the kube-proxy of one minor version of Kubernetes
// do: strictly, with that minor's own types, defaults, feature gates and validation. It is compiled once for each version by
// dev/kubeadm.sh; it exits with 1 if a document of its standard input is not one of these, or is not right, and says why.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/kubelet/apis/config"
	kubeletscheme "k8s.io/kubernetes/pkg/kubelet/apis/config/scheme"
	kubeletvalidation "k8s.io/kubernetes/pkg/kubelet/apis/config/validation"
	proxyconfig "k8s.io/kubernetes/pkg/proxy/apis/config"
	proxyscheme "k8s.io/kubernetes/pkg/proxy/apis/config/scheme"
	proxyvalidation "k8s.io/kubernetes/pkg/proxy/apis/config/validation"
)

func main() {
	if err := read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// read reads all documents of a stream, of which each has to be right.
func read(input io.Reader) error {
	documents := yaml.NewYAMLReader(bufio.NewReader(input))
	for count := 0; ; count++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) && count > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if err := check(document); err != nil {
			return err
		}
	}
}

func check(document []byte) error {
	_, codecs, err := kubeletscheme.NewSchemeAndCodecs(serializer.EnableStrict)
	if err != nil {
		return err
	}
	object, _, err := codecs.UniversalDecoder().Decode(document, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		object, _, err = proxyscheme.Codecs.UniversalDecoder().Decode(document, nil, nil)
	}
	if err != nil {
		return err
	}
	switch read := object.(type) {
	case *config.KubeletConfiguration:
		return checkKubelet(read)
	case *proxyconfig.KubeProxyConfiguration:
		return checkProxy(read)
	default:
		return fmt.Errorf("a %T is no document of the kubelet's or of kube-proxy's", read)
	}
}

// Since 1.24 the kubelet's validation is handed the feature gates; before, it takes them by itself.
func checkKubelet(document *config.KubeletConfiguration) error {
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(document.FeatureGates); err != nil {
		return err
	}
	// Newer ones look at the control groups of the machine that they run on, which is not the one that this is for.
	if field := reflect.ValueOf(document).Elem().FieldByName("FailCgroupV1"); field.IsValid() {
		field.SetBool(false)
	}
	validate := reflect.ValueOf(kubeletvalidation.ValidateKubeletConfiguration)
	arguments := []reflect.Value{reflect.ValueOf(document)}
	if validate.Type().NumIn() == 2 {
		arguments = append(arguments, reflect.ValueOf(utilfeature.DefaultMutableFeatureGate))
	}
	if err, wrong := validate.Call(arguments)[0].Interface().(error); wrong {
		return err
	}
	return nil
}

func checkProxy(document *proxyconfig.KubeProxyConfiguration) error {
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(document.FeatureGates); err != nil {
		return err
	}
	return proxyvalidation.Validate(document).ToAggregate()
}
