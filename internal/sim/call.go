package sim

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"sidetone/media"
)

// maxDocuments bounds the TwiML answers in a row that start no stream.
const maxDocuments = 20

// Call is one call of a Carrier. Its methods may be used by any goroutine.
type Call struct {
	carrier *Carrier
	sid     string
	placed  time.Time
	log     journal

	started chan struct{} // closed when the first stream has started
	hungUp  chan struct{} // closed by Hangup
	done    chan struct{} // closed when all goroutines of the call have ended
	hangUp  sync.Once

	line      *line // nil until started; written by run only
	callbacks sync.WaitGroup
	report    Report // run's until done
}

func newCall(c *Carrier) *Call {
	return &Call{
		carrier: c, sid: newSID("CA"), placed: time.Now(), log: journal{tell: c.opts.OnEvent},
		started: make(chan struct{}), hungUp: make(chan struct{}), done: make(chan struct{}),
	}
}

// run is the call's signalling: it follows the TwiML to its end.
func (c *Call) run(ctx context.Context, doc document) {
	defer close(c.done)
	ending, err := c.follow(ctx, doc)
	c.report.Err = err
	if c.line != nil {
		close(c.line.quit)
		<-c.line.done
	}
	c.log.add(c.now(), EventEnded, string(ending))
	status := "completed"
	switch ending {
	case EndFailed:
		status = "failed"
	case EndRejected:
		status = "busy"
	}
	seconds := int(time.Since(c.placed).Round(time.Second) / time.Second)
	c.callback(ctx, http.MethodPost, c.carrier.opts.BaseURL+c.carrier.opts.StatusPath, c.form(status, url.Values{
		"CallDuration":   {strconv.Itoa(seconds)},
		"Duration":       {strconv.Itoa((seconds + 59) / 60)}, // in minutes, begun ones counted
		"Timestamp":      {time.Now().UTC().Format(time.RFC1123Z)},
		"CallbackSource": {"call-progress-events"},
		"SequenceNumber": {"0"},
	}))
	c.callbacks.Wait()
	c.fill(ending)
}

// follow runs one document after another.
func (c *Call) follow(ctx context.Context, doc document) (Ending, error) {
	for range maxDocuments {
		next, ending, err := c.perform(ctx, doc)
		if err != nil {
			return EndFailed, err
		}
		if ending != "" {
			return ending, nil
		}
		doc = next
	}
	return EndFailed, &FaultError{12200, "too many documents in a row"}
}

// perform runs the verbs of one document. It returns either the document that
// follows or how the call ended.
func (c *Call) perform(ctx context.Context, doc document) (next document, ending Ending, err error) {
	for _, v := range doc.verbs {
		select {
		case <-c.hungUp:
			return document{}, EndHungUp, nil
		default:
		}
		switch v.name {
		case "Pause":
			c.pause(v.pause)
		case "Hangup":
			return document{}, EndCompleted, nil
		case "Reject":
			return document{}, EndRejected, nil
		case "Dial":
			c.report.Dialed = v.text
			return document{}, EndDialed, c.announce(ctx, v)
		case "Redirect":
			next, err = c.ask(ctx, v.method, v.text, "in-progress", nil)
			return next, "", err
		case "Connect":
			end, err := c.connect(ctx, v.stream)
			if err != nil {
				return document{}, "", err
			}
			if end.hungUp {
				if c.carrier.opts.ActionAfterHangup && v.action != "" {
					c.callback(ctx, v.method, v.action, c.form("completed", nil))
				}
				return document{}, EndHungUp, nil
			}
			c.pause(end.outage)
			if v.action != "" {
				next, err = c.ask(ctx, v.method, v.action, "in-progress", nil)
				return next, "", err
			}
		}
	}
	select {
	case <-c.hungUp:
		return document{}, EndHungUp, nil
	default:
		return document{}, EndCompleted, nil
	}
}

// pause waits for d or until the caller hangs up.
func (c *Call) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.hungUp:
	}
}

// connect runs one stream to its end.
func (c *Call) connect(ctx context.Context, noun *streamNoun) (streamEnd, error) {
	if noun.droppedQuery {
		c.fault(&FaultError{31923, "the Stream url's query string was dropped"})
	}
	sock, err := c.carrier.openSocket(ctx, noun.url, c.sid)
	if err != nil {
		return streamEnd{}, err
	}
	if c.line == nil {
		c.line = newLine(newSampleClock(time.Now(), c.carrier.opts.SkewPPM), &c.carrier.opts, &c.log)
		go c.line.run()
	}
	if edit := c.carrier.opts.EditParameters; edit != nil {
		edit(noun.parameters)
	}
	if err := c.line.do(func() { c.line.attach(sock, noun.parameters) }); err != nil {
		panic("sim: internal error: the line ended before its call")
	}
	select {
	case <-c.started:
	default:
		c.report.Connect = time.Since(c.placed)
		close(c.started)
	}
	select {
	case <-c.hungUp: // it may have come before the line was there
		c.line.do(c.line.hangUp)
	default:
	}
	c.streamCallback(ctx, noun, sock.streamSID, "stream-started", "")
	end := <-sock.end
	<-sock.done
	if f := end.fault(); f != nil {
		c.fault(f)
		c.streamCallback(ctx, noun, sock.streamSID, "stream-error", f.Error())
	}
	c.streamCallback(ctx, noun, sock.streamSID, "stream-stopped", "")
	return end, nil
}

