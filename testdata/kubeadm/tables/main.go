// Writes src/kubeadm/schema.json: which fields the configuration of kubeadm, kubelet and kube-proxy has in each minor version of
// Kubernetes, and which feature gates there are. It reads the Go types of each minor's last release, which `go mod download` brings.
//
//	go run . > ../../../src/kubeadm/schema.json
//
// With -from and -to other minors are read; the table always holds all of those that are read in one go.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os/exec"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// One of the documents' API versions, with where its types are declared and which of them are documents.
type api struct {
	name, pkg string
	roots     []string
}

var kubeadmRoots = []string{"InitConfiguration", "ClusterConfiguration", "JoinConfiguration"}

var apis = []api{
	{"kubeadm.k8s.io/v1beta1", "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta1", kubeadmRoots},
	{"kubeadm.k8s.io/v1beta2", "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta2", kubeadmRoots},
	{"kubeadm.k8s.io/v1beta3", "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta3", kubeadmRoots},
	{"kubeadm.k8s.io/v1beta4", "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta4", kubeadmRoots},
	{"kubelet.config.k8s.io/v1beta1", "k8s.io/kubelet/config/v1beta1", []string{"KubeletConfiguration"}},
	{"kubeproxy.config.k8s.io/v1alpha1", "k8s.io/kube-proxy/config/v1alpha1", []string{"KubeProxyConfiguration"}},
}

// Where feature gates of kubelet, kube-proxy and the API server are declared. Which component knows which one is not told
// apart: each is linked with all of these.
var gatePackages = []string{
	"k8s.io/kubernetes/pkg/features",
	"k8s.io/apiserver/pkg/features",
	"k8s.io/apiextensions-apiserver/pkg/features",
	"k8s.io/client-go/features",
	"k8s.io/component-base/featuregate",
	"k8s.io/component-base/logs/api/v1",
	"k8s.io/component-base/metrics/features",
	"k8s.io/component-base/tracing/api/v1",
	"k8s.io/component-base/zpages/features",
	"k8s.io/controller-manager/pkg/features",
	"k8s.io/cloud-provider/features",
	"k8s.io/kube-aggregator/pkg/features",
	"k8s.io/dynamic-resource-allocation/features",
}

// Types that read their JSON themselves, and what they read.
var special = map[string]string{
	"time.Duration": "integer",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                 "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                     "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.TypeMeta":                                 "",
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/bootstraptoken/v1.BootstrapTokenString": "string",
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta1.BootstrapTokenString":   "string",
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta2.BootstrapTokenString":   "string",
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta3.BootstrapTokenString":   "string",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                               "any",
	"k8s.io/apimachinery/pkg/api/resource.QuantityValue":                            "any",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                 "any",
}

// A minor's release: where its modules are.
type release struct {
	minor    int
	modules  map[string]string
	packages map[string]*pkg
}

// A package's types and string constants, with the imports that each type's file has.
type pkg struct {
	types   map[string]ast.Expr
	imports map[string]map[string]string
	reads   map[string]bool
	strings map[string]string
	gates   map[string]bool
	keys    []ast.Expr
}

func main() {
	from := flag.Int("from", 19, "the first minor")
	to := flag.Int("to", 36, "the last minor")
	flag.Parse()
	log.SetFlags(0)

	table := newTable(*from, *to)
	for minor := *from; minor <= *to; minor++ {
		r := download(minor, releases[minor])
		log.Printf("v1.%d.%d", minor, releases[minor])
		table.versions = append(table.versions, fmt.Sprintf("v1.%d.%d", minor, releases[minor]))
		for _, a := range apis {
			if r.pkg(a.pkg) != nil {
				for _, root := range a.roots {
					table.visit(r, a.name, a.pkg, root)
				}
			}
		}
		table.gatesOf(r)
	}
	table.write()
}

// The release of every minor that is read: the last one there was, or is.
var releases = map[int]int{19: 16, 20: 15, 21: 14, 22: 17, 23: 17, 24: 17, 25: 9, 26: 13, 27: 16, 28: 15, 29: 15, 30: 14, 31: 9, 32: 13,
	33: 13, 34: 12, 35: 4, 36: 3}

// Modules with few gates, which not every minor has or every proxy keeps.
var mayMiss = map[string]bool{"dynamic-resource-allocation": true, "controller-manager": true, "cloud-provider": true, "kube-aggregator": true}

func download(minor, patch int) *release {
	r := &release{minor: minor, modules: map[string]string{}, packages: map[string]*pkg{}}
	for _, module := range []string{"kubernetes", "kubelet", "kube-proxy", "api", "apimachinery", "apiserver", "apiextensions-apiserver",
		"client-go", "component-base", "controller-manager", "cloud-provider", "kube-aggregator", "dynamic-resource-allocation"} {
		version := fmt.Sprintf("v0.%d.%d", minor, patch)
		if module == "kubernetes" {
			version = fmt.Sprintf("v1.%d.%d", minor, patch)
		}
		out, err := exec.Command("go", "mod", "download", "-json", "k8s.io/"+module+"@"+version).Output()
		var answer struct{ Dir, Error string }
		check(json.Unmarshal(out, &answer))
		if err == nil && answer.Error == "" {
			r.modules["k8s.io/"+module] = answer.Dir
		} else if !mayMiss[module] {
			log.Fatalf("%s %s: %v %s", module, version, err, answer.Error)
		}
	}
	return r
}

