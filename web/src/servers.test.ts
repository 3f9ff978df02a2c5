import assert from 'node:assert/strict';
import test from 'node:test';
import { iceServers } from './servers';

test('TURN servers are read from Link headers', () => {
  for (const [header, want] of [
    [null, []],
    ['', []],
    ['</style.css>; rel=preload', []],
    ['<https://example.com/>; rel="ice-server"', []],
    [
      '<turn:t.example.com:3478?transport=udp>; rel="ice-server"; username="1:a"; credential="b=="; credential-type="password"',
      [{ urls: 'turn:t.example.com:3478?transport=udp', username: '1:a', credential: 'b==' }],
    ],
    [
      '<turn:a>; rel="ice-server"; username="u,;"; credential="q\\"x", </x>; rel=next, <turns:b>;rel=ice-server;Username=u',
      [
        { urls: 'turn:a', username: 'u,;', credential: 'q"x' },
        { urls: 'turns:b', username: 'u' },
      ],
    ],
    ['<stun:s.example.com>; rel="ice-server"', [{ urls: 'stun:s.example.com' }]],
    ['<turn:a; rel="ice-server', []],
  ] as const) {
    assert.deepEqual(iceServers(header), want);
  }
});

test('a hostile header takes no long time', () => {
  const header = `<turn:a>${'; a="'.repeat(20_000)}`;
  assert.deepEqual(iceServers(header), []);
});
