// Package twilio is the phone leg: Twilio's webhooks, its Media Streams
// WebSocket, and the TwiML that joins the two.
//
// It refuses to believe anything that is not signed or sealed: webhooks and the
// stream's upgrade need a valid X-Twilio-Signature, a stream needs a token of
// ours bound to its CallSid, and no Host header is ever read. It refuses to
// invent audio, to block a sender, and to log a number, a word or a token. It
// knows nothing of consent, agents or recordings: Options.Admit decides who is
// answered, and Options.Serve runs the call.
//
// Goroutines: the Server owns one for each running Serve and waits for them in
// Close. A Leg owns two for each socket (a reader and a writer), which
// its Run starts and waits for. Nothing else here outlives its caller.
//
// Wire format: https://www.twilio.com/docs/voice/media-streams/websocket-messages
package twilio
