package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/store"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
)

// givers are the callers of one leg, a case each.
type givers struct{ granted, refused, abandoned, fromNow, whole, paused *giver }

func (g givers) all() []*giver {
	return []*giver{g.granted, g.refused, g.abandoned, g.fromNow, g.whole, g.paused}
}

// byPhone are the callers by telephone.
func byPhone() givers {
	return givers{
		granted: &giver{name: "granted", number: "+12125550131", full: "Leopoldine Fairweather",
			says:  []string{"My name is Christopher and I bought some marmalade.", "Before that I bought a crocodile and a submarine."},
			words: [][]string{{"christopher", "marmalade"}, {"crocodile", "submarine"}}},
		refused: &giver{name: "refused", number: "+12125550142", full: "Hieronymus Pemberton",
			says: []string{"My name is Elizabeth and I bought a chandelier."}, words: [][]string{{"elizabeth", "chandelier"}}},
		abandoned: &giver{name: "abandoned", number: "+12125550153", full: "Wilhelmina Thistlewood",
			says: []string{"My name is Jefferson and I bought a microscope."}, words: [][]string{{"jefferson", "microscope"}}},
		fromNow: &giver{name: "from now", number: "+12125550164", full: "Peregrine Winterbourne",
			says:  []string{"My name is Margaret and I would like to buy the television.", "I would like to buy the refrigerator and the bulldozer."},
			words: [][]string{{"margaret", "television"}, {"refrigerator", "bulldozer"}}},
		whole: &giver{name: "whole call", number: "+12125550175", full: "Clementine Abernathy",
			says:  []string{"My name is Sebastian and I bought a motorcycle.", "Before that I bought chocolate and cucumbers."},
			words: [][]string{{"sebastian", "motorcycle"}, {"chocolate", "cucumbers"}}},
		paused: &giver{name: "paused", number: "+12125550186", full: "Ferdinand Blackthorne", typed: "4929173605",
			says: []string{"My name is Cassandra and I bought a strawberry.", "I would like to buy the binoculars and the mushrooms.",
				"Before that I bought a calculator and a typewriter."},
			words: [][]string{{"cassandra", "strawberry"}, {"binoculars", "mushrooms"}, {"calculator", "typewriter"}}},
	}
}

// inBrowser are those in a browser.
func inBrowser() givers {
	return givers{
		granted: &giver{name: "web granted", full: "Zebulonia Quackenbush", typed: "Quetzalcoatl", crm: "crm-83920174",
			says: []string{"My name is Benjamin and I bought a helicopter."}, words: [][]string{{"benjamin", "helicopter"}}},
		refused: &giver{name: "web refused", full: "Ignatius Featherstone", typed: "Popocatepetl", crm: "crm-55102938",
			says: []string{"My name is Frederick and I bought a harmonica."}, words: [][]string{{"frederick", "harmonica"}}},
		abandoned: &giver{name: "web abandoned", full: "Philippa Rottingdean", typed: "Titicacasee", crm: "crm-71430265",
			says: []string{"My name is Henderson and I bought dinosaurs."}, words: [][]string{{"henderson", "dinosaurs"}}},
		fromNow: &giver{name: "web from now", full: "Marguerita Cholmondeley", typed: "Kilimandscharo", crm: "crm-20687431",
			says:  []string{"My name is Richardson and I bought gasoline.", "I would like to buy the photographs and the diamonds."},
			words: [][]string{{"richardson", "gasoline"}, {"photographs", "diamonds"}}},
		whole: &giver{name: "web whole call", full: "Thaddeus Ravenscroft", typed: "Mississippi", crm: "crm-49105826",
			says:  []string{"My name is Robinson and I bought furniture.", "Before that I bought a sandwich and computers."},
			words: [][]string{{"robinson", "furniture"}, {"sandwich", "computers"}}},
		paused: &giver{name: "web paused", full: "Balthazar Wolstenholme", typed: "5412753901", crm: "crm-96713508",
			says: []string{"My name is Hamilton and I bought a dictionary.", "I would like to buy the telescope and the trampoline.",
				"I would like to buy the staircase and the elephants."},
			words: [][]string{{"hamilton", "dictionary"}, {"telescope", "trampoline"}, {"staircase", "elephants"}}},
	}
}

