/**
 * The words of a call as they stand on the screen: a list of lines, each of one
 * side, in the order in which they began. Pure.
 */

import type { Caption, How, Said, Saying } from './channel';

export interface VisitorLine {
  who: 'visitor';
  id: number;
  text: string;
  final: boolean;
  how: How;
  from: number | undefined;
}

interface Sentence {
  clip: number;
  text: string;
  played: number; // words, split at spaces
  done: boolean;
}

export interface AgentLine {
  who: 'agent';
  turn: number;
  sentences: Sentence[];
  /** The turn as it was played in the end; before that, undefined. */
  said: { text: string; interrupted: boolean; from: number | undefined } | undefined;
}

export type Line = VisitorLine | AgentLine;
export type Transcript = readonly Line[];

/** Writes what came over the data channel into a transcript. */
export function write(transcript: Transcript, m: Caption | Saying | Said): Transcript {
  switch (m.type) {
    case 'caption':
      return writeCaption(transcript, m);
    case 'saying':
      return writeSaying(transcript, m);
    case 'said':
      return writeSaid(transcript, m);
  }
}

function writeCaption(transcript: Transcript, m: Caption): Transcript {
  const isIt = (line: Line) => line.who === 'visitor' && line.id === m.id;
  if (m.text === '') return m.final ? transcript.filter((line) => !isIt(line)) : transcript;
  const { id, text, final, how, from } = m;
  return put(transcript, isIt, { who: 'visitor', id, text, final, how, from: final ? from : undefined });
}

function writeSaying(transcript: Transcript, m: Saying): Transcript {
  const isIt = (line: Line) => line.who === 'agent' && line.turn === m.turn;
  const line = transcript.find(isIt) as AgentLine | undefined;
  if (line?.said) return transcript; // it came late
  const { clip, text, played, done } = m;
  const sentence = { clip, text, played, done };
  const sentences = line?.sentences ?? [];
  const old = sentences.find((s) => s.clip === clip);
  const stays = old && hasBegun(old) === hasBegun(sentence);
  return put(transcript, isIt, {
    who: 'agent',
    turn: m.turn,
    sentences: stays ? sentences.map((s) => (s === old ? sentence : s)) : place(sentences.filter((s) => s !== old), sentence),
    said: undefined,
  });
}

const hasBegun = (s: Sentence) => s.played > 0 || s.done;

/** Adds a sentence: one that has begun after those that have, since a filler may have come before it. */
function place(sentences: Sentence[], s: Sentence): Sentence[] {
  const at = hasBegun(s) ? sentences.filter(hasBegun).length : sentences.length;
  return [...sentences.slice(0, at), s, ...sentences.slice(at)];
}

/** Sentences of the gateway's own have turn 0, and no time; each is a line. */
function writeSaid(transcript: Transcript, m: Said): Transcript {
  const isIt = (line: Line) => line.who === 'agent' && line.turn === m.turn;
  const { turn, text, interrupted, from } = m;
  if (turn === 0) {
    const said = { text, interrupted, from: from || undefined };
    return text === '' ? transcript : [...transcript, { who: 'agent', turn, sentences: [], said }];
  }
  if (text === '') return transcript.filter((line) => !isIt(line)); // nothing of it was heard
  return put(transcript, isIt, { who: 'agent', turn, sentences: [], said: { text, interrupted, from } });
}

/** Replaces the line that is meant, or adds one. */
function put(transcript: Transcript, isIt: (line: Line) => boolean, line: Line): Transcript {
  return transcript.some(isIt) ? transcript.map((old) => (isIt(old) ? line : old)) : [...transcript, line];
}

/** What of a line has been heard, and what is still to be played. */
export function words(line: Line): { heard: string; rest: string } {
  if (line.who === 'visitor') return { heard: line.text, rest: '' };
  if (line.said) return { heard: line.said.text, rest: '' };
  const heard: string[] = [];
  const rest: string[] = [];
  for (const { text, played, done } of line.sentences) {
    const all = text.split(/\s+/).filter(Boolean);
    const n = done ? all.length : played;
    heard.push(...all.slice(0, n));
    rest.push(...all.slice(n));
  }
  return { heard: heard.join(' '), rest: rest.join(' ') };
}

/** Whether a line ends where it was cut off. */
export function isCut(line: Line): boolean {
  return line.who === 'agent' && line.said?.interrupted === true;
}

/** Whether a line will not change any more. */
export function isFinal(line: Line): boolean {
  return line.who === 'visitor' ? line.final : line.said !== undefined;
}

/** The transcript as plain text, a line a turn, with what was heard of each. */
export function asText(transcript: Transcript, names: { visitor: string; agent: string }): string {
  return transcript
    .map((line) => ({ line, heard: words(line).heard }))
    .filter(({ heard }) => heard !== '')
    .map(({ line, heard }) => `${clock(line)}${names[line.who]}: ${heard}${isCut(line) ? ' —' : ''}\n`)
    .join('');
}

function clock(line: Line): string {
  const from = line.who === 'visitor' ? line.from : line.said?.from;
  return from === undefined ? '' : `[${duration(from)}] `;
}

/** Seconds as minutes and seconds, such as 1:05, or 1:00:05. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}
