package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sidetone/call"
	"sidetone/configs"
)

// Command is what an operator may ask of a live call.
type Command = call.Command

// The commands.
const (
	PauseRecording  = call.PauseRecording
	ResumeRecording = call.ResumeRecording
	StopRecording   = call.StopRecording
	DestroyAll      = call.DestroyAll
	AskAgain        = call.AskAgain
	CallerIsMinor   = call.CallerIsMinor
)

// commands are all that may be asked.
var commands = []Command{PauseRecording, ResumeRecording, StopRecording, DestroyAll, AskAgain, CallerIsMinor}

// maxCommand is the largest body of a command, in bytes.
const maxCommand = 1 << 10

// command is the body of a request about a live call.
type command struct {
	Command Command `json:"command"`
	Agent   string  `json:"agent,omitempty"` // AskAgain: who asks, and goes on
}

// commandCall asks something of a live call.
func (a *App) commandCall(w http.ResponseWriter, r *http.Request) {
	var c command
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCommand))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || !slices.Contains(commands, c.Command) || c.Agent != "" && c.Command != AskAgain {
		http.Error(w, fmt.Sprintf("want {\"command\": one of %q}; with %q also {\"agent\": who goes on}", commands, AskAgain), http.StatusBadRequest)
		return
	}
	known, err := a.db.Call(r.Context(), r.PathValue("id"))
	if err != nil {
		a.answer(w, nil, err)
		return
	}
	if err := a.tell(r.Context(), known.ID, c); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	a.log.Info("operator's command", "call", known.ID, "command", string(c.Command))
	a.answer(w, c, nil)
}

// errNotLive says that a call can not be asked anything.
var errNotLive = errors.New("the call is not live")

// tell gives a command to a live call.
func (a *App) tell(ctx context.Context, id string, c command) error {
	live := a.calls.Call(id)
	switch {
	case live == nil:
		return errNotLive
	case c.Agent != "":
		return live.HandOver(ctx, c.Agent)
	case !live.Do(c.Command):
		return errNotLive
	}
	return nil
}

// Ask asks something of a live call of the gateway that runs with this
// configuration, named by its id or the carrier's. With AskAgain, agent is who asks,
// and goes on; empty for the one that talks.
func Ask(ctx context.Context, c *configs.Config, id string, what Command, agent string) error {
	body, err := json.Marshal(command{what, agent})
	if err != nil {
		return err
	}
	target := OperatorURL(c) + "/api/v1/calls/" + url.PathEscape(id) + "/commands"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := operator(c, r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	why, err := io.ReadAll(io.LimitReader(answer.Body, maxCommand))
	if err != nil {
		return err
	}
	return fmt.Errorf("call %s: %s", id, strings.TrimSpace(string(why)))
}

// operator sends a request to the operator's listener.
func operator(c *configs.Config, r *http.Request) (*http.Response, error) {
	if token := string(c.Server.AdminToken); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no gateway answers: start one with `make run` or `sidetone serve`: %w", err)
	}
	return answer, nil
}
