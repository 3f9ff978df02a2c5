package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrDocument means a signed document that is not in its form.
var ErrDocument = errors.New("seal: malformed signed document")

const signatureLine = "\n  \"signature\": \""

// SignDocument returns v as a signed document: indented JSON, of which the last
// line before the closing brace is the signature. What is signed is the document
// without that line: "grep -v '^  \"signature\": '". v is a struct whose last
// field is an empty string called signature.
func SignDocument(v any, sign func(message []byte) []byte) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("seal: sign document: %w", err)
	}
	b = append(b, '\n')
	at := bytes.LastIndex(b, []byte(signatureLine))
	if at < 0 || string(b[at+len(signatureLine):]) != "\"\n}\n" {
		return nil, fmt.Errorf("%w: a %T does not end in an empty signature", ErrDocument, v)
	}
	rest := b[at+len(signatureLine)+1:] // after the closing quote
	signed := append(b[:at:at], rest...)
	signature := base64.StdEncoding.EncodeToString(sign(signed))
	out := append(b[:at:at], signatureLine...)
	return append(append(append(out, signature...), '"'), rest...), nil
}

// ReadDocument reads a signed document into v, and returns what was signed and the
// signature, which it does not verify. It refuses fields that v does not have.
func ReadDocument(b []byte, v any) (signed, signature []byte, err error) {
	before, after, ok := bytes.Cut(b, []byte(signatureLine))
	line, rest, _ := bytes.Cut(after, []byte("\"\n"))
	if !ok || string(rest) != "}\n" {
		return nil, nil, fmt.Errorf("%w: no signature on its last line", ErrDocument)
	}
	signature, err = base64.StdEncoding.Strict().DecodeString(string(line))
	if err != nil || strings.ContainsAny(string(line), "\r\n") {
		return nil, nil, fmt.Errorf("%w: signature is not base64", ErrDocument)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return append(before[:len(before):len(before)], "\n}\n"...), signature, nil
}
