/** The element <sidetone-call>: docs/widget.md says what it takes and tells. */

import { Call } from './call';
import type { Choice, Field } from './channel';
import { Failed, missing } from './failure';
import { Pulse } from './pulse';
import { awaitRecording } from './recording';
import { type Happening, type Session, idle, isLive, isStarting, step } from './session';
import { fetchToken } from './signalling';
import { choose } from './strings';
import { sheet } from './styles';
import { Panel } from './view/panel';
import type { Actions } from './view/view';

export class SidetoneCall extends HTMLElement {
  static readonly observedAttributes = ['mode', 'lang', 'label', 'token-url'];

  /** Where the script came from, and so the gateway unless the attribute says otherwise. */
  static gateway = location.origin;

  private readonly root = this.attachShadow({ mode: 'open' });
  private readonly pulse = new Pulse(() => this.beat());
  private readonly actions = this.makeActions();
  private session: Session = idle;
  private panel: Panel | undefined;
  private language = '';
  private open = false;
  private call: Call | undefined;
  private fetching = new AbortController();
  private readonly leave = () => this.call?.leave();

  connectedCallback(): void {
    addEventListener('pagehide', this.leave);
    this.rebuild();
  }

  disconnectedCallback(): void {
    queueMicrotask(() => {
      if (this.isConnected) return; // it was only moved
      removeEventListener('pagehide', this.leave);
      this.hangUp();
      this.call?.leave();
      this.call = undefined;
      this.happen({ type: 'reset' });
    });
  }

  attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
    if (this.isConnected && before !== after) this.rebuild();
  }

  /** What the session is doing: idle, asking, connecting, consent, talking, ended or failed. */
  get state(): string {
    return this.session.phase;
  }

  /** Starts a call. Browsers ask for the microphone and play sound only in answer to a press. */
  start(): Promise<void> {
    return this.begin(false);
  }

  /** Ends the call, if there is one. */
  hangUp(): void {
    if (isLive(this.session)) this.call?.hangUp();
  }

  private async begin(typing: boolean): Promise<void> {
    if (isLive(this.session)) return;
    this.fetching.abort();
    this.open = true;
    const lacking = missing();
    if (lacking) {
      this.happen({ type: 'started', typing });
      this.happen({ type: 'failed', failure: lacking, now: performance.now() });
      return;
    }
    this.call?.leave();
    const call: Call = new Call({
      gateway: new URL(this.getAttribute('gateway') ?? SidetoneCall.gateway, document.baseURI).href,
      agent: this.getAttribute('agent') ?? '',
      token: (signal) => this.token(signal),
      report: (happening) => call === this.call && this.happen(happening),
    });
    this.call = call;
    await call.begin(typing);
  }

  private token(signal: AbortSignal): Promise<string> {
    const token = this.getAttribute('token');
    const url = this.getAttribute('token-url');
    if (token) return Promise.resolve(token);
    if (url) return fetchToken(new URL(url, document.baseURI).href, signal);
    return Promise.reject(new Failed('token'));
  }

  private makeActions(): Actions {
    return {
      start: (typing) => void this.begin(typing),
      cancel: () => this.hangUp(),
      choose: (choice, about) => this.choose(choice, about),
      say: (text) => this.call?.say(text) ?? false,
      typing: () => this.call?.typing(),
      press: (digit) => this.call?.press(digit),
      mute: (on) => this.call?.mute(on),
      useMicrophone: () => void this.call?.sound.useMicrophone(),
      unblock: () => void this.call?.sound.unblock(),
      hangUp: () => this.hangUp(),
    };
  }

  private choose(choice: Choice, about?: Partial<Record<Field, string>>): void {
    const { pending, question } = this.session;
    if (!pending) this.call?.choose(choice, question?.message ?? '', about);
  }

  /** Takes what happened, shows it and tells the page. */
  private happen(happening: Happening): void {
    const before = this.session;
    const after = step(before, happening);
    if (after === before) return;
    this.session = after;
    if (before.own.state === 'ready' && after.own !== before.own) URL.revokeObjectURL(before.own.url);
    if (after.phase !== before.phase && ['consent', 'failed'].includes(after.phase)) this.open = true;
    if (this.isConnected) this.show();
    if (after.phase !== before.phase || after.agent !== before.agent) {
      this.tell('sidetone-state', { state: after.phase, agent: after.agent });
    }
    if (isLive(before) && !isLive(after) && after.phase !== 'idle') this.ended(after);
  }

  private ended(session: Session): void {
    const { over, failure, since, until, recorded, deleted, hello } = session;
    this.tell('sidetone-end', {
      outcome: failure ? 'failed' : (over?.outcome ?? 'caller'),
      reason: failure ?? over?.reason ?? 'hung_up',
      seconds: since === undefined || until === undefined ? 0 : Math.round((until - since) / 1000),
    });
    if (session.phase === 'ended' && recorded && !deleted && hello?.mayHear) void this.fetchRecording();
  }

  private async fetchRecording(): Promise<void> {
    const { call } = this;
    const { signal } = (this.fetching = new AbortController());
    this.happen({ type: 'own', recording: { state: 'preparing' } });
    const recording = await awaitRecording((aborted) => call!.recording(aborted), signal);
    if (!signal.aborted) this.happen({ type: 'own', recording });
    else if (recording.state === 'ready') URL.revokeObjectURL(recording.url);
  }

  private tell(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** Makes the panel anew, in the language and form that are wanted now. */
  private rebuild(): void {
    const { language, strings } = choose(this.getAttribute('lang'), this.session.hello?.language, navigator.language);
    const label = this.getAttribute('label');
    const focus = this.root.activeElement !== null;
    this.language = language;
    this.panel = new Panel({
      actions: this.actions,
      strings,
      again: this.hasAttribute('token-url'),
      title: label ?? strings.title,
      launch: label ?? strings.launch,
      floating: this.getAttribute('mode') !== 'inline',
      setOpen: (open) => this.setOpen(open),
    });
    this.panel.element.lang = language;
    this.root.adoptedStyleSheets = [sheet()];
    this.root.replaceChildren(this.panel.element);
    this.show();
    if (focus) this.panel.focus();
  }

  private show(): void {
    const { language } = choose(this.getAttribute('lang'), this.session.hello?.language, navigator.language);
    if (language !== this.language) return this.rebuild();
    this.panel!.update(this.session, this.open, performance.now());
    this.pulse.run(isLive(this.session) && !isStarting(this.session));
  }

  private beat(): void {
    this.panel?.tick(performance.now());
    if (this.call) this.panel?.meter(this.call.sound.levels());
  }

  private setOpen(open: boolean): void {
    this.open = open;
    this.show();
    if (open) this.panel!.focus();
  }
}
