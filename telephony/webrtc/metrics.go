package webrtc

// Metrics counts what the package sees.
type Metrics struct{}
