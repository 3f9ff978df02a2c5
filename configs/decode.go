package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder fills a Config from YAML nodes and collects every fault. The yaml
// package can fill structs by itself, but its errors quote values, have no
// paths and stop at the first.
type decoder struct {
	faults []error
}

// decodeYAML fills cfg with what text sets.
func decodeYAML(cfg *Config, text []byte) error {
	documents := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	err := documents.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil // empty: all defaults
	}
	if err != nil {
		return syntaxError(err)
	}
	if err := documents.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("must be one YAML document")
	}
	var d decoder
	d.decode(document.Content[0], reflect.ValueOf(cfg).Elem(), "")
	return errors.Join(d.faults...)
}

// decodeList fills the list v from a text of YAML that is no file.
func decodeList(v reflect.Value, text string) error {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return syntaxError(err)
	}
	if len(document.Content) == 0 {
		return nil
	}
	var d decoder
	d.decode(document.Content[0], v, "")
	return errors.Join(d.faults...)
}

// quoted is where the yaml package's errors begin to repeat the file.
var quoted = regexp.MustCompile("['\"`].*")

func syntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	return fmt.Errorf("not valid YAML: %s", strings.TrimSpace(quoted.ReplaceAllString(text, "(withheld)")))
}

func (d *decoder) fault(n *yaml.Node, path, format string, args ...any) {
	if path == "" {
		path = "(file)"
	}
	d.faults = append(d.faults, fmt.Errorf("line %d: %s: %s", n.Line, path, fmt.Sprintf(format, args...)))
}

// decode fills v from n. Nothing, as in "key:", leaves the default.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.decodeStruct(n, v, path)
	case reflect.Slice:
		d.decodeList(n, v, path)
	case reflect.Map:
		d.decodeMap(n, v, path)
	default:
		if n.Kind != yaml.ScalarNode {
			d.fault(n, path, "must be a single value")
		} else if err := setScalar(v, n.Value); err != nil {
			d.fault(n, path, "%v", err)
		}
	}
}

func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, path string) {
	keys := make(map[string]int)
	var names []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		keys[name] = i
		names = append(names, name)
	}
	d.pairs(n, path, func(key, value *yaml.Node, at string) {
		if i, known := keys[key.Value]; known {
			d.decode(value, v.Field(i), at)
		} else {
			d.fault(key, at, "no such key%s", didYouMean(key.Value, names))
		}
	})
}

func (d *decoder) decodeList(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "must be a list")
		return
	}
	v.SetZero()
	for i, node := range n.Content {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(node, item, fmt.Sprintf("%s[%d]", path, i))
		v.Set(reflect.Append(v, item))
	}
}

func (d *decoder) decodeMap(n *yaml.Node, v reflect.Value, path string) {
	v.SetZero()
	d.pairs(n, path, func(key, value *yaml.Node, at string) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, item, at)
		setEntry(v, key.Value, item)
	})
}

// pairs calls f with each key of a mapping, its value and its path.
func (d *decoder) pairs(n *yaml.Node, path string, f func(key, value *yaml.Node, at string)) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "must be a mapping of keys to values")
		return
	}
	seen := make(map[string]bool)
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fault(key, path, "has a key that is no plain word")
		case seen[key.Value]:
			d.fault(key, at, "is set twice")
		default:
			seen[key.Value] = true
			f(key, value, at)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
