/** Waits for the visitor's own recording after the call. */

import type { OwnRecording } from './session';
import type { Fetched } from './signalling';

/** How often and how long a recording is asked for, in ms. */
const [soonest, latest, patience] = [1000, 10_000, 180_000];

/**
 * Asks until the recording is there, or there is none, or nobody wants to know
 * any more. The gateway says how long to wait; a failed try is tried again.
 */
export async function awaitRecording(
  ask: (signal: AbortSignal) => Promise<Fetched>,
  signal: AbortSignal,
): Promise<OwnRecording> {
  for (const end = performance.now() + patience; performance.now() < end && !signal.aborted; ) {
    let wait = 3000;
    try {
      const fetched = await ask(signal);
      if (fetched.state === 'stored') return { state: 'ready', url: URL.createObjectURL(fetched.sound) };
      if (fetched.state !== 'pending') return { state: fetched.state };
      wait = 1000 * fetched.seconds;
    } catch {
      // The network may come back.
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(latest, Math.max(soonest, wait))));
  }
  return { state: 'none' };
}
