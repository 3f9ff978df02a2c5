/** When the call could not be placed, or was cut off: a sentence that helps. */

import type { Failure, Session } from '../session';
import { Conversation } from './conversation';
import { h, setAttribute, setText } from './dom';
import { icon } from './icons';
import type { Surroundings, View } from './view';

/** Failures that end with another browser or another page, not with another try. */
const hopeless: (Failure | undefined)[] = ['unsupported', 'insecure'];

export class Failed implements View {
  readonly element: HTMLElement;
  private readonly heading = h('h3', { class: 'heading', tabindex: '-1' });
  private readonly why = h('p', { class: 'lead' });
  private readonly conversation: Conversation;
  private readonly typeInstead: HTMLButtonElement;
  private readonly tryAgain: HTMLButtonElement;

  constructor(private readonly surroundings: Surroundings) {
    const { actions, strings } = surroundings;
    this.conversation = new Conversation(strings, true);
    this.tryAgain = h('button', { class: 'button primary', onclick: () => actions.start(false) }, strings.tryAgain);
    this.typeInstead = h('button', { class: 'button secondary', onclick: () => actions.start(true) }, strings.typeInstead);
    this.element = h(
      'div',
      { class: 'view failed' },
      h('div', { class: 'centred' }, h('div', { class: 'emblem trouble' }, icon('warning')), this.heading, this.why),
      this.conversation.element,
      h('div', { class: 'stack' }, this.tryAgain, this.typeInstead),
    );
  }

  update({ failure, transcript, hello }: Session): void {
    const { strings, again } = this.surroundings;
    const silent = failure?.startsWith('microphone') ?? false;
    setText(this.heading, failure === 'lost' ? strings.failedLost : strings.failed);
    setText(this.why, failure ? strings[failure] : '');
    this.conversation.update(transcript, hello?.language ?? '');
    setAttribute(this.conversation.element, 'hidden', transcript.length === 0);
    // Some failures come before the token is used.
    const unused = silent || failure === 'unreachable';
    setAttribute(this.tryAgain, 'hidden', hopeless.includes(failure) || !(again || unused));
    setAttribute(this.typeInstead, 'hidden', !silent);
  }

  focus(): void {
    this.heading.focus();
  }
}
