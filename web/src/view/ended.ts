/** After the call: why it ended, its words, and the visitor's own recording. */

import { asText, duration } from '../captions';
import type { Over } from '../channel';
import type { Session } from '../session';
import { type Strings, fill } from '../strings';
import { Conversation } from './conversation';
import { h, setAttribute, setText } from './dom';
import { icon } from './icons';
import type { Surroundings, View } from './view';

export class Ended implements View {
  readonly element: HTMLElement;
  private readonly heading: HTMLElement;
  private readonly why = h('p', { class: 'hint' });
  private readonly own = h('div', { class: 'own', role: 'status' });
  private readonly conversation: Conversation;
  private readonly keep: HTMLElement;
  private session: Session | undefined;
  private shownOwn: Session['own'] | undefined;

  constructor(private readonly surroundings: Surroundings) {
    const { actions, strings, again } = surroundings;
    this.heading = h('h3', { class: 'heading', tabindex: '-1' }, strings.ended);
    this.conversation = new Conversation(strings, true);
    const { copy, download } = this.keepButtons();
    this.keep = h('div', { class: 'row keep' }, copy, download);
    const call = h('button', { class: 'button primary', onclick: () => actions.start(false) }, strings.callAgain);
    this.element = h(
      'div',
      { class: 'view ended' },
      h('div', { class: 'summary' }, this.heading, this.why),
      this.own,
      h('div', { class: 'row' }, h('h4', { class: 'subheading' }, strings.transcript), this.keep),
      this.conversation.element,
      again ? h('div', { class: 'stack' }, call) : undefined,
    );
  }

  private keepButtons(): { copy: HTMLElement; download: HTMLElement } {
    const { strings } = this.surroundings;
    const text = h('span', { 'aria-live': 'polite' }, strings.copy);
    const copy = h('button', { class: 'button small', onclick: () => void this.copy(text) }, icon('copy'), text);
    const download = h('button', { class: 'button small', onclick: () => this.download() }, icon('download'), strings.download);
    return { copy, download };
  }

  update(session: Session): void {
    const { strings } = this.surroundings;
    this.session = session;
    setText(this.why, [reason(session.over, strings), lasted(session, strings)].filter(Boolean).join(' '));
    this.conversation.update(session.transcript, session.hello?.language ?? '');
    setAttribute(this.keep, 'hidden', this.text() === '');
    if (session.own !== this.shownOwn) {
      this.shownOwn = session.own;
      this.own.replaceChildren(...ownRecording(session.own, strings));
    }
  }

  private text(): string {
    const { strings } = this.surroundings;
    return asText(this.session?.transcript ?? [], { visitor: strings.you, agent: strings.assistant });
  }

  private async copy(label: HTMLElement): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text());
      label.textContent = this.surroundings.strings.copied;
    } catch {
      // The page may not write the clipboard; its visitor may.
      getSelection()?.selectAllChildren(this.conversation.element);
    }
  }

  private download(): void {
    const url = URL.createObjectURL(new Blob([this.text()], { type: 'text/plain;charset=utf-8' }));
    h('a', { href: url, download: 'transcript.txt' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // when it has been saved
  }

  focus(): void {
    this.heading.focus();
  }
}

function lasted({ since, until }: Session, strings: Strings): string {
  if (since === undefined || until === undefined) return '';
  return fill(strings.lasted, { time: duration((until - since) / 1000) });
}

/** What the visitor should know of why the call ended; often nothing. */
export function reason(over: Over | undefined, strings: Strings): string {
  switch (over?.reason) {
    case 'no_speech':
      return strings.noSpeech;
    case 'no_consent':
      return strings.noConsent;
    case 'duration_limit':
      return strings.durationLimit;
    case 'shutting_down':
      return strings.shuttingDown;
    case 'dropped':
      return strings.dropped;
  }
  return over && !['completed', 'caller'].includes(over.outcome) ? strings.ourFault : '';
}

function ownRecording(own: Session['own'], strings: Strings): HTMLElement[] {
  switch (own.state) {
    case 'none':
      return [];
    case 'preparing':
      return [h('p', { class: 'hint' }, strings.preparing)];
    case 'erased':
      return [h('p', { class: 'hint' }, strings.erased)];
    case 'ready':
      return [
        h('h4', { class: 'subheading' }, strings.yourRecording),
        h('audio', { controls: true, src: own.url, preload: 'metadata', 'aria-label': strings.yourRecording }),
      ];
  }
}
