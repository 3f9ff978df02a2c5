package webrtc

// Leg is the browser's side of a call. It implements telephony.Screen.
type Leg struct{}
