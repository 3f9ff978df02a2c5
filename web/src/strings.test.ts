import assert from 'node:assert/strict';
import test from 'node:test';
import { choose, fill } from './strings';
import de from './strings/de';
import en from './strings/en';
import es from './strings/es';
import fr from './strings/fr';

test('the first language that is spoken is chosen', () => {
  for (const [languages, want] of [
    [[null, undefined, 'de-AT'], 'de'],
    [['FR', 'de'], 'fr'],
    [['ja', 'es-MX'], 'es'],
    [['', 'x'], 'en'],
    [['constructor', 'toString'], 'en'],
    [[], 'en'],
  ] as const) {
    assert.equal(choose(...languages).language, want);
  }
});

test('all languages have all words, with the same places', () => {
  const places = (text: string) => text.match(/\{\w+\}/g) ?? [];
  for (const table of [de, es, fr]) {
    for (const [name, text] of Object.entries(en)) {
      const other = table[name as keyof typeof en];
      assert.ok(other.trim() === other && other !== '', name);
      assert.deepEqual(places(other), places(text), name);
    }
  }
});

test('values are put into their places', () => {
  assert.equal(fill('It lasted {time}.', { time: '1:05' }), 'It lasted 1:05.');
  assert.equal(fill('{a} {b}', { a: '{b}' }), '{b} {b}');
});
