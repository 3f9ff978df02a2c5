package app

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

// TestOperatorAPIIsDescribed holds the routes against docs/openapi.yaml.
func TestOperatorAPIIsDescribed(t *testing.T) {
	data, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]struct {
			Responses map[string]any
		}
	}
	if err := yaml.Unmarshal(data, &api); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, methods := range api.Paths {
		for method, m := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
			if m.Responses["200"] == nil && m.Responses["201"] == nil {
				t.Errorf("%s %s: no good answer is described", method, path)
			}
		}
	}
	slices.Sort(described)
	a := &App{registry: prometheus.NewRegistry(), events: newHub()}
	if served := slices.Sorted(maps.Keys(a.operatorRoutes())); !slices.Equal(served, described) {
		t.Errorf("served are\n%q, described\n%q", served, described)
	}
}
