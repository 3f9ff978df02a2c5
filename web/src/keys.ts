/** The keypad's way to the gateway. */

export const keys = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'] as const;

/** ms of a tone and of the pause after it: short, and long enough for RFC 4733. */
const [tone, pause] = [120, 70];

/**
 * Sends a key as a telephone event (RFC 4733), or tells that the browser can
 * not. Keys that wait are kept.
 */
export function sendKey(sender: RTCRtpSender | undefined, digit: string): boolean {
  const dtmf = sender?.dtmf;
  if (!dtmf?.canInsertDTMF) return false;
  dtmf.insertDTMF(dtmf.toneBuffer + digit, tone, pause);
  return true;
}