// cutOff are the callers whose gateway is killed.
func cutOff() (phone, web *giver) {
	phone = &giver{name: "killed", number: "+12125550197", full: "Bartholomew Higginbotham",
		says:  []string{"My name is Washington and I bought a calculator.", "Before that there was a hurricane, and then I would like to buy the pancakes."},
		words: [][]string{{"washington", "calculator"}, {"hurricane", "pancakes"}}}
	web = &giver{name: "web killed", full: "Esmeralda Longbottom", typed: "Popacatapult", crm: "crm-38261945",
		says:  []string{"My name is Victoria and I bought a butterfly.", "Before that there was a marathon, and then I would like to buy the photographs."},
		words: [][]string{{"victoria", "butterfly"}, {"marathon", "photographs"}}}
	return phone, web
}

// TestRareWordsAreHeard holds that the engine on this machine writes down the rare
// words of each caller: else a transcript that leaks could not be told by them.
func TestRareWordsAreHeard(t *testing.T) {
	phone, web := cutOff()
	all := slices.Concat(byPhone().all(), inBrowser().all(), []*giver{phone, web})
	speakOut(t, all)
	engine := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
	defer engine.Close()
	for _, g := range all {
		for n, words := range g.words {
			voice := g.said[n][:len(g.said[n])-g.toneSamples()]
			if g.number != "" {
				voice = media.AppendPCM(nil, media.AppendULaw(nil, voice)) // as it comes over the line
			}
			session, err := engine.Open(transcribe.Options{Rate: g.rate(), Language: "en"})
			if err != nil {
				t.Fatal(err)
			}
			d := enginetest.Drive(t, session, g.rate(), 0)
			d.Start()
			d.Say(append(voice, make([]int16, g.rate()/2)...))
			d.Session.Finalize(d.At)
			heard := strings.ToLower(d.Final().Text)
			if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(heard, w) }) {
				t.Errorf("%s: of %q the engine hears %q", g.name, g.says[n], heard)
			}
		}
	}
}

// phoneScripts are what the callers by telephone do once they have talked over the
// message.
func (c *clearSite) phoneScripts(g givers) map[*giver][]sim.Step {
	hear := greeted()
	return map[*giver][]sim.Step{
		g.granted:   append(hear, g.granted.say(0), after(), g.granted.say(1), after(), sim.HangUp()),
		g.refused:   {sim.Press("9"), patient(2500 * time.Millisecond), g.refused.say(0), after(), sim.HangUp()},
		g.abandoned: {g.abandoned.say(0), sim.HangUp()},
		g.fromNow:   append(hear, g.fromNow.say(0), after(), sim.Press("9"), after(), g.fromNow.say(1), after(), sim.HangUp()),
		g.whole: append(hear, g.whole.say(0), after(), sim.Press("9"), after(), sim.Press("9"), after(),
			g.whole.say(1), after(), sim.HangUp()),
		g.paused: append(hear, g.paused.say(0), after(), c.order(g.paused, "calls", "pause"),
			sim.Pause(600*time.Millisecond), // which shuts within 500 ms
			patient(600*time.Millisecond), sim.Press(g.paused.typed), g.paused.say(1), sim.Pause(2*time.Second),
			c.order(g.paused, "calls", "resume"), after(), g.paused.say(2), after(), sim.HangUp()),
	}
}

