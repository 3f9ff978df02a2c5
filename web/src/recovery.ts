/**
 * Keeps a connection up: when the gateway is not heard, or the network changes,
 * it restarts ICE until the gateway is back, or has not been heard for as long
 * as it would wait itself.
 */

import { restartFragment, restartedAnswer } from './sdp';
import { Refusal } from './signalling';

/** ms after a disconnection in which the browser may find its way by itself. */
const grace = 1500;
/** ms without a sign of the gateway, which reports on our sound each second, after which a connection is doubted. */
const doubt = 3500;
/** ms without a sign of the gateway after which the call is given up. */
const giveUp = 11_000;
/** ms that one restart may take, and between two of them at most. */
const attempt = 3000;
const longest = 1000;

/** ms that gathering candidates may take before we go on with those we have. */
const gathering = 2000;

export type Link = 'lost' | 'back' | 'gone';

interface NetworkInformation extends EventTarget {
  type?: string; // such as wifi or cellular
}

export class Recovery {
  private readonly done = new AbortController();
  private heard = performance.now();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private tried = 0;
  private restoring = false;
  private wake: () => void = () => undefined;

  /**
   * Watches from now on, until stop. `patch` sends a fragment and returns the
   * gateway's; `tell` hears of changes, 'gone' at most once and last.
   */
  constructor(
    private readonly peer: RTCPeerConnection,
    private readonly answer: string,
    private readonly patch: (fragment: string, signal: AbortSignal, within: number) => Promise<string>,
    private readonly tell: (link: Link) => void,
  ) {
    const { signal } = this.done;
    peer.addEventListener('connectionstatechange', () => this.look(), { signal });
    addEventListener('online', () => this.networkChanged(), { signal });
    const network = (navigator as Navigator & { connection?: NetworkInformation }).connection;
    let type = network?.type;
    const change = () => {
      if (network?.type === type) return; // its speed is another one
      type = network?.type;
      this.networkChanged();
    };
    network?.addEventListener?.('change', change, { signal });
  }

  /** Notes whether anything came from the gateway since the last time, which is a second ago. */
  note(sign: boolean): void {
    if (sign) this.heard = performance.now();
    else if (Math.min(this.silence(), performance.now() - this.tried) > doubt) this.suspect();
  }

  /** Begins to restore at once, such as when the gateway has closed the channel. */
  suspect(): void {
    if (!this.restoring) void this.restore();
  }

  stop(): void {
    this.done.abort();
    clearTimeout(this.timer);
    this.wake();
  }

  /** How long nothing has come from the gateway, in ms. */
  private silence(): number {
    return performance.now() - this.heard;
  }

  private look(): void {
    clearTimeout(this.timer);
    switch (this.peer.connectionState) {
      case 'connected':
        this.note(true);
        break;
      case 'disconnected':
        this.timer = setTimeout(() => this.suspect(), grace);
        break;
      case 'failed':
        this.suspect();
        break;
    }
  }

  private networkChanged(): void {
    this.wake();
    this.suspect();
  }

  /** Restarts ICE until it helps, or nothing will. */
  private async restore(): Promise<void> {
    this.restoring = true;
    const lost = this.peer.connectionState !== 'connected' || this.silence() > doubt;
    if (lost) this.tell('lost');
    let told = lost;
    for (let wait = 250; !this.done.signal.aborted; wait = Math.min(2 * wait, longest)) {
      try {
        await this.restart();
        if (await this.connected()) break;
      } catch (error) {
        if (error instanceof Refusal && isFinal(error)) return this.end();
      }
      if (!told) {
        this.tell('lost');
        told = true;
      }
      if (this.silence() >= giveUp) return this.end();
      await this.sleep(Math.min(wait, giveUp - this.silence()));
    }
    this.restoring = false;
    if (told && !this.done.signal.aborted) this.tell('back');
  }

  private end(): void {
    if (this.done.signal.aborted) return;
    this.stop();
    this.tell('gone');
  }

  private async restart(): Promise<void> {
    const { peer } = this;
    this.tried = performance.now();
    if (peer.signalingState === 'have-local-offer') await peer.setLocalDescription({ type: 'rollback' });
    const offer = await peer.createOffer({ iceRestart: true });
    const complete = await gather(peer, offer, gathering);
    const fragment = await this.patch(restartFragment(complete), this.done.signal, attempt);
    await peer.setRemoteDescription({ type: 'answer', sdp: restartedAnswer(this.answer, fragment) });
  }

  /** Whether the gateway is heard again within the time of one attempt. */
  private async connected(): Promise<boolean> {
    const { peer, tried } = this;
    for (const end = performance.now() + attempt; performance.now() < end; ) {
      // A state may be stale; what came after the restart is not.
      if (peer.connectionState === 'connected' && this.heard > tried) return true;
      if (this.done.signal.aborted) return false;
      await this.sleep(100);
    }
    return false;
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Whether a refusal will not be another one soon: the session is over. */
function isFinal({ status }: Refusal): boolean {
  return status < 500 && ![408, 412, 429].includes(status);
}

/**
 * Makes an offer ours and returns it with its candidates: all of them, or those
 * that were found in time.
 */
export async function gather(peer: RTCPeerConnection, offer: RTCSessionDescriptionInit, within: number): Promise<string> {
  let stop = (): void => undefined;
  // The state can not tell: right after a restart it is still that of before.
  const gathered = new Promise<void>((resolve) => {
    const look = ({ candidate }: RTCPeerConnectionIceEvent) => candidate === null && resolve();
    const timer = setTimeout(resolve, within);
    peer.addEventListener('icecandidate', look);
    stop = () => {
      clearTimeout(timer);
      peer.removeEventListener('icecandidate', look);
    };
  });
  try {
    await peer.setLocalDescription(offer);
    await gathered;
    return peer.localDescription!.sdp;
  } finally {
    stop();
  }
}
