/**
 * Both sides' sound at the visitor's end: the microphone or silence, the
 * loudspeaker, and a meter for each.
 */

import { failureOf } from './failure';
import { Meter } from './meter';
import { openMicrophone, silence, stop } from './microphone';
import type { Happening } from './session';

export class Sound {
  /** What sends our side, once there is a connection; gets another track when the microphone changes. */
  sender: RTCRtpSender | undefined;

  private readonly context = new AudioContext();
  private readonly loudspeaker = new Audio();
  private own: MediaStream | undefined;
  private visitor: Meter | undefined;
  private agent: Meter | undefined;
  private muted = false;
  private closed = false;

  /** Must be made in answer to a press of the visitor's; otherwise browsers hold back the sound. */
  constructor(private readonly report: (happening: Happening) => void) {
    this.loudspeaker.autoplay = true;
    void this.context.resume();
  }

  /** Opens our side: the microphone, or silence for those who type. Rejects with Failed. */
  async open(typing: boolean): Promise<void> {
    await this.take(typing ? silence(this.context) : await openMicrophone(), !typing);
  }

  /** Our side, once it is open. */
  get stream(): MediaStream {
    return this.own!;
  }

  /** Takes a stream as our side. */
  private async take(stream: MediaStream, microphone: boolean): Promise<void> {
    if (this.closed) return stop(stream);
    this.visitor?.stop();
    stop(this.own);
    this.own = stream;
    this.visitor = this.meter(stream);
    this.mute(this.muted);
    const [track] = stream.getAudioTracks();
    if (microphone) track?.addEventListener('ended', () => void this.microphoneEnded(stream));
    await this.sender?.replaceTrack(track ?? null);
  }

  /** The microphone was unplugged, or its permission taken back: another, or silence. */
  private async microphoneEnded(stream: MediaStream): Promise<void> {
    if (this.own !== stream || this.closed) return;
    await this.take(silence(this.context), false);
    await this.useMicrophone();
  }

  /** Gives someone who types a microphone. */
  async useMicrophone(): Promise<void> {
    try {
      await this.open(false);
      this.report({ type: 'microphone' });
    } catch (error) {
      this.report({ type: 'microphone', failure: failureOf(error) });
    }
  }

  mute(on: boolean): void {
    this.muted = on;
    this.own?.getAudioTracks().forEach((track) => (track.enabled = !on));
  }

  /** Plays the agent's side. */
  async play(stream: MediaStream): Promise<void> {
    this.agent = this.meter(stream);
    this.loudspeaker.srcObject = stream;
    await this.unblock();
  }

  /** Plays what the browser has held back; after a press of the visitor's it allows that. */
  async unblock(): Promise<void> {
    try {
      void this.context.resume();
      await this.loudspeaker.play();
      this.report({ type: 'sound', blocked: false });
    } catch {
      if (this.loudspeaker.srcObject) this.report({ type: 'sound', blocked: true });
    }
  }

  /** A meter, or none where the browser can not mix the rates of devices. */
  private meter(stream: MediaStream): Meter | undefined {
    try {
      return new Meter(this.context, stream);
    } catch {
      return undefined;
    }
  }

  /** How loud both sides are, from 0 to 1. */
  levels(): { visitor: number; agent: number } {
    return { visitor: this.visitor?.level() ?? 0, agent: this.agent?.level() ?? 0 };
  }

  /** Ends both sides' sound, and lets go of the microphone. It is idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    stop(this.own);
    this.visitor?.stop();
    this.agent?.stop();
    this.loudspeaker.srcObject = null;
    void this.context.close();
  }
}
