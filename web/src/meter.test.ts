import assert from 'node:assert/strict';
import test from 'node:test';
import { share } from './meter';

test('a meter shows decibels', () => {
  const sine = (amplitude: number) => Float32Array.from({ length: 960 }, (_, i) => amplitude * Math.sin((2 * Math.PI * i) / 96));
  assert.equal(share(new Float32Array(960)), 0);
  assert.equal(share(sine(0.0005)), 0); // -69 dBFS
  assert.equal(share(sine(1)), 1); // -3 dBFS
  const [soft, middle, loud] = [share(sine(0.01)), share(sine(0.05)), share(sine(0.2))];
  assert.ok(0.2 < soft && soft < middle && middle < loud && loud < 1, `${soft} ${middle} ${loud}`);
});
