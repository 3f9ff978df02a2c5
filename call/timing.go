package call

import (
	"time"

	"sidetone/dialog"
	"sidetone/media"
)

// Timing is where the time of one spoken or typed turn went, all in seconds; 0 is
// a stage that there was not. It holds no words.
type Timing struct {
	At       float64 `json:"at"`       // on the call's clock: the caller had ended
	Endpoint float64 `json:"endpoint"` // the silence that was waited for
	STT      float64 `json:"stt"`      // to the words
	Token    float64 `json:"token"`    // of LLM: until the language model began
	LLM      float64 `json:"llm"`      // to the first sentence of the reply, also of a script
	TTS      float64 `json:"tts"`      // to the first audio of that sentence
	Gateway  float64 `json:"gateway"`  // our own share
	Total    float64 `json:"total"`    // from At to the agent's first audio, played
}

// timing collects the stages of the turn under way.
type timing struct {
	Timing
	played media.Tick // where the newest audio of the agent was played
}

// note takes a stage. The silence that ends a turn is its first.
func (t *timing) note(s dialog.Stage, took time.Duration) {
	switch s {
	case dialog.StageEndpoint:
		t.Timing = Timing{Endpoint: took.Seconds()}
	case dialog.StageSTT:
		t.STT = took.Seconds()
	case dialog.StageToken:
		t.Token = took.Seconds()
	case dialog.StageLLM:
		t.LLM, t.TTS = took.Seconds(), 0
	case stageTTS:
		if t.TTS == 0 {
			t.TTS = took.Seconds()
		}
	case stageGateway:
		t.Gateway = took.Seconds()
	case dialog.StageTotal:
		t.Total, t.At = took.Seconds(), max(0, t.played.Duration()-took).Seconds()
	}
}

// stage counts a stage, and shows the turn when the last one is known.
func (c *Call) stage(s dialog.Stage, took time.Duration) {
	c.Metrics.stage(s, took)
	c.timing.note(s, took)
	if s == dialog.StageTotal {
		turn := c.timing.Timing
		c.timing.Timing = Timing{}
		c.watch(Update{Kind: TurnTimed, Timing: &turn})
	}
}
