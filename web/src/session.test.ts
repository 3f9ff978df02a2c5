import assert from 'node:assert/strict';
import test from 'node:test';
import type { Choice, FromGateway, Hello, Question } from './channel';
import { type Happening, type Session, idle, isLive, step } from './session';

const hello: Hello = { type: 'hello', agent: { name: 'a', description: '' }, language: 'en', ask: [], mayHear: true };
const question: Question = { type: 'consent', message: 'm', language: 'en', parts: [], choices: ['agree', 'unrecorded'] };
const told = (message: FromGateway, now = 0): Happening => ({ type: 'told', message, now });
const settled = (recording: boolean, outcome = 'granted', ...choices: Choice[]) =>
  told({ type: 'consent_settled', outcome, recording, transcript: recording, choices });
const chosen = (choice: Choice): Happening => ({ type: 'chosen', choice });
const state = (name: 'announcing' | 'listening') => told({ type: 'state', state: name });

const after = (...happenings: Happening[]) => happenings.reduce(step, idle);
const placed: Happening[] = [{ type: 'started', typing: false }, { type: 'ready', microphone: true }, told(hello, 1000)];
const asked = [...placed, state('announcing'), told(question)];
const talking = [...asked, chosen('agree'), settled(true, 'granted', 'unrecorded', 'delete')];

test('a call goes through its phases', () => {
  const phases = [...talking, told({ type: 'over', outcome: 'completed', reason: 'goodbye' }, 5000)].map(
    (_, i, all) => after(...all.slice(0, i + 1)).phase,
  );
  assert.deepEqual(phases, ['asking', 'connecting', 'connecting', 'connecting', 'consent', 'consent', 'talking', 'ended']);
  const s = after(...talking, told({ type: 'over', outcome: 'completed', reason: 'goodbye' }, 5000));
  assert.deepEqual([s.since, s.until, s.over?.reason, s.recorded], [1000, 5000, 'goodbye', true]);
});

test('who types is not asked for the microphone', () => {
  const s = after({ type: 'started', typing: true });
  assert.deepEqual([s.phase, s.typing], ['connecting', true]);
  assert.equal(step(s, { type: 'microphone' }).typing, false);
});

test('an agent that asks nothing begins without a question', () => {
  assert.equal(after(...placed, state('announcing')).phase, 'connecting');
  assert.equal(after(...placed, state('listening')).phase, 'talking');
  // With a question, only its settlement begins the conversation.
  assert.equal(after(...asked, state('listening')).phase, 'consent');
});

test('an answer waits for the gateway', () => {
  const s = after(...asked, chosen('unrecorded'));
  assert.deepEqual([s.phase, s.pending, s.recording], ['consent', 'unrecorded', false]);
  const refused = step(s, settled(false, 'refused'));
  assert.deepEqual([refused.phase, refused.pending, refused.recording, refused.recorded], ['talking', undefined, false, false]);
});

test('a withdrawal ends the recording, and it stays known that there was one', () => {
  const s = after(...talking, settled(false, 'withdrawn'));
  assert.deepEqual([s.recording, s.transcribing, s.recorded], [false, false, true]);
});

test('what may be chosen is what the gateway said last', () => {
  assert.deepEqual(after(...talking).choices, ['unrecorded', 'delete']);
  const s = after(...talking, chosen('unrecorded'), settled(false, 'withdrawn', 'delete', 'again'));
  assert.deepEqual([s.choices, s.pending], [['delete', 'again'], undefined]);
  assert.deepEqual(step(s, { type: 'hung_up', now: 1 }).choices, []);
});

test('a question in mid-call shuts the recording at once, and keeps the words', () => {
  const spoken = told({ type: 'caption', id: 1, text: 'Hello', final: true, how: 'spoken', from: 1 });
  assert.equal(after(...asked).again, false);
  assert.equal(step(after(...asked), told(question)).again, false);
  const s = after(...talking, spoken, told({ ...question, message: 'n' }));
  assert.deepEqual(
    [s.phase, s.again, s.question?.message, s.recording, s.transcribing, s.choices, s.transcript.length],
    ['consent', true, 'n', false, false, [], 1],
  );
  assert.equal(after(...talking, chosen('again'), told(question)).pending, undefined);
  // What the agent does meanwhile is no answer.
  assert.equal(step(s, state('listening')).phase, 'consent');
  const granted = step(step(s, chosen('agree')), settled(true));
  assert.deepEqual([granted.phase, granted.recording, granted.transcript.length], ['talking', true, 1]);
});

test('a pause lasts until there is another outcome than what is withdrawn in it', () => {
  const s = after(...talking, settled(false, 'paused', 'unrecorded'));
  assert.deepEqual([s.phase, s.paused, s.recording, s.recorded, s.choices], ['talking', true, false, true, ['unrecorded']]);
  assert.equal(step(s, settled(true)).paused, false);
  const withdrawn = step(step(s, chosen('unrecorded')), settled(false, 'withdrawn'));
  assert.equal(withdrawn.paused, true);
  assert.equal(step(withdrawn, settled(false)).paused, false);
  assert.equal(after(...talking, settled(false, 'withdrawn')).paused, false);
  assert.equal(step(s, { type: 'hung_up', now: 1 }).paused, false);
});

