package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sidetone/configs"
	"sidetone/store"
)

// maxRefusal bounds what is repeated of a refusal, in bytes.
const maxRefusal = 1 << 10

// MintToken asks the gateway that runs with this configuration for a session token.
func MintToken(ctx context.Context, c *configs.Config, agent string) (t Token, err error) {
	body, err := json.Marshal(TokenRequest{Agent: agent})
	if err != nil {
		return t, err
	}
	err = ask(ctx, c, http.MethodPost, "/api/v1/session-tokens", body, http.StatusCreated, &t)
	if err != nil {
		return t, fmt.Errorf("the gateway gives no session token: %w", err)
	}
	return t, nil
}

// CallOf asks the gateway that runs with this configuration for a call, by its id or
// the carrier's.
func CallOf(ctx context.Context, c *configs.Config, id string) (call store.Call, err error) {
	err = ask(ctx, c, http.MethodGet, "/api/v1/calls/"+url.PathEscape(id), nil, http.StatusOK, &call)
	return call, err
}

// ask asks the operator's listener, and reads its JSON answer into answer.
func ask(ctx context.Context, c *configs.Config, method, path string, body []byte, want int, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, OperatorURL(c)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := operator(c, r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != want {
		var why bytes.Buffer
		if _, err := why.ReadFrom(http.MaxBytesReader(nil, response.Body, maxRefusal)); err != nil {
			return err
		}
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(why.String()))
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
