package webrtc

import (
	"testing"
)

func TestCandidates(t *testing.T) {
	tests := map[string]struct {
		public, private string // why it is dropped
	}{
		"candidate:1 1 udp 2122260223 192.0.2.10 54321 typ host generation 0": {"", ""},
		"candidate:1 1 UDP 1 2001:db8::1 1 typ srflx raddr :: rport 0":        {"", ""},
		"candidate:1 1 udp 1 198.51.100.7 1 typ relay raddr 0.0.0.0 rport 0":  {"", ""},
		"candidate:1 1 udp 1 192.0.2.10 1 typ prflx":                          {"", ""},
		"candidate:1 1 udp 1 127.0.0.1 1 typ host":                            {candidatePrivate, ""},
		"candidate:1 1 udp 1 ::1 1 typ host":                                  {candidatePrivate, ""},
		"candidate:1 1 udp 1 ::ffff:127.0.0.1 1 typ host":                     {candidatePrivate, ""},
		"candidate:1 1 udp 1 10.0.0.1 1 typ host":                             {candidatePrivate, ""},
		"candidate:1 1 udp 1 172.16.0.1 1 typ host":                           {candidatePrivate, ""},
		"candidate:1 1 udp 1 192.168.1.1 1 typ srflx":                         {candidatePrivate, ""},
		"candidate:1 1 udp 1 100.64.0.1 1 typ host":                           {candidatePrivate, ""},
		"candidate:1 1 udp 1 169.254.169.254 80 typ host":                     {candidatePrivate, ""},
		"candidate:1 1 udp 1 fe80::1 1 typ host":                              {candidatePrivate, ""},
		"candidate:1 1 udp 1 fd00::1 1 typ host":                              {candidatePrivate, ""},
		"candidate:1 1 udp 1 64:ff9b::10.0.0.1 1 typ host":                    {candidateOther, candidateOther},
		"candidate:1 1 udp 1 2002:a00:1:: 1 typ host":                         {candidateOther, candidateOther},
		"candidate:1 1 udp 1 0.0.0.0 1 typ host":                              {candidateOther, candidateOther},
		"candidate:1 1 udp 1 0.1.2.3 1 typ host":                              {candidateOther, candidateOther},
		"candidate:1 1 udp 1 :: 1 typ host":                                   {candidateOther, candidateOther},
		"candidate:1 1 udp 1 224.0.0.251 5353 typ host":                       {candidateOther, candidateOther},
		"candidate:1 1 udp 1 ff02::fb 5353 typ host":                          {candidateOther, candidateOther},
		"candidate:1 1 udp 1 255.255.255.255 1 typ host":                      {candidateOther, candidateOther},
		"candidate:1 1 udp 1 fe80::1%eth0 1 typ host":                         {candidateOther, candidateOther},
		"candidate:1 1 udp 1 b6e2a5a9-9d2b.local 1 typ host":                  {candidateName, candidateName},
		"candidate:1 1 udp 1 internal.example.com 1 typ host":                 {candidateName, candidateName},
		"candidate:1 1 tcp 1 192.0.2.10 9 typ host tcptype active":            {candidateTCP, candidateTCP},
		"candidate:1 1 tcp 1 192.0.2.10 22 typ host tcptype passive":          {candidateTCP, candidateTCP},
		"candidate:1 2 udp 1 192.0.2.10 1 typ host":                           {candidateOther, candidateOther},
		"candidate:1 1 udp 1 192.0.2.10 0 typ host":                           {candidateOther, candidateOther},
		"candidate:1 1 udp 1 192.0.2.10 65536 typ host":                       {candidateOther, candidateOther},
		"candidate:1 1 udp x 192.0.2.10 1 typ host":                           {candidateOther, candidateOther},
		"candidate:1 1 sctp 1 192.0.2.10 1 typ host":                          {candidateOther, candidateOther},
		"candidate:1 1 udp 1 192.0.2.10 1 typ other":                          {candidateOther, candidateOther},
		"candidate:1 1 udp 1 192.0.2.10 1":                                    {candidateOther, candidateOther},
		"":                                                                    {candidateOther, candidateOther},
	}
	for text, test := range tests {
		if _, dropped := parseCandidate(text, false); dropped != test.public {
			t.Errorf("%s: dropped as %q, want %q", text, dropped, test.public)
		}
		if _, dropped := parseCandidate(text, true); dropped != test.private {
			t.Errorf("%s: dropped as %q with private peers, want %q", text, dropped, test.private)
		}
	}
}

func TestDroppedCandidatesAreCounted(t *testing.T) {
	s := Server{metrics: NewMetrics(nil)}
	kept := s.pick([]string{
		"candidate:1 1 udp 1 192.0.2.10 1 typ host", "candidate:1 1 udp 1 10.0.0.1 1 typ host", "candidate:1 1 udp 1 x.local 1 typ host",
		"candidate:1 1 tcp 1 192.0.2.10 9 typ host tcptype active", "candidate:1 2 udp 1 192.0.2.10 1 typ host",
	})
	if len(kept) != 1 || kept[0].addr.String() != "192.0.2.10:1" {
		t.Errorf("kept %v", kept)
	}
	g := gateway{TB: t}
	for _, reason := range []string{candidatePrivate, candidateName, candidateTCP, candidateOther} {
		if got := g.count(s.metrics.candidates.WithLabelValues(reason)); got != 1 {
			t.Errorf("%v dropped as %s, want 1", got, reason)
		}
	}
}
