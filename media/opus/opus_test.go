package opus_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/media/opus"
)

const (
	rate  = 16000
	frame = rate / 50
)

var speechSettings = opus.Options{Rate: rate, Bitrate: 24000, Complexity: 5}

func newDecoder(tb testing.TB) *opus.Decoder {
	tb.Helper()
	d, err := opus.NewDecoder(rate)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// packets codes whole frames of pcm for a network that loses loss percent.
func packets(tb testing.TB, pcm []int16, loss int) (all [][]byte) {
	tb.Helper()
	e, err := opus.NewEncoder(speechSettings)
	if err != nil {
		tb.Fatal(err)
	}
	if err := e.SetLoss(loss); err != nil {
		tb.Fatal(err)
	}
	buf := make([]byte, opus.MaxPacket)
	for ; len(pcm) >= frame; pcm = pcm[frame:] {
		n, err := e.Encode(pcm[:frame], buf)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, append([]byte(nil), buf[:n]...))
	}
	return all
}

func decode(tb testing.TB, d *opus.Decoder, packet []byte) []int16 {
	tb.Helper()
	pcm := make([]int16, d.Samples(opus.MaxDuration))
	n, err := d.Decode(packet, pcm)
	if err != nil {
		tb.Fatal(err)
	}
	return pcm[:n]
}

func speech(tb testing.TB) []int16 {
	tb.Helper()
	all, err := sim.LibriVox()
	if err != nil {
		tb.Fatal(err)
	}
	return all[0].Wide
}

// snr is the ratio of want to its difference from got, in dB.
func snr(got, want []int16) float64 {
	var signal, noise float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		signal += float64(want[i]) * float64(want[i])
		noise += d * d
	}
	return 10 * math.Log10(signal/max(noise, 1))
}

func TestToneComesThrough(t *testing.T) {
	d := newDecoder(t)
	var pcm []int16
	for _, p := range packets(t, media.Tone(rate, 440, time.Second, -12), 0) {
		if length, err := opus.Duration(p); err != nil || length != media.FrameDuration {
			t.Fatalf("a packet lasts %v, %v", length, err)
		}
		pcm = append(pcm, decode(t, d, p)...)
	}
	if len(pcm) != rate {
		t.Errorf("a second became %d samples", len(pcm))
	}
	if got := media.ToneLevel(pcm[rate/4:], rate, 440); math.Abs(got+12) > 1 {
		t.Errorf("the tone is at %.1f dBFS, want -12", got)
	}
	if got := media.ToneLevel(pcm[rate/4:], rate, 1000); got > -40 {
		t.Errorf("1 kHz is at %.1f dBFS", got)
	}
}

// The redundant copy is nearer to what was lost than what is made up for it.
func TestRecoverBeatsConceal(t *testing.T) {
	all := packets(t, speech(t), 20)
	whole, recovering, concealing := newDecoder(t), newDecoder(t), newDecoder(t)
	var want, recovered, concealed []int16
	copies := 0
	for i := 0; i+1 < len(all); i++ {
		sound := decode(t, whole, all[i])
		if i%5 != 4 || media.RMS(sound) < -40 {
			decode(t, recovering, all[i])
			decode(t, concealing, all[i])
			continue
		}
		want = append(want, sound...)
		gap := make([]int16, frame)
		copies += recovering.Samples(recovering.Copied(all[i+1])) / frame
		if err := recovering.Recover(all[i+1], gap); err != nil {
			t.Fatal(err)
		}
		recovered = append(recovered, gap...)
		gap = make([]int16, frame)
		if err := concealing.Conceal(gap); err != nil {
			t.Fatal(err)
		}
		concealed = append(concealed, gap...)
	}
	lost := len(want) / frame
	fec, plc := snr(recovered, want), snr(concealed, want)
	t.Logf("%d packets lost, %d copies: recovered %.1f dB, concealed %.1f dB", lost, copies, fec, plc)
	if lost < 20 || copies < lost*9/10 {
		t.Errorf("%d of %d lost packets had a copy", copies, lost)
	}
	if fec < plc+3 || fec < 3 {
		t.Errorf("recovered speech is %.1f dB above its fault, concealed speech %.1f dB", fec, plc)
	}
}

// A longer gap ends with the copy, whose tone nothing before the gap had; what
// comes before it is made up.
func TestRecoverLongerGap(t *testing.T) {
	tones := append(media.Tone(rate, 300, 22*media.FrameDuration, -12), media.Tone(rate, 700, 8*media.FrameDuration, -12)...)
	all, d := packets(t, tones, 20), newDecoder(t)
	for _, p := range all[:21] {
		decode(t, d, p)
	}
	gap := make([]int16, 3*frame) // packets 21 to 23
	if length, err := d.Copied(all[24]), d.Recover(all[24], gap); length != media.FrameDuration || err != nil {
		t.Errorf("the copy has %v, %v", length, err)
	}
	before, after := media.ToneLevel(gap[frame:2*frame], rate, 700), media.ToneLevel(gap[2*frame:], rate, 700)
	if after < -32 || before > after-15 {
		t.Errorf("the new tone is at %.1f dBFS before the copy and at %.1f within", before, after)
	}
	if err := d.Recover(all[25], gap[:frame/2]); err != nil { // shorter than the copy
		t.Error(err)
	}
}

