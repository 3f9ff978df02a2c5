package media

// Frame is 20 ms of mono PCM that starts at tick At. It is immutable once it
// has been handed on: its PCM may be shared by the recorder, the recogniser
// and the voice activity detector at once.
type Frame struct {
	At  Tick
	PCM []int16
}

// End is the tick just after the frame's last sample.
func (f Frame) End() Tick { return f.At + FrameTicks }

// FrameSamples is the length of one frame at rate Hz: rate/50 samples.
func FrameSamples(rate int) int { return rate / 50 }

// Slab hands out frame buffers from one-second blocks, so that a leg allocates
// once a second and not once a frame. The zero value is ready to use. A Slab
// belongs to one goroutine; the buffers it gave may go anywhere.
type Slab struct{ free []int16 }

// Take returns a zeroed buffer of n samples whose capacity is n.
func (s *Slab) Take(n int) []int16 {
	if len(s.free) < n {
		s.free = make([]int16, 50*n)
	}
	b := s.free[:n:n]
	s.free = s.free[n:]
	return b
}