// webScripts are what those in a browser do.
func (c *clearSite) webScripts(g givers) map[*giver][]sim.Step {
	answer := func(g *giver, choice sim.Choice, steps ...sim.Step) []sim.Step {
		tell := onPage(func(_ context.Context, c *sim.WebCall) error { return c.About("name", g.full) })
		return append([]sim.Step{sim.Answer(choice), tell, after(), g.say(0), after()}, steps...)
	}
	return map[*giver][]sim.Step{
		g.granted:   answer(g.granted, sim.Agree, sim.Type(g.granted.typed), after(), sim.HangUp()),
		g.refused:   answer(g.refused, sim.Unrecorded, sim.Type(g.refused.typed), after(), sim.HangUp()),
		g.abandoned: {g.abandoned.say(0), sim.HangUp()},
		g.fromNow: answer(g.fromNow, sim.Agree, sim.Choose(sim.Unrecorded), sim.AwaitSettled("withdrawn"), after(),
			g.fromNow.say(1), after(), sim.Type(g.fromNow.typed), after(), sim.HangUp()),
		g.whole: answer(g.whole, sim.Agree, sim.Choose(sim.Delete), sim.AwaitSettled("withdrawn"), after(),
			g.whole.say(1), after(), sim.Type(g.whole.typed), after(), sim.HangUp()),
		g.paused: answer(g.paused, sim.Agree, c.order(g.paused, "calls", "pause"), sim.AwaitSettled("paused"),
			sim.Type(g.paused.typed), g.paused.say(1), sim.Pause(2*time.Second),
			c.order(g.paused, "calls", "resume"), sim.AwaitSettled("granted"), after(), g.paused.say(2), after(), sim.HangUp()),
	}
}

// take is what a call's take holds, decrypted with the operator's keys.
type take struct {
	rate        int
	left, right []int16
	wav         []byte
	words       string // the transcript, in small letters
	rows        []consent.Row
}

// takeOf opens the take of a caller's call.
func takeOf(t *testing.T, r *app.Records, g *giver) (k take) {
	t.Helper()
	var wav, words bytes.Buffer
	_, err := r.Recording(t.Context(), g.call, "t1", "", &wav)
	if err = errors.Join(err, r.Transcript(t.Context(), g.call, "t1", "", "text", &words)); err != nil {
		t.Fatalf("%s: %v", g.name, err)
	}
	k = take{rate: g.rate(), wav: wav.Bytes(), words: strings.ToLower(words.String()), rows: rowsOf(t, r, g.call)}
	format := media.WAVFormat{Coding: media.MuLaw, Channels: 2, Rate: 8000}
	if k.rate == 16000 {
		format = media.WAVFormat{Coding: media.PCM16, Channels: 2, Rate: 16000}
	}
	body := k.wav[min(len(media.AppendWAVHeader(nil, format, 0)), len(k.wav)):]
	var samples []int16
	if format.Coding == media.MuLaw {
		samples = media.AppendPCM(nil, body)
	} else {
		for ; len(body) >= 2; body = body[2:] {
			samples = append(samples, int16(binary.LittleEndian.Uint16(body)))
		}
	}
	for i := 0; i+1 < len(samples); i += 2 {
		k.left, k.right = append(k.left, samples[i]), append(k.right, samples[i+1])
	}
	return k
}

