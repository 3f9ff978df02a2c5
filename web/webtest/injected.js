// Runs in every page before its own scripts: gives the page a microphone that a
// test speaks into, and keeps what the page hears. Nothing else is changed: the
// permission is the browser's own.

(() => {
  const peers = [];
  const tracks = []; // remote audio: { rate, start, pieces: [{ at, pcm }] }
  const constraints = [];
  let microphone; // { context, destination }

  const media = navigator.mediaDevices;
  if (media) {
    const ask = media.getUserMedia.bind(media);
    media.getUserMedia = async (wanted) => {
      constraints.push(wanted);
      if (globalThis.__webtestMicrophone === 'missing') {
        throw new DOMException('Requested device not found', 'NotFoundError');
      }
      for (const track of (await ask(wanted)).getTracks()) track.stop();
      if (!microphone) {
        const context = new AudioContext({ sampleRate: 48000, latencyHint: 'interactive' });
        microphone = { context, destination: new MediaStreamAudioDestinationNode(context, { channelCount: 1 }) };
        // Between words a microphone hears silence; a destination alone would send nothing.
        const silence = new ConstantSourceNode(context, { offset: 0 });
        silence.connect(microphone.destination);
        silence.start();
      }
      await microphone.context.resume();
      return microphone.destination.stream.clone();
    };
  }

  const Connection = globalThis.RTCPeerConnection;
  if (Connection) {
    globalThis.RTCPeerConnection = class RTCPeerConnection extends Connection {
      constructor(...args) {
        super(...args);
        peers.push(this);
        this.addEventListener('track', ({ track }) => track.kind === 'audio' && listen(track));
      }
    };
  }

  async function listen(track) {
    const heard = { rate: 0, start: 0, pieces: [] };
    tracks.push(heard);
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    for (;;) {
      const { value: data, done } = await reader.read();
      if (done) return;
      const pcm = new Float32Array(data.numberOfFrames);
      data.copyTo(pcm, { planeIndex: 0, format: 'f32-planar' });
      if (!heard.rate) {
        heard.rate = data.sampleRate;
        heard.start = performance.now() - (1000 * data.numberOfFrames) / data.sampleRate;
      }
      heard.pieces.push({ at: data.timestamp, pcm });
      data.close();
    }
  }

  function decode(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return Float32Array.from(new Int16Array(bytes.buffer), (v) => v / 32768);
  }

  function encode(pcm) {
    const bytes = new Uint8Array(Int16Array.from(pcm, (v) => Math.max(-32768, Math.min(32767, Math.round(v * 32768)))).buffer);
    let text = '';
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
  }

  globalThis.__webtest = {
    peers,
    constraints,

    // say plays 16-bit PCM into the microphone and returns when, in milliseconds
    // of performance.now, it began and ended.
    async say(base64, rate) {
      if (!microphone) throw new Error('the page has not asked for the microphone');
      const { context, destination } = microphone;
      const pcm = decode(base64);
      const buffer = new AudioBuffer({ length: pcm.length, numberOfChannels: 1, sampleRate: rate });
      buffer.copyToChannel(pcm, 0);
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(destination);
      const ended = new Promise((resolve) => source.addEventListener('ended', resolve, { once: true }));
      const wait = 0.02;
      source.start(context.currentTime + wait);
      const started = performance.now() + 1000 * wait;
      await ended;
      // The audio clock moves in steps and the event comes late: both are upper bounds.
      const to = Math.min(started + 1000 * buffer.duration, performance.now());
      return { from: to - 1000 * buffer.duration, to };
    },

    // heard returns what came of the newest remote track, gaps filled with
    // silence, and when in milliseconds of performance.now it began.
    heard() {
      const track = tracks.findLast((t) => t.rate);
      if (!track) return { pcm: '', rate: 0, from: 0 };
      const { rate, pieces } = track;
      const first = pieces[0].at;
      const place = ({ at }) => Math.round(((at - first) * rate) / 1e6);
      const all = pieces.reduce((n, piece) => n + piece.pcm.length, 0);
      const pcm = new Float32Array(place(pieces.at(-1)) + all); // at most
      let end = 0;
      for (const piece of pieces) {
        // Timestamps tell when a piece was handed over, and tremble a little.
        const at = place(piece) - end > rate / 50 ? place(piece) : end;
        pcm.set(piece.pcm, at);
        end = at + piece.pcm.length;
      }
      return { pcm: encode(pcm.subarray(0, end)), rate, from: track.start };
    },

    // focused names what has the focus, through shadow trees.
    focused() {
      let e = document.activeElement;
      while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
      if (!e || e === document.body) return '';
      return (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent ?? '').trim();
    },
  };
})();
