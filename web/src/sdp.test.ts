import assert from 'node:assert/strict';
import test from 'node:test';
import { restartFragment, restartedAnswer } from './sdp';

const crlf = (text: string) => `${text.trim().split('\n').map((line) => line.trim()).join('\r\n')}\r\n`;

const offer = crlf(`
  v=0
  o=- 1 2 IN IP4 127.0.0.1
  s=-
  t=0 0
  a=group:BUNDLE 0 1
  m=audio 50000 UDP/TLS/RTP/SAVPF 111
  c=IN IP4 192.0.2.1
  a=candidate:1 1 udp 2122 192.0.2.1 50000 typ host generation 1
  a=candidate:2 1 tcp 1518 192.0.2.1 9 typ host tcptype active
  a=ice-ufrag:new
  a=ice-pwd:newpassword
  a=mid:0
  m=application 50000 UDP/DTLS/SCTP webrtc-datachannel
  a=candidate:1 1 udp 2122 192.0.2.1 50000 typ host generation 1
  a=ice-ufrag:new
  a=ice-pwd:newpassword
  a=mid:1
`);

test('a fragment has the new credentials and each candidate once', () => {
  assert.equal(
    restartFragment(offer),
    crlf(`
      a=ice-ufrag:new
      a=ice-pwd:newpassword
      m=audio 50000 UDP/TLS/RTP/SAVPF 111
      a=mid:0
      a=candidate:1 1 udp 2122 192.0.2.1 50000 typ host generation 1
      a=candidate:2 1 tcp 1518 192.0.2.1 9 typ host tcptype active
      a=end-of-candidates
    `),
  );
});

test('credentials may stand before the media, as Firefox may put them', () => {
  const fragment = restartFragment('v=0\na=ice-ufrag:u\na=ice-pwd:p\nm=audio 9 UDP/TLS/RTP/SAVPF 109\n');
  assert.equal(fragment, 'a=ice-ufrag:u\r\na=ice-pwd:p\r\nm=audio 9 UDP/TLS/RTP/SAVPF 109\r\na=end-of-candidates\r\n');
});

test('an answer gets the transport of a fragment, and nothing else of it changes', () => {
  const answer = crlf(`
    v=0
    o=- 3 4 IN IP4 0.0.0.0
    a=fingerprint:sha-256 AA
    m=audio 9 UDP/TLS/RTP/SAVPF 111
    a=setup:active
    a=mid:0
    a=ice-ufrag:old
    a=ice-pwd:oldpassword
    a=candidate:1 1 udp 1 198.51.100.1 8082 typ host
    a=end-of-candidates
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel
    a=mid:1
    a=ice-ufrag:old
    a=ice-pwd:oldpassword
  `);
  const fragment = crlf(`
    a=ice-ufrag:theirs
    a=ice-pwd:theirpassword
    m=audio 9 UDP/TLS/RTP/SAVPF 111
    a=mid:0
    a=candidate:7 1 udp 1 198.51.100.9 8082 typ host
    a=end-of-candidates
  `);
  assert.equal(
    restartedAnswer(answer, fragment),
    crlf(`
      v=0
      o=- 3 4 IN IP4 0.0.0.0
      a=fingerprint:sha-256 AA
      m=audio 9 UDP/TLS/RTP/SAVPF 111
      a=setup:active
      a=mid:0
      a=ice-ufrag:theirs
      a=ice-pwd:theirpassword
      a=candidate:7 1 udp 1 198.51.100.9 8082 typ host
      a=end-of-candidates
      m=application 9 UDP/DTLS/SCTP webrtc-datachannel
      a=mid:1
      a=ice-ufrag:theirs
      a=ice-pwd:theirpassword
    `),
  );
});

test('what has no credentials is refused', () => {
  for (const text of ['', 'v=0\n', 'm=audio 9 X 1\n', 'a=ice-ufrag:u\nm=audio 9 X 1\n']) {
    assert.throws(() => restartFragment(text));
    assert.throws(() => restartedAnswer(offer, text));
  }
});
