package dialog

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"unicode/utf8"
)

// Schema is a JSON schema of an object, of those keywords of draft 2020-12 that
// Accept knows. Numbers in it are float64.
type Schema map[string]any

// maxDepth bounds how deep schemas nest.
const maxDepth = 6

// errArguments says that arguments are no JSON object.
var errArguments = errors.New("want a JSON object")

// keyword checks the value of a keyword. It fails for one that is not known.
func keyword(name string, v any, depth int) error {
	switch name {
	case "title", "description":
		return isA(v, "string", "want a text")
	case "pattern":
		return isPattern(v)
	case "type":
		if name, ok := v.(string); !ok || types[name] == nil {
			return fmt.Errorf("is none of %v", slices.Sorted(maps.Keys(types)))
		}
		return nil
	case "enum":
		return isA(v, "array", "want a list")
	case "required":
		return areNames(v)
	case "additionalProperties":
		return isA(v, "boolean", "want true or false")
	case "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems":
		return isA(v, "number", "want a number")
	case "items":
		return isSchema(v, depth)
	case "properties":
		m, ok := v.(map[string]any)
		if !ok {
			return errors.New("want a schema by name")
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if err := isSchema(m[name], depth); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}
	return errors.New("there is no such keyword here")
}

func isA(v any, kind, want string) error {
	if !types[kind](v) {
		return errors.New(want)
	}
	return nil
}

func isSchema(v any, depth int) error {
	m, ok := v.(map[string]any)
	if !ok {
		return errors.New("want a schema")
	}
	return known(m, depth+1)
}

func areNames(v any) error {
	list, ok := v.([]any)
	if !ok || slices.ContainsFunc(list, func(name any) bool { return !types["string"](name) }) {
		return errors.New("want a list of names")
	}
	return nil
}

func isPattern(v any) error {
	text, ok := v.(string)
	if !ok {
		return errors.New("want a text")
	}
	if _, err := regexp.Compile(text); err != nil {
		return errors.New("is no pattern of RE2")
	}
	return nil
}

// types tell whether a value is of a type.
var types = map[string]func(any) bool{
	"object":  func(v any) bool { _, ok := v.(map[string]any); return ok },
	"array":   func(v any) bool { _, ok := v.([]any); return ok },
	"string":  func(v any) bool { _, ok := v.(string); return ok },
	"boolean": func(v any) bool { _, ok := v.(bool); return ok },
	"number":  func(v any) bool { _, ok := v.(float64); return ok },
	"integer": func(v any) bool { n, ok := v.(float64); return ok && n == float64(int64(n)) },
	"null":    func(v any) bool { return v == nil },
}

// parse returns the schema as JSON would have it. A keyword that is not known is an
// error: it would hold nothing.
func (s Schema) parse() (Schema, error) {
	if len(s) == 0 {
		return Schema{"type": "object", "properties": map[string]any{}, "additionalProperties": false}, nil
	}
	text, err := json.Marshal(map[string]any(s))
	if err != nil {
		return nil, errors.New("is no JSON schema")
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		return nil, errors.New("is no JSON schema")
	}
	if plain["type"] != "object" {
		return nil, errors.New("type: must be object")
	}
	return plain, known(plain, 1)
}

// known checks the keywords of a schema.
func known(s map[string]any, depth int) error {
	if depth > maxDepth {
		return errors.New("is nested too deep")
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if err := keyword(name, s[name], depth); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Accept returns arguments as they may be sent: those of the schema, and once each.
// Its errors say where they are wrong, without quoting them.
func (s Schema) Accept(arguments json.RawMessage) (json.RawMessage, error) {
	var v any
	if err := json.Unmarshal(arguments, &v); err != nil {
		return nil, errArguments
	}
	if _, ok := v.(map[string]any); !ok {
		return nil, errArguments
	}
	if err := accept(s, v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// accept holds a value against a schema.
func accept(s map[string]any, v any) error {
	if name, ok := s["type"].(string); ok && !types[name](v) {
		return fmt.Errorf("want type %s", name)
	}
	if list, ok := s["enum"].([]any); ok && !slices.ContainsFunc(list, func(one any) bool { return reflect.DeepEqual(one, v) }) {
		return errors.New("is none of enum")
	}
	switch v := v.(type) {
	case string:
		if pattern, ok := s["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
			return errors.New("does not match pattern")
		}
		return within(s, "minLength", "maxLength", float64(utf8.RuneCountInString(v)))
	case float64:
		return within(s, "minimum", "maximum", v)
	case []any:
		items, _ := s["items"].(map[string]any)
		for i, item := range v {
			if err := accept(items, item); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return within(s, "minItems", "maxItems", float64(len(v)))
	case map[string]any:
		return acceptObject(s, v)
	}
	return nil
}

func acceptObject(s, v map[string]any) error {
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("%s: is required", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		property, ok := properties[name].(map[string]any)
		switch {
		case !ok && s["additionalProperties"] == false:
			return errors.New("has a property that there is not")
		case !ok:
			continue
		}
		if err := accept(property, v[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func within(s map[string]any, least, most string, n float64) error {
	if limit, ok := s[least].(float64); ok && n < limit {
		return fmt.Errorf("is below %s", least)
	}
	if limit, ok := s[most].(float64); ok && n > limit {
		return fmt.Errorf("is above %s", most)
	}
	return nil
}
