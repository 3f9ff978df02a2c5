package consent

// Row is one row of proof, as it goes into the ledger (JSON). It holds no
// words, number or name of a caller; times are seconds on the call's clock.
type Row struct {
	Event    string            `json:"event"` // an Outcome, or asked, withdrawn, paused, resumed, minor_suspected, destroyed, deletion_queued, ended
	At       float64           `json:"at"`
	How      How               `json:"how"`
	Mode     Mode              `json:"mode"`              // how the caller was asked
	Subject  string            `json:"subject,omitempty"` // random id of the caller
	Message  MessageRow        `json:"message"`
	Answer   *AnswerRow        `json:"answer,omitempty"`
	Policy   map[string]string `json:"policy"` // the effective rule of each valve
	Decision *Decision         `json:"decision,omitempty"`
	Valves   map[string]bool   `json:"valves"`          // as of this row
	Scope    string            `json:"scope,omitempty"` // withdrawn: from_now or whole_call
	From     float64           `json:"from,omitempty"`  // withdrawn: what was said since is not kept
	// Elsewhere lists, with destroyed and deletion_queued, who else has got something
	// of the call and must be asked to delete it.
	Elsewhere []string `json:"elsewhere,omitempty"`
}

// AnswerRow says how an answer came about.
type AnswerRow struct {
	Waited   float64 `json:"waited"`             // from when the caller could first answer
	Score    float64 `json:"score,omitempty"`    // of a spoken answer, 0 to 1
	Unclear  int     `json:"unclear,omitempty"`  // answers that were not understood
	Silences int     `json:"silences,omitempty"` // times that none came
}

// Unrecordable returns the row that follows r when nothing could be recorded:
// the caller agreed, and still only the conversation was opened.
func (r Row) Unrecordable() Row {
	r.Event, r.How = string(Unrecordable), HowSystem
	r.Valves = map[string]bool{Converse.String(): r.Valves[Converse.String()]}
	for p := Record; p < purposes; p++ {
		r.Valves[p.String()] = false
	}
	return r
}

// MessageRow says which message was played and how much of it.
type MessageRow struct {
	ID       string    `json:"id"`
	Language string    `json:"language"`
	Chosen   How       `json:"chosen,omitempty"` // by what the caller chose the language, where there was a choice
	Parts    []PartRow `json:"parts"`            // those played to their end, in order
	Shown    bool      `json:"shown,omitempty"`  // its words were on the caller's screen too

	Repeats    int     `json:"repeats,omitempty"`     // of what is done and how to answer, since it was talked over
	TalkedOver float64 `json:"talked_over,omitempty"` // seconds of speech over it
	EarlyKeys  int     `json:"early_keys,omitempty"`  // keys before the choice had been played
}

// PartRow says when a part was played; Confirmed means that the far end's
// media edge said so.
type PartRow struct {
	Kind       PartKind `json:"kind"`
	SHA256     string   `json:"sha256"`
	From       float64  `json:"from"`
	To         float64  `json:"to"`
	TalkedOver float64  `json:"talked_over,omitempty"` // seconds of speech over it
	Confirmed  bool     `json:"confirmed"`
}
