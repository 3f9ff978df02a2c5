package scenario

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"sidetone/configs"
	"sidetone/internal/sim"
)

// serveModel has the models of scenarios answer for their agents, over HTTP, as an
// endpoint of the chat completions does.
func (g *Gateway) serveModel(c *configs.Config, scenarios []*Scenario) error {
	models := map[string]*Model{}
	for _, s := range scenarios {
		if m := s.Model; m != nil {
			if other := models[m.Name]; other != nil && other != m {
				return fmt.Errorf("scenario: %s: model.name: two scenarios have a model %q", s.File, m.Name)
			}
			models[m.Name] = m
		}
	}
	if len(models) == 0 {
		return nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	chat := sim.NewChatServer(sim.ChatOptions{Reply: func(r sim.ChatRequest) sim.ChatReply {
		m := models[r.Model]
		if m == nil {
			return sim.ChatReply{Status: http.StatusNotFound}
		}
		return m.reply(r)
	}})
	server := &http.Server{Handler: chat, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	g.onClose(func() error {
		err := server.Shutdown(context.Background())
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	c.LLM = configs.Default().LLM
	c.LLM.BaseURL, c.LLM.Model = "http://"+listener.Addr().String()+"/v1", scenarios[0].Name
	return nil
}

// reply is what the model answers. What a tool has answered is no reason to call one
// again.
func (m *Model) reply(r sim.ChatRequest) sim.ChatReply {
	said, tool := "", false
	for i := len(r.Messages) - 1; i >= 0 && said == ""; i-- {
		switch r.Messages[i].Role {
		case "user":
			said = string(r.Messages[i].Content)
		case "tool":
			tool = true
		}
	}
	for i, one := range m.Replies {
		if tool && one.Tool != "" || one.When != "" && !contains(said, one.When) {
			continue
		}
		reply := sim.ChatReply{Text: one.Say, FirstToken: one.FirstToken}
		if one.Tool != "" {
			with := one.With
			if with == "" {
				with = "{}"
			}
			reply.ToolCalls = []sim.ChatToolCall{{ID: fmt.Sprintf("call_%d", i), Name: one.Tool, Arguments: with}}
		}
		return reply
	}
	return sim.ChatReply{Text: "I have nothing to say to that."}
}
