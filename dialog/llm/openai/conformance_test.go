package openai

import (
	"net/http"
	"testing"

	"sidetone/dialog/llm"
	"sidetone/dialog/llm/chattest"
)

var subject = chattest.Subject{Open: func(base, key, model string, client *http.Client) (llm.Chat, error) {
	return New(Options{BaseURL: base, APIKey: key, Model: model, HTTP: client})
}}

func TestConformance(t *testing.T) { chattest.Run(t, subject) }

func TestVendor(t *testing.T) { chattest.Vendor(t, "VENDOR_OPENAI", subject) }
