package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// FleetOptions describe many calls at once.
type FleetOptions struct {
	// Carrier is what each call has in common; From is numbered by call.
	Carrier CarrierOptions
	// Calls are placed at PerSecond (all at once when 0). Their frames are spread
	// evenly over the 20 ms in which each has one.
	Calls     int
	PerSecond float64
	// Caller is what caller n does; when it returns, the caller hangs up. A call
	// that the gateway ends first is no failure.
	Caller func(ctx context.Context, n int, call *Call) error
	// OnReport, if set, is given each call's report; by one goroutine at a time.
	OnReport func(n int, r Report)
}

// FleetReport sums up the calls of a fleet.
type FleetReport struct {
	Calls   int
	Failed  int   // calls that were refused or broke
	Err     error // the first few failures, joined
	Endings map[Ending]int

	Frames    int // of audio received
	Underruns int
	Faults    int // frames that Twilio would warn of

	FirstAudio Distribution // from start to the first media frame
	Interval   Distribution // as in Pacing
	Late       Distribution // as in Pacing
	Clear      Distribution // from the caller's first sound to clear
	Reply      Distribution // from the caller's last sound to the agent's first
}

// maxFleetErrors bounds FleetReport.Err.
const maxFleetErrors = 5

// RunFleet places the calls and waits for all of them. When ctx ends, no further
// call is placed and the callers hang up.
func RunFleet(ctx context.Context, opts FleetOptions) *FleetReport {
	carrier := NewCarrier(opts.Carrier)
	f := &FleetReport{Endings: map[Ending]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for n := range opts.Calls {
		if !sleepUntil(ctx, began.Add(opts.offset(n))) {
			break
		}
		wg.Go(func() {
			report, err := opts.call(ctx, carrier, n)
			mu.Lock()
			defer mu.Unlock()
			f.add(n, report, err)
			if opts.OnReport != nil {
				opts.OnReport(n, report)
			}
		})
	}
	wg.Wait()
	return f
}

// offset returns when call n is placed. Multiples of the golden ratio spread the
// phases evenly however many calls there are.
func (o *FleetOptions) offset(n int) time.Duration {
	_, phase := math.Modf(float64(n) * math.Phi)
	d := time.Duration(phase * float64(20*time.Millisecond))
	if o.PerSecond > 0 {
		d += time.Duration(float64(n) / o.PerSecond * float64(time.Second)).Truncate(20 * time.Millisecond)
	}
	return d
}

// call runs one call to its end.
func (o *FleetOptions) call(ctx context.Context, carrier *Carrier, n int) (Report, error) {
	one := *carrier
	one.opts.From = fmt.Sprintf("+1500555%04d", n)
	call, err := one.Dial(ctx)
	if err != nil {
		return Report{}, err
	}
	stop := context.AfterFunc(ctx, call.Hangup)
	defer stop()
	err = o.Caller(ctx, n, call)
	if errors.Is(err, ErrEnded) || ctx.Err() != nil {
		err = nil
	}
	call.Hangup()
	<-call.done
	return call.report, errors.Join(err, call.report.Err)
}

func (f *FleetReport) add(n int, r Report, err error) {
	f.Calls++
	if err != nil {
		f.Failed++
		if f.Failed <= maxFleetErrors {
			f.Err = errors.Join(f.Err, fmt.Errorf("call %d: %w", n, err))
		}
	}
	if r.Ending != "" {
		f.Endings[r.Ending]++
	}
	f.Frames += r.Pacing.Frames
	f.Underruns += r.Pacing.Underruns
	f.Faults += len(r.Faults)
	if r.Pacing.Frames > 0 {
		f.FirstAudio.Add(r.Pacing.FirstAudio)
	}
	f.Interval.Merge(r.Pacing.Interval)
	f.Late.Merge(r.Pacing.Late)
	for _, t := range r.Turns {
		if t.Clear >= 0 {
			f.Clear.Add((t.Clear - t.From).Duration())
		}
		if t.Reply >= 0 {
			f.Reply.Add((t.Reply - t.To).Duration())
		}
	}
}

// sleepUntil reports whether t came before the end of ctx.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
