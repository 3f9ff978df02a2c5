package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"sidetone/configs"
)

// Follow subscribes to the event stream of the gateway that runs with this
// configuration and gives the events of one carrier call to see, until the
// stream or ctx ends. It returns when the subscription stands; wait returns
// when it has ended.
func Follow(ctx context.Context, c *configs.Config, carrierID string, see func(Event)) (wait func(), err error) {
	target := OperatorURL(c) + "/api/v1/events?carrier_id=" + url.QueryEscape(carrierID)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	answer, err := operator(c, r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("the gateway's operator listener answers %s", answer.Status)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer answer.Body.Close()
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			var e Event
			if ok && json.Unmarshal([]byte(data), &e) == nil {
				see(e)
			}
		}
	}()
	return func() { <-done }, nil
}

// OperatorURL is where the operator's listener of this configuration answers
// from this machine.
func OperatorURL(c *configs.Config) string { return "http://" + here(c.Server.AdminListen) }

// PublicHere is where the public listener of this configuration answers from
// this machine.
func PublicHere(c *configs.Config) string {
	scheme := "http://"
	if c.Server.TLSCertFile != "" {
		scheme = "https://"
	}
	return scheme + here(c.Server.Listen)
}

// here puts loopback in place of an address that means all interfaces.
func here(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
