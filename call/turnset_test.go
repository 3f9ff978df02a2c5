package call_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/dialog"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe/enginetest"
)

// The set of turns on which the end of turn is measured: what callers say with
// pauses in it, put together of recordings of people in Debian's packages
// pocketsphinx-testdata (a volunteer of LibriVox) and asterisk-core-sounds-en-wav
// (Allison Smith). Nothing of it is synthesised.
//
// A line is what the agent has asked for and what is said. A name is a prompt of
// Asterisk's, and a digit, a letter or a word of the calendar the prompt of that
// name; lv0 to lv4 are the sentences of LibriVox. name/1, name/2 and name/3 are a recording
// cut in three at the quietest places about its thirds, which lie between words.
// What stands side by side is said without a pause, as the prompts are when
// Asterisk says them. Pauses:
//
//	~  a hesitation within a sentence: 0.2 to 1.5 s, each as likely
//	,  between the groups of a number or the items of a list: 0.2 to 0.8 s
//	;  between two sentences: 0.2 to 0.6 s
//
// Before a hesitation that cuts a recording the voice is as in fluent speech, which
// vad.Cadence can tell from an end; people who hesitate may let it fade.
// Those that the recordings have themselves are left as they are. The lengths are
// drawn once and for all. Of each four turns the first two, which are alike, are for
// making the rules with, and the figures are those of the other two.
const turnSet = `
words vm-num-i-have ~ 5 5 5 , 0 1 2 , 3 4 5 6
words vm-num-i-have ~ 2 0 7 , 9 4 6 , 0 0 1 8
words conf-thereare ~ 5 conf-otherinparty
words conf-thereare ~ 3 conf-otherinparty
words conf-enteringno ~ 4 1 8
words conf-enteringno ~ 7 2 5
words queue-thereare ~ 6
words queue-thereare ~ 9
words queue-holdtime ~ queue-less-than 10 queue-minutes
words queue-holdtime ~ 20 queue-minutes
words at-tone-time-exactly ~ 9 30 p-m
words at-tone-time-exactly ~ 4 15 a-m
words telephone-number is ~ 4 1 5 , 5 5 5 , 2 0 7 3
words telephone-number is ~ 6 5 0 , 5 5 5 , 8 1 4 0
words your extension is ~ 3 2 0
words your extension is ~ 4 4 1
words vm-theperson 2 0 ~ vm-isonphone
words vm-theperson 7 1 ~ vm-isunavail
words day-1 vm-and ~ day-3
words day-2 vm-and ~ day-4
words today vm-and ~ tomorrow
words mon-2 vm-and ~ mon-8
words vm-Family vm-and ~ vm-Friends
words spy-mobile vm-and ~ spy-local
words day-1 , day-2 , vm-and day-5
words mon-0 , mon-5 , vm-and mon-10
words vm-youhave ~ 3 vm-messages vm-from ~ day-4
words vm-youhave ~ 8 vm-messages vm-from ~ yesterday
words vm-duration ~ 3 minutes vm-and ~ 20 seconds
words vm-duration ~ 2 hours vm-and ~ 30 minutes
words number 6 vm-and ~ number 8
words calling with ~ 2 vm-Friends
words extension 1 1 4 for ~ vm-Work
words with vm-Family ~ for 5 hours
words lv0/1 ~ lv0/2 lv0/3
words lv2/1 ~ lv2/2 lv2/3
words lv1/1 ~ lv1/2 lv1/3
words lv4/1 ~ lv4/2 lv4/3
words lv0/1 lv0/2 ~ lv0/3
words lv2/1 lv2/2 ~ lv2/3
words lv1/1 lv1/2 ~ lv1/3
words lv4/1 lv4/2 ~ lv4/3
words lv0/1 ~ lv0/2 ~ lv0/3
words lv2/1 ~ lv2/2 ~ lv2/3
words lv3/1 ~ lv3/2 lv3/3
words lv3/1 lv3/2 ~ lv3/3
words lv0 ; lv2
words lv2 ; lv0
words lv1 ; lv4
words lv4 ; lv1
words hello ; vm-nonumber
words im-sorry ; vm-nobox
words hello ; pls-hold-while-try
words im-sorry ; privacy-unident
words cannot-complete-as-dialed ; please-try-again
words conf-invalidpin ; please-try-call-later
words auth-thankyou ; goodbye
words im-sorry ; vm-goodbye
words is-in-use ; please-try-again
words call-waiting ; one-moment-please
words conf-userswilljoin/1 ~ conf-userswilljoin/2 conf-userswilljoin/3
words conf-waitforleader/1 ~ conf-waitforleader/2 conf-waitforleader/3
words followme/sorry/1 followme/sorry/2 ~ followme/sorry/3
words followme/status/1 followme/status/2 ~ followme/status/3
words vm-invalid-password/1 ~ vm-invalid-password/2 vm-invalid-password/3
words queue-youarenext/1 ~ queue-youarenext/2 queue-youarenext/3
words cannot-complete-as-dialed/1 ~ cannot-complete-as-dialed/2 cannot-complete-as-dialed/3
words vm-mailboxfull/1 ~ vm-mailboxfull/2 vm-mailboxfull/3
words vm-nobodyavail/1 vm-nobodyavail/2 ~ vm-nobodyavail/3
words conf-placeintoconf/1 conf-placeintoconf/2 ~ conf-placeintoconf/3
words privacy-unident/1 privacy-unident/2 ~ privacy-unident/3
words vm-msgforwarded/1 vm-msgforwarded/2 ~ vm-msgforwarded/3
words demo-nomatch/1 demo-nomatch/2 ~ demo-nomatch/3
words vm-nobox/1 vm-nobox/2 ~ vm-nobox/3
words agent-alreadyon
words auth-incorrect
words demo-thanks
words demo-nogo
words invalid
words pbx-invalidpark
words tt-allbusy
words queue-periodic-announce
words ss-noservice
words vm-mismatch
words tt-weasels
words vm-incorrect-mailbox
words vm-nobodyavail
words conf-getchannel
words simul-call-limit-reached
words vm-passchanged
words conf-onlyperson
words all-circuits-busy-now
words vm-tempgreetactive
words spy-skinny ; something-terribly-wrong
digits 5 5 5 , 0 1 7 7
digits 5 5 5 , 0 1 9 3
digits 4 1 , 8 8 , 0 3
digits 7 6 , 2 9 , 5 4
digits 6 0 0 , 1 2 3
digits 3 1 9 , 4 4 7
digits j o , h n
digits m a , r y
digits k , e , i , t , h
digits l , a , u , r , a
digits b o b ~ letters/at x dot c o m
digits a n n ~ letters/at z dot n e t
digits 2 1 2 , 5 5 5 , 0 1 6 4
digits 3 0 3 , 5 5 5 , 0 1 8 2
words 2 0 2 , 5 5 5 , 0 1 4 1
words 4 0 4 , 5 5 5 , 0 1 2 6
words a 4 , 7 7 , 1
words c 9 , 3 0 , 2
words t o m , letters/at y dot o r g
words s u e , letters/at w dot c o m
words 1 , 2 , vm-and 5
words 20 4 , 30 6 , vm-and 50
key vm-no
key 8
key vm-first
key 3
key tomorrow
key spy-mobile
key vm-last
key 20 5
`

