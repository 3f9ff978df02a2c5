// A gateway inside of the page, for tests of the widget alone: it answers the
// requests of docs/web-events.md in place of the network and is the far end of
// the peer connection. A test drives it as globalThis.gateway.

(() => {
  // The browser's own class: webtest keeps what the page hears, not this far end.
  const Connection = Object.getPrototypeOf(RTCPeerConnection);
  let far, channel, offer, tone;

  const gateway = {
    refusal: undefined, // { status, code } of the next POST
    unreachable: false, // no request is answered
    restarts: 0,
    turn: '', // a Link header
    requests: [], // { method, path, headers, body }
    received: [], // messages of the page
    recording: { status: 202, headers: { 'Retry-After': '1' } },

    send(message) {
      channel.send(JSON.stringify(message));
    },

    // speak lets the agent's voice be heard: a tone.
    speak(on) {
      tone.gain.value = on ? 0.2 : 0;
    },

    hangUp() {
      far.close();
    },
  };

  async function open(text) {
    offer = text;
    far = new Connection();
    const context = (gateway.context = new AudioContext());
    const destination = new MediaStreamAudioDestinationNode(context);
    tone = new GainNode(context, { gain: 0 });
    const oscillator = new OscillatorNode(context, { frequency: 440 });
    oscillator.connect(tone).connect(destination);
    oscillator.start();
    far.addEventListener('datachannel', (event) => {
      channel = event.channel;
      channel.addEventListener('message', ({ data }) => gateway.received.push(JSON.parse(data)));
      gateway.label = channel.label;
    });
    await far.setRemoteDescription({ type: 'offer', sdp: text });
    far.getTransceivers()[0].direction = 'sendrecv';
    await far.getTransceivers()[0].sender.replaceTrack(destination.stream.getTracks()[0]);
    return answer();
  }

  async function answer() {
    await far.setLocalDescription();
    while (far.iceGatheringState !== 'complete') await new Promise((r) => setTimeout(r, 10));
    return far.localDescription.sdp;
  }

  const lines = (text, ...names) => text.split('\r\n').filter((line) => names.some((name) => line.startsWith(name)));

  // restart takes a fragment's transport into the earlier offer.
  async function restart(fragment) {
    gateway.restarts++;
    const [ufrag] = lines(fragment, 'a=ice-ufrag:');
    const [pwd] = lines(fragment, 'a=ice-pwd:');
    offer = offer
      .replace(/a=candidate:.*\r\n/g, '')
      .replace(/a=ice-ufrag:.*/g, ufrag)
      .replace(/a=ice-pwd:.*/g, pwd)
      .replace(/(a=mid:0\r\n)/, `$1${lines(fragment, 'a=candidate:').join('\r\n')}\r\n`);
    await far.setRemoteDescription({ type: 'offer', sdp: offer });
    const [first] = (await answer()).split('m=application');
    return `${lines(first, 'a=ice-ufrag:', 'a=ice-pwd:', 'm=', 'a=mid:', 'a=candidate:').join('\r\n')}\r\n`;
  }

  const problem = ({ status, code }) =>
    new Response(JSON.stringify({ type: 'about:blank', status, code }), {
      status,
      headers: { 'Content-Type': 'application/problem+json' },
    });

  async function handle({ method, path, body }) {
    if (path === '/token') return new Response(JSON.stringify({ token: 'secret' }));
    if (path.endsWith('/recording')) return new Response(gateway.recording.body, gateway.recording);
    switch (method) {
      case 'OPTIONS':
        return new Response(null, { headers: gateway.turn ? { Link: gateway.turn } : {} });
      case 'POST':
        if (gateway.refusal) return problem(gateway.refusal);
        return new Response(await open(body), {
          status: 201,
          headers: { Location: '/webrtc/sessions/abc', 'Content-Type': 'application/sdp' },
        });
      case 'PATCH':
        return far.connectionState === 'closed'
          ? problem({ status: 404, code: 'gone' })
          : new Response(await restart(body));
      default:
        return new Response(null);
    }
  }

  globalThis.gateway = gateway;
  globalThis.fetch = async (url, { method = 'GET', headers = {}, body = '' } = {}) => {
    const { pathname: path, search } = new URL(url, location.href);
    const request = { method, path, search, headers, body };
    gateway.requests.push(request);
    if (gateway.unreachable) throw new TypeError('Failed to fetch');
    return handle(request);
  };
})();
