package webrtc

import "sidetone/media"

// sound decodes a packet and lays it where its timestamp says.
func (in *inbound) sound(p media.JitterPacket) packetResult {
	length, err := in.voice.length(p.Payload)
	if err != nil {
		return packetMalformed
	}
	begun := in.line.begun
	at, how := in.line.place(p.Timestamp, length, p.Arrival)
	if how == placedNoWhere {
		return packetEarly
	}
	if how == placedAnew {
		in.m.restarts.Inc()
	}
	if begun && at-in.line.end >= slack {
		in.bridge(p.Payload, at, how)
	}
	in.lost, in.keyed, in.last = 0, false, length
	pcm, err := in.voice.decode(p.Payload)
	if err != nil {
		return packetMalformed
	}
	in.line.end += length
	in.frames.lay(pcm, in.sink)
	return packetSound
}

// bridge gets from the end of the sound to at, where next begins: what was lost
// is filled in as far as it may be, and the rest is a jump.
func (in *inbound) bridge(next []byte, at media.Tick, how placing) {
	reason := jumpPause
	switch {
	case how == placedAnew:
		reason = jumpRestart
	case in.keyed:
		reason = jumpKeys
	case in.lost > 0:
		reason = jumpLoss
		in.conceal(next, at)
	}
	if at-in.line.end < slack {
		return
	}
	in.m.jumps[reason].Inc()
	in.frames.lay(in.voice.rest(), in.sink)
	in.jump(at)
}

// conceal fills in what was lost before at. The copy in next belongs just before
// at. What is made up follows the sound so far, and only if the packets lost
// account for the whole gap: otherwise the sender was silent in it.
func (in *inbound) conceal(next []byte, at media.Tick) {
	gap := at - in.line.end
	budget := min(gap, maxConcealed)
	copied := in.voice.copied(next)
	if copied > budget {
		copied = 0
	}
	made := media.Tick(0)
	if gap <= media.Tick(in.lost)*in.last+slack {
		made = budget - copied
		made -= made % slack
	}
	if gap-made-copied >= slack {
		if made > 0 {
			in.fill(in.voice.conceal(made), 0)
		}
		if copied > 0 {
			in.m.jumps[jumpLoss].Inc()
			in.jump(at - copied)
		}
		made = 0
	}
	if made+copied > 0 {
		in.fill(in.voice.recover(next, made+copied), copied)
	}
}

// fill lays sound that was not decoded from its own packet.
func (in *inbound) fill(pcm []int16, copied media.Tick) {
	length := media.Tick(len(pcm)) * ticksPerSample
	if length > 0 {
		in.m.conceal(min(copied, length), length-min(copied, length))
	}
	in.line.end += length
	in.frames.lay(pcm, in.sink)
}

// jump goes on at a later tick.
func (in *inbound) jump(at media.Tick) {
	in.line.end = at
	if in.frames.jump(at) {
		in.m.partial.Inc()
	}
}
