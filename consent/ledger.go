package consent

// Row is one row of proof, as it goes into the ledger (JSON). It holds no
// words, number or name of a caller; times are seconds on the call's clock.
type Row struct {
	Event   string            `json:"event"` // granted, refused, not_asked, unrecordable, abandoned, withdrawn
	At      float64           `json:"at"`
	How     string            `json:"how"` // continued, key, button, policy, system, silent, hung_up
	Mode    Mode              `json:"mode"`
	Message MessageRow        `json:"message"`
	Policy  map[string]string `json:"policy"`
	Valves  map[string]bool   `json:"valves"` // as of this row
}

// Unrecordable returns the row that follows r when nothing could be recorded:
// the caller agreed, and still only the conversation was opened.
func (r Row) Unrecordable() Row {
	r.Event, r.How = string(Unrecordable), "system"
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
	Parts    []PartRow `json:"parts"`           // those played to their end, in order
	Shown    bool      `json:"shown,omitempty"` // its words were on the caller's screen too
}

// PartRow says when a part was played; Confirmed means that the far end's
// media edge said so.
type PartRow struct {
	Kind      PartKind `json:"kind"`
	SHA256    string   `json:"sha256"`
	From      float64  `json:"from"`
	To        float64  `json:"to"`
	Confirmed bool     `json:"confirmed"`
}
