package consent

// Origin is where a rule of a decision comes from.
type Origin string

// The origins.
const (
	FromCaller  Origin = "caller"  // the place that the caller's number hints at
	FromCallee  Origin = "callee"  // the same of the number that was called
	FromAgent   Origin = "agent"   // what the agent's file asks for
	FromFloor   Origin = "floor"   // what the operator asks for everywhere
	FromSpeech  Origin = "speech"  // spoken answers can not be understood here, so a key is asked for
	FromWords   Origin = "words"   // the agent has no words for the question in its language
	FromOverlay Origin = "overlay" // what holds for a kind of caller, payment or trade
)

// Reason is one rule behind a decision. It names a class of numbers, never a
// number.
type Reason struct {
	Source Origin `json:"source"`
	Rule   string `json:"rule"` // its id in the policy file, a mode, or an overlay
	Policy Policy `json:"policy"`
}

// Decision is the policy of one call, and every rule behind it. It stands in
// each row of the ledger.
type Decision struct {
	Policy    Policy   `json:"-"`          // the strictest of all reasons, per purpose
	WholeCall bool     `json:"whole_call"` // a caller who withdraws may have the call destroyed
	Ruleset   string   `json:"ruleset"`    // SHA-256 of the policy file
	Reasons   []Reason `json:"reasons"`
}
