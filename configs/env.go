package configs

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// prefix begins the name of every environment variable that is ours.
const prefix = "SIDETONE_"

// notSettings are variables of the tests and scripts, which may be set where
// the gateway runs and mean nothing to it.
var notSettings = []string{prefix + "TEST_", prefix + "MODELS_DIR"}

// setting is one key and the place of its value.
type setting struct {
	path  string // dotted
	value reflect.Value
}

// env returns the name of the environment variable of the setting.
func (s setting) env() string {
	return prefix + strings.ToUpper(strings.ReplaceAll(s.path, ".", "_"))
}

// settings returns every key of cfg, in the order of the structs.
func settings(cfg *Config) []setting { return settingsOf(reflect.ValueOf(cfg).Elem(), "") }

func settingsOf(v reflect.Value, path string) []setting {
	if v.Kind() != reflect.Struct {
		return []setting{{path, v}}
	}
	var all []setting
	for i := range v.NumField() {
		all = append(all, settingsOf(v.Field(i), join(path, v.Type().Field(i).Tag.Get("yaml")))...)
	}
	return all
}

// applyEnv overrides cfg with the variables of environ, which has the form of
// os.Environ. A list is separated by commas, a map is a list of key=value, and a
// list of mappings is YAML, as in [{name: a}, {name: b}].
func applyEnv(cfg *Config, environ []string) error {
	byName := make(map[string]setting)
	for _, s := range settings(cfg) {
		byName[s.env()] = s
	}
	var faults []error
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, prefix) || isNoSetting(name) {
			continue
		}
		s, known := byName[name]
		if !known {
			faults = append(faults, fmt.Errorf("%s: no such setting%s",
				name, didYouMean(name, slices.Sorted(maps.Keys(byName)))))
			continue
		}
		if err := setText(s.value, text); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

func isNoSetting(name string) bool {
	return slices.ContainsFunc(notSettings, func(other string) bool {
		return name == other || strings.HasSuffix(other, "_") && strings.HasPrefix(name, other)
	})
}

// setText gives v the value that text stands for.
func setText(v reflect.Value, text string) error {
	switch v.Kind() {
	case reflect.Slice:
		v.SetZero()
		if v.Type().Elem().Kind() == reflect.Struct {
			return decodeList(v, text)
		}
		for _, part := range split(text) {
			item := reflect.New(v.Type().Elem()).Elem()
			if err := setScalar(item, part); err != nil {
				return err
			}
			v.Set(reflect.Append(v, item))
		}
		return nil
	case reflect.Map:
		v.SetZero()
		for _, part := range split(text) {
			key, value, found := strings.Cut(part, "=")
			if !found {
				return errors.New("must be a list of key=value, separated by commas")
			}
			setEntry(v, strings.TrimSpace(key), reflect.ValueOf(strings.TrimSpace(value)))
		}
		return nil
	default:
		return setScalar(v, text)
	}
}

// split returns the parts of a list; none of an empty text.
func split(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// didYouMean returns a hint at the name nearest to what was written, if one is
// near enough for a slip of the hand.
func didYouMean(written string, names []string) string {
	near, best := "", max(1, min(3, len(written)/3))+1
	for _, name := range names {
		if d := distance(written, name); d < best {
			near, best = name, d
		}
	}
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", near)
}

// distance is the number of letters to add, take away or change to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
