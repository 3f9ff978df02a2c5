package sim

import (
	"context"
	"errors"
	"time"

	"github.com/pion/webrtc/v4"
)

// What becomes of the network of a browser call.

// Blackout loses everything for d, both ways.
func (c *WebCall) Blackout(d time.Duration) error {
	if c.relay == nil {
		return ErrNoRelay
	}
	c.relay.blackout(d)
	c.network("blackout of " + d.String())
	return nil
}

// Rebind makes the relay take another port towards the gateway. Call RestartICE
// after it, as a browser does whose network has changed.
func (c *WebCall) Rebind() error {
	if c.relay == nil {
		return ErrNoRelay
	}
	if err := c.relay.rebind(); err != nil {
		return err
	}
	c.network("rebound")
	return nil
}

// Impair makes the network another one.
func (c *WebCall) Impair(up, down Path) error {
	if c.relay == nil {
		return ErrNoRelay
	}
	c.relay.change(up, down)
	c.network("changed")
	return nil
}

// RestartICE restarts ICE (PATCH) and waits until the connection stands again.
func (c *WebCall) RestartICE(ctx context.Context) error {
	c.restarting.Lock()
	defer c.restarting.Unlock()
	at, err := c.Now()
	if err != nil {
		return err
	}
	began := time.Now()
	r := Restart{At: at}
	r.Answered, r.Err = c.restart(ctx, began)
	if r.Err == nil {
		r.Err = c.awaitICE(ctx)
	}
	r.Took = time.Since(began)
	c.network("restarted")
	return errors.Join(r.Err, c.line.do(func() { c.restarts = append(c.restarts, r) }))
}

// restart does the signalling of a restart.
func (c *WebCall) restart(ctx context.Context, began time.Time) (answered time.Duration, err error) {
	c.mu.Lock()
	c.ice = webrtc.ICEConnectionStateChecking // as it will be told
	c.mu.Unlock()
	offer, err := c.offer(ctx, &webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return 0, err
	}
	fragment, err := c.signal.restart(ctx, fragmentOf(offer), func(detail string) {
		_ = c.line.do(func() { c.line.fault(detail) })
	})
	if err != nil {
		return 0, err
	}
	answered = time.Since(began)
	answer, err := applyFragment(c.answer, fragment)
	if err != nil {
		return answered, err
	}
	return answered, c.accept(answer)
}

// awaitICE waits until the connection stands.
func (c *WebCall) awaitICE(ctx context.Context) error {
	for {
		c.mu.Lock()
		state, changed := c.ice, c.iceChanged
		c.mu.Unlock()
		switch state {
		case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
			return nil
		case webrtc.ICEConnectionStateFailed, webrtc.ICEConnectionStateClosed:
			return errors.New("sim: the connection did not come back")
		}
		select {
		case <-changed:
		case <-c.done:
			return ErrEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