// document is a TwiML answer that has been read.
type document struct{ verbs []verb }

// announce asks what is said to who was dialled and has answered, in a call of
// their own, before they are connected.
// Source: Twilio, "TwiML Voice: <Number>", attribute url.
func (c *Call) announce(ctx context.Context, dial verb) error {
	if dial.action == "" {
		return nil
	}
	doc, err := c.ask(ctx, dial.method, dial.action, "in-progress", url.Values{
		"CallSid": {newSID("CA")}, "ParentCallSid": {c.sid}, "Direction": {"outbound-dial"}, "To": {dial.text}, "Called": {dial.text},
	})
	for _, v := range doc.verbs {
		if v.name == "Say" {
			c.report.Announced = append(c.report.Announced, v.text)
		}
	}
	return err
}

// ask requests TwiML from url.
func (c *Call) ask(ctx context.Context, method, url, status string, extra url.Values) (document, error) {
	body, contentType, err := c.carrier.send(ctx, method, url, c.form(status, extra))
	if err != nil {
		return document{}, err
	}
	verbs, err := parseTwiML(url, contentType, body)
	if err != nil {
		return document{}, err
	}
	d := Document{URL: url, Body: string(body)}
	names := make([]string, len(verbs))
	for i, v := range verbs {
		names[i] = v.name
		if v.name == "Say" {
			d.Said = append(d.Said, v.text)
		}
	}
	c.report.Documents = append(c.report.Documents, d)
	c.log.add(c.now(), EventDocument, strings.Join(names, " "))
	return document{verbs}, nil
}

// callback sends a form on its own goroutine; a failure is only noted.
func (c *Call) callback(ctx context.Context, method, url string, form url.Values) {
	at := c.now()
	c.callbacks.Go(func() {
		if _, _, err := c.carrier.send(ctx, method, url, form); err != nil {
			c.log.add(at, EventFault, fmt.Sprintf("callback: %v", err))
		}
	})
}

func (c *Call) streamCallback(ctx context.Context, noun *streamNoun, sid, event, detail string) {
	if noun.statusCallback == "" {
		return
	}
	c.callback(ctx, noun.statusMethod, noun.statusCallback, url.Values{
		"AccountSid": {c.carrier.opts.AccountSID}, "CallSid": {c.sid}, "StreamSid": {sid},
		"StreamName": {noun.name}, "StreamEvent": {event}, "StreamError": {detail},
		"Timestamp": {time.Now().UTC().Format(time.RFC3339)},
	})
}

// form returns the parameters of every request about this call.
func (c *Call) form(status string, extra url.Values) url.Values {
	o := &c.carrier.opts
	form := url.Values{
		"CallSid": {c.sid}, "AccountSid": {o.AccountSID}, "ApiVersion": {"2010-04-01"},
		"From": {o.From}, "To": {o.To}, "Caller": {o.From}, "Called": {o.To},
		"CallStatus": {status}, "Direction": {"inbound"},
		"FromCity": {""}, "FromState": {"NY"}, "FromZip": {""}, "FromCountry": {"US"},
		"CallerCity": {""}, "CallerState": {"NY"}, "CallerZip": {""}, "CallerCountry": {"US"},
		"ToCity": {""}, "ToState": {""}, "ToZip": {""}, "ToCountry": {"US"},
		"CalledCity": {""}, "CalledState": {""}, "CalledZip": {""}, "CalledCountry": {"US"},
		"StirVerstat": {"TN-Validation-Passed-A"}, "CallToken": {`{"parentCallInfoToken":"sim"}`},
	}
	if o.CallerName != "" {
		form.Set("CallerName", o.CallerName)
	}
	for key, values := range extra {
		form[key] = values
	}
	return form
}

func (c *Call) fault(f *FaultError) {
	c.report.Faults = append(c.report.Faults, Fault{c.now(), *f})
	c.log.add(c.now(), EventFault, f.Error())
}

// now returns the tick of the media clock, 0 before the first stream.
func (c *Call) now() media.Tick {
	if c.line == nil {
		return 0
	}
	return tickOf(c.line.clock.at(time.Now()))
}

// fill completes the report when the line has ended.
func (c *Call) fill(ending Ending) {
	r := &c.report
	r.CallSID, r.Ending, r.Pacing.FirstAudio = c.sid, ending, -1
	if l := c.line; l != nil {
		r.Heard, r.Length = media.AppendPCM(nil, l.ear.heard), tickOf(l.pos)
		r.Streams, r.Agent, r.Clears, r.Marks = l.stats.streams, l.ear.spans, l.stats.clears, l.stats.marks
		r.Turns, r.Pacing = l.stats.finishTurns(&l.ear), l.stats.pacing
		r.Faults = append(r.Faults, l.stats.faults...)
	}
	r.Events = c.log.events
}
