/** The HTTP side of a session: docs/web-events.md, "Signalling". */

import { iceServers } from './servers';

/** The gateway answered, and said no. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(`refused: ${status} ${code}`);
  }
}

/** The gateway, or the site's own server, did not answer. */
export class Unreachable extends Error {}

/** The code of a Refusal that did not come from the gateway but from the site's token URL. */
export const tokenURL = 'token_url';

/** Where a session lives, and the gateway's answer to its offer. */
export interface Resource {
  location: string;
  answer: string;
}

/** What asking for the visitor's recording brought. */
export type Fetched = { state: 'stored'; sound: Blob } | { state: 'pending'; seconds: number } | { state: 'none' | 'erased' };

const patience = 15_000; // ms; the gateway decides within ten seconds
const download = 300_000; // ms; an hour is 230 MB

export class Signalling {
  constructor(
    private readonly gateway: string,
    private readonly agent: string,
    private readonly token: string,
  ) {}

  private get sessions(): string {
    const url = new URL('webrtc/sessions', this.gateway);
    url.searchParams.set('agent', this.agent);
    return url.href;
  }

  /** The TURN servers, if the gateway has any. A proxy that does not let the question through is none. */
  async servers(signal: AbortSignal): Promise<RTCIceServer[]> {
    const response = await this.send(this.sessions, { method: 'OPTIONS' }, signal);
    if (response.status === 401 || response.status === 403) throw await refusal(response);
    return response.ok ? iceServers(response.headers.get('Link')) : [];
  }

  /** Asks for a session. */
  async create(offer: string, signal: AbortSignal): Promise<Resource> {
    const headers = { 'Content-Type': 'application/sdp' };
    const response = await this.send(this.sessions, { method: 'POST', headers, body: offer }, signal);
    const location = response.headers.get('Location');
    if (response.status !== 201 || !location) throw await refusal(response);
    return { location: new URL(location, this.sessions).href, answer: await response.text() };
  }

  /** Asks for an ICE restart and returns the gateway's fragment. */
  async restart(location: string, fragment: string, signal: AbortSignal, within: number): Promise<string> {
    const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '"*"' };
    const response = await this.send(location, { method: 'PATCH', headers, body: fragment }, signal, within);
    if (!response.ok) throw await refusal(response);
    return response.text();
  }

  /** Ends a session, also while the page goes away. A failure changes nothing. */
  async remove(location: string): Promise<void> {
    try {
      await fetch(location, { method: 'DELETE', headers: this.headers(), keepalive: true });
    } catch {
      // The gateway notices by itself that nobody is there.
    }
  }

  /** Asks for the visitor's own recording. */
  async recording(location: string, signal: AbortSignal): Promise<Fetched> {
    const response = await this.send(`${location}/recording`, {}, signal, download);
    switch (response.status) {
      case 200:
        return { state: 'stored', sound: await response.blob() };
      case 202:
        return { state: 'pending', seconds: Number(response.headers.get('Retry-After')) || 2 };
      case 410:
        return { state: 'erased' };
      default:
        return { state: 'none' };
    }
  }

  private headers(more: HeadersInit = {}): HeadersInit {
    return { ...more, Authorization: `Bearer ${this.token}` };
  }

  private send(url: string, init: RequestInit, signal: AbortSignal, within = patience): Promise<Response> {
    return send(url, { ...init, headers: this.headers(init.headers) }, signal, within);
  }
}

/**
 * Fetches, without cookies of the gateway's. The whole answer must come within
 * the time; otherwise, as with any failure, the other side is Unreachable.
 */
async function send(url: string, init: RequestInit, signal: AbortSignal, within: number): Promise<Response> {
  const late = new AbortController();
  const stop = () => late.abort();
  const timer = setTimeout(stop, within);
  signal.addEventListener('abort', stop);
  try {
    signal.throwIfAborted();
    const response = await fetch(url, { credentials: 'omit', cache: 'no-store', ...init, signal: late.signal });
    const body = await response.blob();
    return new Response(body.size > 0 ? body : null, response);
  } catch (error) {
    throw new Unreachable(String(error));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function refusal(response: Response): Promise<Refusal> {
  let code = '';
  try {
    const problem: unknown = await response.json();
    if (typeof problem === 'object' && problem !== null && 'code' in problem) code = String(problem.code);
  } catch {
    // Not a problem document: a proxy in between has answered.
  }
  return new Refusal(response.status, code);
}

/**
 * Gets a session token from the site's own server: POST, with the site's
 * cookies, so that it can tell whom it gives one. The answer is {"token": "..."}.
 */
export async function fetchToken(url: string, signal: AbortSignal): Promise<string> {
  const response = await send(url, { method: 'POST', credentials: 'same-origin' }, signal, patience);
  if (!response.ok) throw new Refusal(response.status, tokenURL);
  const answer: unknown = await response.json().catch(() => null);
  if (typeof answer !== 'object' || answer === null || !('token' in answer) || typeof answer.token !== 'string') {
    throw new Refusal(401, tokenURL);
  }
  return answer.token;
}