// After music nothing is copied: libopus would not use it.
func TestNothingIsCopiedAfterMusic(t *testing.T) {
	all, d := packets(t, speech(t)[:rate], 20), newDecoder(t)
	copied := func() (n int) {
		for _, p := range all {
			if d.Copied(p) > 0 {
				n++
			}
		}
		return n
	}
	decode(t, d, all[0])
	if n := copied(); n < len(all)/2 {
		t.Errorf("%d of %d packets have a copy", n, len(all))
	}
	decode(t, d, []byte{31 << 3, 0xFF, 0xFE})
	if n := copied(); n != 0 {
		t.Errorf("%d packets have a copy after music", n)
	}
	if d.Copied(nil) != 0 {
		t.Error("an empty packet has a copy")
	}
}

// What is made up dies away; it does not hum on.
func TestConcealFades(t *testing.T) {
	d := newDecoder(t)
	for _, p := range packets(t, media.Tone(rate, 300, time.Second/2, -12), 0) {
		decode(t, d, p)
	}
	gap := make([]int16, 6*frame)
	first, last := 0.0, 0.0
	for i := range 5 {
		if err := d.Conceal(gap); err != nil {
			t.Fatal(err)
		}
		if last = media.RMS(gap); i == 0 {
			first = last
		}
	}
	if first < -40 || last > -60 {
		t.Errorf("made up sound begins at %.1f dBFS and is at %.1f after 600 ms", first, last)
	}
}

func TestRedundancyFollowsLoss(t *testing.T) {
	count := func(loss int) (n int) {
		for _, p := range packets(t, speech(t), loss) {
			if h, err := opus.Parse(p); err != nil {
				t.Fatal(err)
			} else if h.Redundant {
				n++
			}
		}
		return n
	}
	if n := count(-5); n != 0 {
		t.Errorf("%d packets are redundant without loss", n)
	}
	if n := count(200); n < 100 {
		t.Errorf("%d packets are redundant when all are lost", n)
	}
}

// Silence is sent: a pause of transmission looks like loss to a far end.
func TestSilenceIsSent(t *testing.T) {
	for i, p := range packets(t, make([]int16, 3*rate), 0) {
		if len(p) <= 2 {
			t.Fatalf("packet %d of silence has %d bytes", i, len(p))
		}
	}
}

func TestErrors(t *testing.T) {
	for name, o := range map[string]opus.Options{
		"rate":       {Rate: 44100, Bitrate: 24000, Complexity: 5},
		"no bitrate": {Rate: rate, Complexity: 5},
		"bitrate":    {Rate: rate, Bitrate: 600_000, Complexity: 5},
		"complexity": {Rate: rate, Bitrate: 24000, Complexity: 11},
	} {
		if _, err := opus.NewEncoder(o); !errors.Is(err, opus.ErrUnsupported) {
			t.Errorf("encoder of wrong %s: %v", name, err)
		}
	}
	if _, err := opus.NewDecoder(11025); !errors.Is(err, opus.ErrUnsupported) {
		t.Errorf("decoder of wrong rate: %v", err)
	}
	e, err := opus.NewEncoder(speechSettings)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, frame - 1, 2 * frame} {
		if _, err := e.Encode(make([]int16, n), make([]byte, opus.MaxPacket)); !errors.Is(err, opus.ErrLength) {
			t.Errorf("encode %d samples: %v", n, err)
		}
	}
	if _, err := e.Encode(make([]int16, frame), nil); !errors.Is(err, opus.ErrLength) {
		t.Errorf("encode into nothing: %v", err)
	}
	d, p := newDecoder(t), packets(t, make([]int16, frame), 0)[0]
	if _, err := d.Decode(p, make([]int16, frame-1, 2*frame)); !errors.Is(err, opus.ErrLength) {
		t.Errorf("decode into too little: %v", err)
	}
	for _, n := range []int{0, 39, 41, 1960} {
		if err := d.Conceal(make([]int16, n)); !errors.Is(err, opus.ErrLength) {
			t.Errorf("conceal %d samples: %v", n, err)
		}
		if err := d.Recover(p, make([]int16, n)); !errors.Is(err, opus.ErrLength) {
			t.Errorf("recover %d samples: %v", n, err)
		}
	}
	if err := d.Recover(nil, make([]int16, frame)); !errors.Is(err, opus.ErrMalformed) {
		t.Errorf("recover from nothing: %v", err)
	}
}

func TestCodingAllocatesNothing(t *testing.T) {
	all, pcm := packets(t, speech(t), 20), make([]int16, 6*frame)
	d, dst := newDecoder(t), make([]byte, opus.MaxPacket)
	e, err := opus.NewEncoder(speechSettings)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for name, code := range map[string]func() error{
		"decode":  func() error { i++; _, err := d.Decode(all[i%len(all)], pcm); return err },
		"conceal": func() error { return d.Conceal(pcm[:frame]) },
		"recover": func() error { i++; return d.Recover(all[i%len(all)], pcm[:frame]) },
		"encode":  func() error { _, err := e.Encode(pcm[:frame], dst); return err },
		"loss":    func() error { return e.SetLoss(5) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := code(); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	all, d, pcm := packets(b, speech(b), 0), newDecoder(b), make([]int16, frame)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := d.Decode(all[i%len(all)], pcm); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	e, err := opus.NewEncoder(speechSettings)
	if err != nil {
		b.Fatal(err)
	}
	pcm, dst := speech(b), make([]byte, opus.MaxPacket)
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + frame) % (len(pcm) - frame) {
		if _, err := e.Encode(pcm[i:i+frame], dst); err != nil {
			b.Fatal(err)
		}
	}
}
