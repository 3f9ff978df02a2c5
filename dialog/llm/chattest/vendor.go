package chattest

import (
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"sidetone/dialog/llm"
	"sidetone/dialog/llm/contract"
)

// Vendor asks the real vendor what can be asked of it: the contract, and a refusal. It
// does so where PREFIX_URL, PREFIX_KEY and PREFIX_MODEL are set in the environment, and
// costs a few tokens; elsewhere it asks nobody.
func Vendor(t *testing.T, prefix string, s Subject) {
	base, secret, model := os.Getenv(prefix+"_URL"), os.Getenv(prefix+"_KEY"), os.Getenv(prefix+"_MODEL")
	if base == "" {
		return
	}
	chat, err := s.Open(base, secret, model, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contract.Cases {
		t.Run(c.Name, func(t *testing.T) { c.Hold(t.Context(), t, contract.Subject{Chat: chat, All: time.Minute}) })
	}
	if chat, err = s.Open(base, secret+"-wrong", model, http.DefaultClient); err != nil {
		t.Fatal(err)
	}
	var vendor *llm.VendorError
	if a := ask(t, chat, time.Minute, question); secret != "" && (!errors.As(a.Err, &vendor) || vendor.Status/100 != 4) {
		t.Errorf("with another key: %+v", a)
	}
}