test('what the visitor has had deleted is not offered, what is recorded later is', () => {
  const deleted = (...happenings: Happening[]) => after(...talking, ...happenings).deleted;
  assert.equal(deleted(chosen('unrecorded'), settled(false, 'withdrawn')), false);
  assert.equal(deleted(chosen('delete'), { type: 'hung_up', now: 1 }), true);
  assert.equal(deleted(chosen('delete'), settled(true)), true); // that was on its way
  const gone = [chosen('delete'), settled(false, 'withdrawn', 'again')];
  assert.equal(deleted(...gone), true);
  assert.equal(deleted(...gone, settled(false, 'paused'), settled(false)), true);
  const again = [...gone, chosen('again'), told(question), chosen('agree')];
  assert.equal(deleted(...again), true);
  assert.equal(deleted(...again, settled(true)), false);
  assert.equal(after(...talking, ...gone).recorded, true);
});

test('a problem is shown until a turn gets through', () => {
  const s = after(...talking, told({ type: 'problem', code: 'stt', text: 'I can not hear well.' }));
  assert.equal(s.problem, 'I can not hear well.');
  const turn = (final: boolean) => told({ type: 'caption', id: 1, text: 'Yes', final, how: 'spoken', from: 1 });
  assert.equal(step(s, turn(false)).problem, 'I can not hear well.');
  assert.equal(step(s, turn(true)).problem, '');
});

test('who loses the microphone types', () => {
  const s = after(...talking, { type: 'microphone', failure: 'microphone_missing' });
  assert.deepEqual([s.typing, s.trouble], [true, 'microphone_missing']);
  const back = step(s, { type: 'microphone' });
  assert.deepEqual([back.typing, back.trouble], [false, undefined]);
});

test('hanging up leaves a call to look at, or nothing before there was one', () => {
  assert.deepEqual(after(...placed, { type: 'hung_up', now: 9 }), idle);
  const s = after(...talking, { type: 'link', up: false }, { type: 'hung_up', now: 9000 });
  assert.deepEqual([s.phase, s.until, s.recording, s.restoring], ['ended', 9000, false, false]);
  // The gateway's last words still come.
  const last = step(s, told({ type: 'said', turn: 1, text: 'Good', interrupted: true, from: 1 }));
  assert.equal(last.transcript.length, 1);
  const over = step(last, told({ type: 'over', outcome: 'caller', reason: 'hung_up' }, 9500));
  assert.deepEqual([over.phase, over.until, over.over?.reason], ['ended', 9000, 'hung_up']);
});

test('a failure keeps the words', () => {
  const spoken = told({ type: 'caption', id: 1, text: 'Hello?', final: true, how: 'spoken', from: 1 });
  const s = after(...talking, spoken, { type: 'failed', failure: 'lost', now: 7000 });
  assert.deepEqual([s.phase, s.failure, s.transcript.length, s.until], ['failed', 'lost', 1, 7000]);
  assert.deepEqual(step(s, { type: 'started', typing: false }), { ...idle, phase: 'asking' });
});

test('after the end nothing begins anew by itself', () => {
  const ended = after(...talking, { type: 'hung_up', now: 1 });
  for (const happening of [told(hello), told(question), settled(true), state('listening'), { type: 'link', up: false }] as Happening[]) {
    assert.deepEqual(step(ended, happening), ended);
  }
  const failed = after(...talking, { type: 'failed', failure: 'lost', now: 1 });
  assert.equal(step(failed, told({ type: 'over', outcome: 'caller', reason: 'hung_up' })).phase, 'failed');
  assert.equal(step(failed, { type: 'hung_up', now: 2 }).phase, 'failed');
});

test('a live call can not be started again or reset', () => {
  const s = after(...talking);
  assert.equal(step(s, { type: 'started', typing: true }), s);
  assert.equal(step(s, { type: 'reset' }), s);
});

test('own recordings belong to ended calls', () => {
  const own: Happening = { type: 'own', recording: { state: 'ready', url: 'blob:x' } };
  assert.equal(after(...talking, own).own.state, 'none');
  assert.equal(after(...talking, { type: 'hung_up', now: 1 }, own).own.state, 'ready');
});

// Whatever comes in whatever order, some things never are.
test('invariants hold over random happenings', () => {
  let seed = 1;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  const pool: Happening[] = [
    ...talking,
    state('listening'),
    settled(false, 'withdrawn', 'delete', 'again'),
    settled(false, 'paused', 'unrecorded'),
    chosen('delete'),
    chosen('again'),
    { type: 'link', up: false },
    { type: 'sound', blocked: true },
    { type: 'muted', on: true },
    { type: 'microphone', failure: 'microphone_missing' },
    told({ type: 'problem', code: 'x', text: 'x' }),
    { type: 'hung_up', now: 1 },
    { type: 'failed', failure: 'lost', now: 1 },
    { type: 'own', recording: { state: 'preparing' } },
    told({ type: 'over', outcome: 'caller', reason: 'hung_up' }),
    { type: 'reset' },
  ];
  for (let run = 0; run < 500; run++) {
    let s: Session = idle;
    for (let i = 0; i < 40; i++) {
      s = step(s, pool[random(pool.length)]!);
      assert.ok(!s.recording || s.phase === 'talking', 'recording outside of the conversation');
      assert.ok(!s.recording || (s.recorded && !s.paused));
      assert.ok(s.choices.length === 0 || s.phase === 'talking', 'choices outside of the conversation');
      assert.ok(!s.paused || s.phase === 'talking', 'a pause outside of the conversation');
      assert.ok(s.pending === undefined || isLive(s), 'an answer that nobody awaits');
      assert.ok(!s.again || s.question);
      assert.equal(s.phase === 'failed', s.failure !== undefined);
      assert.ok(isLive(s) || !(s.restoring || s.silenced));
    }
  }
});
