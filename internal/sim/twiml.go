package sim

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// verb is one TwiML verb, read and checked.
type verb struct {
	name string
	// text is what Say says, what Play plays, whom Dial dials and where
	// Redirect leads.
	text   string
	pause  time.Duration // Pause
	action string        // Connect, and Dial for who answers: absolute, or empty
	method string        // Connect's action, Redirect, Dial
	stream *streamNoun   // Connect
}

// streamNoun is the <Stream> of a <Connect>.
type streamNoun struct {
	url            string // absolute, without a query
	name           string
	statusCallback string
	statusMethod   string
	parameters     map[string]string
	droppedQuery   bool
}

// element is any TwiML element.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e *element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e *element) method() string {
	if strings.EqualFold(e.attr("method"), http.MethodGet) {
		return http.MethodGet
	}
	return http.MethodPost
}

// parseTwiML reads the answer to a webhook at base as Twilio would and refuses
// what Twilio would refuse. The errors are of type *FaultError; 12200 is Twilio's
// code for any document that breaks the schema.
// Source: Twilio, "TwiML for Programmable Voice".
func parseTwiML(base, contentType string, body []byte) ([]verb, error) {
	if t, _, err := mime.ParseMediaType(contentType); err != nil || t != "text/xml" && t != "application/xml" {
		return nil, &FaultError{12300, "TwiML must be text/xml or application/xml, not " + strconv.Quote(contentType)}
	}
	from, err := url.Parse(base)
	if err != nil {
		return nil, &FaultError{11100, "invalid URL"}
	}
	var root element
	dec := xml.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&root); err != nil {
		return nil, &FaultError{12100, err.Error()}
	}
	if root.XMLName.Local != "Response" {
		return nil, &FaultError{12100, "the root element is " + root.XMLName.Local + ", not Response"}
	}
	if err := onlySpace(dec); err != nil {
		return nil, &FaultError{12100, err.Error()}
	}
	verbs := make([]verb, 0, len(root.Children))
	for i := range root.Children {
		v, err := parseVerb(from, &root.Children[i])
		if err != nil {
			return nil, err
		}
		verbs = append(verbs, v)
	}
	return verbs, nil
}

// onlySpace refuses anything but space and comments after the root element.
func onlySpace(dec *xml.Decoder) error {
	for {
		token, err := dec.Token()
		switch t := token.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errors.New("text after the root element")
			}
		case xml.Comment:
		default:
			return errors.New("more than one root element")
		}
	}
}

func parseVerb(base *url.URL, e *element) (verb, error) {
	v := verb{name: e.XMLName.Local, text: strings.TrimSpace(e.Text), method: e.method()}
	var err error
	switch v.name {
	case "Say", "Hangup", "Reject":
	case "Play", "Redirect":
		v.text, err = resolve(base, v.text)
	case "Dial":
		for _, noun := range e.Children {
			v.text, v.method = strings.TrimSpace(noun.Text), noun.method()
			if a := noun.attr("url"); a != "" {
				v.action, err = resolve(base, a)
			}
		}
		if v.text == "" {
			err = &FaultError{13224, "Dial without a number"}
		}
	case "Pause":
		v.pause = time.Second
		if s := e.attr("length"); s != "" {
			n, convErr := strconv.Atoi(s)
			if convErr != nil || n < 0 || n > 3600 {
				err = &FaultError{13910, "Pause with length " + strconv.Quote(s)}
			}
			v.pause = time.Duration(n) * time.Second
		}
	case "Connect":
		if a := e.attr("action"); a != "" {
			if v.action, err = resolve(base, a); err != nil {
				return verb{}, err
			}
		}
		if len(e.Children) != 1 || e.Children[0].XMLName.Local != "Stream" {
			return verb{}, &FaultError{12200, "Connect needs exactly one Stream"}
		}
		v.stream, err = parseStream(base, &e.Children[0])
	default:
		err = &FaultError{12200, "unknown verb " + strconv.Quote(v.name)}
	}
	return v, err
}

func parseStream(base *url.URL, e *element) (*streamNoun, error) {
	raw := e.attr("url")
	if raw == "" {
		return nil, &FaultError{31923, "Stream without url"}
	}
	abs, err := resolve(base, raw)
	if err != nil {
		return nil, &FaultError{31923, err.Error()}
	}
	if abs != raw { // a relative url takes the document's host
		abs = "ws" + strings.TrimPrefix(abs, "http")
	}
	u, err := url.Parse(abs)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, &FaultError{31923, "malformed Stream url"}
	}
	if u.Scheme != "wss" && !(u.Scheme == "ws" && base.Scheme == "http" && isLoopback(base.Hostname())) {
		return nil, &FaultError{31922, "the Stream url's scheme is " + u.Scheme + ", not wss"}
	}
	if t := e.attr("track"); t != "" && t != "inbound_track" {
		return nil, &FaultError{12200, "a two-way Stream carries inbound_track only, not " + strconv.Quote(t)}
	}
	s := &streamNoun{name: e.attr("name"), parameters: map[string]string{}, statusMethod: http.MethodPost}
	s.url, _, s.droppedQuery = strings.Cut(abs, "?")
	if strings.EqualFold(e.attr("statusCallbackMethod"), http.MethodGet) {
		s.statusMethod = http.MethodGet
	}
	if s.statusCallback = e.attr("statusCallback"); s.statusCallback != "" && !strings.Contains(s.statusCallback, "://") {
		return nil, &FaultError{12200, "statusCallback must be absolute"}
	}
	for _, p := range e.Children {
		name, value := p.attr("name"), p.attr("value")
		switch {
		case p.XMLName.Local != "Parameter":
			return nil, &FaultError{12200, "unknown noun in Stream: " + p.XMLName.Local}
		case name == "":
			return nil, &FaultError{12200, "Parameter without a name"}
		case len(name)+len(value) > 500:
			return nil, &FaultError{12200, "Parameter " + name + " is over 500 characters"}
		}
		s.parameters[name] = value
	}
	return s, nil
}

// resolve makes ref absolute. An absolute ref is returned as it was written,
// since that is what gets signed.
func resolve(base *url.URL, ref string) (string, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return "", &FaultError{11100, fmt.Sprintf("invalid URL %q", ref)}
	}
	if u.IsAbs() {
		return ref, nil
	}
	return base.ResolveReference(u).String(), nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