// asked is how the agent listens.
var asked = map[string]dialog.Expect{"words": dialog.ExpectWords, "digits": dialog.ExpectDigits, "key": dialog.ExpectKey}

// turn is one of the set.
type turn struct {
	name   string
	expect dialog.Expect
	pauses int
	at     map[int][]int16 // audio by rate
	ends   time.Duration   // from the start of the audio to the end of the last word
}

// recordings are the clips that the set is made of, trimmed, at 16 kHz.
var recordings = sync.OnceValues(func() (map[string][]int16, error) {
	clips := map[string][]int16{}
	sentences, err := sim.LibriVox()
	if err != nil {
		return nil, err
	}
	for i, u := range sentences {
		clips[fmt.Sprintf("lv%d", i)] = trim(u.Wide, room)
	}
	for token := range strings.FieldsSeq(turnSet) {
		name, _ := piece(token)
		if strings.Contains("~,;", name) || clips[name] != nil || name == "words" || asked[name] > 0 {
			continue
		}
		clip, err := prompt(name)
		if err != nil {
			return nil, err
		}
		clips[name] = clip
	}
	return clips, nil
})

// prompt returns the recording that a token names.
func prompt(name string) ([]int16, error) {
	var missing error
	for _, folder := range []string{"digits/", "letters/", ""} {
		if folder == "letters/" && len(name) > 1 && name != "dot" {
			continue
		}
		found, err := sim.Prompts(folder + name)
		if err == nil {
			return trim(found[0].Wide, studio), nil
		}
		missing = err
	}
	return nil, missing
}

