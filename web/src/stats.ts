/** What the browser's statistics say of the connection. Pure but for `look`. */

export interface Look {
  /** Seconds that samples waited in the jitter buffer, and how many; both since the beginning. */
  delay: number;
  emitted: number;
  /** Round trip time in ms; undefined when it is not known. */
  rtt: number | undefined;
  /** Counts whatever came from the gateway: packets, checks and answers to ours. */
  signs: number;
}

type Stat = Record<string, unknown> & { type: string; id: string };

const number = (v: unknown) => (typeof v === 'number' ? v : 0);

export function read(stats: Iterable<Stat>): Look {
  const look: Look = { delay: 0, emitted: 0, rtt: undefined, signs: 0 };
  const pairs = new Map<string, Stat>();
  let selected = '';
  for (const stat of stats) {
    if (stat.type === 'inbound-rtp' && stat.kind === 'audio') {
      look.delay = number(stat.jitterBufferDelay);
      look.emitted = number(stat.jitterBufferEmittedCount);
      look.signs += number(stat.packetsReceived);
    } else if (stat.type === 'transport') {
      selected = String(stat.selectedCandidatePairId ?? '');
    } else if (stat.type === 'candidate-pair') {
      pairs.set(stat.id, stat);
      // Firefox counts no packets here, but bytes.
      look.signs += number(stat.bytesReceived) + number(stat.requestsReceived) + number(stat.responsesReceived);
    }
  }
  // Firefox has no transport statistics and marks the pair itself.
  const pair = pairs.get(selected) ?? [...pairs.values()].find((p) => p.selected === true || p.nominated === true);
  if (typeof pair?.currentRoundTripTime === 'number') look.rtt = 1000 * pair.currentRoundTripTime;
  return look;
}

export async function look(peer: RTCPeerConnection): Promise<Look> {
  const report = await peer.getStats();
  const stats: Stat[] = [];
  report.forEach((stat: Stat) => stats.push(stat));
  return read(stats);
}

/** The mean delay of the jitter buffer between two looks, in ms; undefined when nothing was played. */
export function meanDelay(before: Look, after: Look): number | undefined {
  const samples = after.emitted - before.emitted;
  return samples > 0 ? (1000 * (after.delay - before.delay)) / samples : undefined;
}