// rowsOf returns the rows of a call.
func rowsOf(t *testing.T, r *app.Records, call string) (rows []consent.Row) {
	t.Helper()
	d, err := r.Call(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Proof {
		var row consent.Row
		if err := json.Unmarshal(p.Body, &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// row returns the first row of an event.
func (k take) row(t *testing.T, event string) consent.Row {
	t.Helper()
	i := slices.IndexFunc(k.rows, func(r consent.Row) bool { return r.Event == event })
	if i < 0 {
		t.Fatalf("there is no row %s in %+v", event, k.rows)
	}
	return k.rows[i]
}

// silent fails unless both channels are silence from one second to another.
func (k take) silent(t *testing.T, from, to float64) {
	t.Helper()
	for name, channel := range map[string][]int16{"caller": k.left, "agent": k.right} {
		a, b := min(int(from*float64(k.rate)), len(channel)), min(int(to*float64(k.rate)), len(channel))
		if i := slices.IndexFunc(channel[a:b], func(v int16) bool { return v != 0 }); i >= 0 {
			t.Errorf("the channel of the %s is not silent from %.2f to %.2f s, but sounds at %.2f s", name, from, to, float64(a+i)/float64(k.rate))
		}
	}
}

// holds fails unless a take holds what a caller said n-th, or does not.
func (k take) holds(t *testing.T, g *giver, n int, want bool) {
	t.Helper()
	l := newLookFor()
	if err := l.audio("sound", g.voice(t, n), k.rate); err != nil {
		t.Fatal(err)
	}
	sound := len(l.in(k.wav)) > 0
	words := slices.ContainsFunc(g.words[n], func(w string) bool { return strings.Contains(k.words, w) })
	if sound != want || words != want {
		t.Errorf("%s: the take holds the sound of what was said %d.: %v, a word of it: %v; want %v; its words are:\n%s", g.name, n+1, sound, words, want, k.words)
	}
}

// without fails if anything of a call but its rows is there, or was.
func (c *clearSite) without(t *testing.T, r *app.Records, b *bucket, g *giver) {
	t.Helper()
	d, err := r.Call(t.Context(), g.call)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Recording(t.Context(), g.call, "t1", "", new(bytes.Buffer)); err == nil {
		t.Errorf("%s: there is a take", g.name)
	}
	err = filepath.WalkDir(c.root, func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(path, d.ID) {
			t.Errorf("%s: there is %s", g.name, strings.TrimPrefix(path, c.root))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, key := range b.kept(t) {
		if strings.Contains(key, d.ID) {
			t.Errorf("%s: the bucket keeps %s", g.name, key)
		}
	}
}

// isKnownByHash fails unless the caller is known by the keyed hash of their number
// and by a random id, which their rows bear.
func (c *clearSite) isKnownByHash(t *testing.T, db *store.DB, rows []consent.Row, g *giver) {
	t.Helper()
	key, err := app.Secret(c.config.DataDir, "lookup_key")
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(g.number))
	subject, err := db.Subject(t.Context(), h.Sum(nil))
	if err != nil || subject == "" || rows[0].Subject != subject {
		t.Errorf("%s: the rows bear the subject %q, the hash of the number leads to %q: %v", g.name, rows[0].Subject, subject, err)
	}
}

// settled waits until a site's calls have ended and what they leave is stored.
func (c *clearSite) settled(t *testing.T, calls int) {
	t.Helper()
	c.await(t, "/api/v1/calls?limit=100", func(_ int, body string) bool {
		var all struct{ Calls []listed }
		return json.Unmarshal([]byte(body), &all) == nil && len(all.Calls) == calls &&
			!slices.ContainsFunc(all.Calls, func(l listed) bool {
				return l.Outcome == "" || l.Recording == "recording" || l.Recording == "uploading"
			})
	})
}

// play has all callers call at once, and returns when their calls have ended.
func (c *clearSite) play(t *testing.T, phone, web givers) {
	t.Helper()
	var calls sync.WaitGroup
	for leg, scripts := range []map[*giver][]sim.Step{c.phoneScripts(phone), c.webScripts(web)} {
		call := c.dial
		if leg == 1 {
			call = c.browse
		}
		for g, steps := range scripts {
			calls.Go(func() {
				if err := call(t.Context(), g, steps...); err != nil {
					t.Errorf("%s: %v", g.name, err)
				}
			})
		}
	}
	calls.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// TestNothingLiesInTheClear has callers give everything away, and searches all that
// the gateway has written: data directory, database with its WAL, spool, bucket
// with all versions and attributes, temporary files, log and metrics.
func TestNothingLiesInTheClear(t *testing.T) {
	t.Parallel()
	phone, web := byPhone(), inBrowser()
	all := append(phone.all(), web.all()...)
	root := t.TempDir()
	b := newBucket(t, filepath.Join(root, "bucket"))
	c := newClearSite(t, root, all, b.env...)
	stop := c.open(t)
	c.play(t, phone, web)
	for _, g := range all {
		g.in(t, c.look)
	}
	c.settled(t, len(all))
	c.shown(t, "/metrics", "/readyz", "/api/v1/calls?limit=100")
	for _, g := range all {
		c.shown(t, "/api/v1/calls/"+g.call)
	}
	c.search(t, "while the gateway runs", "data/db/*.db", "data/db/*.db-wal", "data/spool", "tmp", "bucket/buckets/*/*", "bucket/versions")
	stop(syscall.SIGTERM)
	c.search(t, "after it has stopped", "data/db/*.db", "bucket/buckets/*/*")

	r, err := app.OpenRecords(t.Context(), c.config)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, g := range []givers{phone, web} {
		c.isKept(t, r, b, g)
	}
	c.holdsPage(t, r, web.granted)
	db, err := store.OpenDB(t.Context(), filepath.Join(c.config.DataDir, "db", "sidetone.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, g := range phone.all() {
		c.isKnownByHash(t, db, rowsOf(t, r, g.call), g)
	}
	c.findsPlanted(t, b, phone.granted, web.granted)
}

// isKept fails unless of the callers of a leg just that is kept which may be.
func (c *clearSite) isKept(t *testing.T, r *app.Records, b *bucket, g givers) {
	t.Helper()
	for _, g := range []*giver{g.refused, g.abandoned, g.whole} {
		c.without(t, r, b, g)
	}
	k := takeOf(t, r, g.granted)
	for n := range g.granted.says {
		k.holds(t, g.granted, n, true)
	}
	k = takeOf(t, r, g.fromNow)
	k.holds(t, g.fromNow, 0, true)
	k.holds(t, g.fromNow, 1, false)
	k.silent(t, k.row(t, "withdrawn").From, 1e6)
	if strings.Contains(k.words, strings.ToLower(g.fromNow.typed)) && g.fromNow.typed != "" {
		t.Errorf("%s: the transcript holds what was typed after the withdrawal", g.fromNow.name)
	}
	k = takeOf(t, r, g.paused)
	k.holds(t, g.paused, 0, true)
	k.holds(t, g.paused, 1, false)
	k.holds(t, g.paused, 2, true)
	from, to := k.row(t, "paused").At, k.row(t, "resumed").At
	k.silent(t, from, to)
	if strings.Contains(k.words, g.paused.typed) {
		t.Errorf("%s: the transcript holds the digits:\n%s", g.paused.name, k.words)
	}
	if got := float64(len(k.left)) / float64(k.rate); got < to {
		t.Errorf("%s: the take ends after %.1f s, the pause after %.1f s", g.paused.name, got, to)
	}
}

// holdsPage fails unless what a browser's caller said, typed and told of themselves
// is there, decrypted.
func (c *clearSite) holdsPage(t *testing.T, r *app.Records, g *giver) {
	t.Helper()
	var doc bytes.Buffer
	if err := r.Transcript(t.Context(), g.call, "t1", "", "json", &doc); err != nil {
		t.Fatal(err)
	}
	l := newLookFor()
	g.in(t, l)
	found := strings.Join(l.in(doc.Bytes()), "\n")
	for _, want := range []string{g.crm, g.typed, g.full} {
		if !strings.Contains(found, want) {
			t.Errorf("%s: decrypted there is no %s", g.name, want)
		}
	}
}

// findsPlanted plants leaks of a caller by telephone and of one in a browser where
// a gateway writes.
func (c *clearSite) findsPlanted(t *testing.T, b *bucket, phone, web *giver) {
	t.Helper()
	coded := media.AppendULaw(nil, phone.said[0])
	packet := slices.MaxFunc(web.packets, func(a, b []byte) int { return len(a) - len(b) })
	find := func(where string, wants ...string) {
		found, _, err := c.look.inTree(c.root, func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, where) && strings.HasSuffix(f, ": "+want) }) {
				t.Errorf("in %s: found %q, want %q", where, found, want)
			}
		}
	}
	for _, dir := range []string{"/tmp", "/data", "/data/spool", "/data/db"} {
		path := filepath.Join(c.root, dir, "planted")
		if err := os.WriteFile(path, slices.Concat([]byte("x"), coded[3001:3201], packet, []byte(phone.number)), 0o600); err != nil {
			t.Fatal(err)
		}
		find(dir+"/planted", phone.name+": mu-law", web.name+": opus", phone.name+": \""+strings.TrimPrefix(phone.number, "+1")+"\"")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	remove := b.plant(t, "deleted", string(coded[3001:3201])+web.full)
	find("/bucket/", phone.name+": mu-law", web.name+": \""+web.full+"\"")
	remove()
}

// until waits until a channel is closed, or the call has ended.
func until(closed <-chan struct{}, p sim.Party) error {
	select {
	case <-closed:
	case <-p.Done():
	}
	return nil
}

// killInSpeech kills the gateway while both callers say their second thing, and
// returns when they have given up.
func (c *clearSite) killInSpeech(t *testing.T, phone, web *giver, stop func(syscall.Signal)) {
	t.Helper()
	speaks, ended := make(chan struct{}, 2), make(chan error, 2)
	midway := func() { speaks <- struct{}{} }
	var here atomic.Int32
	together, killed := make(chan struct{}), make(chan struct{})
	meet := func(_ context.Context, p sim.Party) error {
		if int(here.Add(1)) == 2 {
			close(together)
		}
		return until(together, p)
	}
	stay := func(_ context.Context, p sim.Party) error { return until(killed, p) }
	// The carrier's callbacks fail when the gateway is gone.
	go func() {
		ended <- c.dial(t.Context(), phone, append(greeted(), phone.say(0), after(), meet, phone.speak(1, midway), stay, sim.HangUp())...)
	}()
	go func() {
		ended <- c.browse(t.Context(), web, sim.Answer(sim.Agree), after(), web.say(0), after(), sim.Type(web.typed), after(),
			meet, web.speak(1, midway), stay, sim.HangUp())
	}()
	for range 2 {
		select {
		case <-speaks:
		case err := <-ended:
			t.Fatalf("a call ended before the caller spoke: %v", err)
		}
	}
	stop(syscall.SIGKILL)
	close(killed)
	for range 2 {
		<-ended
	}
}

// TestNothingLiesInTheClearAfterAKill kills the gateway while a caller on each leg
// speaks, and searches before and after the next start.
func TestNothingLiesInTheClearAfterAKill(t *testing.T) {
	t.Parallel()
	phone, web := cutOff()
	both := []*giver{phone, web}
	c := newClearSite(t, t.TempDir(), both)
	stop := c.open(t)
	c.killInSpeech(t, phone, web, stop)
	for _, g := range both {
		g.in(t, c.look)
	}
	c.search(t, "after the kill", "data/db/*.db", "data/db/*.db-wal", "data/spool/*", "data/s3/buckets/*/*", "tmp")

	stop = c.open(t)
	c.await(t, "/api/v1/calls", cutShort(len(both)))
	c.search(t, "after the next start", "data/s3/buckets/*/*")
	stop(syscall.SIGTERM)
	c.search(t, "after its stop", "data/s3/buckets/*/*")
	r, err := app.OpenRecords(t.Context(), c.config)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, g := range both {
		k := takeOf(t, r, g)
		k.holds(t, g, 0, true)
		l := newLookFor()
		if err := l.audio("cut short", g.voice(t, 1), g.rate()); err != nil {
			t.Fatal(err)
		}
		if len(l.in(k.wav)) == 0 {
			t.Errorf("%s: nothing was kept of what the caller was saying", g.name)
		}
	}
}
