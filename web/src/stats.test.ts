import assert from 'node:assert/strict';
import test from 'node:test';
import { meanDelay, read } from './stats';

const audio = { type: 'inbound-rtp', id: 'in', kind: 'audio', jitterBufferDelay: 96, jitterBufferEmittedCount: 2400 };
const pair = (id: string, more: object) => ({ type: 'candidate-pair', id, requestsReceived: 2, responsesReceived: 3, ...more });

test('the round trip time is that of the pair in use', () => {
  const chromium = [
    pair('p1', { currentRoundTripTime: 9, bytesReceived: 10 }),
    pair('p2', { currentRoundTripTime: 0.025, bytesReceived: 100 }),
    { type: 'transport', id: 't', selectedCandidatePairId: 'p2' },
    audio,
  ];
  assert.deepEqual(read(chromium), { delay: 96, emitted: 2400, rtt: 25, signs: 120 });
  const firefox = [pair('p1', { currentRoundTripTime: 9 }), pair('p2', { currentRoundTripTime: 0.03, selected: true })];
  assert.equal(read(firefox).rtt, 30);
  assert.equal(read([pair('p1', {})]).rtt, undefined);
});

test('the mean delay is that of the samples played in between', () => {
  const look = (delay: number, emitted: number) => ({ delay, emitted, rtt: undefined, signs: 0 });
  assert.equal(meanDelay(look(96, 2400), look(96 + 48_000 * 0.06, 2400 + 48_000)), 60);
  assert.equal(meanDelay(look(96, 2400), look(96, 2400)), undefined);
});
