package llm

import "strings"

// hidden takes out of a stream what some models write among their words and
// nobody shall hear: their thoughts, and calls that the server did not
// recognise. How the stream is chunked makes no difference.
type hidden struct {
	pending string // may be the beginning of a mark
	until   string // inside a block: its end
}

// blocks are the marks that open a block, with those that close it.
var blocks = map[string]string{
	"<think>":     "</think>",
	"<tool_call>": "</tool_call>",
}

// strip returns what of the stream may be heard by now.
func (h *hidden) strip(text string) string {
	var out strings.Builder
	text = h.pending + text
	h.pending = ""
	for text != "" {
		if h.until != "" {
			_, after, found := strings.Cut(text, h.until)
			if !found {
				h.pending = begun(text, h.until)
				break
			}
			h.until, text = "", after
			continue
		}
		at := strings.IndexByte(text, '<')
		if at < 0 {
			out.WriteString(text)
			break
		}
		out.WriteString(text[:at])
		text = text[at:]
		open, partial := mark(text)
		switch {
		case open != "":
			h.until, text = blocks[open], text[len(open):]
		case partial:
			h.pending = text
			return out.String()
		default:
			out.WriteByte('<')
			text = text[1:]
		}
	}
	return out.String()
}

// rest returns what was held back at the end of the stream.
func (h *hidden) rest() string {
	rest := h.pending
	if h.until != "" {
		rest = ""
	}
	*h = hidden{}
	return rest
}

// mark returns the opening mark that text begins with, or whether it may become
// one.
func mark(text string) (open string, partial bool) {
	for open := range blocks {
		if strings.HasPrefix(text, open) {
			return open, false
		}
		if strings.HasPrefix(open, text) {
			partial = true
		}
	}
	return "", partial
}

// begun returns the longest end of text with which end begins.
func begun(text, end string) string {
	for n := min(len(text), len(end)-1); n > 0; n-- {
		if tail := text[len(text)-n:]; strings.HasPrefix(end, tail) {
			return tail
		}
	}
	return ""
}
