package call

import (
	"sidetone/consent"
	"sidetone/media"
)

// chooseLanguage gives an event to the chooser. Once the caller has chosen, who
// they chose takes over, from the beginning.
func (c *Call) chooseLanguage(e consent.Event, at media.Tick) (taken bool) {
	if _, over := e.(consent.Ended); over {
		c.chooser = nil
		return c.step(e, at)
	}
	if _, failing := e.(consent.LedgerLost); failing { // nobody will be able to agree
		c.chooser = nil
		c.recognise()
		c.step(consent.Answered{At: at}, at)
		return c.step(e, at)
	}
	for _, a := range c.chooser.Step(e) {
		switch a := a.(type) {
		case consent.Play:
			c.playPart(a)
		case consent.Hush:
			c.silence()
		case consent.Taken:
			taken = true
		case consent.Chosen:
			c.chosen(a, at)
		}
	}
	return taken
}

// chosen lets who the caller has chosen take over.
func (c *Call) chosen(choice consent.Chosen, at media.Tick) {
	c.chooser = nil
	persona, err := c.Languages.Become(choice.Option)
	if err == nil {
		err = c.become(persona)
	}
	if err != nil {
		c.fail(err)
		return
	}
	c.recognise()
	c.Consent.Chosen(choice.How)
	c.watch(Update{Kind: AgentChosen, Agent: persona.Agent})
	c.step(consent.Answered{At: at}, at)
}
