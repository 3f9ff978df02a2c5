/**
 * Silences what the browser holds of the agent's sound when the gateway has
 * stopped it. A jitter buffer can not be emptied, but need not be heard.
 */

/** ms between two looks at what is being played. */
const pause = 10;
/** Looks after which the sound is let through in any case: no jitter buffer holds a second. */
const most = 100;

export class Hush {
  private before = 0;
  private looks = 0;
  private looking: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly receiver: Pick<RTCRtpReceiver, 'track' | 'getSynchronizationSources'>) {}

  /**
   * Lets nothing be heard any more that comes before an RTP timestamp, and what
   * follows from its beginning. It tells whether there is something to silence,
   * as far as the browser knows: a message that comes late must not touch the
   * agent's next words.
   */
  begin(before: number): boolean {
    this.before = before;
    if (!this.coming()) return false;
    this.looks = 0;
    this.receiver.track.enabled = false;
    this.looking ??= setInterval(() => this.look(), pause);
    return true;
  }

  /** Lets all be heard. It is idempotent. */
  end(): void {
    clearInterval(this.looking);
    this.looking = undefined;
    this.receiver.track.enabled = true;
  }

  private look(): void {
    if (++this.looks > most || !this.coming()) this.end();
  }

  /** Whether something that comes before is being played or yet to be. Timestamps have 32 bits. */
  private coming(): boolean {
    const played = this.receiver.getSynchronizationSources()[0]?.rtpTimestamp;
    return played !== undefined && ((this.before - played) | 0) > 0;
  }
}
