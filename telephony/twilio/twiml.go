package twilio

import (
	"fmt"
	"strings"

	"github.com/twilio/twilio-go/twiml"

	"sidetone/telephony"
)

// emptyResponse ends the call, there being nothing more to do in it.
const emptyResponse = `<?xml version="1.0" encoding="UTF-8"?><Response/>`

// connectTwiML is the document that opens stream number n of the call. The
// token travels as a parameter, for the carrier drops a URL's query.
func (s *Server) connectTwiML(c *call, n uint32) (string, error) {
	token, err := claims{
		CallID:  c.id,
		CallSid: c.incoming.CallSid,
		Agent:   c.agent,
		Stream:  n,
		Expires: s.opts.Now().Add(tokenLife),
	}.mint(s.opts.Secret)
	if err != nil {
		return "", err
	}
	return document(twiml.VoiceConnect{
		Action: s.opts.PublicURL + NextPath,
		InnerElements: []twiml.Element{twiml.VoiceStream{
			Url:            streamScheme(s.opts.PublicURL) + StreamPath,
			StatusCallback: s.opts.PublicURL + StatusPath,
			InnerElements:  []twiml.Element{twiml.VoiceParameter{Name: "token", Value: token}},
		}},
	})
}

// refusalTwiML says text, if there is one, and hangs up.
func refusalTwiML(text string) (string, error) {
	if text == "" {
		return document(twiml.VoiceHangup{})
	}
	return document(twiml.VoiceSay{Message: text}, twiml.VoiceHangup{})
}

// nextTwiML is what the far end gets after the leg was ended. Who is dialled may be
// told something first, which the carrier asks for when they answer.
func (s *Server) nextTwiML(n telephony.Next) (string, error) {
	switch n.Kind {
	case telephony.Dial:
		announce := ""
		if n.Text != "" {
			announce = s.opts.PublicURL + AnnouncePath
		}
		var noun twiml.Element = twiml.VoiceNumber{PhoneNumber: n.Target, Url: announce}
		if strings.HasPrefix(n.Target, "sip:") || strings.HasPrefix(n.Target, "sips:") {
			noun = twiml.VoiceSip{SipUrl: n.Target, Url: announce}
		}
		return document(twiml.VoiceDial{InnerElements: []twiml.Element{noun}})
	case telephony.Say:
		return refusalTwiML(n.Text)
	default:
		return refusalTwiML("")
	}
}

func document(verbs ...twiml.Element) (string, error) {
	doc, response := twiml.CreateDocument()
	twiml.AddAllVerbs(response, verbs)
	xml, err := twiml.ToXML(doc)
	if err != nil {
		return "", fmt.Errorf("twilio: writing TwiML: %w", err)
	}
	return xml, nil
}
