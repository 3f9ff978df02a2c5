package app

import (
	"bytes"
	"context"
	"encoding/json"
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
}

// commandCall asks something of a live call.
func (a *App) commandCall(w http.ResponseWriter, r *http.Request) {
	var c command
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCommand))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || !slices.Contains(commands, c.Command) {
		http.Error(w, fmt.Sprintf("want {\"command\": one of %q}", commands), http.StatusBadRequest)
		return
	}
	known, err := a.db.Call(r.Context(), r.PathValue("id"))
	if err != nil {
		a.answer(w, nil, err)
		return
	}
	if !a.calls.Do(known.ID, c.Command) {
		http.Error(w, "the call is not live", http.StatusConflict)
		return
	}
	a.log.Info("operator's command", "call", known.ID, "command", string(c.Command))
	a.answer(w, c, nil)
}

// Ask asks something of a live call of the gateway that runs with this
// configuration, named by its id or the carrier's.
func Ask(ctx context.Context, c *configs.Config, id string, what Command) error {
	body, err := json.Marshal(command{what})
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
