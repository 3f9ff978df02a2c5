/**
 * One call: the peer connection, its data channel and its sound. It reports what
 * happens and decides nothing that is shown; session.ts does.
 */

import { type Choice, type Field, type FromBrowser, decode, encode, label } from './channel';
import { Failed, failureOf } from './failure';
import { sendKey } from './keys';
import { Meter } from './meter';
import { openMicrophone, silence, stop } from './microphone';
import { Recovery, gather } from './recovery';
import type { Happening } from './session';
import { Signalling } from './signalling';
import { type Look, look, meanDelay } from './stats';

export interface Options {
  gateway: string;
  agent: string;
  token: (signal: AbortSignal) => Promise<string>;
  report: (happening: Happening) => void;
}

/** ms from the answer to the first message. */
const connecting = 15_000;
/** ms between two messages that say that a line is being written. */
const typingPause = 2000;
/** ms that the gateway has for its last words after the visitor has hung up. */
const lastWords = 1500;

export class Call {
  private readonly abort = new AbortController();
  private readonly context = new AudioContext();
  private readonly loudspeaker = new Audio();
  private peer: RTCPeerConnection | undefined;
  private channel: RTCDataChannel | undefined;
  private sender: RTCRtpSender | undefined;
  private signalling: Signalling | undefined;
  private location: string | undefined;
  private recovery: Recovery | undefined;
  private stream: MediaStream | undefined;
  private visitor: Meter | undefined;
  private agent: Meter | undefined;
  private looked: Look | undefined;
  private delay: number | undefined;
  private ticking: ReturnType<typeof setInterval> | undefined;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private typed = -typingPause;
  private muted = false;
  private hungUp = false;
  private over = false;

  /**
   * Must be made in answer to a press of the visitor's, since only then there is
   * sound, and where nothing is missing (failure.ts).
   */
  constructor(private readonly options: Options) {
    this.loudspeaker.autoplay = true;
  }

  /** Places the call. What goes wrong is reported, not thrown. */
  async begin(typing: boolean): Promise<void> {
    this.report({ type: 'started', typing });
    try {
      void this.context.resume();
      this.hear(typing ? silence(this.context) : await openMicrophone(), !typing);
      this.report({ type: 'ready', microphone: !typing });
      await this.connect();
    } catch (error) {
      this.fail(error);
    }
  }

  private async connect(): Promise<void> {
    const { signal } = this.abort;
    const signalling = new Signalling(this.options.gateway, this.options.agent, await this.options.token(signal));
    this.signalling = signalling;
    const iceServers = await signalling.servers(signal);
    signal.throwIfAborted();
    const peer = this.makePeer(iceServers);
    const offer = await gather(peer, await peer.createOffer(), iceServers.length > 0 ? 3000 : 1500);
    const { location, answer } = await signalling.create(offer, signal);
    this.location = location;
    if (signal.aborted) return this.forget();
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    this.waiting = setTimeout(() => this.fail(new Failed('media')), connecting);
    this.recovery = new Recovery(
      peer,
      answer,
      (fragment, aborted, within) => signalling.restart(location, fragment, aborted, within),
      (link) => (link === 'gone' ? this.fail(new Failed('lost')) : this.report({ type: 'link', up: link === 'back' })),
    );
    this.ticking = setInterval(() => void this.tick(), 1000);
  }

  private makePeer(iceServers: RTCIceServer[]): RTCPeerConnection {
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.peer = peer;
    this.channel = peer.createDataChannel(label);
    this.channel.addEventListener('message', ({ data }) => this.take(data));
    this.channel.addEventListener('close', () => this.closed());
    const stream = this.stream!;
    this.sender = peer.addTransceiver(stream.getAudioTracks()[0]!, { direction: 'sendrecv', streams: [stream] }).sender;
    peer.addEventListener('track', ({ track, streams }) => void this.play(streams[0] ?? new MediaStream([track])));
    return peer;
  }

  /** Takes a stream as the visitor's side. */
  private hear(stream: MediaStream, microphone: boolean): void {
    if (this.abort.signal.aborted) return stop(stream);
    this.visitor?.stop();
    stop(this.stream);
    this.stream = stream;
    this.visitor = new Meter(this.context, stream);
    this.switchTracks();
    if (microphone) stream.getAudioTracks()[0]?.addEventListener('ended', () => void this.microphoneEnded(stream));
  }

  /** The microphone was unplugged, or its permission taken back: another, or silence. */
  private async microphoneEnded(stream: MediaStream): Promise<void> {
    if (this.stream !== stream || this.abort.signal.aborted) return;
    this.hear(silence(this.context), false);
    await this.sender?.replaceTrack(this.stream.getAudioTracks()[0]!);
    await this.useMicrophone();
  }

  /** Gives someone who types a microphone. */
  async useMicrophone(): Promise<void> {
    try {
      this.hear(await openMicrophone(), true);
      await this.sender?.replaceTrack(this.stream!.getAudioTracks()[0]!);
      this.report({ type: 'microphone', on: true });
    } catch {
      this.report({ type: 'microphone', on: false });
    }
  }

