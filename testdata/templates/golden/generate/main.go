// Command generate renders every testdata/templates/*.tmpl with Go's own text/template and sprig, and writes what
// comes out to testdata/templates/golden: NAME.out, or NAME.err with the line and the kind of the error where Go
// refuses: "parse" is its syntax, "function" a function that is not there, "exec" what happens while it runs.
// functions.list names all functions that a template of the family may call.
//
// The variables are in NAME.json or, without that file, in default.json: one object of texts.
// dev/golden-templates.sh runs it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

const templates = "../.."

var missing = regexp.MustCompile(`function "[^"]*" not defined$`)

var place = regexp.MustCompile(`^template: [^:]*:(\d+)`)

func main() {
	log.SetFlags(0)
	if err := generate(); err != nil {
		log.Fatal(err)
	}
}

func generate() error {
	old, err := filepath.Glob("../*.*")
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	sources, err := filepath.Glob(filepath.Join(templates, "*.tmpl"))
	if err != nil {
		return err
	}
	var wrong []error
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".tmpl")
		output, err := render(source, name)
		path := filepath.Join("..", name+".out")
		if err != nil {
			match := place.FindStringSubmatch(err.Error())
			if match == nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			path = filepath.Join("..", name+".err")
			output = []byte(match[1] + " " + kind(err) + "\n")
		}
		if strings.HasPrefix(name, "error-") != (err != nil) {
			wrong = append(wrong, fmt.Errorf("%s: only templates named error-* are refused: %v", name, err))
		}
		if err := os.WriteFile(path, output, 0o644); err != nil {
			return err
		}
	}
	return errors.Join(append(wrong, list())...)
}

// kind tells in one word what Go refused.
func kind(err error) string {
	var exec template.ExecError
	switch {
	case errors.As(err, &exec):
		return "exec"
	case missing.MatchString(err.Error()):
		return "function"
	default:
		return "parse"
	}
}

// list writes the names of all functions.
func list() error {
	names := []string{}
	for name := range functions() {
		names = append(names, name)
	}
	slices.Sort(names)
	return os.WriteFile("../functions.list", []byte(strings.Join(names, "\n")+"\n"), 0o644)
}

func render(path, name string) ([]byte, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	variables, err := read(name)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New(name).Option("missingkey=default").Funcs(functions()).Parse(string(source))
	if err != nil {
		return nil, err
	}
	// On a node the family's tool renders with the variables in its environment.
	os.Clearenv()
	for key, value := range variables {
		if err := os.Setenv(key, value); err != nil {
			return nil, err
		}
	}
	data := anyOf(variables)
	data["Env"] = anyOf(variables)
	data["Values"] = anyOf(variables)
	var output bytes.Buffer
	err = parsed.Execute(&output, data)
	return output.Bytes(), err
}

func read(name string) (map[string]string, error) {
	content, err := os.ReadFile(filepath.Join(templates, name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		content, err = os.ReadFile(filepath.Join(templates, "default.json"))
	}
	if err != nil {
		return nil, err
	}
	variables := map[string]string{}
	return variables, json.Unmarshal(content, &variables)
}

func anyOf(variables map[string]string) map[string]any {
	data := map[string]any{}
	for key, value := range variables {
		data[key] = value
	}
	return data
}

// functions are sprig's and the ones that sealos and helm add.
func functions() template.FuncMap {
	all := sprig.TxtFuncMap()
	all["toYaml"] = func(value any) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	all["fromYaml"] = func(text string) (value any, err error) {
		err = yaml.Unmarshal([]byte(text), &value)
		return value, err
	}
	all["fromYamlArray"] = func(text string) (value []any, err error) {
		err = yaml.Unmarshal([]byte(text), &value)
		return value, err
	}
	all["fromJsonArray"] = func(text string) (value []any, err error) {
		err = json.Unmarshal([]byte(text), &value)
		return value, err
	}
	all["toToml"] = func(value any) (string, error) {
		var output bytes.Buffer
		err := toml.NewEncoder(&output).Encode(value)
		return output.String(), err
	}
	all["required"] = func(message string, value any) (any, error) {
		if value == nil || value == "" {
			return nil, errors.New(message)
		}
		return value, nil
	}
	return all
}