// Parses a package; nil where this minor has none of that name.
func (r *release) pkg(path string) *pkg {
	if known, ok := r.packages[path]; ok {
		return known
	}
	r.packages[path] = nil
	for module, dir := range r.modules {
		if path == module || strings.HasPrefix(path, module+"/") {
			r.packages[path] = parse(filepath.Join(dir, strings.TrimPrefix(path, module)))
		}
	}
	return r.packages[path]
}

func parse(dir string) *pkg {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	if len(files) == 0 {
		return nil
	}
	p := &pkg{types: map[string]ast.Expr{}, imports: map[string]map[string]string{}, reads: map[string]bool{}, strings: map[string]string{}, gates: map[string]bool{}}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		check(err)
		imports := map[string]string{}
		for _, spec := range parsed.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			name := path[strings.LastIndex(path, "/")+1:]
			if spec.Name != nil {
				name = spec.Name.Name
			}
			imports[name] = path
		}
		for _, declaration := range parsed.Decls {
			p.declare(declaration, imports)
		}
	}
	return p
}

func (p *pkg) declare(declaration ast.Decl, imports map[string]string) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && d.Name.Name == "UnmarshalJSON" {
			receiver := d.Recv.List[0].Type
			if star, ok := receiver.(*ast.StarExpr); ok {
				receiver = star.X
			}
			if name, ok := receiver.(*ast.Ident); ok {
				p.reads[name.Name] = true
			}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				p.types[s.Name.Name] = s.Type
				p.imports[s.Name.Name] = imports
			case *ast.ValueSpec:
				for index, name := range s.Names {
					if index < len(s.Values) {
						p.value(name.Name, s)
					}
				}
			}
		}
	}
}

// Notes a constant's text, whether it is a feature gate, and the names in kubeadm's own table of gates.
func (p *pkg) value(name string, spec *ast.ValueSpec) {
	for index, value := range spec.Values {
		switch v := value.(type) {
		case *ast.BasicLit:
			if v.Kind == token.STRING && index < len(spec.Names) && spec.Names[index].Name == name {
				p.strings[name], _ = strconv.Unquote(v.Value)
				switch t := spec.Type.(type) {
				case *ast.SelectorExpr:
					p.gates[name] = t.Sel.Name == "Feature"
				case *ast.Ident:
					p.gates[name] = t.Name == "Feature"
				}
			}
		case *ast.CompositeLit:
			if name == "InitFeatureGates" {
				for _, element := range v.Elts {
					if pair, ok := element.(*ast.KeyValueExpr); ok {
						p.keys = append(p.keys, pair.Key)
					}
				}
			}
		}
	}
}

// In which minors something is: the first and the last one.
type span struct{ since, until int }

type field struct {
	kind string
	span span
}

type table struct {
	from, to int
	versions []string
	apis     map[string]span
	fields   map[string]map[string]map[string]*field
	gates    map[string]map[string]*span
	seen     map[string]bool
}

func newTable(from, to int) *table {
	return &table{from: from, to: to, apis: map[string]span{}, fields: map[string]map[string]map[string]*field{},
		gates: map[string]map[string]*span{"kubeadm": {}, "kubernetes": {}}, seen: map[string]bool{}}
}

// Takes down a struct's fields and those of all structs in them.
func (t *table) visit(r *release, api, path, name string) {
	id := fmt.Sprintf("%d %s %s", r.minor, api, name)
	if t.seen[id] {
		return
	}
	t.seen[id] = true
	if _, known := t.apis[api]; !known {
		t.apis[api] = span{r.minor, r.minor}
		t.fields[api] = map[string]map[string]*field{}
	}
	t.apis[api] = span{t.apis[api].since, r.minor}
	if t.fields[api][name] == nil {
		t.fields[api][name] = map[string]*field{}
	}
	t.structure(r, api, path, name, t.fields[api][name])
}

func (t *table) structure(r *release, api, path, name string, into map[string]*field) {
	p := r.pkg(path)
	structure, ok := p.types[name].(*ast.StructType)
	if !ok {
		log.Fatalf("%s.%s is no struct", path, name)
	}
	for _, f := range structure.Fields.List {
		json := ""
		if f.Tag != nil {
			tag, _ := strconv.Unquote(f.Tag.Value)
			json = reflect.StructTag(tag).Get("json")
		}
		parts := strings.Split(json, ",")
		if len(f.Names) == 0 && parts[0] == "" {
			inner, innerName := locate(p, path, name, f.Type)
			if _, ok := special[inner+"."+innerName]; !ok {
				t.structure(r, api, inner, innerName, into)
			}
			continue
		}
		if parts[0] == "-" || parts[0] == "" {
			continue
		}
		kind := t.kind(r, api, path, name, f.Type)
		if known := into[parts[0]]; known != nil {
			known.kind, known.span.until = kind, r.minor
		} else {
			into[parts[0]] = &field{kind, span{r.minor, r.minor}}
		}
	}
}

