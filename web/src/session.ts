/**
 * The state of a session and how it changes: pure, without clock or browser.
 * element.ts holds one and shows it; call.ts makes things happen.
 */

import type { AgentState, Choice, FromGateway, Hello, Over, Question, Settled } from './channel';
import { type Transcript, write } from './captions';

export type Phase = 'idle' | 'asking' | 'connecting' | 'consent' | 'talking' | 'ended' | 'failed';

/** Why a session failed. Each has a sentence in the strings. */
export type Failure =
  | 'unsupported' // the browser can not place calls
  | 'insecure' // the page did not come over HTTPS
  | 'microphone_denied'
  | 'microphone_missing'
  | 'microphone_busy'
  | 'token' // no token, or it was refused
  | 'busy' // the gateway takes no call now
  | 'unreachable' // the gateway does not answer
  | 'refused' // the gateway does not want this call
  | 'media' // the sound found no way
  | 'lost'; // the connection broke and did not come back

/** What became of the visitor's own recording. */
export type OwnRecording =
  | { state: 'none' }
  | { state: 'preparing' }
  | { state: 'ready'; url: string }
  | { state: 'erased' };

export interface Session {
  phase: Phase;
  failure: Failure | undefined;
  /** The visitor types and has no microphone. */
  typing: boolean;
  hello: Hello | undefined;
  question: Question | undefined;
  /** The question was put in the midst of the conversation. */
  again: boolean;
  /** What the visitor has chosen and the gateway has not confirmed. */
  pending: Choice | undefined;
  /** Sound and words are kept from here on. */
  recording: boolean;
  transcribing: boolean;
  /** For now the agent hears nothing, and nothing is kept. */
  paused: boolean;
  /** What the visitor may choose during the conversation. */
  choices: readonly Choice[];
  /** Something was recorded at some time. */
  recorded: boolean;
  /** The visitor wants all deleted that was recorded so far. */
  deleted: boolean;
  agent: AgentState;
  transcript: Transcript;
  muted: boolean;
  /** The connection is lost for now. */
  restoring: boolean;
  /** The browser plays no sound before it has been asked to. */
  silenced: boolean;
  /** What went wrong at the gateway, without ending the call; '' for nothing. */
  problem: string;
  /** Why there is no microphone, though there should be one. */
  trouble: Failure | undefined;
  over: Over | undefined;
  own: OwnRecording;
  /** When the gateway said hello and when the call ended, in ms of any clock. */
  since: number | undefined;
  until: number | undefined;
}

export const idle: Session = {
  phase: 'idle',
  failure: undefined,
  typing: false,
  hello: undefined,
  question: undefined,
  again: false,
  pending: undefined,
  recording: false,
  transcribing: false,
  paused: false,
  choices: [],
  recorded: false,
  deleted: false,
  agent: 'announcing',
  transcript: [],
  muted: false,
  restoring: false,
  silenced: false,
  problem: '',
  trouble: undefined,
  over: undefined,
  own: { state: 'none' },
  since: undefined,
  until: undefined,
};

/** What happens to a session. `now` is the time in ms of one clock. */
export type Happening =
  | { type: 'started'; typing: boolean }
  | { type: 'ready'; microphone: boolean } // the visitor has answered about the microphone
  | { type: 'told'; message: FromGateway; now: number }
  | { type: 'chosen'; choice: Choice }
  | { type: 'muted'; on: boolean }
  | { type: 'microphone'; failure?: Failure } // it came in mid-call, or went
  | { type: 'link'; up: boolean }
  | { type: 'sound'; blocked: boolean }
  | { type: 'hung_up'; now: number }
  | { type: 'failed'; failure: Failure; now: number }
  | { type: 'own'; recording: OwnRecording }
  | { type: 'reset' };

export function isLive(s: Session): boolean {
  return s.phase === 'consent' || s.phase === 'talking' || isStarting(s);
}

export function isStarting(s: Session): boolean {
  return s.phase === 'asking' || s.phase === 'connecting';
}

/** The next state of a session. */
export function step(s: Session, h: Happening): Session {
  switch (h.type) {
    case 'started':
      return isLive(s) ? s : { ...idle, phase: h.typing ? 'connecting' : 'asking', typing: h.typing };
    case 'told':
      return told(s, h.message, h.now);
    case 'own':
      return s.phase === 'ended' ? { ...s, own: h.recording } : s;
    case 'reset':
      return isLive(s) ? s : idle;
    default:
      return isLive(s) ? during(s, h) : s;
  }
}

/** What happens to a live session, but for what the gateway tells. */
function during(s: Session, h: Exclude<Happening, { type: 'started' | 'told' | 'own' | 'reset' }>): Session {
  switch (h.type) {
    case 'ready':
      return s.phase === 'asking' ? { ...s, phase: 'connecting', typing: !h.microphone } : s;
    case 'chosen':
      return { ...s, pending: h.choice, deleted: s.deleted || h.choice === 'delete' };
    case 'muted':
      return { ...s, muted: h.on };
    case 'microphone':
      return { ...s, typing: h.failure !== undefined, trouble: h.failure };
    case 'link':
      return { ...s, restoring: !h.up };
    case 'sound':
      return { ...s, silenced: h.blocked };
    case 'hung_up':
      // A call that was never connected leaves nothing to look at.
      return isStarting(s) ? idle : { ...ended(s, h.now), phase: 'ended' };
    case 'failed':
      return { ...ended(s, h.now), phase: 'failed', failure: h.failure };
  }
}

/** Nothing is kept, as far as is known, and nothing can be chosen. */
const shut = { recording: false, transcribing: false, paused: false, choices: [], pending: undefined } as const;

function ended(s: Session, now: number): Session {
  return { ...s, ...shut, restoring: false, silenced: false, until: s.until ?? now };
}

function told(s: Session, m: FromGateway, now: number): Session {
  // The last words of a call may come after the visitor has hung up.
  if (m.type === 'caption' || m.type === 'saying' || m.type === 'said') {
    // A turn that got through shows that the problem is over.
    const problem = m.type === 'caption' && m.final ? '' : s.problem;
    return s.phase === 'idle' ? s : { ...s, problem, transcript: write(s.transcript, m) };
  }
  if (m.type === 'over' && (isLive(s) || s.phase === 'ended')) {
    return { ...ended(s, now), phase: 'ended', over: m };
  }
  if (!isLive(s)) return s;
  switch (m.type) {
    case 'hello':
      return s.hello ? s : { ...s, hello: m, since: now };
    case 'consent':
      return { ...s, ...shut, phase: 'consent', question: m, again: s.again || s.phase === 'talking' };
    case 'consent_settled':
      return settled(s, m);
    case 'state':
      // An agent that asks for nothing begins without a question.
      return { ...s, agent: m.state, phase: s.question || m.state === 'announcing' ? s.phase : 'talking' };
    case 'problem':
      return { ...s, problem: m.text };
    default:
      return s;
  }
}

function settled(s: Session, m: Settled): Session {
  return {
    ...s,
    phase: 'talking',
    pending: undefined,
    recording: m.recording,
    transcribing: m.transcript,
    // What is withdrawn in a pause does not end it.
    paused: m.outcome === 'paused' || (s.paused && m.outcome === 'withdrawn'),
    choices: m.choices,
    recorded: s.recorded || m.recording,
    // Unless this was on its way already, a new recording begins.
    deleted: s.deleted && (!m.recording || s.pending === 'delete'),
  };
}
