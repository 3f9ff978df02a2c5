import assert from 'node:assert/strict';
import test from 'node:test';
import { Failed, failureOf, microphoneFailure } from './failure';
import { Refusal, Unreachable, tokenURL } from './signalling';

test('every error has a reason with a sentence', () => {
  for (const [error, want] of [
    [new Failed('insecure'), 'insecure'],
    [new Refusal(401, 'token'), 'token'],
    [new Refusal(403, 'origin'), 'token'],
    [new Refusal(409, 'used'), 'token'],
    [new Refusal(404, tokenURL), 'token'],
    [new Refusal(404, 'no_agent'), 'refused'],
    [new Refusal(429, 'pending_address'), 'busy'],
    [new Refusal(503, 'busy'), 'busy'],
    [new Refusal(502, ''), 'unreachable'],
    [new Refusal(422, 'codec'), 'refused'],
    [new Unreachable(), 'unreachable'],
    [new DOMException('', 'InvalidStateError'), 'media'],
    [undefined, 'media'],
  ] as const) {
    assert.equal(failureOf(error), want);
  }
});

test('errors of getUserMedia have reasons', () => {
  for (const [name, want] of [
    ['NotAllowedError', 'microphone_denied'],
    ['SecurityError', 'microphone_denied'],
    ['NotReadableError', 'microphone_busy'],
    ['AbortError', 'microphone_busy'],
    ['NotFoundError', 'microphone_missing'],
    ['OverconstrainedError', 'microphone_missing'],
  ] as const) {
    assert.equal(microphoneFailure(new DOMException('', name)), want);
  }
});
