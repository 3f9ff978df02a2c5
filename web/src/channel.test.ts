import assert from 'node:assert/strict';
import test from 'node:test';
import { type FromBrowser, decode, encode, maxMessage, maxText } from './channel';

test('messages of the gateway are read', () => {
  for (const [message, want] of [
    [
      { type: 'hello', v: 1, call: 'c', session: 's', agent: { name: 'a', description: 'd' }, language: 'de', ask: ['name', 'age'], may_hear: true },
      { type: 'hello', agent: { name: 'a', description: 'd' }, language: 'de', ask: ['name'], mayHear: true },
    ],
    [{ type: 'hello', agent: { name: 'a' }, ask: null }, { type: 'hello', agent: { name: 'a', description: '' }, language: '', ask: [], mayHear: false }],
    [
      { type: 'consent', message: 'm', language: 'en', parts: [{ kind: 'ai', text: 'Hello' }], choices: ['agree', 'later', 'unrecorded'] },
      { type: 'consent', message: 'm', language: 'en', parts: [{ kind: 'ai', text: 'Hello' }], choices: ['agree', 'unrecorded'] },
    ],
    [
      { type: 'consent_settled', outcome: 'granted', recording: true, transcript: false, choices: ['unrecorded', 'agree', 'later', 'delete'] },
      { type: 'consent_settled', outcome: 'granted', recording: true, transcript: false, choices: ['unrecorded', 'delete'] },
    ],
    [
      { type: 'consent_settled', outcome: 'paused' },
      { type: 'consent_settled', outcome: 'paused', recording: false, transcript: false, choices: [] },
    ],
    [{ type: 'state', state: 'thinking', extra: 1 }, { type: 'state', state: 'thinking' }],
    [
      { type: 'caption', id: 1, text: 'hi', final: true, how: 'typed', from: 1.5, to: 2 },
      { type: 'caption', id: 1, text: 'hi', final: true, how: 'typed', from: 1.5 },
    ],
    [
      { type: 'saying', turn: 2, clip: 3, text: 'one two', played: 1, done: false },
      { type: 'saying', turn: 2, clip: 3, text: 'one two', played: 1, done: false },
    ],
    [
      { type: 'said', turn: 2, text: 'one', interrupted: true, from: 3, to: 4 },
      { type: 'said', turn: 2, text: 'one', interrupted: true, from: 3 },
    ],
    [{ type: 'problem', code: 'stt', text: 'Slow.' }, { type: 'problem', code: 'stt', text: 'Slow.' }],
    [{ type: 'over', outcome: 'completed', reason: 'goodbye' }, { type: 'over', outcome: 'completed', reason: 'goodbye' }],
  ]) {
    assert.deepEqual(decode(JSON.stringify(message)), want);
  }
});

test('what can not be understood is ignored', () => {
  for (const data of [
    undefined,
    new ArrayBuffer(8),
    '',
    'null',
    '[]',
    '{',
    '{}',
    '{"type":"later"}',
    '{"type":"constructor"}',
    '{"type":"__proto__"}',
    '{"type":1}',
    '{"type":"hello"}',
    '{"type":"consent","message":"m","parts":[1],"choices":[]}',
    '{"type":"consent","message":"m","parts":{},"choices":[]}',
    '{"type":"consent_settled","outcome":"granted","choices":"again"}',
    '{"type":"state","state":"dancing"}',
    '{"type":"caption","id":"1","text":"x"}',
    '{"type":"saying","turn":1,"clip":1,"text":"x","played":1e999}',
    `{"type":"problem","text":"${'x'.repeat(maxMessage)}"}`,
  ]) {
    assert.equal(decode(data), undefined, String(data));
  }
});

test('texts are cut to what the gateway takes, and stay text', () => {
  const sent = (text: string) => JSON.parse(encode({ type: 'text', text })).text as string;
  assert.equal(sent('  a\n\tb\u0000c \u202e'), 'a b c \u202e');
  assert.equal(sent('\ud800x'), 'x');
  const long = sent('\u{1f600}'.repeat(maxText + 1));
  assert.equal([...long].length, maxText);
  assert.ok(!/\p{Cs}/u.test(long));
  assert.equal((JSON.parse(encode({ type: 'about', field: 'name', text: 'n'.repeat(300) })).text as string).length, 200);
});

test('no message is too long for the gateway', () => {
  for (const text of ['\u{1f600}', '"', '\\', '\u0001x', 'ä', '\u2028']) {
    const message: FromBrowser = { type: 'text', text: text.repeat(3000) };
    assert.ok(new TextEncoder().encode(encode(message)).length <= maxMessage, JSON.stringify(text));
  }
});
