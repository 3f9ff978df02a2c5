/**
 * One call: the peer connection, its data channel and its sound. It reports what
 * happens and decides nothing that is shown; session.ts does.
 */

import { type Choice, type Field, type FromBrowser, decode, encode, label } from './channel';
import { Failed, failureOf } from './failure';
import { Hush } from './hush';
import { sendKey } from './keys';
import { type Link, Recovery, gather } from './recovery';
import type { Happening } from './session';
import { Signalling } from './signalling';
import { Sound } from './sound';
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
  /** Both sides' sound; what a visitor does with it is done there. */
  readonly sound = new Sound((happening) => this.report(happening));

  private readonly abort = new AbortController();
  private peer: RTCPeerConnection | undefined;
  private channel: RTCDataChannel | undefined;
  private signalling: Signalling | undefined;
  private location: string | undefined;
  private hush: Hush | undefined;
  private recovery: Recovery | undefined;
  private looked: Look | undefined;
  private delay: number | undefined;
  private ticking: ReturnType<typeof setInterval> | undefined;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private typed = -typingPause;
  private greeted = false;
  private hungUp = false;
  private over = false;

  /**
   * Must be made in answer to a press of the visitor's, since only then there is
   * sound, and where nothing is missing (failure.ts).
   */
  constructor(private readonly options: Options) {}

  /** Places the call. What goes wrong is reported, not thrown. */
  async begin(typing: boolean): Promise<void> {
    this.report({ type: 'started', typing });
    try {
      await this.sound.open(typing);
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
    if (!this.greeted) this.waiting = setTimeout(() => this.fail(new Failed('media')), connecting);
    this.recovery = new Recovery(
      peer,
      answer,
      (fragment, aborted, within) => signalling.restart(location, fragment, aborted, within),
      (link) => this.linked(link),
    );
    this.ticking = setInterval(() => void this.tick(), 1000);
  }

  private makePeer(iceServers: RTCIceServer[]): RTCPeerConnection {
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.peer = peer;
    this.channel = peer.createDataChannel(label);
    this.channel.addEventListener('message', ({ data }) => this.take(data));
    this.channel.addEventListener('close', () => this.closed());
    const { stream } = this.sound;
    const audio = peer.addTransceiver(stream.getAudioTracks()[0]!, { direction: 'sendrecv', streams: [stream] });
    this.sound.sender = audio.sender;
    peer.addEventListener('track', ({ track, receiver }) => {
      this.hush = new Hush(receiver);
      void this.sound.play(new MediaStream([track]));
    });
    return peer;
  }

  private take(data: unknown): void {
    const message = decode(data);
    if (!message) return;
    if (message.type === 'hush') {
      const { before } = message;
      if (this.hush?.begin(before)) this.send({ type: 'hushed', before });
      return;
    }
    if (message.type === 'hello') this.greet();
    this.report({ type: 'told', message, now: performance.now() });
    if (message.type === 'over') {
      this.over = true;
      this.close();
    }
  }

  private greet(): void {
    this.greeted = true;
    clearTimeout(this.waiting);
    this.recovery?.note(true);
  }

  private linked(link: Link): void {
    if (link === 'gone') this.fail(new Failed(this.greeted ? 'lost' : 'media'));
    else this.report({ type: 'link', up: link === 'back' });
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
    if (this.greeted) this.recovery?.note(now.signs !== before.signs);
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

  /** Answers the question of consent, or changes that later on; then tells what the visitor told. */
  choose(choice: Choice, message: string, about: Partial<Record<Field, string>> = {}): void {
    if (!this.send({ type: 'choose', choice, message })) return;
    this.report({ type: 'chosen', choice });
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
    if (!sendKey(this.sound.sender, digit)) this.send({ type: 'key', digit });
  }

  mute(on: boolean): void {
    this.sound.mute(on);
    this.send({ type: 'mute', on });
    this.report({ type: 'muted', on });
  }

  /** Ends the call. The gateway may send its last words for a moment. */
  hangUp(): void {
    if (this.hungUp || this.abort.signal.aborted) return;
    this.hungUp = true;
    this.report({ type: 'hung_up', now: performance.now() });
    this.sound.close();
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
    this.hush?.end();
    this.sound.close();
    this.peer?.close();
  }
}
