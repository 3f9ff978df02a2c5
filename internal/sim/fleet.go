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
	// Carrier is what each call has in common; the last four digits of From are
	// those of the call.
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
	placeAll(ctx, opts.Calls, opts.PerSecond, func(n int) func() {
		report, err := opts.call(ctx, carrier, n)
		return func() {
			f.add(n, report, err)
			if opts.OnReport != nil {
				opts.OnReport(n, report)
			}
		}
	})
	return f
}

// placeAll places calls, perSecond of them or all at once, and waits until they have
// ended. What a call leaves to be done is done for one call at a time.
func placeAll(ctx context.Context, calls int, perSecond float64, call func(n int) (then func())) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for n := range calls {
		if !sleepUntil(ctx, began.Add(offset(n, perSecond))) {
			break
		}
		wg.Go(func() {
			then := call(n)
			mu.Lock()
			defer mu.Unlock()
			then()
		})
	}
	wg.Wait()
}

// offset returns when call n is placed. Multiples of the golden ratio spread the
// phases evenly however many calls there are.
func offset(n int, perSecond float64) time.Duration {
	_, phase := math.Modf(float64(n) * math.Phi)
	d := time.Duration(phase * float64(20*time.Millisecond))
	if perSecond > 0 {
		d += time.Duration(float64(n) / perSecond * float64(time.Second)).Truncate(20 * time.Millisecond)
	}
	return d
}

// call runs one call to its end.
func (o *FleetOptions) call(ctx context.Context, carrier *Carrier, n int) (Report, error) {
	one := *carrier
	from := carrier.opts.From
	one.opts.From = fmt.Sprintf("%s%04d", from[:max(0, len(from)-4)], n)
	call, err := one.Dial(ctx)
	if err != nil {
		return Report{}, err
	}
	err = hold(ctx, call.Hangup, call.done, func() error { return o.Caller(ctx, n, call) })
	return call.report, errors.Join(err, call.report.Err)
}

// hold holds a call until talk returns or the gateway ends it, and then hangs up. It
// returns when the call is done, with what went wrong.
func hold(ctx context.Context, hangup func(), done <-chan struct{}, talk func() error) error {
	stop := context.AfterFunc(ctx, hangup)
	defer stop()
	err := talk()
	if errors.Is(err, ErrEnded) || ctx.Err() != nil {
		err = nil
	}
	hangup()
	<-done
	return err
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
