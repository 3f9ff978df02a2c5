/**
 * The messages of the data channel: docs/web-events.md, version 1. Unknown
 * types and fields are ignored, and so is a message that is not as described:
 * the call matters more than its captions.
 */

export const label = 'sidetone.v1';

/** Bytes of one message, both ways. */
export const maxMessage = 8 << 10;

/** Characters of a typed turn, and of what visitors tell about themselves. */
export const maxText = 2000;
export const maxAbout = 200;

/** The answers to the question of consent, and what may be chosen later on. */
export type Choice = 'agree' | 'unrecorded' | 'delete' | 'again';
export type Field = 'name' | 'email';
export type AgentState = 'announcing' | 'listening' | 'thinking' | 'speaking';
export type How = 'spoken' | 'typed' | 'keyed';

export interface Hello {
  type: 'hello';
  agent: { name: string; description: string };
  language: string;
  ask: Field[];
  mayHear: boolean;
}

export interface Question {
  type: 'consent';
  message: string;
  language: string;
  parts: { kind: string; text: string }[];
  choices: Choice[];
}

export interface Settled {
  type: 'consent_settled';
  outcome: string;
  recording: boolean;
  transcript: boolean;
  /** What may be chosen now. */
  choices: Choice[];
}

export interface State {
  type: 'state';
  state: AgentState;
}

export interface Caption {
  type: 'caption';
  id: number;
  text: string;
  final: boolean;
  how: How;
  from: number;
}

export interface Saying {
  type: 'saying';
  turn: number;
  clip: number;
  text: string;
  played: number;
  done: boolean;
}

export interface Said {
  type: 'said';
  turn: number;
  text: string;
  interrupted: boolean;
  from: number;
}

export interface Problem {
  type: 'problem';
  code: string;
  text: string;
}

/** What comes before an RTP timestamp is not to be heard any more. */
export interface Silence {
  type: 'hush';
  before: number;
}

export interface Over {
  type: 'over';
  outcome: string;
  reason: string;
}

export type FromGateway = Hello | Question | Settled | State | Caption | Saying | Said | Problem | Silence | Over;

export type FromBrowser =
  | { type: 'choose'; choice: Choice; message: string }
  | { type: 'text'; text: string }
  | { type: 'typing' }
  | { type: 'key'; digit: string }
  | { type: 'about'; field: Field; text: string }
  | { type: 'mute'; on: boolean }
  | { type: 'stats'; jitter_buffer_ms: number; rtt_ms: number }
  | { type: 'hushed'; before: number }
  | { type: 'bye' };

type Fields = Record<string, unknown>;

class Malformed extends Error {}

function text(v: unknown): string {
  if (typeof v !== 'string') throw new Malformed();
  return v;
}

function count(v: unknown): number {
  if (typeof v !== 'number' || !Number.isFinite(v)) throw new Malformed();
  return v;
}

function fields(v: unknown): Fields {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) throw new Malformed();
  return v as Fields;
}

/** An empty list may come as null. */
function list<T>(v: unknown, item: (v: unknown) => T): T[] {
  if (v === null || v === undefined) return [];
  if (!Array.isArray(v)) throw new Malformed();
  return v.map(item);
}

function oneOf<T extends string>(v: unknown, ...names: T[]): T {
  if (!names.includes(v as T)) throw new Malformed();
  return v as T;
}

const known = <T extends string>(v: unknown, ...names: T[]): T[] =>
  list(v, (name) => name as T).filter((name) => names.includes(name));

/** How each type is read. What may be left out has a default here. */
const readers: { [T in FromGateway['type']]: (m: Fields) => Omit<Extract<FromGateway, { type: T }>, 'type'> } = {
  hello: (m) => {
    const agent = fields(m.agent);
    return {
      agent: { name: text(agent.name), description: text(agent.description ?? '') },
      language: text(m.language ?? ''),
      ask: known(m.ask, 'name', 'email'),
      mayHear: m.may_hear === true,
    };
  },
  consent: (m) => ({
    message: text(m.message),
    language: text(m.language ?? ''),
    parts: list(m.parts, fields).map((part) => ({ kind: text(part.kind ?? ''), text: text(part.text) })),
    choices: known(m.choices, 'agree', 'unrecorded'),
  }),
  consent_settled: (m) => ({
    outcome: text(m.outcome),
    recording: m.recording === true,
    transcript: m.transcript === true,
    choices: known(m.choices, 'unrecorded', 'delete', 'again'),
  }),
  state: (m) => ({ state: oneOf(m.state, 'announcing', 'listening', 'thinking', 'speaking') }),
  caption: (m) => ({
    id: count(m.id),
    text: text(m.text),
    final: m.final === true,
    how: oneOf(m.how ?? 'spoken', 'spoken', 'typed', 'keyed'),
    from: count(m.from ?? 0),
  }),
  saying: (m) => ({
    turn: count(m.turn),
    clip: count(m.clip),
    text: text(m.text),
    played: count(m.played ?? 0),
    done: m.done === true,
  }),
  said: (m) => ({
    turn: count(m.turn),
    text: text(m.text),
    interrupted: m.interrupted === true,
    from: count(m.from ?? 0),
  }),
  problem: (m) => ({ code: text(m.code ?? ''), text: text(m.text ?? '') }),
  hush: (m) => ({ before: count(m.before) }),
  over: (m) => ({ outcome: text(m.outcome ?? ''), reason: text(m.reason ?? '') }),
};

/** Reads a message; undefined for one that is unknown, malformed or too long. */
export function decode(data: unknown): FromGateway | undefined {
  if (typeof data !== 'string' || data.length > maxMessage) return undefined;
  try {
    const m = fields(JSON.parse(data));
    const type = text(m.type);
    if (!Object.hasOwn(readers, type)) return undefined;
    return { type, ...readers[type as FromGateway['type']](m) } as FromGateway;
  } catch {
    return undefined;
  }
}

/** Writes a message; texts are cut to what the gateway takes. */
export function encode(m: FromBrowser): string {
  if (m.type === 'text') return JSON.stringify({ ...m, text: tidy(m.text, maxText) });
  if (m.type === 'about') return JSON.stringify({ ...m, text: tidy(m.text, maxAbout) });
  return JSON.stringify(m);
}

/** What is left of a text without control characters, at most so many characters. */
export function tidy(text: string, max: number): string {
  const clean = text.replace(/[\p{Cc}\p{Cs}]+/gu, ' ').trim();
  // By code points: cutting a pair of surrogates in two would not be text.
  return [...clean].slice(0, max).join('');
}