// Returns the package and name of a named type.
func locate(p *pkg, path, within string, expression ast.Expr) (string, string) {
	switch e := expression.(type) {
	case *ast.StarExpr:
		return locate(p, path, within, e.X)
	case *ast.Ident:
		return path, e.Name
	case *ast.SelectorExpr:
		return p.imports[within][e.X.(*ast.Ident).Name], e.Sel.Name
	}
	log.Fatalf("a type in %s.%s has no name", path, within)
	return "", ""
}

var basic = map[string]string{"string": "string", "bool": "boolean", "int": "integer", "int32": "integer", "int64": "integer", "uint": "integer",
	"uint32": "integer", "uint64": "integer", "uint16": "integer", "float32": "number", "float64": "number", "byte": "integer", "any": "any"}

func (t *table) kind(r *release, api, path, within string, expression ast.Expr) string {
	p := r.pkg(path)
	switch e := expression.(type) {
	case *ast.StarExpr:
		return t.kind(r, api, path, within, e.X)
	case *ast.ArrayType:
		return "[]" + t.kind(r, api, path, within, e.Elt)
	case *ast.MapType:
		return "{}" + t.kind(r, api, path, within, e.Value)
	case *ast.InterfaceType:
		return "any"
	case *ast.Ident:
		if kind, ok := basic[e.Name]; ok {
			return kind
		}
	}
	inner, name := locate(p, path, within, expression)
	if kind, ok := special[inner+"."+name]; ok {
		return kind
	}
	declared := r.pkg(inner)
	if declared == nil || declared.types[name] == nil {
		log.Fatalf("%s.%s is not found in v1.%d", inner, name, r.minor)
	}
	if declared.reads[name] {
		return "any"
	}
	if _, ok := declared.types[name].(*ast.StructType); ok {
		t.visit(r, api, inner, name)
		return name
	}
	return t.kind(r, api, inner, name, declared.types[name])
}

func (t *table) gatesOf(r *release) {
	if own := r.pkg("k8s.io/kubernetes/cmd/kubeadm/app/features"); own != nil {
		for _, key := range own.keys {
			if name, ok := key.(*ast.Ident); ok {
				t.gate("kubeadm", own.strings[name.Name], r.minor)
			}
		}
	}
	for _, path := range gatePackages {
		if p := r.pkg(path); p != nil {
			for constant, is := range p.gates {
				if is {
					t.gate("kubernetes", p.strings[constant], r.minor)
				}
			}
			// These two are for all gates of a stage, and no constants of their type in every version.
			t.gate("kubernetes", "AllAlpha", r.minor)
			t.gate("kubernetes", "AllBeta", r.minor)
		}
	}
}

func (t *table) gate(of, name string, minor int) {
	if name == "" {
		return
	}
	if known := t.gates[of][name]; known != nil {
		known.until = minor
	} else {
		t.gates[of][name] = &span{minor, minor}
	}
}

// Writes a span as `since-until`, each left out where it is the end of what it is a part of.
func (t *table) told(s, within span) string {
	since, until := "", ""
	if s.since > within.since {
		since = strconv.Itoa(s.since)
	}
	if s.until < within.until {
		until = strconv.Itoa(s.until)
	}
	if since == "" && until == "" {
		return ""
	}
	return since + "-" + until
}

// Writes the table, a type or a kind of gates a line.
func (t *table) write() {
	whole := span{t.from, t.to}
	fmt.Printf("{\n \"read\": %s,\n \"minors\": \"%d-%d\",\n \"apis\": {", line(t.versions), t.from, t.to)
	for index, api := range sorted(t.apis) {
		separate(index)
		fmt.Printf("  %q: {\n   \"minors\": %q,\n   \"types\": {", api, t.told(t.apis[api], whole))
		for index, name := range sorted(t.fields[api]) {
			separate(index)
			fields := map[string]string{}
			for key, f := range t.fields[api][name] {
				fields[key] = strings.TrimSpace(f.kind + " " + t.told(f.span, t.apis[api]))
			}
			fmt.Printf("    %q: %s", name, line(fields))
		}
		fmt.Print("\n   }\n  }")
	}
	fmt.Print("\n },\n \"gates\": {")
	for index, of := range sorted(t.gates) {
		separate(index)
		gates := map[string]string{}
		for name, s := range t.gates[of] {
			gates[name] = t.told(*s, whole)
		}
		fmt.Printf("  %q: %s", of, line(gates))
	}
	fmt.Print("\n }\n}\n")
}

func separate(index int) {
	if index > 0 {
		fmt.Print(",")
	}
	fmt.Println()
}

func sorted[T any](all map[string]T) []string {
	var names []string
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func line(value any) string {
	text, err := json.Marshal(value)
	check(err)
	return string(text)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
