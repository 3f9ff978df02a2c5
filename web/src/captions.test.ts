import assert from 'node:assert/strict';
import test from 'node:test';
import { type Transcript, asText, duration, isCut, isFinal, words, write } from './captions';
import type { Caption, Said, Saying } from './channel';

const caption = (id: number, text: string, final = false, from = 1): Caption => ({ type: 'caption', id, text, final, how: 'spoken', from });
const saying = (turn: number, clip: number, text: string, played = 0, done = false): Saying => ({ type: 'saying', turn, clip, text, played, done });
const said = (turn: number, text: string, interrupted = false, from = 2): Said => ({ type: 'said', turn, text, interrupted, from });

const after = (...messages: (Caption | Saying | Said)[]) => messages.reduce<Transcript>(write, []);
const shown = (t: Transcript) => t.map((line) => `${line.who}: ${words(line).heard}|${words(line).rest}`);

test('a caption is replaced by the next with its id, and removed by an empty final', () => {
  assert.deepEqual(shown(after(caption(1, 'I'), caption(1, 'I am'), caption(2, 'x'), caption(1, 'I am here.', true))), [
    'visitor: I am here.|',
    'visitor: x|',
  ]);
  assert.deepEqual(shown(after(caption(1, 'noise'), caption(1, '', true))), []);
  assert.deepEqual(shown(after(caption(1, 'still'), caption(1, ''))), ['visitor: still|']);
});

test('the words that were played are told from those that were not', () => {
  const t = after(saying(1, 1, 'Hello you there.', 2), saying(1, 2, 'How  are you?'));
  assert.deepEqual(shown(t), ['agent: Hello you|there. How are you?']);
  assert.deepEqual(shown(write(t, saying(1, 1, 'Hello you there.', 3, true))), ['agent: Hello you there.|How are you?']);
});

test('a filler that came before a sentence stands before it', () => {
  const t = after(saying(1, 1, 'It is Friday.'), saying(1, 2, 'Bye.'), saying(1, 3, 'One moment.', 2, true));
  assert.deepEqual(shown(t), ['agent: One moment.|It is Friday. Bye.']);
  const on = write(t, saying(1, 1, 'It is Friday.', 2));
  assert.deepEqual(shown(on), ['agent: One moment. It is|Friday. Bye.']);
  assert.deepEqual(shown(write(on, saying(1, 1, 'It is Friday.', 3, true))), ['agent: One moment. It is Friday.|Bye.']);
});

test('a turn as it was played replaces its sentences, for good', () => {
  const t = after(saying(1, 1, 'Hello you there.', 2), said(1, 'Hello you', true));
  assert.deepEqual(shown(t), ['agent: Hello you|']);
  assert.equal(isCut(t[0]!), true);
  assert.deepEqual(shown(write(t, saying(1, 1, 'Hello you there.', 3))), ['agent: Hello you|']);
  assert.deepEqual(shown(write(t, said(1, ''))), []);
  assert.deepEqual(shown(after(said(7, 'Bye.'))), ['agent: Bye.|']);
});

test("each sentence of the gateway's own is a line, without a time", () => {
  const t = after(said(0, 'From now on nothing is recorded.', false, 0), said(3, 'Go on.'), said(0, '', false, 0), said(0, 'The recording is paused.', false, 0));
  assert.deepEqual(shown(t), ['agent: From now on nothing is recorded.|', 'agent: Go on.|', 'agent: The recording is paused.|']);
  assert.deepEqual(t.map(isFinal), [true, true, true]);
  assert.equal(asText(t.slice(0, 2), { visitor: 'You', agent: 'A' }), 'A: From now on nothing is recorded.\n[0:02] A: Go on.\n');
});

test('lines stand in the order in which they began', () => {
  const t = after(saying(1, 1, 'Yes?', 1), caption(1, 'Well'), said(1, 'Yes?'), caption(1, 'Well.', true));
  assert.deepEqual(shown(t), ['agent: Yes?|', 'visitor: Well.|']);
  assert.deepEqual(t.map(isFinal), [true, true]);
  assert.deepEqual(after(saying(1, 1, 'Yes?', 1), caption(1, 'Well')).map(isFinal), [false, false]);
});

test('a transcript as text has what was heard', () => {
  const t = after(said(1, 'Hello. How', true, 0.4), caption(1, 'Fine.', true, 61), saying(2, 1, 'Good to hear.', 2), saying(3, 1, 'Unheard.'));
  assert.equal(
    asText(t, { visitor: 'You', agent: 'Assistant' }),
    '[0:00] Assistant: Hello. How —\n[1:01] You: Fine.\nAssistant: Good to\n',
  );
});

test('durations', () => {
  for (const [seconds, want] of [[0, '0:00'], [-1, '0:00'], [9.99, '0:09'], [65, '1:05'], [3605, '1:00:05']] as const) {
    assert.equal(duration(seconds), want);
  }
});
