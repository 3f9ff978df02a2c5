/** From errors to reasons that have a sentence. Pure but for `missing`. */

import type { Failure } from './session';
import { Refusal, Unreachable, tokenURL } from './signalling';

/** A failure that is known by its reason. */
export class Failed extends Error {
  constructor(readonly failure: Failure) {
    super(failure);
  }
}

/** What the browser lacks for a call; undefined for nothing. */
export function missing(): Failure | undefined {
  if (!isSecureContext) return 'insecure';
  const able = ['RTCPeerConnection', 'MediaDevices', 'AudioContext'].every((name) => name in globalThis);
  return able ? undefined : 'unsupported';
}

/** The reason behind an error of placing a call. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failed) return error.failure;
  if (error instanceof Refusal) return ofStatus(error);
  if (error instanceof Unreachable) return 'unreachable';
  return 'media'; // the browser could not make an offer, or take the answer
}

function ofStatus({ status, code }: Refusal): Failure {
  if (status === 429 || status === 503) return 'busy';
  if (status >= 500) return 'unreachable';
  if ([401, 403, 409].includes(status) || code === tokenURL) return 'token';
  return 'refused';
}

/** The reason why there is no microphone, from the error of getUserMedia. */
export function microphoneFailure(error: unknown): Failure {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'microphone_denied';
    case 'NotReadableError':
    case 'AbortError':
      return 'microphone_busy';
    default:
      return 'microphone_missing';
  }
}