  private async play(stream: MediaStream): Promise<void> {
    this.agent = new Meter(this.context, stream);
    this.loudspeaker.srcObject = stream;
    await this.unblock();
  }

  /** Plays the agent; after a press of the visitor's the browser allows it. */
  async unblock(): Promise<void> {
    try {
      void this.context.resume();
      await this.loudspeaker.play();
      this.report({ type: 'sound', blocked: false });
    } catch {
      if (!this.abort.signal.aborted) this.report({ type: 'sound', blocked: true });
    }
  }

  private take(data: unknown): void {
    const message = decode(data);
    if (!message) return;
    if (message.type === 'hello') clearTimeout(this.waiting);
    this.report({ type: 'told', message, now: performance.now() });
    if (message.type === 'over') {
      this.over = true;
      this.close();
    }
  }

  /** The gateway has closed the channel: as the answer to our bye, or because it is gone. */
  private closed(): void {
    if (!this.hungUp) return this.recovery?.suspect();
    this.over = true;
    this.close();
  }

  /** Looks once a second at how the connection does, and tells the gateway. */
  private async tick(): Promise<void> {
    const { peer } = this;
    if (!peer || this.abort.signal.aborted) return;
    const now = await look(peer);
    const before = this.looked;
    this.looked = now;
    if (!before) return;
    this.recovery?.note(now.signs !== before.signs);
    this.delay = meanDelay(before, now) ?? this.delay;
    if (this.delay === undefined || now.rtt === undefined) return;
    const tenths = (ms: number) => Math.round(10 * ms) / 10;
    this.send({ type: 'stats', jitter_buffer_ms: tenths(this.delay), rtt_ms: tenths(now.rtt) });
  }

  private send(message: FromBrowser): boolean {
    if (this.channel?.readyState !== 'open') return false;
    this.channel.send(encode(message));
    return true;
  }

  /** Answers the question of consent, or withdraws; then tells what the visitor told. */
  choose(choice: Choice, message: string, about: Partial<Record<Field, string>> = {}): void {
    if (!this.send({ type: 'choose', choice, message })) return;
    this.report({ type: 'chosen' });
    for (const field of ['name', 'email'] as const) {
      const text = about[field]?.trim();
      if (text) this.send({ type: 'about', field, text });
    }
  }

  /** Sends a typed turn and tells whether it could be. */
  say(text: string): boolean {
    return this.send({ type: 'text', text });
  }

  /** Tells, not too often, that a line is being written. */
  typing(): void {
    const now = performance.now();
    if (now - this.typed < typingPause) return;
    this.typed = now;
    this.send({ type: 'typing' });
  }

  press(digit: string): void {
    if (!sendKey(this.sender, digit)) this.send({ type: 'key', digit });
  }

  mute(on: boolean): void {
    this.muted = on;
    this.switchTracks();
    this.send({ type: 'mute', on });
    this.report({ type: 'muted', on });
  }

  private switchTracks(): void {
    this.stream?.getAudioTracks().forEach((track) => (track.enabled = !this.muted));
  }

  /** How loud both sides are, from 0 to 1. */
  levels(): { visitor: number; agent: number } {
    return { visitor: this.visitor?.level() ?? 0, agent: this.agent?.level() ?? 0 };
  }

  /** Ends the call. The gateway may send its last words for a moment. */
  hangUp(): void {
    if (this.hungUp || this.abort.signal.aborted) return;
    this.hungUp = true;
    this.report({ type: 'hung_up', now: performance.now() });
    stop(this.stream);
    this.loudspeaker.srcObject = null;
    if (this.send({ type: 'bye' })) this.waiting = setTimeout(() => this.forget(), lastWords);
    else this.forget();
  }

  /** Ends the call because the page goes away. */
  leave(): void {
    if (!this.hungUp) this.send({ type: 'bye' });
    this.forget();
  }

  /** Asks for the visitor's own recording of a call that has ended. */
  recording(signal: AbortSignal): ReturnType<Signalling['recording']> {
    if (!this.signalling || !this.location) return Promise.resolve({ state: 'none' });
    return this.signalling.recording(this.location, signal);
  }

  private report(happening: Happening): void {
    if (!this.abort.signal.aborted) this.options.report(happening);
  }

  private fail(error: unknown): void {
    this.report({ type: 'failed', failure: failureOf(error), now: performance.now() });
    this.forget();
  }

  /** Closes, and ends the session at the gateway. */
  private forget(): void {
    if (this.location && !this.over) void this.signalling?.remove(this.location);
    this.over = true;
    this.close();
  }

  private close(): void {
    this.abort.abort();
    clearInterval(this.ticking);
    clearTimeout(this.waiting);
    this.recovery?.stop();
    stop(this.stream);
    this.visitor?.stop();
    this.agent?.stop();
    this.loudspeaker.srcObject = null;
    this.peer?.close();
    void this.context.close().catch(() => undefined);
  }
}
