package spoken

import (
	"strings"
	"testing"
)

var phraseTable = map[Kind][]string{
	StopRecording: {
		"stop recording", "Stop recording.", "Stop recording me!", "Please stop recording.", "Please, stop the recording.",
		"Stop, recording.", "Could you stop recording this call?", "Can you please turn off the recording?", "Turn the recording off.",
		"Turn off the recorder, please.", "Don't record this.", "don't record", "Do not record me.", "Don't record this call.", "Dont record me",
		"Please don't record our conversation.", "No, don't record.", "Yes, but don't record me.", "Never record me.",
		"I don't want to be recorded.", "I do not want to be recorded", "I don\u2019t want to be recorded anymore.",
		"Um, I don't really want to be recorded.", "I'm sorry, but I don't want to be recorded.", "I don't want this call to be recorded.",
		"I don't want this recorded.", "I don't want you to record me.", "I don't want you recording this.", "I don't want my voice recorded.",
		"I don't want a recording.", "I wouldn't like to be recorded.", "I'd rather not be recorded.", "I would prefer not to be recorded.",
		"I'd prefer you didn't record this.", "I don't agree to the recording.", "I don't consent to being recorded.", "I do not consent to recording.",
		"I refuse to be recorded.", "I object to being recorded.", "I withdraw my consent.", "I want to withdraw my consent to the recording.",
		"I take back my permission.", "I changed my mind about the recording.", "I've changed my mind about being recorded.",
		"No recording.", "No recordings, please.", "Without recording, please.", "You can't record me.", "You may not record this.",
		"You don't have my permission to record me.", "I want the recording stopped.", "I want to stop the recording.", "I want you to stop recording.",
		"I'd like you to stop recording now.", "Stop taping me.", "Pause the recording.", "Stop recording because my wife is here.",
		"Stop recording while I read out my card.", "Okay so stop recording me right now.", "Hold on, stop recording.", "I said stop recording!",
		"Hello? Can you stop recording? My battery is low.", "My number is five five five and please don't record that.", "STOP RECORDING",
		"Quit recording me.", "Would you mind not recording this?", "Would you please not record this?", "Is it possible to not be recorded?", "Could this call not be recorded?",
		"I'm not comfortable being recorded.", "I'm not okay with being recorded.", "I don't feel comfortable being recorded.", "I'm not happy with the recording.",
		"I want to opt out.", "I opt out of the recording.", "Can we talk without being recorded?", "Take me off the recording.", "Stop recording this talk.",
		"Don't rack at me.", "Don't rack her.", "These stop recording.", "Stop recording me because I don't like it.",
		"No, no, don't record me.", "End the recording.", "Cancel the recording.", "Let's stop the recording.", "I don't wanna be recorded.",
	},
	DeleteRecording: {
		"Delete the recording.", "Please delete this recording.", "Delete this call.", "Delete my recording.", "Can you delete the recording?",
		"Could you erase the recording of this call?", "Erase what you recorded.", "Erase what you've recorded so far.", "Delete everything you recorded.",
		"Delete everything you have on me.", "Delete everything.", "Delete everything I said.", "Destroy the recording.", "Wipe the recordings.",
		"Get rid of the recording.", "Throw away the tape.", "I want you to delete the recording.", "I want the recording deleted.",
		"I would like this recording to be deleted.", "Can the recording be erased?", "Stop recording and delete it.", "Stop recording and delete the recording.",
		"Stop the recording, and erase everything.", "Delete my data.", "Delete our conversation.", "Don't keep the recording.", "Don't save this recording.",
		"Please remove the recording from your system.", "Delete what you have recorded of me.", "Delete all of it.", "I don't want to be recorded. Delete the recording.",
	},
	Minor: {
		"I'm twelve.", "I am twelve", "I'm 12.", "I'm only 12 years old.", "I am twelve years old.", "I am just nine.", "I'm still seventeen.",
		"I'm almost thirteen.", "I am a child.", "I'm a kid.", "I'm just a kid.", "I'm a minor.", "I'm only a little girl.", "I am a little boy.",
		"I'm under eighteen.", "I'm under 18.", "I'm underage.", "I am under age.", "I'm not eighteen yet.", "I'm not 18.", "I'm not an adult.",
		"I am a twelve year old girl.", "I'm a 12-year-old.", "Twelve years old.", "My age is eleven.", "Well, actually I'm fourteen.", "But I'm sixteen.",
		"Hi, I'm ten years old.", "I'm twelve and a half.", "I'm twelve and I want to stop.", "I'm ten and three quarters. I'm ten.", "I will be thirteen.",
		"I'm four years old.", "No. I'm fifteen.", "I'm twelve, delete the recording.", "I'm younger than eighteen.", "IM TWELVE", "I am child.", "I'm only 8.",
	},
	Machine: {
		"Are you a machine?", "Are you a robot?", "Are you a computer?", "Are you a real person?", "Are you human?", "Are you a human being?",
		"Are you an AI?", "Are you an A.I.?", "Are you AI?", "Are you artificial intelligence?", "Are you a bot?", "Are you a chatbot?", "Are you real?",
		"Am I talking to a machine?", "Am I speaking to a real person?", "Am I speaking with a computer or a person?", "Is this a robot?",
		"Is this a real person?", "Is this a recording?", "Is this a machine or a human?", "Wait, are you a machine?", "Sorry, are you a robot?",
		"Are you a robot or a human?", "Aren't you a machine?", "You're a robot, aren't you?", "You are a machine, right?", "Can you tell me if you are a robot?",
		"Tell me, are you a robot?", "Is there a real person there?", "Hello, is this a person?", "Am I talking to a human?", "Are you even human?",
		"Are you a real human?", "I want to know if this is a machine.", "Okay but are you a robot", "Is it a computer?", "Are you an automated assistant?",
		"Are you a live agent?", "Are you robots?", "Is this an automated system?", "Who is this? Are you a machine?",
	},
	NoPhrase: {
		"", ".", "?!", ",,,", "yes", "no", "The recording studio stopped.", "The recording studio stopped working.", "We stopped recording the album in May.",
		"I stopped recording my podcast.", "Don't record high scores.", "Don't record the stock count twice.", "Did you stop recording?", "When do you stop recording?",
		"Don't stop recording.", "Do not stop the recording.", "I don't want you to stop recording.", "I don't mind being recorded.", "I don't mind if you record me.",
		"Are you recording me?", "Is this call recorded?", "Is this being recorded?", "Why are you recording this?", "You can record me.", "I want to be recorded.",
		"I agree to the recording.", "Please record my order.", "I broke the world record.", "My record player doesn't stop.", "He does not record music anymore.",
		"I never recorded a song.", "The tape does not stick.", "Can you turn off the heating?", "Turn off the record player.", "There is no recording of that concert.",
		"No recording artist would do that.", "I work without recording equipment.", "I don't want a record deal.", "I don't want to be late.",
		"I withdraw my application.", "I changed my mind about the blue one.", "Stop the car.", "Stop calling me.", "Stop it.", "I'm not comfortable driving.", "Can I opt for the red one?", "I'm recording my own podcast, don't stop.", "Don't wreck our car.", "I do not record.", "They do not record.",
		"Do you record this?", "Can you record this?", "Is it possible to record this?",
		"Delete my last answer.", "Delete my account.", "Delete the last digit.", "Delete that.", "Erase the whiteboard.", "Don't delete the recording.",
		"Do not erase anything.", "I deleted the recording of the game.", "My son deleted the recording.", "Undelete the recording.", "Remove the sofa, please.",
		"Did you delete the recording?", "I want everything bagels.", "Delete the recording of Monday's show from my box.",
		"I was twelve when it happened.", "My son is twelve.", "My daughter is 12 years old.", "He's ten.", "She said I'm twelve percent over.",
		"I'm ten minutes away.", "I'm ten, fifteen minutes away.", "I'm 10, 15 minutes late.", "I'm twelve and a half minutes late.", "I'm five foot six.", "I'm five and a half feet tall.", "I'm six two.",
		"I'm number seven in the line.", "I'm eighteen.", "I'm 18.", "I am 170 centimetres.", "I am thirty-seven.", "I am 42 years old.", "I'm a child psychologist.",
		"I'm a kid at heart.", "I'm a minor shareholder.", "I am not a child.", "I'm not a minor.", "I'm over eighteen.", "When I'm sixty-four.",
		"I'm one of the neighbours.", "I'm one.", "I'm 16 weeks pregnant.", "I have a child.", "There are twelve of us.", "Twelve.", "I'm 12.5 percent short.", "I'm 1,000 miles away.",
		"I have been here for twelve years.", "It's twelve years old.", "We are ten.", "I'm in room nine.", "I'm twenty twelve.", "My car is nine years old.",
		"Are you a machine shop?", "Are you a computer repair shop?", "Is this a computer store?", "Are you open?", "Are you there?", "Are you a doctor?",
		"I am a robot engineer.", "My robot is broken.", "The machine is broken.", "Is the machine working?", "Are you a recording studio?", "Am I talking to Mary?",
		"Is this the right person?", "Can I talk to a person?", "I want to speak to a human.", "Are you really sure?", "Is that real leather?", "I bought a computer.",
		"Are people real there?", "You are a real help.", "Is this a good time?", "Are you an agent of the company?",
	},
}

func TestPhrase(t *testing.T) {
	for want, texts := range phraseTable {
		for _, text := range texts {
			for _, said := range []string{text, strings.ToLower(text), strings.ToUpper(text), " " + text + "  "} {
				if got := Phrase("en-US", said); got != want {
					t.Errorf("%q: %v, want %v", said, got, want)
					break
				}
			}
		}
	}
}
