import assert from 'node:assert/strict';
import test from 'node:test';
import { awaitRecording } from './recording';
import type { Fetched } from './signalling';

/** Answers one after another; an Error is thrown, and the last goes on. */
function answers(...all: (Fetched | Error)[]) {
  const asked = { times: 0 };
  const ask = async () => {
    const answer = all[Math.min(asked.times++, all.length - 1)]!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { ask, asked };
}

/** Lets pending promises go on, then time pass. */
async function pass(clock: { tick(ms: number): void }, ms: number): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
  clock.tick(ms);
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test('a recording is waited for as long as the gateway says', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const { ask, asked } = answers({ state: 'pending', seconds: 4 }, new Error('offline'), { state: 'stored', sound: new Blob(['x']) });
  const found = awaitRecording(ask, new AbortController().signal);
  await pass(mock.timers, 3999);
  assert.equal(asked.times, 1);
  await pass(mock.timers, 1);
  assert.equal(asked.times, 2);
  await pass(mock.timers, 3000);
  const own = await found;
  assert.equal(own.state, 'ready');
});

test('no recording, or an erased one, is the end of it', async () => {
  const { signal } = new AbortController();
  assert.deepEqual(await awaitRecording(answers({ state: 'none' }).ask, signal), { state: 'none' });
  assert.deepEqual(await awaitRecording(answers({ state: 'erased' }).ask, signal), { state: 'erased' });
});

test('nobody waits for ever, nor asks too often', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const abort = new AbortController();
  const { ask, asked } = answers({ state: 'pending', seconds: 0 });
  const found = awaitRecording(ask, abort.signal);
  await pass(mock.timers, 999);
  assert.equal(asked.times, 1);
  await pass(mock.timers, 1);
  assert.equal(asked.times, 2);
  abort.abort();
  await pass(mock.timers, 1000);
  assert.deepEqual(await found, { state: 'none' });
});
