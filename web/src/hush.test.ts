import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Hush } from './hush';

/** A receiver that plays a packet of an RTP timestamp; none before the first. */
function receiver(first?: number) {
  const track = { enabled: true };
  const played = { rtpTimestamp: first ?? 0 };
  const sources = () => (first === undefined ? [] : [{ ...played, source: 1, timestamp: 0 }]);
  return { track, played, hush: new Hush({ track: track as MediaStreamTrack, getSynchronizationSources: sources }) };
}

test('silences what comes before, and nothing of what follows', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { track, played, hush } = receiver(2 ** 32 - 960); // the numbers wrap
  assert.equal(hush.begin(1920), true);
  assert.equal(track.enabled, false);
  for (played.rtpTimestamp of [2 ** 32 - 960, 0, 960]) {
    t.mock.timers.tick(20);
    assert.equal(track.enabled, false, `at ${played.rtpTimestamp}`);
  }
  played.rtpTimestamp = 1920;
  t.mock.timers.tick(10);
  assert.equal(track.enabled, true);
});

test('does not touch the words after, when it is told late', () => {
  for (const played of [undefined, 4800, 5760, (4800 + 2 ** 31 - 1) % 2 ** 32]) {
    const { track, hush } = receiver(played);
    assert.equal(hush.begin(4800), false, `at ${played}`);
    assert.equal(track.enabled, true);
  }
});

test('goes on for a second hush, and for no longer than a second', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { track, played, hush } = receiver(0);
  hush.begin(960);
  t.mock.timers.tick(500);
  hush.begin(48_000);
  played.rtpTimestamp = 960;
  t.mock.timers.tick(1000);
  assert.equal(track.enabled, false);
  t.mock.timers.tick(10);
  assert.equal(track.enabled, true);
});

test('ends at once with the call', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { track, hush } = receiver(0);
  hush.begin(960);
  hush.end();
  hush.end();
  assert.equal(track.enabled, true);
});