// piece splits a token such as lv0/2 into the recording and which third of it.
func piece(token string) (name string, third int) {
	if n := len(token) - 2; n > 0 && token[n] == '/' && token[n+1] >= '1' && token[n+1] <= '3' {
		return token[:n], int(token[n+1] - '0')
	}
	return token, 0
}

// Levels above which a frame of a recording is speech, in dBFS. Between words the
// volunteer's room is heard.
const (
	studio = -42
	room   = -37
)

// trim takes the silence off both ends.
func trim(pcm []int16, audible float64) []int16 {
	const window, step = 480, 160 // 30 ms, by 10 ms
	from, to := 0, len(pcm)
	for from+window < to && media.RMS(pcm[from:from+window]) < audible {
		from += step
	}
	for to-window > from && media.RMS(pcm[to-window:to]) < audible {
		to -= step
	}
	return pcm[from:to]
}

// third cuts a recording at the quietest places about its thirds, and returns
// one of the pieces.
func third(pcm []int16, n int, audible float64) []int16 {
	quietest := func(about float64) int {
		const span = 640 // 40 ms
		best, least := 0, 1.0
		for at := int((about - 0.12) * float64(len(pcm))); at+span < int((about+0.12)*float64(len(pcm))); at += span / 4 {
			if level := media.RMS(pcm[at : at+span]); least > 0 || level < least {
				best, least = at+span/2, level
			}
		}
		return best
	}
	i, j := quietest(1.0/3), quietest(2.0/3)
	return trim([][]int16{pcm[:i], pcm[i:j], pcm[j:]}[n-1], audible)
}

// turns puts the set together.
func turns(t testing.TB) []turn {
	t.Helper()
	clips, err := recordings()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(6, 4))
	var all []turn
	for line := range strings.Lines(strings.TrimSpace(turnSet)) {
		expect, said, _ := strings.Cut(strings.TrimSpace(line), " ")
		u := turn{name: said, expect: asked[expect]}
		pcm := hiss(random, 300*time.Millisecond)
		for token := range strings.FieldsSeq(said) {
			if most, ok := map[string]int{"~": 1500, ",": 800, ";": 600}[token]; ok {
				u.pauses++
				pcm = append(pcm, hiss(random, time.Duration(200+random.IntN(most-200))*time.Millisecond)...)
				continue
			}
			name, part := piece(token)
			clip := clips[name]
			if part > 0 && strings.HasPrefix(name, "lv") {
				clip = third(clip, part, room)
			} else if part > 0 {
				clip = third(clip, part, studio)
			}
			pcm = append(append(pcm, clip...), hiss(random, 40*time.Millisecond)...)
		}
		u.ends = time.Duration(len(pcm)-640) * time.Second / 16000
		pcm = append(pcm, hiss(random, 3*time.Second)...)
		u.at = map[int][]int16{}
		for _, rate := range []int{8000, 16000} {
			u.at[rate] = enginetest.Clip{Rate: 16000, PCM: pcm}.At(t, rate).PCM
		}
		all = append(all, u)
	}
	return all
}

// hiss is what a line carries when nobody speaks, some -60 dBFS.
func hiss(random *rand.Rand, length time.Duration) []int16 {
	pcm := make([]int16, length.Milliseconds()*16)
	for i := range pcm {
		pcm[i] = int16(30 * random.NormFloat64())
	}
	return pcm
}
